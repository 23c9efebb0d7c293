import { array, assert, asyncProperty, constantFrom, integer, option, record } from "fast-check";
import { expect, it, vi } from "vitest";
import { lookBackIn, pathsOf } from "../../actors/hindsight.ts";
import type { Address } from "../../machines/ids.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { JournalEntry, Store } from "../../storage/store.ts";
import { commitOf, journalEntry } from "../storage/rows.ts";

const A: Address = "session/a";
const STATES = ["idle", { busy: "reading" }, { busy: "writing" }] as const;
type State = (typeof STATES)[number];

/** A journal of so many steps, every so-manyth of which goes to the state that is next. */
async function lived(steps: number, moves: number): Promise<{ store: Store; states: State[] }> {
  const store = memoryStore({ disk: memoryDisk() });
  const states: State[] = [];
  const journal: JournalEntry[] = [];
  for (let seq = 1; seq <= steps; seq += 1) {
    const was = states.at(-1);
    const state = STATES[Math.floor(seq / moves) % STATES.length] ?? "idle";
    const { message, value: _value, ...rest } = journalEntry(A, seq, { globalSeq: seq });
    // Some types come seldom: the last message of theirs is beyond what is looked through.
    const type = seq % 1_100 === 3 ? "seldom" : `often-${seq % 5}`;
    const isMove = state !== was;
    states.push(state);
    journal.push({
      ...rest,
      message: { ...message, type },
      ...(isMove && { value: state, ...(was !== undefined && { was }) }),
    });
  }
  await store.commit(commitOf({ journal }));
  return { store, states };
}

it("finds for a step the same as one who never looked before (D2)", async () => {
  const looks = record({
    by: integer({ min: 0, max: 90 }),
    jump: option(constantFrom(-900, -40, 600), { freq: 4 }),
  });
  const check = asyncProperty(
    array(looks, { minLength: 5, maxLength: 30 }),
    constantFrom(1, 7, 150, 900),
    async (acts, moves) => {
      const { store, states } = await lived(2_500, moves);
      const lookBack = lookBackIn(store);
      let seq = 1;
      for (const { by, jump } of acts) {
        seq = Math.min(Math.max(seq + by + (jump ?? 0), 1), states.length);
        const paths = pathsOf(states[seq - 1] ?? null);
        const { since, samples, trail } = lookBack({ address: A, seq }, paths);
        const anew = lookBackIn(store)({ address: A, seq }, paths);
        expect({ since, samples, trail }).toEqual({
          since: anew.since,
          samples: anew.samples,
          trail: anew.trail,
        });
      }
    },
  );
  await assert(check, { numRuns: 15, seed: 3 });
});

it("looks back over so many steps and no further (D1)", async () => {
  const { store, states } = await lived(2_000, 1_500);
  const { since, samples, trail } = lookBackIn(store)(
    { address: A, seq: 2_000 },
    pathsOf(states.at(-1) ?? null),
  );
  expect([...since]).toEqual([
    ["busy", { seq: 1_500, at: 2_500 }],
    ["busy.reading", { seq: 1_500, at: 2_500 }],
  ]);
  expect(samples.get("seldom")?.seq).toBe(1_103);
  expect(trail.map(({ seq }) => seq)).toEqual([1_500]);
});

it("forgets what was found once it is further back than that (D1, D2)", async () => {
  const { store } = await lived(1_200, 1_500);
  const lookBack = lookBackIn(store);
  const early = lookBack({ address: A, seq: 1_000 }, ["idle"]);
  expect([early.since.get("idle")?.seq, early.samples.get("seldom")?.seq]).toEqual([1, 3]);
  const late = lookBack({ address: A, seq: 1_090 }, ["idle"]);
  expect([late.since.get("idle"), late.samples.get("seldom")]).toEqual([undefined, undefined]);
});

it("reads for a later step what came since, and nothing twice (D2)", async () => {
  const { store } = await lived(1_500, 10);
  const journal = vi.spyOn(store, "journal");
  const lookBack = lookBackIn(store);
  lookBack({ address: A, seq: 1_400 }, ["idle"]);
  journal.mockClear();
  lookBack({ address: A, seq: 1_403 }, ["idle"]);
  lookBack({ address: A, seq: 1_403 }, ["idle"]);
  expect(journal.mock.calls).toEqual([[A, { after: 1_400, limit: 3 }]]);
});
