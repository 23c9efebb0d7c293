import { expect, it } from "vitest";
import type { ObjectiveContext } from "../../machines/objective/record.ts";
import { COOLDOWN_MS, MINUTE } from "../support/objectives.ts";
import { Day } from "../support/day.ts";

const HOUR = 60 * MINUTE;

/** Pokes that came too soon after the one before, or were given two numbers. */
function pokeFaults(id: string, { pokes }: ObjectiveContext): string[] {
  return pokes.flatMap((poke, n) => {
    const before = pokes[n - 1];
    if (before === undefined) return [];
    const isSoon = poke.at - before.at < COOLDOWN_MS;
    const isTwice = poke.n !== before.n + 1;
    return isSoon || isTwice ? [`${id}: poke ${poke.n} at ${poke.at - before.at} ms`] : [];
  });
}

/** What every day holds. */
const HELD = [
  "close by a manager",
  "close by a person",
  "conflict",
  "death",
  "death of a reviewer",
  "kill of the daemon",
  "late",
  "lie of a manager",
  "lie of a probe",
  "lie of a worker",
  "limit",
  "mend",
  "merge",
  "prompt",
  "pull request",
  "red head",
  "result",
  "review: approved",
  "review: changes_requested",
  "stall",
  "stall of a reviewer",
  "turn of a manager",
  "turn of a worker",
  "word of a probe",
];

const BURNING = ["crash", "no_progress", "infra", "launch"] as const;

/** Classes of death whose budget does not agree with the lives that are written down. */
function budgetFaults(id: string, { lives, supervisor, questions }: ObjectiveContext): string[] {
  // An answered escalation forgives its class.
  if (questions.some(({ kind }) => kind === "escalation")) return [];
  const lastAt = lives.at(-1)?.endedAt ?? 0;
  return BURNING.flatMap((cause) => {
    const { spec, restarts } = supervisor;
    const { intensity, periodMs } = spec.budgets?.[cause] ?? spec;
    const counted = lives.filter(
      (life) => life.cause === cause && lastAt - life.endedAt < periodMs,
    );
    const charged = restarts[cause]?.length ?? 0;
    const isExact = charged === counted.length && charged <= intensity;
    return isExact ? [] : [`${id}: ${counted.length} of ${cause}, ${charged} charged`];
  });
}

// One seed here; more of them: AO_TEST_SEEDS="2 3 5 8" npx vitest run test/actors/day.test.ts
const SEEDS = (process.env["AO_TEST_SEEDS"] ?? "1").split(" ").map(Number);

it.each(SEEDS)(
  "a day of 100 objectives, seed %i, ends with every one of them reached and every pull request merged or closed: no false kill, no duplicate poke, no silent stall, no merge of what is broken, deaths found within 15 s, budgets exact",
  async (seed) => {
    const day = new Day({ seed, objectives: 100, hours: 24, kills: 24 });
    const beganAt = day.world.clock.now();
    const { faults, counts, world, ids } = await day.run();
    expect(world.clock.now() - beganAt).toBeGreaterThanOrEqual(24 * HOUR);
    expect(faults).toEqual([]);
    const contexts = ids.map((id) => ({ id, context: world.context(id) }));
    const open = contexts.filter(({ context }) => context.end === null);
    expect(open.map(({ id, context }) => [id, context.standing])).toEqual([]);
    expect(contexts.flatMap(({ id, context }) => pokeFaults(id, context))).toEqual([]);
    expect(contexts.flatMap(({ id, context }) => budgetFaults(id, context))).toEqual([]);
    expect([world.root.held, world.root.queue]).toEqual([[], []]);
    expect(world.root.repairs).toEqual({});
    expect([...world.outside.panes.keys()]).toEqual([]);
    // What never happened proved nothing.
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(HELD));
  },
  400_000,
);
