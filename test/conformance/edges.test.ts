import { expect, it } from "vitest";
import { linesOf, runSuites } from "./report.ts";

// Edges
//
// Scenarios of every op where a rule of the reference begins or ends: equal times, unset axes, a session that is over or
// that nobody knows. Each is checked against the text of the reference alone.

type Given = Readonly<Record<string, unknown>>;
type Row = readonly [title: string, record: Given | null, steps: readonly Given[], expect: Given];

const WORKING = { session: "working", reason: "task_in_progress", runtime: "alive" };
const OVER = {
  session: "terminated",
  reason: "runtime_lost",
  runtime: "exited",
  runtimeReason: "tmux_missing",
};
const DOUBTED = { session: "detecting", reason: "runtime_lost", runtime: "missing" };
const MEMORY = { attempts: 1, startedAtSec: 0, evidenceHash: "abc" };
const OPEN = { ...WORKING, prState: "open", prReason: "review_pending", prNumber: 7 };

const scm = (facts: Given): Given => ({
  op: "observeScm",
  fetched: true,
  atSec: 0,
  number: 7,
  ...facts,
});
const says = (activity: string, atSec = 0): Given => ({ op: "signalActivity", activity, atSec });
const probe = (runtime: string, process: string, atSec = 0, more: Given = {}): Given => ({
  op: "observeRuntime",
  runtime,
  process,
  atSec,
  ...more,
});
const tick = (atSec: number): Given => ({ op: "tick", atSec });
const escalated = (...counts: number[]): Given[] =>
  counts.map((count) => ({ "reaction.escalated": count }));

const failing = scm({ prState: "open", ci: "failing", logTail: "boom" });
const pending = scm({ prState: "open", ci: "pending", review: "pending" });
const approved = scm({ prState: "open", review: "approved", mergeable: true });
const refused = scm({ prState: "open", review: "changes_requested" });

