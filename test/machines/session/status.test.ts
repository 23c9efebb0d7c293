import { describe, expect, it } from "vitest";
import {
  displayStatus,
  STATUSES,
  type Status,
  type StatusFacts,
} from "../../../machines/session/status.ts";

const SOFT = ["working", "idle"];
const ALL_LIFECYCLE = [...SOFT, "not_started", "needs_input", "stuck", "detecting", "done"];
const ALL_PR = ["none", "draft", "open", "merged", "closed"];

function facts(change: {
  lifecycle?: string;
  pr?: string;
  activity?: string;
  runtime?: string;
  silentMs?: number;
}): StatusFacts {
  const { lifecycle = "working", pr = "none", activity = "active", runtime = "alive" } = change;
  return {
    lifecycle: axis(lifecycle),
    pr: axis(pr),
    activity,
    runtime,
    ...(change.silentMs === undefined ? {} : { silentMs: change.silentMs }),
  };
}

/** "open/approved" is the state open for the reason approved. */
function axis(text: string): { state: string; reason: string } {
  const [state = "", reason = ""] = text.split("/");
  return { state, reason };
}

interface Row {
  readonly lifecycle?: string;
  readonly pr?: string;
  readonly activity?: string;
  readonly runtime?: string;
  readonly silentMs?: number;
  readonly status: Status;
}

const ROWS = [
  { lifecycle: "terminated/manually_killed", status: "killed" },
  { lifecycle: "terminated/runtime_lost", status: "killed" },
  { lifecycle: "terminated/agent_process_exited", status: "killed" },
  { lifecycle: "terminated/auto_cleanup", status: "cleanup" },
  { lifecycle: "terminated/pr_merged", status: "cleanup" },
  { lifecycle: "terminated/error_in_process", status: "errored" },
  { lifecycle: "terminated/probe_failure", status: "errored" },
  { lifecycle: "terminated/never_heard_of", status: "terminated" },
  { lifecycle: "not_started/spawn_requested", status: "spawning" },
  { pr: "draft/ci_failing", status: "ci_failed" },
  { pr: "draft/in_progress", status: "draft" },
  { pr: "open/ci_failing", status: "ci_failed" },
  { pr: "open/changes_requested", status: "changes_requested" },
  { pr: "open/bot_comments", status: "changes_requested" },
  { pr: "open/approved", status: "approved" },
  { pr: "open/merge_ready", status: "mergeable" },
  { pr: "open/review_pending", status: "review_pending" },
  { pr: "open/merge_conflicts", status: "pr_open" },
  { pr: "open/in_progress", status: "pr_open" },
  { pr: "merged/merged", status: "merged" },
  { lifecycle: "idle", pr: "closed/closed_unmerged", status: "idle" },
  { lifecycle: "working", pr: "closed/closed_unmerged", status: "working" },
  { lifecycle: "idle", status: "idle" },
  { lifecycle: "working", status: "working" },
  { lifecycle: "never_heard_of", status: "working" },
  { lifecycle: "idle", activity: "exited", status: "exited" },
  { lifecycle: "idle", activity: "exited", pr: "open/approved", status: "approved" },
  { lifecycle: "working", silentMs: 90_000, status: "working" },
  { lifecycle: "working", silentMs: 90_001, status: "no_signal" },
  { lifecycle: "not_started", silentMs: 90_001, status: "no_signal" },
  { lifecycle: "not_started", silentMs: 90_001, runtime: "unknown", status: "spawning" },
  { lifecycle: "working", silentMs: 90_001, pr: "open/approved", status: "approved" },
] satisfies Row[];

describe("displayStatus", () => {
  it.each(ROWS)("shows $status for $lifecycle $pr $activity $silentMs", (row: Row) => {
    expect(displayStatus(facts(row)).status).toBe(row.status);
  });

  it.each(["done", "needs_input", "stuck", "detecting", "terminated/manually_killed"])(
    "shows a session that is %s the same with every pull request (T1)",
    (lifecycle) => {
      const alone = displayStatus(facts({ lifecycle }));
      expect(ALL_PR.map((pr) => displayStatus(facts({ lifecycle, pr: `${pr}/approved` })))).toEqual(
        ALL_PR.map(() => alone),
      );
    },
  );

  it("shows a live pull request rather than any soft state (T1)", () => {
    const shown = SOFT.flatMap((lifecycle) =>
      ["draft", "open", "merged"].map((pr) => displayStatus(facts({ lifecycle, pr })).status),
    );
    expect(shown).toEqual(["draft", "pr_open", "merged", "draft", "pr_open", "merged"]);
  });

  it("knows a word for every combination of axes (T2)", () => {
    const words = ALL_LIFECYCLE.flatMap((lifecycle) =>
      ALL_PR.map((pr) => displayStatus(facts({ lifecycle, pr: `${pr}/odd` })).status),
    );
    expect(words.filter((word) => !STATUSES.includes(word))).toEqual([]);
  });

  it("gives the reason of the axis that the status rests on", () => {
    expect([
      displayStatus(facts({ lifecycle: "working/task_in_progress", pr: "open/approved" })).reason,
      displayStatus(facts({ lifecycle: "stuck/probe_failure", pr: "open/approved" })).reason,
    ]).toEqual(["approved", "probe_failure"]);
  });
});
