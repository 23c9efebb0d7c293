// Better
//
// `seed-gaps` says in prose what a better system should do. This is how each sentence is read; the other keys of such a
// case tell what the model does instead, and do not bind, but for how many steps they tell of. A sentence that is not
// here is an error: nobody has read it yet.

type Expect = Readonly<Record<string, unknown>>;

/** The same word for each step that the case tells of, after what came before it. */
function eachStep(
  { displayAfterEach }: Expect,
  word: string,
  before: readonly string[] = [],
): string[] {
  const length = Array.isArray(displayAfterEach) ? displayAfterEach.length : before.length + 1;
  return Array.from({ length }, (_, n) => before[n] ?? word);
}

const READINGS: ReadonlyMap<string, (expect: Expect) => Expect> = new Map<
  string,
  (expect: Expect) => Expect
>([
  [
    "stay stuck (one urgent notice) until a healthy probe, confirmed death, activity or an operator",
    (expect) => ({
      displayAfterEach: eachStep(expect, "stuck", ["detecting", "detecting"]),
      notices: { "reaction.agent-stuck": 1 },
      notice: { type: "reaction.agent-stuck", priority: "urgent" },
    }),
  ],
  [
    "terminated/runtime_lost: sticky activity is not proof of life once runtime and process are both gone",
    (expect) => ({
      session: "terminated",
      reason: "runtime_lost",
      displayAfterEach: eachStep(expect, "killed"),
    }),
  ],
  [
    "a hook from the running agent is proof of life: resolve to working",
    () => ({ session: "working", reason: "task_in_progress", memory: "absent" }),
  ],
  [
    "clear memory when the session axis leaves detecting",
    () => ({ session: "idle", reason: "merged_waiting_decision", memory: "absent" }),
  ],
  ["first terminal reason wins", () => ({ session: "terminated", reason: "auto_cleanup" })],
  [
    "2 sends and 1 escalation: budget and escalated flag survive a restart",
    () => ({ sends: 2, notices: { "reaction.escalated": 1 } }),
  ],
  ["re-send when the set of failing checks changes", () => ({ sends: 2 })],
]);

/** What is expected of a case: its own keys, or how its better column is read. */
export function bindingExpectation(expect: Expect): Expect {
  const { better } = expect;
  if (better === undefined) return expect;
  const reading = typeof better === "string" ? READINGS.get(better) : undefined;
  if (reading !== undefined) return reading(expect);
  throw new Error(`nobody has read this better column yet: ${JSON.stringify(better)}`);
}
