import { describe, expect, it } from "vitest";
import type { Address } from "../../machines/ids.ts";
import type { Commit, Store, TimerRow } from "../../storage/store.ts";
import { PLACES } from "./places.ts";
import {
  commitOf,
  deadLetter,
  history,
  journalEntry,
  outboxRow,
  seenRow,
  seqsOf,
  snapshotRow,
  summaryRow,
} from "./rows.ts";

const a: Address = "session/a";
const b: Address = "session/b";
const terminal: Address = "terminal/a";

function timer(address: Address, name: string, dueAt: number): TimerRow {
  return { address, name, dueAt, seq: 1 };
}

describe.each(PLACES)("$name store", ({ makePlace }) => {
  describe("commit", () => {
    it("S2: what it resolved for is there when the store is opened again", async () => {
      const place = makePlace();
      const first = place.open();
      const entry = journalEntry(a, 1, { globalSeq: 1 });
      const changes: Commit = commitOf({
        position: { stream: "mail-1", seq: 7 },
        books: { received: 4, applied: 1, duplicate: 1, stale: 1, dead: 1 },
        snapshots: [snapshotRow(a, 1)],
        summaries: [summaryRow(a, 1)],
        journal: [entry],
        seen: [seenRow(entry)],
        armed: [{ address: a, name: "stuck", dueAt: 50, seq: 1 }],
        outbox: [outboxRow(a, 1, 0)],
        dead: [deadLetter(1)],
      });
      await first.commit(changes);
      const { cluster } = first.head();
      await first.close();

      const store = place.open();
      expect(store.head()).toEqual({
        commits: 1,
        globalSeq: 1,
        deadSeq: 1,
        position: changes.position,
        books: changes.books,
        cluster,
      });
      expect([
        store.snapshot(a),
        [...store.summaries()],
        store.journal(a, { after: 0, limit: 10 }),
        store.log({ after: 0, limit: 10 }),
        store.seen(entry.message.id),
        store.timersDue(50, 10),
        store.timersOf(a),
        store.outboxRow("session/a#1.0"),
        store.deadLetter(1),
      ]).toEqual([
        snapshotRow(a, 1),
        [summaryRow(a, 1)],
        [entry],
        [entry],
        seenRow(entry),
        changes.armed,
        changes.armed,
        outboxRow(a, 1, 0),
        deadLetter(1),
      ]);
    });

    it("J4: counts the steps of an actor whose row it left out, because they changed nothing", async () => {
      const place = makePlace();
      let store = place.open();
      const entries = [1, 2, 3].map((seq) => journalEntry(a, seq, { globalSeq: seq }));
      const [first, ...quiet] = entries;
      if (first === undefined) throw new Error("there is a first");
      await store.commit(commitOf({ snapshots: [snapshotRow(a, 1)], journal: [first] }));
      await store.commit(commitOf({ journal: quiet }));
      const counted = { ...snapshotRow(a, 1), seq: 3 };
      expect(store.snapshot(a)).toEqual(counted);
      await store.close();
      store = place.open();
      expect([store.snapshot(a), store.snapshots({ limit: 9 })]).toEqual([counted, [counted]]);
    });

    it("S3: is seen by every read once it has resolved", async () => {
      const store = makePlace().open();
      for (let seq = 1; seq <= 20; seq += 1) {
        // oxlint-disable-next-line no-await-in-loop -- each must be seen before the next
        await store.commit(commitOf({ snapshots: [snapshotRow(a, seq)] }));
        expect(store.snapshot(a)?.seq).toBe(seq);
      }
    });

    it("takes effect in the order of the calls when nobody waits between them", async () => {
      const store = makePlace().open();
      await Promise.all(
        [1, 2, 3, 4, 5].map(async (seq) =>
          store.commit(
            commitOf({
              position: { stream: "mail-1", seq },
              snapshots: [snapshotRow(a, seq)],
              journal: [journalEntry(a, seq, { globalSeq: seq })],
            }),
          ),
        ),
      );
      expect(store.snapshot(a)?.seq).toBe(5);
      expect(store.head()).toMatchObject({ globalSeq: 5, position: { stream: "mail-1", seq: 5 } });
      expect(seqsOf(store.log({ after: 0, limit: 10 }))).toEqual([1, 2, 3, 4, 5]);
    });

    it("S3: does not change when the caller's objects change after the call", async () => {
      const store = makePlace().open();
      const snapshot = { value: "working" };
      const books = { received: 1, applied: 1, duplicate: 0, stale: 0, dead: 0 };
      const done = store.commit(
        commitOf({ books, snapshots: [{ ...snapshotRow(a, 1), snapshot }] }),
      );
      snapshot.value = "changed";
      books.received = 99;
      await done;
      expect(store.snapshot(a)?.snapshot).toEqual({ value: "working" });
      expect(store.head().books.received).toBe(1);
    });

    it("S3: gives out rows that are the caller's own", async () => {
      const store = makePlace().open();
      await store.commit(commitOf({ snapshots: [snapshotRow(a, 1)] }));
      Object.assign(store.snapshot(a) ?? {}, { seq: 99 });
      Object.assign(store.head().books, { received: 99 });
      expect(store.snapshot(a)?.seq).toBe(1);
      expect(store.head().books.received).toBe(0);
    });

    it("S1: changes nothing when one of its rows cannot be written", async () => {
      const store = makePlace().open();
      const loop: Record<string, never> = {};
      Object.assign(loop, { loop });
      await expect(
        store.commit(
          commitOf({
            position: { stream: "mail-1", seq: 9 },
            snapshots: [snapshotRow(a, 1), { ...snapshotRow(b, 1), snapshot: loop }],
          }),
        ),
      ).rejects.toThrow(TypeError);
      await store.commit(commitOf());
      expect(store.snapshot(a)).toBeUndefined();
      expect(store.head().position).toBeUndefined();
    });

    it("keeps the position of the commit before when it has none", async () => {
      const store = makePlace().open();
      await store.commit(commitOf({ position: { stream: "mail-1", seq: 3 } }));
      await store.commit(commitOf());
      expect(store.head().position).toEqual({ stream: "mail-1", seq: 3 });
    });
  });

  describe("a new store", () => {
    it("is empty, and keeps the name it was given", async () => {
      const place = makePlace();
      const first = place.open();
      const { cluster, ...head } = first.head();
      expect(head).toEqual({
        commits: 0,
        globalSeq: 0,
        deadSeq: 0,
        position: undefined,
        books: commitOf().books,
      });
      expect(cluster).not.toBe("");
      await first.close();
      expect(place.open().head().cluster).toBe(cluster);
    });

    it("answers every question with nothing", () => {
      const store = makePlace().open();
      expect([
        store.snapshot(a),
        store.snapshots({ limit: 10 }),
        [...store.summaries()],
        store.journal(a, { after: 0, limit: 10 }),
        store.checkpoint(a, 10),
        store.log({ after: 0, limit: 10 }),
        store.oldest(),
        store.seen("x"),
        store.timersDue(10, 10),
        store.nextTimerAt(),
        store.timersOf(a),
        store.outboxRow("session/a#1.0"),
        store.outbox({ limit: 10 }),
        store.deadLetters({ after: 0, limit: 10 }),
        store.deadLetter(1),
        store.note("x"),
      ]).toEqual([
        undefined,
        [],
        [],
        [],
        undefined,
        [],
        0,
        undefined,
        [],
        undefined,
        [],
        undefined,
        [],
        [],
        undefined,
        undefined,
      ]);
    });
  });

  describe("S4: listings", () => {
    const addresses: Address[] = ["session/a", "session/a-1", "session/a_1", "session/b", terminal];

    it.each([
      { query: { limit: 10 }, found: addresses },
      { query: { limit: 2 }, found: addresses.slice(0, 2) },
      { query: { limit: 0 }, found: [] },
      { query: { kind: "session", limit: 10 }, found: addresses.slice(0, 4) },
      { query: { kind: "terminal", limit: 10 }, found: [terminal] },
      { query: { kind: "project", limit: 10 }, found: [] },
      { query: { after: a, limit: 10 }, found: addresses.slice(1) },
      { query: { kind: "session", after: "session/a-1", limit: 1 }, found: ["session/a_1"] },
      { query: { kind: "session", after: "session/aa", limit: 9 }, found: ["session/b"] },
      { query: { kind: "session", after: "project/z", limit: 9 }, found: addresses.slice(0, 4) },
      { query: { kind: "session", after: "terminal/a", limit: 9 }, found: [] },
    ] satisfies { query: Parameters<Store["snapshots"]>[0]; found: Address[] }[])(
      "gives the snapshots of $query in order of address",
      async ({ query, found }) => {
        const store = makePlace().open();
        await store.commit(
          commitOf({ snapshots: addresses.toReversed().map((one) => snapshotRow(one, 1)) }),
        );
        expect(store.snapshots(query).map(({ address }) => address)).toEqual(found);
      },
    );

    it("gives every summary in order of address", async () => {
      const store = makePlace().open();
      const summaries = addresses.toReversed().map((one) => summaryRow(one, 1));
      await store.commit(commitOf({ summaries }));
      expect([...store.summaries()]).toEqual(summaries.toReversed());
    });

    it("gives a journal in order of number, of one actor only, from after to limit", async () => {
      const store = makePlace().open();
      const journal = [...history(a, 300, 50), ...history("session/a-1", 3, 1, 301)];
      await store.commit(commitOf({ journal: journal.toReversed() }));
      expect(seqsOf(store.journal(a, { after: 0, limit: 1_000 }))).toEqual(
        Array.from({ length: 300 }, (_, n) => n + 1),
      );
      expect(seqsOf(store.journal(a, { after: 255, limit: 3 }))).toEqual([256, 257, 258]);
      expect(store.journal(a, { after: 300, limit: 3 })).toEqual([]);
      expect(store.journal(a, { after: 0, limit: 0 })).toEqual([]);
    });

    it("gives the log of all actors in order of number, from after to limit", async () => {
      const store = makePlace().open();
      await store.commit(
        commitOf({ journal: [...history(a, 200, 50), ...history(b, 200, 50, 201)] }),
      );
      const log = store.log({ after: 198, limit: 4 });
      expect(log.map(({ address, seq, globalSeq }) => [address, seq, globalSeq])).toEqual([
        [a, 199, 199],
        [a, 200, 200],
        [b, 1, 201],
        [b, 2, 202],
      ]);
    });

    it.each([
      { query: { limit: 10 }, found: ["a#2.0", "a#10.2", "a#10.10", "a-1#1.0", "b#3.0"] },
      { query: { limit: 1 }, found: ["a#2.0"] },
      { query: { from: a, limit: 10 }, found: ["a#2.0", "a#10.2", "a#10.10"] },
      { query: { from: b, limit: 10 }, found: ["b#3.0"] },
      { query: { after: "session/a#10.2", limit: 2 }, found: ["a#10.10", "a-1#1.0"] },
      { query: { from: a, after: "session/a#10.2", limit: 9 }, found: ["a#10.10"] },
      { query: { from: b, after: "session/a#10.2", limit: 9 }, found: ["b#3.0"] },
      { query: { from: a, after: "session/b#3.0", limit: 9 }, found: [] },
    ] satisfies { query: Parameters<Store["outbox"]>[0]; found: string[] }[])(
      "gives the open orders of $query in order of address, seq and n",
      async ({ query, found }) => {
        const store = makePlace().open();
        const outbox = [
          outboxRow(b, 3, 0),
          outboxRow("session/a-1", 1, 0),
          outboxRow(a, 10, 10),
          outboxRow(a, 10, 2),
          outboxRow(a, 2, 0),
        ];
        await store.commit(commitOf({ outbox }));
        expect(store.outbox(query).map(({ id }) => id)).toEqual(found.map((id) => `session/${id}`));
      },
    );

    it("gives the timers that are due, earliest first", async () => {
      const store = makePlace().open();
      const armed = [
        timer(b, "stuck", 1_000),
        timer(terminal, "late", 999),
        timer(a, "stuck", 1_000),
        timer(a, "early", 90),
        timer(a, "later", 1_001),
      ];
      await store.commit(commitOf({ armed }));
      expect(store.nextTimerAt()).toBe(90);
      expect(store.timersDue(89, 10)).toEqual([]);
      expect(store.timersDue(1_000, 10)).toEqual([armed[3], armed[1], armed[2], armed[0]]);
      expect(store.timersDue(1_000, 2)).toEqual([armed[3], armed[1]]);
      expect(store.timersOf(a)).toEqual([armed[3], armed[2], armed[4]]);
    });

    it("gives dead letters in order of number, from after to limit", async () => {
      const store = makePlace().open();
      await store.commit(commitOf({ dead: [12, 2, 1].map((id) => deadLetter(id)) }));
      expect(store.deadLetters({ after: 0, limit: 10 }).map(({ id }) => id)).toEqual([1, 2, 12]);
      expect(store.deadLetters({ after: 1, limit: 1 }).map(({ id }) => id)).toEqual([2]);
      expect(store.head().deadSeq).toBe(12);
    });
  });

  describe("rows that change", () => {
    it("moves a timer that is cancelled and armed again in one commit", async () => {
      const store = makePlace().open();
      const was: TimerRow = { address: a, name: "stuck", dueAt: 50, seq: 1 };
      await store.commit(commitOf({ armed: [was] }));
      await store.commit(commitOf({ cancelled: [was], armed: [{ ...was, dueAt: 70, seq: 2 }] }));
      expect(store.timersOf(a)).toEqual([{ ...was, dueAt: 70, seq: 2 }]);
      expect(store.nextTimerAt()).toBe(70);
      await store.commit(commitOf({ cancelled: [{ ...was, dueAt: 70, seq: 2 }] }));
      expect([store.timersOf(a), store.nextTimerAt()]).toEqual([[], undefined]);
    });

    it("forgets an order that is closed, also in the commit that recorded it", async () => {
      const store = makePlace().open();
      const row = outboxRow(a, 1, 0);
      await store.commit(commitOf({ outbox: [row] }));
      await store.commit(commitOf({ outbox: [{ ...row, attempts: 1 }] }));
      expect(store.outboxRow(row.id)?.attempts).toBe(1);
      await store.commit(
        commitOf({ closed: [row.id, "session/a#2.0"], outbox: [outboxRow(a, 2, 0)] }),
      );
      expect(store.outbox({ limit: 10 })).toEqual([]);
    });

    it("counts the retries of a dead letter without renumbering", async () => {
      const store = makePlace().open();
      await store.commit(commitOf({ dead: [deadLetter(1), deadLetter(2)] }));
      await store.commit(commitOf({ dead: [{ ...deadLetter(1), retries: 1, retriedAt: 5_000 }] }));
      expect(store.deadLetter(1)).toMatchObject({ retries: 1, retriedAt: 5_000 });
      expect(store.head().deadSeq).toBe(2);
    });

    it("keeps notes, apart from everything else", async () => {
      const place = makePlace();
      const store = place.open();
      await store.putNote("bus.budget", { restarts: [1, 2], ünïcode: "✓" });
      await store.putNote("bus.budget", { restarts: [3] });
      await store.putNote("nothing", null);
      await store.close();
      const again = place.open();
      expect([again.note("bus.budget"), again.note("nothing"), again.note("x")]).toEqual([
        { restarts: [3] },
        null,
        undefined,
      ]);
    });
  });

  it.each([
    { seq: 0, found: undefined },
    { seq: 1, found: 1 },
    { seq: 50, found: 1 },
    { seq: 51, found: 51 },
    { seq: 120, found: 101 },
    { seq: 999, found: 101 },
  ])("gives the checkpoint at or before $seq", async ({ seq, found }) => {
    const store = makePlace().open();
    await store.commit(
      commitOf({ journal: [...history(a, 120, 50), ...history("session/a-1", 1, 1, 121)] }),
    );
    expect(store.checkpoint(a, seq)?.seq).toBe(found);
  });

  it.each([
    {
      title: "applied",
      outcome: { type: "applied", address: a, seq: 1, reply: { ok: true }, orders: [] },
    },
    {
      title: "refused",
      outcome: { type: "refused", address: a, seq: 1, code: "NO", message: "no" },
    },
    { title: "stale", outcome: { type: "stale", code: "EPOCH_STALE", message: "old" } },
    { title: "dead", outcome: { type: "dead", letter: 1, code: "BAD_JSON", message: "what" } },
  ] satisfies { title: string; outcome: NonNullable<ReturnType<Store["seen"]>>["outcome"] }[])(
    "remembers a message that was $title",
    async ({ outcome }) => {
      const store = makePlace().open();
      const row = { id: "any id: ünïcode, \u0000, and a slash /", at: 5, outcome };
      await store.commit(commitOf({ seen: [row] }));
      expect(store.seen(row.id)).toEqual(row);
      expect(store.seen("any id")).toBeUndefined();
    },
  );
});
