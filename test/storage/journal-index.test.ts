import { expect, it } from "vitest";
import type { Address } from "../../machines/ids.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { JournalEntry, Store } from "../../storage/store.ts";
import { commitOf, journalEntry, seenRow, seqsOf } from "./rows.ts";

// More than the index keeps in memory, in commits of a size that does not divide it.
const ENTRIES = 10_000;
const COMMIT = 700;
const ACTORS: Address[] = ["session/a", "session/b", "session/c"];
const CHECKPOINT_EVERY = 64;

/** Entry `globalSeq` of a run over the actors in turn. */
function entryAt(globalSeq: number): JournalEntry {
  const address = ACTORS[globalSeq % ACTORS.length] ?? "session/a";
  const seq = Math.ceil(globalSeq / ACTORS.length);
  const hasCheckpoint = seq % CHECKPOINT_EVERY === 1;
  return journalEntry(address, seq, { globalSeq, ...(hasCheckpoint && { checkpoint: { seq } }) });
}

async function commitEntries(store: Store, first: number, last: number): Promise<void> {
  for (let from = first; from <= last; from += COMMIT) {
    const count = Math.min(COMMIT, last - from + 1);
    const journal = Array.from({ length: count }, (_, n) => entryAt(from + n));
    // oxlint-disable-next-line no-await-in-loop -- commit after commit
    await store.commit(commitOf({ journal, seen: journal.map(seenRow) }));
  }
}

/** What the store finds of the entries, by each way that leads to them. */
function findings(store: Store): unknown {
  return {
    journals: ACTORS.map((one) => seqsOf(store.journal(one, { after: 0, limit: ENTRIES }))),
    pages: [0, 60, 127, 128, 2_700, 2_800].map((after) =>
      seqsOf(store.journal("session/a", { after, limit: 3 })),
    ),
    checkpoints: [1, 64, 65, 2_700, 9_999].map((seq) => store.checkpoint("session/b", seq)?.seq),
    seen: Array.from({ length: ENTRIES }, (_, n) => store.seen(entryAt(n + 1).message.id)),
    rows: store.stats().rows["seen"],
  };
}

const ALL = {
  journals: ACTORS.map((one) =>
    Array.from({ length: ENTRIES }, (_, n) => entryAt(n + 1))
      .filter(({ address }) => address === one)
      .map(({ seq }) => seq),
  ),
  pages: [0, 60, 127, 128, 2_700, 2_800].map((after) => [after + 1, after + 2, after + 3]),
  checkpoints: [1, 1, 65, 2_689, 3_329],
  seen: Array.from({ length: ENTRIES }, (_, n) => seenRow(entryAt(n + 1))),
  rows: ENTRIES,
};

it("J1: finds every entry by its actor and by its message, indexed or recent", async () => {
  const store = memoryStore();
  await commitEntries(store, 1, ENTRIES);
  expect(findings(store)).toEqual(ALL);
  // Both halves are there to be found: neither none nor all of it is indexed.
  expect(store.stats().rows["runs"]).toBeGreaterThan(0);
  expect(store.stats().rows["runs"]).toBeLessThan(ENTRIES / 100);
});

it.each([
  { title: "a crash that leaves the recent ones unindexed", last: ENTRIES, half: 5_000 },
  { title: "a crash before anything was indexed", last: ENTRIES, half: COMMIT },
  { title: "a crash just after the index was written", last: ENTRIES, half: 13 * COMMIT },
])("J2: finds every entry after $title", async ({ last, half }) => {
  const disk = memoryDisk();
  await commitEntries(memoryStore({ disk }), 1, half);
  disk.crash();
  await commitEntries(memoryStore({ disk }), half + 1, last);
  disk.crash();
  expect(findings(memoryStore({ disk }))).toEqual(ALL);
});

it("J2: reads nothing of the log again after it was closed", async () => {
  const disk = memoryDisk();
  const first = memoryStore({ disk });
  await commitEntries(first, 1, ENTRIES);
  const before = first.stats().rows["runs"] ?? 0;
  await first.close();
  const store = memoryStore({ disk });
  expect(store.stats().rows["runs"]).toBeGreaterThan(before);
  expect(findings(store)).toEqual(ALL);
});

it("J3: does not find what was in a commit that failed, nor lose what it was to index", async () => {
  const disk = memoryDisk();
  const store = memoryStore({ disk });
  // As much as makes the next commit write the index.
  const due = 12 * COMMIT;
  await commitEntries(store, 1, due);
  disk.failNextWrite();
  await expect(commitEntries(store, due + 1, due + COMMIT)).rejects.toMatchObject({
    code: "STORE_FULL",
  });
  const lost = entryAt(due + 1);
  expect([
    store.seen(lost.message.id),
    store.journal(lost.address, { after: lost.seq - 1, limit: 1 }),
    store.stats().rows["runs"],
  ]).toEqual([undefined, [], 0]);
  await commitEntries(store, due + 1, ENTRIES);
  expect(findings(store)).toEqual(ALL);
});

it("P2: takes entries out of the middle of a run, and finds the rest of it", async () => {
  const store = memoryStore();
  await commitEntries(store, 1, ENTRIES);
  // The newest checkpoint of each actor before the cut is at 65.
  await store.prune({ before: 1_000 + 3 * 100, limit: 1_000 });
  expect(ACTORS.map((one) => store.journal(one, { after: 0, limit: 1 })[0]?.seq)).toEqual([
    65, 65, 65,
  ]);
  expect(seqsOf(store.journal("session/a", { after: 126, limit: 4 }))).toEqual([
    127, 128, 129, 130,
  ]);
  expect(store.checkpoint("session/a", 100)?.seq).toBe(65);
  expect(store.checkpoint("session/a", 64)).toBeUndefined();
  expect(store.stats().rows["seen"]).toBe(ENTRIES - 3 * 64);
});

it.each([
  { title: "indexed", entries: ENTRIES },
  { title: "recent", entries: 2_000 },
])("P2: leaves no row behind of entries that were $title", async ({ entries }) => {
  const disk = memoryDisk();
  const store = memoryStore({ disk });
  await commitEntries(store, 1, entries);
  const removed = await store.prune({ before: Number.MAX_SAFE_INTEGER, limit: ENTRIES });
  const kept = entries - removed;
  expect(kept).toBeLessThanOrEqual(ACTORS.length * CHECKPOINT_EVERY);
  await store.close();
  const { rows } = memoryStore({ disk }).stats();
  // What is kept of an actor may lie across the end of a run.
  expect(rows).toMatchObject({ log: kept, seen: kept });
  expect(rows["runs"]).toBeLessThanOrEqual(2 * ACTORS.length);
});
