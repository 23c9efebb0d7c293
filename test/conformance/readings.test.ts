import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parsed, type Suite } from "./cases.ts";
import { linesOf, runSuites } from "./report.ts";
import { isOp } from "./steps.ts";

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
const batch = {
  op: "reviewBatch",
  batch: "batch-1",
  results: [
    {
      run: "run-1",
      pr: "pull/1",
      sha: "sha1",
      verdict: "changes_requested",
      body: "fix auth",
      reviewId: "101",
    },
  ],
};
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
    title: "a spawn is two writes of the row, and a kill one more",
    suite: "seed2-sessions",
    given: { do: ["spawn", "kill:manual"] },
    expect: { revision: 3, error: false },
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
    title: "a signal of a launch that is prepared counts, and its commit keeps it",
    suite: "seed2-launches",
    given: {
      record: { ...OVER, launch: "one" },
      steps: [
        { op: "prepareLaunch", launch: "two" },
        { op: "signal", state: "idle", launch: "one" },
        { op: "signal", state: "active", launch: "two" },
        { op: "markSpawned", launch: "two", runtimeHandleId: "h" },
      ],
    },
    expect: {
      sessionAfterEach: ["not_started", "not_started", "working", "working"],
      runtimeAfterEach: ["unknown", "unknown", "unknown", "alive"],
      launch: "two",
      metadata: { runtimeHandleId: "h" },
      error: false,
    },
  },
  {
    title: "a launch that is let go leaves the end that was before it",
    suite: "seed2-launches",
    given: {
      record: { ...OVER, launch: "one" },
      steps: [
        { op: "prepareLaunch", launch: "two" },
        { op: "restartProcess" },
        { op: "cancelLaunch", launch: "two" },
      ],
    },
    expect: {
      sessionAfterEach: ["not_started", "not_started", "terminated"],
      reason: "manually_killed",
      error: false,
    },
  },
  {
    title: "a batch of reviews is told once, and a restart forgets none",
    suite: "seed2-batches",
    given: { record: WORKING, steps: [batch, { op: "restartProcess" }, batch] },
    expect: { outcomes: ["sent", "sent"], sends: 1, sendContains: ["fix auth", "101"] },
  },
  {
    title: "a batch waits while a person is asked, and follows the answer",
    suite: "seed2-batches",
    given: {
      record: WORKING,
      steps: [
        { op: "signalActivity", activity: "waiting_input", atSec: 0 },
        batch,
        { op: "signalActivity", activity: "active", atSec: 1 },
      ],
    },
    expect: { outcomes: ["no_op"], sendsAfterEach: [0, 0, 1] },
  },
  {
    title: "what is told of a tracker changes nothing",
    suite: "seed2-tracker",
    given: { record: WORKING, steps: [{ op: "observeIssue", fetched: true, state: "done" }] },
    expect: { unchanged: true, revisionDelta: 0, sends: 0 },
  },
  {
    title: "there is nobody to hand a session over to",
    suite: "seed2-controllers",
    given: {
      record: WORKING,
      steps: [{ op: "commitController", source: "tui", target: "chat" }],
    },
    expect: { error: true, unchanged: true },
  },
  {
    title: "what was said stays said when its pane is gone",
    suite: "seed2-reactions",
    given: {
      record: { ...WORKING, prState: "open", prReason: "review_pending", prNumber: 7 },
      steps: [
        { op: "observeScm", fetched: true, prState: "open", ci: "failing", number: 7 },
        { op: "requestKill", kind: "manual" },
      ],
    },
    expect: { sendsAfterEach: [1, 1] },
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

it("every op that the file lists is known", () => {
  const { ops } = parsed(
    Listed,
    JSON.parse(readFileSync("test/cases/lifecycle.json", "utf8")),
    "it",
  );
  expect(Object.keys(ops).filter((op) => !isOp(op))).toEqual([]);
});
const Listed = z.looseObject({ ops: z.record(z.string(), z.string()) });

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