const ROWS: readonly Row[] = [
  // 1.6: recent activity, inclusive
  [
    "a death within a minute of activity is a doubt",
    { ...WORKING, activity: "active", lastActivityAtSec: 0 },
    [probe("dead", "dead", 60)],
    { session: "detecting", reason: "runtime_lost" },
  ],
  [
    "a death a second later is one",
    { ...WORKING, activity: "active", lastActivityAtSec: 0 },
    [probe("dead", "dead", 61)],
    { session: "terminated", reason: "runtime_lost" },
  ],
  [
    "a goodbye is no sign of life",
    { ...WORKING, activity: "exited", lastActivityAtSec: 0 },
    [probe("dead", "dead", 1)],
    { session: "terminated" },
  ],
  [
    "a probe that says nothing is a doubt",
    WORKING,
    [{ op: "observeRuntime", atSec: 0 }],
    { session: "detecting", reason: "runtime_lost", runtime: "unknown", runtimeReason: "" },
  ],
  // 1.4: the time begins once, and its end is inclusive
  [
    "other evidence begins no other time",
    WORKING,
    [
      probe("failed", "failed"),
      probe("alive", "dead", 100),
      probe("failed", "failed", 299),
      probe("alive", "dead", 300),
    ],
    { displayAfterEach: ["detecting", "detecting", "detecting", "stuck"] },
  ],
  [
    "evidence that differs in its times is the same",
    WORKING,
    [1, 2, 3].map((n) => probe("failed", "failed", n, { evidence: `at 12:00:0${n}` })),
    { displayAfterEach: ["detecting", "detecting", "stuck"] },
  ],
  [
    "a healthy probe ends a doubt in one write",
    { ...DOUBTED, memory: MEMORY },
    [probe("alive", "alive")],
    { session: "working", memory: "absent", revisionDelta: 1 },
  ],
  [
    "what is over is not reopened, nor written by equal probes (0.9)",
    OVER,
    [probe("dead", "dead"), probe("dead", "dead", 5)],
    { unchanged: true, revisionDelta: 0 },
  ],
  [
    "a permission that is asked for is not liveness's to end",
    { ...WORKING, session: "stuck", reason: "awaiting_user_input", activity: "blocked" },
    [probe("alive", "alive")],
    { session: "stuck" },
  ],
  // 1.6: signals
  [
    "of signals at one time all count, and the last one stands",
    WORKING,
    [says("active"), says("idle")],
    { revisionDelta: 2, session: "idle", activity: "idle" },
  ],
  [
    "a goodbye writes no lifecycle",
    { ...DOUBTED, memory: MEMORY },
    [says("exited")],
    { session: "detecting", memory: "present", activity: "exited" },
  ],
  [
    "a signal of a session that nobody knows makes none",
    null,
    [says("active")],
    { error: false, recordExists: false },
  ],
  [
    "a doubt lasts five minutes, also when nothing is told meanwhile",
    WORKING,
    [probe("failed", "failed"), probe("alive", "dead", 300)],
    { displayAfterEach: ["detecting", "stuck"], reason: "agent_process_exited" },
  ],
  [
    "what no probe told for a day is not seen",
    { ...WORKING, activity: "active", lastActivityAtSec: 0 },
    [tick(86_400)],
    { unchanged: true, sends: 0 },
  ],
  // 1.6: pull requests
  [
    "a fetch that failed says nothing, whatever it brings",
    WORKING,
    [{ ...scm({ prState: "merged" }), fetched: false }],
    { unchanged: true, revisionDelta: 0 },
  ],
  [
    "a merge parks even one that asks",
    { ...WORKING, session: "needs_input", reason: "awaiting_user_input" },
    [scm({ prState: "merged" })],
    { session: "idle", reason: "merged_waiting_decision" },
  ],
  [
    "a merge of what is over changes its pull request alone",
    OVER,
    [scm({ prState: "merged" })],
    { session: "terminated", reason: "runtime_lost", prState: "merged" },
  ],
  // 1.7: budgets
  [
    "the same failure is told once",
    OPEN,
    [failing, failing, failing],
    { sends: 1, notices: { "reaction.escalated": 0 } },
  ],
  [
    "an approval ends the budget of failing checks",
    OPEN,
    [failing, pending, failing, pending, failing, approved, failing],
    { sends: 3 },
  ],
  [
    "any other budget ends with its cause",
    OPEN,
    [refused, pending, refused, pending, refused],
    { sends: 3, notices: { "reaction.escalated": 0 } },
  ],
  [
    "a rest that the agent ends itself is another one next time",
    WORKING,
    [says("idle"), says("active"), says("idle"), says("active"), says("idle")],
    { sends: 3, notices: { "reaction.escalated": 0 } },
  ],
  [
    "a rest is told to a person at the very end of its time",
    WORKING,
    [says("idle"), tick(899), tick(900)],
    { sends: 1, noticesAfterEach: escalated(0, 0, 1) },
  ],
  [
    "a restart forgives no time",
    OPEN,
    [refused, { op: "restartProcess" }, tick(1_800)],
    { sends: 1, notices: { "reaction.escalated": 1 } },
  ],
  [
    "failing checks have no time",
    OPEN,
    [failing, tick(86_400)],
    { sends: 1, notices: { "reaction.escalated": 0 } },
  ],
  [
    "a kill is no reaction, and ends all",
    OPEN,
    [failing, { op: "requestKill", kind: "manual" }],
    { trackersAfterEach: [">0", 0], notices: { "reaction.agent-exited": 0 } },
  ],
  [
    "nothing is said to one that waits for a person",
    { ...OPEN, session: "needs_input", reason: "awaiting_user_input", activity: "waiting_input" },
    [failing],
    { sends: 0 },
  ],
  [
    "nor to one whose question nobody told by a signal",
    { ...OPEN, session: "needs_input", reason: "awaiting_user_input" },
    [failing, says("active")],
    { sendsAfterEach: [0, 1] },
  ],
  [
    "nor to one that was given up on, until it lives",
    { ...OPEN, session: "stuck", reason: "runtime_lost" },
    [failing, probe("alive", "alive", 1)],
    { sendsAfterEach: [0, 1] },
  ],
  ["a tick of nobody is quiet", null, [tick(10)], { error: false, recordExists: false }],
  // 1.6: rows
  [
    "to forget wins over to remember",
    { ...DOUBTED, revision: 0 },
    [{ op: "patch", patch: { memory: MEMORY, clearMemory: true } }],
    { memory: "absent", session: "detecting" },
  ],
  [
    "a row is written at its revision only",
    { ...WORKING, revision: 4 },
    [{ op: "upsert", session: "idle", revision: 3 }],
    { error: true, revision: 4, session: "working" },
  ],
  [
    "a row begins at revision 0",
    null,
    [{ op: "upsert", session: "not_started", revision: 3 }],
    { error: true, recordExists: false },
  ],
  [
    "ten kills at once are one",
    { ...WORKING, revision: 0 },
    [{ op: "concurrently", count: 10, step: { op: "requestKill" } }],
    { revision: 1, session: "terminated" },
  ],
];

it.each(ROWS)("%s", async (title, record, steps, expected) => {
  const [id, kind] = ["seed2-edges", "scenario"] as const;
  const cases = [{ id, title, given: { record, steps }, expect: expected }];
  const suite = {
    id,
    generation: "seed2",
    subject: title,
    kind,
    note: "",
    informative: false,
    cases,
  };
  expect(linesOf(await runSuites([suite]))).toEqual(["1 passed, 0 failed"]);
});
