import type { Case } from "./cases.ts";
import { isRecord } from "./expectation.ts";

// Better
//
// `seed-gaps` says in prose what a better system should do. This is how each sentence is read; the other keys of such a
// case tell what the model does instead, and do not bind, but for how many steps they tell of. A sentence that is not
// here is an error: nobody has read it yet.

type Expect = Readonly<Record<string, unknown>>;
type Reading = (one: Pick<Case, "given" | "expect">) => Expect;

/** The same word for each step that the case tells of, after what came before it. */
function eachStep(
  { displayAfterEach }: Expect,
  word: string,
  before: readonly string[] = [],
): Expect {
  if (!Array.isArray(displayAfterEach)) return {};
  return { displayAfterEach: displayAfterEach.map((_, n) => before[n] ?? word) };
}

const READINGS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  [
    "stay stuck (one urgent notice) until a healthy probe, confirmed death, activity or an operator",
    ({ expect }) => ({
      ...eachStep(expect, "stuck", ["detecting", "detecting"]),
      notices: { "reaction.agent-stuck": 1 },
      notice: { type: "reaction.agent-stuck", priority: "urgent" },
    }),
  ],
  [
    "terminated/runtime_lost: sticky activity is not proof of life once runtime and process are both gone",
    ({ expect }) => ({
      session: "terminated",
      reason: "runtime_lost",
      ...eachStep(expect, "killed"),
    }),
  ],
  [
    "a hook from the running agent is proof of life: resolve to working",
    () => ({ session: "working", reason: "task_in_progress", memory: "absent" }),
  ],
  [
    "clear memory when the session axis leaves detecting",
    ({ expect: { better: _, ...expect } }) => ({ ...expect, memory: "absent" }),
  ],
  [
    "first terminal reason wins",
    ({ given: { record } }) => ({
      session: "terminated",
      reason: isRecord(record) ? record["reason"] : undefined,
    }),
  ],
  [
    "2 sends and 1 escalation: budget and escalated flag survive a restart",
    () => ({ sends: 2, notices: { "reaction.escalated": 1 } }),
  ],
  ["re-send when the set of failing checks changes", () => ({ sends: 2 })],
]);

/** What is expected of a case: its own keys, or how its better column is read. */
export function bindingExpectation(one: Pick<Case, "given" | "expect">): Expect {
  const { better } = one.expect;
  if (better === undefined) return one.expect;
  const reading = typeof better === "string" ? READINGS.get(better) : undefined;
  if (reading !== undefined) return reading(one);
  throw new Error(`nobody has read this better column yet: ${JSON.stringify(better)}`);
}
