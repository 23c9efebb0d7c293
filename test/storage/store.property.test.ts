import { join } from "node:path";
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  nat,
  oneof,
  property,
  record,
  tuple,
  type Arbitrary,
} from "fast-check";
import { expect, it } from "vitest";
import type { Address, OrderId } from "../../machines/ids.ts";
import { orderIdOf } from "../../machines/ids.ts";
import { keyBytes } from "../../storage/lmdb-codec.ts";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { Commit, Store } from "../../storage/store.ts";
import { tempFolder } from "../support/folder.ts";
import {
  commitOf,
  deadLetter,
  journalEntry,
  outboxRow,
  seenRow,
  snapshotRow,
  summaryRow,
} from "./rows.ts";

const ADDRESSES: Address[] = ["session/a", "session/a-1", "session/aa", "review/a", "terminal/z"];
const RUNS = 40;

const address = constantFrom(...ADDRESSES);
const small = nat({ max: 12 });
const timer = record({
  address,
  name: constantFrom("x", "y"),
  dueAt: nat({ max: 300 }),
  seq: small,
});
const order = tuple(address, small, small);

/** What one step of a run does to both stores. */
const step = oneof(
  record({
    type: constant("commit" as const),
    messages: array(record({ address, hasCheckpoint: boolean() }), { maxLength: 12 }),
    armed: array(timer, { maxLength: 3 }),
    cancelled: array(timer, { maxLength: 3 }),
    outbox: array(order, { maxLength: 4 }),
    closed: array(order, { maxLength: 4 }),
    letters: nat({ max: 2 }),
  }),
  record({
    type: constant("prune" as const),
    share: nat({ max: 100 }),
    limit: integer({ min: 1, max: 9 }),
  }),
  record({ type: constant("reopen" as const) }),
);
type Step = typeof step extends Arbitrary<infer Value> ? Value : never;

/** Numbers messages as the host does. */
function numbering() {
  const seqs = new Map<Address, number>();
  let globalSeq = 0;
  let letters = 0;
  return {
    globalSeq: () => globalSeq,
    commit: (wish: Extract<Step, { type: "commit" }>): Commit => {
      const journal = wish.messages.map(({ address: to, hasCheckpoint }) => {
        const seq = (seqs.get(to) ?? 0) + 1;
        seqs.set(to, seq);
        globalSeq += 1;
        const isCheckpoint = seq === 1 || hasCheckpoint;
        return journalEntry(to, seq, {
          globalSeq,
          committedAt: globalSeq,
          ...(isCheckpoint ? { checkpoint: { seq } } : {}),
        });
      });
      return commitOf({
        position: { stream: "mail", seq: globalSeq },
        journal,
        seen: journal.map(seenRow),
        snapshots: journal.map(({ address: to, seq }) => snapshotRow(to, seq)),
        summaries: journal.map(({ address: to, seq }) => summaryRow(to, seq)),
        armed: wish.armed,
        cancelled: wish.cancelled,
        outbox: wish.outbox.map((parts) => outboxRow(...parts)),
        closed: wish.closed.map((parts): OrderId => orderIdOf(...parts)),
        dead: Array.from({ length: wish.letters }, () => deadLetter((letters += 1), globalSeq)),
      });
    },
  };
}

function answersOf(store: Store): unknown {
  const { globalSeq, deadSeq, position, books } = store.head();
  const log = store.log({ after: 0, limit: 999 });
  return {
    head: { globalSeq, deadSeq, position, books },
    log,
    oldest: store.oldest(),
    rows: store.stats().rows,
    snapshots: store.snapshots({ limit: 999 }),
    sessions: store.snapshots({ kind: "session", after: "session/a", limit: 2 }),
    summaries: [...store.summaries()],
    journals: ADDRESSES.map((one) => store.journal(one, { after: 1, limit: 5 })),
    checkpoints: ADDRESSES.map((one) => [1, 3, 8].map((seq) => store.checkpoint(one, seq)?.seq)),
    seen: log.map(({ message }) => store.seen(message.id)),
    due: store.timersDue(150, 5),
    next: store.nextTimerAt(),
    armed: store.timerCount(),
    timers: ADDRESSES.map((one) => store.timersOf(one)),
    outbox: store.outbox({ limit: 5 }),
    outboxes: ADDRESSES.map((one) => store.outbox({ from: one, after: "session/a#5.5", limit: 5 })),
    letters: store.deadLetters({ after: 1, limit: 5 }),
  };
}

