// Better
//
// `seed-gaps` says in prose what a better system should do. This is how each sentence is read; the other keys of such a
// case tell what the model does instead, and do not bind. A case that is not here is an error: nobody has read it yet.

type Expect = Readonly<Record<string, unknown>>;

const STUCK = Array.from({ length: 7 }, () => "stuck");

const READINGS: ReadonlyMap<string, Expect> = new Map<string, Expect>([
  [
    "stay stuck (one urgent notice) until a healthy probe, confirmed death, activity or an operator",
    {
      displayAfterEach: ["detecting", "detecting", ...STUCK],
      notices: { "reaction.agent-stuck": 1 },
      notice: { type: "reaction.agent-stuck", priority: "urgent" },
    },
  ],
  [
    "terminated/runtime_lost: sticky activity is not proof of life once runtime and process are both gone",
    {
      session: "terminated",
      reason: "runtime_lost",
      displayAfterEach: Array.from({ length: 6 }, () => "killed"),
    },
  ],
  [
    "a hook from the running agent is proof of life: resolve to working",
    { session: "working", reason: "task_in_progress", memory: "absent" },
  ],
  [
    "clear memory when the session axis leaves detecting",
    { session: "idle", reason: "merged_waiting_decision", memory: "absent" },
  ],
  ["first terminal reason wins", { session: "terminated", reason: "auto_cleanup" }],
  [
    "2 sends and 1 escalation: budget and escalated flag survive a restart",
    { sends: 2, notices: { "reaction.escalated": 1 } },
  ],
  ["re-send when the set of failing checks changes", { sends: 2 }],
]);

/** What is expected of a case: its own keys, or how its better column is read. */
export function bindingExpectation(expect: Expect): Expect {
  const { better } = expect;
  if (better === undefined) return expect;
  const reading = typeof better === "string" ? READINGS.get(better) : undefined;
  if (reading !== undefined) return reading;
  throw new Error(`nobody has read this better column yet: ${JSON.stringify(better)}`);
}
