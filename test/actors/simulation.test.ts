import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  record,
  type Arbitrary,
} from "fast-check";
import { expect, it } from "vitest";
import { faultsOf } from "../support/consistency.ts";
import {
  ACTORS,
  Simulation,
  type Breakage,
  type CommandMove,
  type EffectFate,
  type Move,
  type Plan,
} from "../support/simulation.ts";

const RUNS = 500;
const actor = nat({ max: ACTORS.length - 1 });
const anyone = nat({ max: ACTORS.length });
const timer = constantFrom("wake", "other");

const order: Arbitrary<CommandMove> = oneof(
  record({ type: constant("tally.add" as const), n: integer({ min: -3, max: 9 }) }),
  record({ type: constant("tally.tell" as const), to: anyone, n: nat({ max: 9 }) }),
  record({ type: constant("tally.arm" as const), name: timer, inMs: nat({ max: 3_000 }) }),
  record({ type: constant("tally.cancel" as const), name: timer }),
  record({
    type: constantFrom(
      "tally.work" as const,
      "tally.work" as const,
      "tally.raise" as const,
      "tally.throw" as const,
      "tally.ask" as const,
    ),
  }),
);

const move: Arbitrary<Move> = oneof(
  { weight: 12, arbitrary: record({ type: constant("command" as const), actor, order }) },
  { weight: 2, arbitrary: record({ type: constant("repeat" as const), which: nat({ max: 20 }) }) },
  {
    weight: 4,
    arbitrary: record({ type: constant("observe" as const), actor: anyone, n: nat({ max: 5 }) }),
  },
  {
    weight: 5,
    arbitrary: record({ type: constant("advance" as const), ms: nat({ max: 2_500 }) }),
  },
  {
    weight: 3,
    arbitrary: record({
      type: constant("killAt" as const),
      boundary: constantFrom(
        "stepped" as const,
        "flushed" as const,
        "answered" as const,
        "dispatched" as const,
      ),
      after: nat({ max: 2 }),
    }),
  },
  { weight: 1, arbitrary: record({ type: constant("kill" as const) }) },
  {
    weight: 3,
    arbitrary: record({ type: constant("throw" as const), steps: integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: record({
      type: constant("break" as const),
      what: constantFrom<Breakage>("hold", "unhold", "fail write", "wipe", "outage", "restore"),
    }),
  },
  {
    weight: 4,
    arbitrary: record({
      type: constant("fate" as const),
      fate: constantFrom(
        "refused" as const,
        "lost answer" as const,
        "twice" as const,
        "held" as const,
      ),
    }),
  },
  { weight: 2, arbitrary: record({ type: constant("let in" as const) }) },
);

const fate = constantFrom<EffectFate>(
  "done",
  "done",
  "retry",
  "fail",
  "slow",
  "hang",
  "kill before",
  "kill after",
);

const plan: Arbitrary<Plan> = record({
  moves: array(move, { minLength: 8, maxLength: 50, size: "max" }),
  fates: array(fate, { maxLength: 12, size: "max" }),
});

/** Runs a plan to rest; what is wrong then, and everything that the store has to tell. */
async function outcomeOf(given: Plan, count: (fault: string) => void) {
  const simulation = new Simulation(given, count);
  await simulation.run(given);
  await simulation.quiesce();
  const faults = faultsOf(simulation);
  const { store } = simulation.world;
  const told = JSON.stringify([
    store.log({ after: 0, limit: Infinity }),
    store.deadLetters({ after: 0, limit: Infinity }),
    store.snapshots({ limit: Infinity }),
    store.head(),
    simulation.world.deeds,
  ]);
  await simulation.end();
  return { faults, told };
}

it("loses nothing, does nothing twice and does the same again, wherever it is killed and whatever fails", async () => {
  const faults = new Map<string, number>();
  const count = (fault: string): void => void faults.set(fault, (faults.get(fault) ?? 0) + 1);
  const check = asyncProperty(plan, async (given) => {
    const once = await outcomeOf(given, count);
    const again = await outcomeOf(given, () => {});
    expect(once.faults).toEqual([]);
    expect(again.told === once.told).toBe(true);
  });
  await assert(check, { numRuns: RUNS, seed: 1 });
  // A fault that never happened proved nothing.
  expect([...faults.keys()].toSorted()).toEqual(
    [
      "kill between",
      "kill in a commit",
      "fail write",
      "wipe",
      "outage",
      "restore",
      "refused",
      "lost answer",
      "twice",
      "held",
      "STORE_FULL",
      "quarantine",
      ...["activity", "tally", "timer", "typeText", "child"].map((of) => `throw: ${of}`),
      ...["stepped", "flushed", "answered", "dispatched"].map((name) => `kill at ${name}`),
      ...["done", "retry", "fail", "slow", "hang", "kill before", "kill after"].map(
        (name) => `effect: ${name}`,
      ),
    ].toSorted(),
  );
}, 120_000);
