import { describe, expect, it } from "vitest";
import type { Suite } from "./cases.ts";
import { linesOf, runSuites } from "./report.ts";

// Readings
//
// Cases that the file does not hold, each for one reading of an op or a key by the runner.

type Row = {
  readonly title: string;
  readonly suite: string;
  readonly kind?: Suite["kind"];
  readonly given: Record<string, unknown>;
  readonly expect: Record<string, unknown>;
};

const WORKING = { session: "working", reason: "task_in_progress", runtime: "alive" };
const SEEDED = { session: "not_started", reason: "spawn_requested" };
const OVER = { session: "terminated", reason: "manually_killed", runtime: "exited" };
const PANE = { runtime: "tmux", handle: "h" };
const PASS = ["tick", "pollSet"];
const seed = { op: "spawnInitiated", ...SEEDED };
const completed = { op: "spawnCompleted", branch: "b", runtimeHandleId: "h", runtimeName: "tmux" };
const probe = (process: string, atSec: number): Record<string, unknown> => ({
  op: "observeRuntime",
  runtime: "dead",
  process,
  atSec,
});

const ROWS: readonly Row[] = [
  {
    title: "an open pull request without facts is asked of its own decider",
    suite: "seed2-openpr-pairs",
    kind: "table",
    given: {},
    expect: { display: "pr_open" },
  },
  {
    title: "the quarantine shows what the projection derives",
    suite: "seed-agreement",
    kind: "property",
    given: {
      decider: "quarantine",
      input: { evidence: "x", proposedReason: "runtime_lost", prior: null, nowSec: 0 },
    },
    expect: { displayEqualsDerived: "detecting" },
  },
  {
    title: "a seeded row is at revision 1, and nothing runs yet",
    suite: "seed-outcomes",
    given: { record: null, steps: [seed] },
    expect: { revision: 1, runtime: "unknown", runtimeReason: "spawn_incomplete" },
  },
  {
    title: "the completion of a seeded row is one write more",
    suite: "seed-outcomes",
    given: { record: null, steps: [seed, completed] },
    expect: { revision: 2, runtime: "alive", session: "not_started", error: false },
  },
  {
    title: "a row that is over is seeded again",
    suite: "seed-outcomes",
    given: { record: OVER, steps: [seed, completed] },
    expect: { error: false, session: "not_started", runtime: "alive", revisionDelta: 2 },
  },
  {
    title: "a kill is one write of the row, and a second one none",
    suite: "seed-outcomes",
    given: {
      record: WORKING,
      steps: [
        { op: "requestKill", kind: "error" },
        { op: "requestKill", kind: "manual" },
      ],
    },
    expect: { revisionDelta: 1, reason: "error_in_process", error: false },
  },
  {
    title: "activity that grows old is no other evidence",
    suite: "seed-apply-runtime",
    given: {
      record: { ...WORKING, activity: "active", lastActivityAtSec: 0 },
      steps: [probe("alive", 58), probe("alive", 60), probe("alive", 62)],
    },
    expect: { displayAfterEach: ["detecting", "detecting", "stuck"] },
  },
  {
    title: "a spawn that got no worktree has no row",
    suite: "seed2-sessions",
    given: { do: "spawn", workspaceCreate: "error" },
    expect: { error: true, recordExists: false, runtimeCreated: 0 },
  },
  {
    title: "a spawn whose program was not started frees its worktree and has no row",
    suite: "seed2-sessions",
    given: { do: "spawn", runtimeCreate: "error" },
    expect: { error: true, recordExists: false, workspaceDestroyed: 1 },
  },
  {
    title: "a kill of a row without worktree and pane refuses everything",
    suite: "seed2-sessions",
    given: { do: "kill:manual", record: WORKING },
    expect: {
      error: true,
      session: "working",
      killIntentRecorded: false,
      lifecycleCalled: false,
      runtimeDestroyCalled: false,
      workspaceTouched: false,
    },
  },
  {
    title: "a better column binds for as many steps as its case has",
    suite: "seed-gaps",
    given: {
      record: WORKING,
      steps: [0, 5, 10, 15].map((atSec) => ({
        op: "observeRuntime",
        runtime: "failed",
        process: "failed",
        atSec,
      })),
    },
    expect: {
      displayAfterEach: ["detecting", "detecting", "stuck", "detecting"],
      better:
        "stay stuck (one urgent notice) until a healthy probe, confirmed death, activity or an operator",
    },
  },
  {
    title: "what failed is told by its reason alone, so the evidence is the same",
    suite: "seed-probe-full",
    kind: "table",
    given: {
      runtime: "missing",
      process: "dead",
      runtimeProbeFailed: true,
      nowSec: 5,
      prior: {
        attempts: 1,
        startedAtSec: 0,
        evidence: "probe_failure runtime=missing process=dead",
      },
    },
    expect: { display: "detecting", memory: { attempts: 2, startedAtSec: 0 } },
  },
  {
    title: "the runtime of one that is done is told as of any other",
    suite: "seed-apply-runtime",
    given: {
      record: { session: "done", reason: "research_complete", runtime: "alive" },
      steps: [probe("dead", 0)],
    },
    expect: { session: "done", runtime: "exited", runtimeReason: "tmux_missing" },
  },
  {
    title: "one that is done is cleaned up as one that was ended",
    suite: "seed2-sessions",
    given: {
      do: "cleanup",
      records: [
        { id: "a", session: "terminated", path: "/a" },
        { id: "b", session: "done", path: "/b" },
      ],
    },
    expect: { cleaned: ["a", "b"], skipped: [] },
  },
  {
    title: "a pass tells what it saw in the order of the sessions",
    suite: "seed2-reaper",
    given: {
      sessions: [
        { id: "s1", ...PANE, probe: "alive" },
        { id: "s2", ...PANE, probe: "dead" },
      ],
    },
    expect: {
      calls: [
        ...PASS,
        "observe s1 runtime=alive process=alive",
        "observe s2 runtime=dead process=dead",
      ],
    },
  },
  {
    title: "a probe that fails for one says nothing of another",
    suite: "seed2-reaper",
    given: {
      sessions: [
        { id: "s1", ...PANE, probe: "error" },
        { id: "s2", ...PANE, probe: "alive" },
      ],
    },
    expect: {
      calls: [
        ...PASS,
        "observe s1 runtime=failed process=failed",
        "observe s2 runtime=alive process=alive",
      ],
    },
  },
];

function suiteOf({ title, suite, kind = "scenario", given, expect: expected }: Row): Suite {
  return {
    id: suite,
    generation: "seed",
    subject: title,
    kind,
    note: "",
    informative: false,
    cases: [{ id: `${suite}-more`, title, given, expect: expected }],
  };
}

describe("by the runner", () => {
  it.each(ROWS)("$title", async (row) => {
    expect(linesOf(await runSuites([suiteOf(row)]))).toEqual(["1 passed, 0 failed"]);
  });

  it("no word is taken that the model does not have", async () => {
    const given = { session: "asleep" };
    const row = { title: "asleep", suite: "seed-display", kind: "table", given } as const;
    const [report] = await runSuites([suiteOf({ ...row, expect: { display: "working" } })]);
    expect(report?.type).toBe("error");
  });
});