/** Whether what is kept of an actor begins with a checkpoint at or before the cut, and lacks nothing after it. */
function isReplayable(store: Store, one: Address, before: number): boolean {
  const kept = store.journal(one, { after: 0, limit: 999 });
  const first = kept[0];
  if (first === undefined) return store.snapshot(one) === undefined;
  const old = kept.filter(({ committedAt }) => committedAt < before);
  return (
    first.checkpoint !== undefined &&
    old.slice(1).every(({ checkpoint }) => checkpoint === undefined) &&
    kept.every(({ seq }, n) => seq === first.seq + n) &&
    kept.at(-1)?.seq === store.snapshot(one)?.seq
  );
}

it("gives the same answers from memory and from lmdb, whatever was committed, pruned and reopened", async () => {
  const folder = tempFolder();
  let run = 0;
  await assert(
    asyncProperty(array(step, { maxLength: 14 }), async (steps) => {
      run += 1;
      const path = join(folder, `run-${run}`);
      const disk = memoryDisk();
      const numbers = numbering();
      let pruned: number[] = [];
      let stores = [memoryStore({ disk }), openLmdbStore(path)];
      try {
        for (const one of steps) {
          // oxlint-disable no-await-in-loop -- step by step
          if (one.type === "commit") {
            const changes = numbers.commit(one);
            await Promise.all(stores.map(async (store) => store.commit(changes)));
          } else if (one.type === "prune") {
            const before = Math.ceil((numbers.globalSeq() * one.share) / 100);
            pruned = await Promise.all(
              stores.map(async (store) => store.prune({ before, limit: one.limit })),
            );
          } else {
            await Promise.all(stores.map(async (store) => store.close()));
            stores = [memoryStore({ disk }), openLmdbStore(path)];
          }
          // oxlint-enable no-await-in-loop
          const [memory, lmdb] = stores.map(answersOf);
          expect([lmdb, pruned[1]]).toEqual([memory, pruned[0]]);
        }
      } finally {
        await Promise.all(stores.map(async (store) => store.close()));
      }
    }),
    { numRuns: RUNS },
  );
});

it("P1: can rebuild every actor from what is left, however the slices fell", async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 30 }), async (steps) => {
      const store = memoryStore();
      const numbers = numbering();
      for (const one of steps) {
        // oxlint-disable-next-line no-await-in-loop -- step by step
        if (one.type === "commit") await store.commit(numbers.commit(one));
      }
      const before = Math.ceil(numbers.globalSeq() / 2);
      const limit = 3;
      let removed = limit;
      // oxlint-disable-next-line no-await-in-loop -- slice by slice
      while (removed === limit) removed = await store.prune({ before, limit });
      expect(ADDRESSES.filter((one) => !isReplayable(store, one, before))).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

it("N3: orders the bytes of keys as it orders keys", () => {
  const part = oneof(integer(), double({ noNaN: true }), nat());
  assert(
    property(tuple(address, part), tuple(address, part), ([a, x], [b, y]) => {
      const wanted = a === b ? Math.sign(x - y) : a < b ? -1 : 1;
      const found = Buffer.compare(keyBytes([a, x + 0]), keyBytes([b, y + 0]));
      expect(found === 0 ? 0 : Math.sign(found)).toBe(Number.isNaN(wanted) ? 0 : wanted + 0);
    }),
  );
});
