import { describe, expect, it } from "vitest";
import type { Address } from "../../machines/ids.ts";
import type { Store } from "../../storage/store.ts";
import { failureOf } from "./failure-of.ts";
import { PLACES } from "./places.ts";
import { commitOf, DAY, deadLetter, history, seenRow, seqsOf, snapshotRow } from "./rows.ts";

const a: Address = "session/a";
const b: Address = "session/b";

/** Prunes slice by slice to a size, whatever the age; how many were removed. */
async function prunedTo(store: Store, maxBytes: number): Promise<number> {
  let removed = 0;
  for (let slice = 1; slice > 0; removed += slice) {
    // oxlint-disable-next-line no-await-in-loop -- slice by slice
    slice = await store.prune({ before: 0, maxBytes, limit: 100 });
  }
  return removed;
}

describe.each(PLACES)("$name store", ({ makePlace }) => {
  describe("prune", () => {
    it("P1: keeps the newest checkpoint before the cut and everything after it", async () => {
      const store = makePlace().open();
      await store.commit(commitOf({ journal: [...history(a, 12, 5), ...history(b, 3, 5, 13)] }));
      // Of a, checkpoints are 1, 6 and 11; the cut is between 8 and 9.
      expect(await store.prune({ before: 9 * DAY, limit: 100 })).toBe(5);
      expect(seqsOf(store.journal(a, { after: 0, limit: 100 }))).toEqual([6, 7, 8, 9, 10, 11, 12]);
      expect(store.checkpoint(a, 9)?.seq).toBe(6);
      expect(seqsOf(store.journal(b, { after: 0, limit: 100 }))).toEqual([1, 2, 3]);
    });

    it("P2: removes log and seen rows together with the entries", async () => {
      const store = makePlace().open();
      const journal = history(a, 12, 5);
      await store.commit(commitOf({ journal, seen: journal.map(seenRow) }));
      expect(store.oldest()).toBe(0);
      await store.prune({ before: 9 * DAY, limit: 100 });
      expect(store.oldest()).toBe(6);
      expect(store.log({ after: 0, limit: 3 }).map(({ globalSeq }) => globalSeq)).toEqual([
        6, 7, 8,
      ]);
      expect(journal.map(({ message }) => store.seen(message.id) !== undefined)).toEqual(
        journal.map(({ seq }) => seq >= 6),
      );
      expect(store.head().globalSeq).toBe(12);
    });

    it("P2: leaves what is known of a message that came again later under its id", async () => {
      const place = makePlace();
      const first = place.open();
      const [early, late] = history(a, 2, 1);
      if (early === undefined || late === undefined) throw new Error("no history");
      const message = { ...late.message, id: "again" };
      const letter = { ...deadLetter(1), at: 1, messageId: "again" };
      await first.commit(commitOf({ dead: [letter] }));
      const entry = { ...late, message, committedAt: 9 * DAY };
      await first.commit(commitOf({ journal: [entry], seen: [seenRow(entry)] }));
      // Its index is written when it closes.
      await first.close();
      const store = place.open();
      await store.prune({ before: 5 * DAY, limit: 100 });
      expect(store.deadLetter(1)).toBeUndefined();
      expect(store.seen("again")?.outcome).toMatchObject({ type: "applied" });
    });

    it("P4: gives up the oldest of each kind in proportion when all takes more than it may", async () => {
      const store = makePlace().open();
      const journal = Array.from({ length: 20 }, (_, n) => history(`session/s${n}`, 100, 5))
        .flat()
        .toSorted((x, y) => x.committedAt - y.committedAt)
        .map((entry, n) => ({ ...entry, globalSeq: n + 1 }));
      const dead = Array.from({ length: 400 }, (_, n) => ({ ...deadLetter(n + 1), at: 5 * DAY }));
      await store.commit(commitOf({ journal, dead }));
      const kept = () => [store.stats().rows["log"] ?? 0, store.stats().rows["dead"] ?? 0];
      await prunedTo(store, 1e12);
      expect(kept()).toEqual([2_000, 400]);
      expect(store.stats().journalBytes).toBeGreaterThan(600_000);
      const halves = await prunedTo(store, 200_000);
      expect(halves).toBeGreaterThan(500);
      const [entries = 0, letters = 0] = kept();
      // P1 keeps up to five entries of each actor that the proportion would take.
      expect(store.stats().journalBytes).toBeLessThan(240_000);
      expect(Math.abs(entries / 2_000 - letters / 400)).toBeLessThan(0.25);
      expect(store.log({ after: 0, limit: 1 })[0]?.globalSeq).toBeGreaterThan(1);
      expect(store.log({ after: 1_999, limit: 1 })).toHaveLength(1);
      await prunedTo(store, 1);
      // Each actor keeps its newest checkpoint and what came after it (P1).
      expect(kept()).toEqual([20 * 5, 0]);
    });

    it("P3: goes on where the last slice stopped, over restarts, until nothing is left", async () => {
      const place = makePlace();
      const journal = [...history(a, 400, 20), ...history(b, 400, 20, 401)].toSorted(
        (x, y) => x.committedAt - y.committedAt,
      );
      const renumbered = journal.map((entry, n) => ({ ...entry, globalSeq: n + 1 }));
      const first = place.open();
      await first.commit(commitOf({ journal: renumbered }));
      const removed: number[] = [];
      let store = first;
      for (let slice = 0; slice < 30 && removed.at(-1) !== 0; slice += 1) {
        // oxlint-disable-next-line no-await-in-loop -- slice by slice
        removed.push(await store.prune({ before: 351 * DAY, limit: 37 }));
        // oxlint-disable-next-line no-await-in-loop -- slice by slice
        await store.close();
        store = place.open();
      }
      // 340 of each are before the checkpoint at 341.
      expect(removed).toEqual([...Array.from({ length: 18 }, () => 37), 680 - 18 * 37, 0]);
      expect(store.journal(a, { after: 0, limit: 1 })[0]?.seq).toBe(341);
      expect(store.journal(b, { after: 0, limit: 1 })[0]?.seq).toBe(341);
      expect(store.log({ after: 0, limit: 1_000 })).toHaveLength(120);
    });

    it("removes old dead letters and old seen rows of stale messages", async () => {
      const store = makePlace().open();
      const stale = { type: "stale", code: "EPOCH_STALE", message: "old" } as const;
      const dead = { type: "dead", letter: 1, code: "BAD_JSON", message: "what" } as const;
      await store.commit(
        commitOf({
          dead: [deadLetter(1, 10), deadLetter(2, 20)],
          seen: [
            { id: "letter-1", at: 10, outcome: dead },
            { id: "s-10", at: 10, outcome: stale },
            { id: "s-20", at: 20, outcome: stale },
          ],
        }),
      );
      expect(await store.prune({ before: 20, limit: 100 })).toBe(2);
      expect(store.deadLetters({ after: 0, limit: 9 }).map(({ id }) => id)).toEqual([2]);
      expect(["letter-1", "s-10", "s-20"].map((id) => store.seen(id)?.id)).toEqual([
        undefined,
        undefined,
        "s-20",
      ]);
      expect(store.head().deadSeq).toBe(2);
    });

    it("removes nothing when all is younger than the cut", async () => {
      const store = makePlace().open();
      await store.commit(commitOf({ journal: history(a, 12, 5), dead: [deadLetter(1)] }));
      expect(await store.prune({ before: 0, limit: 100 })).toBe(0);
      expect([store.stats().rows["journal"], store.oldest()]).toEqual([12, 0]);
    });
  });

  describe("backup", () => {
    it("is a store of its own with all that was committed", async () => {
      const place = makePlace();
      const store = place.open();
      await store.commit(
        commitOf({ journal: history(a, 30, 10), snapshots: [snapshotRow(a, 30)] }),
      );
      await store.backup(place.folder("copy"));
      await store.commit(commitOf({ snapshots: [snapshotRow(a, 31)] }));
      const copy = place.openBackup("copy");
      expect(copy.head().cluster).toBe(store.head().cluster);
      expect(copy.snapshot(a)).toEqual(snapshotRow(a, 30));
      expect(copy.journal(a, { after: 0, limit: 99 })).toEqual(history(a, 30, 10));
      await copy.commit(commitOf({ snapshots: [snapshotRow(b, 1)] }));
      expect(store.snapshot(b)).toBeUndefined();
      await copy.close();
    });

    it("holds whole commits only, while commits go on", async () => {
      const place = makePlace();
      const store = place.open();
      const commits = Array.from({ length: 20 }, async (_, n) =>
        store.commit(commitOf({ snapshots: [snapshotRow(a, n), snapshotRow(b, n)] })),
      );
      await Promise.all([...commits, store.backup(place.folder("copy"))]);
      const copy = place.openBackup("copy");
      expect(copy.snapshot(a)?.seq).toBe(copy.snapshot(b)?.seq);
      await copy.close();
    });

    it("refuses a folder that has something in it", async () => {
      const place = makePlace();
      const store = place.open();
      await store.backup(place.folder("copy"));
      await expect(store.backup(place.folder("copy"))).rejects.toMatchObject({
        code: "FOLDER_INVALID",
      });
    });
  });

  it("counts its rows and bytes", async () => {
    const store = makePlace().open();
    await store.commit(commitOf({ journal: history(a, 30, 10), snapshots: [snapshotRow(a, 30)] }));
    const { rows, bytes } = store.stats();
    expect(rows).toMatchObject({ journal: 30, log: 30, snapshots: 1, seen: 0 });
    expect(bytes).toBeGreaterThan(5_000);
  });

  it("lets one store at a time have the place", async () => {
    const place = makePlace();
    const first = place.open();
    expect(failureOf(() => place.open())).toMatch(/^STORE_BUSY /);
    await first.commit(commitOf({ snapshots: [snapshotRow(a, 1)] }));
    await first.close();
    expect(place.open().snapshot(a)?.seq).toBe(1);
  });

  it("finishes the commits it has when it is closed, and takes no more", async () => {
    const place = makePlace();
    const store = place.open();
    const done = store.commit(commitOf({ snapshots: [snapshotRow(a, 1)] }));
    const closed = store.close();
    await Promise.all([done, closed, store.close()]);
    await expect(store.commit(commitOf())).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(store.putNote("x", 1)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect(failureOf(() => store.snapshot(a))).toMatch(/^STORE_CLOSED /);
    expect(place.open().snapshot(a)?.seq).toBe(1);
  });
});
