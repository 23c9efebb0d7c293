import { describe, expect, it } from "vitest";
import { decideLiveness, type LivenessFacts } from "../../../machines/session/liveness.ts";
import { decideEnded, decideOpen, openEvidence } from "../../../machines/session/pull-requests.ts";
import { displayStatus } from "../../../machines/session/status.ts";

// The whole input space of each decider, against its rules written down a second time as the list they are.

const LIMITS = { maxAttempts: 3, maxMs: 300_000 };

function subsets<Name extends string>(names: readonly Name[]): Record<Name, boolean>[] {
  return Array.from({ length: 2 ** names.length }, (_, bits) => {
    const entries = names.map((name, at) => [name, (bits & (1 << at)) !== 0]);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name is there
    return Object.fromEntries(entries) as Record<Name, boolean>;
  });
}

const RUNTIMES = ["unknown", "alive", "exited", "missing", "probe_failed"] as const;
const PROCESSES = ["alive", "dead", "indeterminate", "failed"] as const;
type Facts = Omit<LivenessFacts, "prior" | "at">;
const isGone = ({ runtime }: Facts): boolean => runtime === "exited" || runtime === "missing";

/** First match, as the reference has it. */
const LIVENESS: readonly [(facts: Facts) => boolean, string, string][] = [
  [(f) => f.killRequested === true, "terminated", "manually_killed"],
  [
    (f) =>
      f.runtimeProbeFailed === true ||
      f.processProbeFailed === true ||
      f.process === "failed" ||
      f.runtime === "probe_failed",
    "detecting",
    "probe_failure",
  ],
  [(f) => f.runtime === "alive" && f.process === "dead", "detecting", "agent_process_exited"],
  [(f) => f.runtime === "alive", "working", "task_in_progress"],
  [(f) => isGone(f) && (f.process === "alive" || f.recentActivity), "detecting", "runtime_lost"],
  [(f) => isGone(f) && f.process === "dead", "terminated", "runtime_lost"],
  [isGone, "detecting", "runtime_lost"],
  [() => true, "detecting", "runtime_lost"],
];

describe("liveness", () => {
  const all = RUNTIMES.flatMap((runtime) =>
    PROCESSES.flatMap((process) =>
      subsets(["runtimeProbeFailed", "processProbeFailed", "recentActivity", "killRequested"]).map(
        (flags) => ({ runtime, process, ...flags }),
      ),
    ),
  );

  it.each(LIVENESS.map(([, state, reason], row) => ({ row: row + 1, state, reason })))(
    "comes to $state for $reason by its row $row, for all of it",
    ({ row }) => {
      const [isIt, state, reason] = LIVENESS[row - 1] ?? [() => false, "", ""];
      const own = all.filter(
        (facts) => isIt(facts) && !LIVENESS.slice(0, row - 1).some(([isOther]) => isOther(facts)),
      );
      const verdicts = own.map((facts) => decideLiveness({ ...facts, prior: null, at: 5 }, LIMITS));
      const memory = state === "detecting" ? { attempts: 1, startedAt: 5 } : undefined;
      expect(own.length).toBeGreaterThan(0);
      expect(verdicts).toMatchObject(
        own.map(() => ({ state, reason, ...(memory !== undefined && { memory }) })),
      );
    },
  );

  it("is never dead with a failed probe, an unknown process, or a sign of life (A1, A2)", () => {
    const dead = all.filter(
      (facts) =>
        !facts.killRequested &&
        decideLiveness({ ...facts, prior: null, at: 0 }, LIMITS).state === "terminated",
    );
    expect(
      dead.filter((f) => f.process !== "dead" || f.recentActivity || f.runtimeProbeFailed),
    ).toEqual([]);
    expect(dead.length).toBe(2);
  });
});

const FACTS = [
  "ciFailing",
  "draft",
  "changesRequested",
  "botComments",
  "mergeConflicts",
  "mergeable",
  "approved",
  "reviewPending",
  "idleBeyond",
] as const;
/** Most pressing first: display, reason, what the session does, and the name in the evidence. */
const LADDER = {
  ciFailing: ["ci_failed", "ci_failing", "working/fixing_ci", "ci_failing"],
  draft: ["draft", "in_progress", "working/pr_created", "draft"],
  changesRequested: [
    "changes_requested",
    "changes_requested",
    "working/resolving_review_comments",
    "changes_requested",
  ],
  botComments: [
    "changes_requested",
    "bot_comments",
    "working/resolving_review_comments",
    "bot_comments",
  ],
  mergeConflicts: ["pr_open", "merge_conflicts", "working/pr_created", "merge_conflicts"],
  mergeable: ["mergeable", "merge_ready", "idle/awaiting_external_review", "merge_ready"],
  approved: ["approved", "approved", "idle/awaiting_external_review", "approved"],
  reviewPending: [
    "review_pending",
    "review_pending",
    "idle/awaiting_external_review",
    "review_pending",
  ],
  idleBeyond: ["stuck", "in_progress", "stuck/awaiting_user_input", "idle_beyond"],
  none: ["pr_open", "in_progress", "working/pr_created", "pr_open"],
} as const;

describe("an open pull request", () => {
  it.each([...FACTS, "none"] as const)(
    "comes to what %s says, whatever stands below it",
    (name) => {
      const own = subsets(FACTS).filter(
        (facts) => (FACTS.find((fact) => facts[fact]) ?? "none") === name,
      );
      const [display, reason, lifecycle, condition] = LADDER[name];
      const got = own.map((facts) => {
        const verdict = decideOpen(facts);
        const { state, reason: why } = verdict.lifecycle;
        const evidence = openEvidence(verdict, { number: 7, url: "u" });
        return [verdict.display, verdict.state, verdict.reason, `${state}/${why}`, evidence];
      });
      const wanted = own.map((facts) => {
        const state = facts.draft ? "draft" : "open";
        return [display, state, reason, lifecycle, `${condition} #7 u`];
      });
      expect(own.length).toBeGreaterThan(0);
      expect(got).toEqual(wanted);
    },
  );

  it("shows what the projection makes of its verdict, whatever the facts", () => {
    const odd = subsets(FACTS).filter((facts) => {
      const { state, reason, display, lifecycle } = decideOpen(facts);
      const pr = { state, reason };
      const shown = displayStatus({ lifecycle, pr, activity: "none", runtime: "alive" });
      return shown.status !== display;
    });
    expect(odd).toEqual([]);
  });

  it.each([
    { given: { number: 123, url: "https://x/123" }, evidence: "approved #123 https://x/123" },
    { given: { number: 7 }, evidence: "approved #7" },
    { given: { url: "u" }, evidence: "approved u" },
    { given: {}, evidence: "approved" },
    { given: { number: 0 }, evidence: "approved" },
  ])("rests on '$evidence'", ({ given, evidence }) => {
    expect(openEvidence(decideOpen({ approved: true }), given)).toBe(evidence);
  });
});

describe("the end of a pull request", () => {
  it.each([
    { state: "merged", reason: "merged", display: "merged", to: "idle/merged_waiting_decision" },
    { state: "closed", reason: "closed_unmerged", display: "idle", to: "idle/awaiting_user_input" },
    { state: "none", reason: "", display: "working", to: "working/task_in_progress" },
    { state: "open", reason: "", display: "working", to: "working/task_in_progress" },
    { state: "draft", reason: "", display: "working", to: "working/task_in_progress" },
  ] as const)("$state comes to $to", ({ state, reason, display, to }) => {
    const verdict = decideEnded(state);
    const lifecycle = `${verdict.lifecycle.state}/${verdict.lifecycle.reason}`;
    expect([verdict.state, verdict.reason, verdict.display, lifecycle]).toEqual([
      state,
      reason,
      display,
      to,
    ]);
  });
});

describe("the display", () => {
  const SESSIONS = ["not_started", "working", "idle", "needs_input", "stuck", "detecting", "done"];
  const PRS = ["none", "draft", "open", "merged", "closed"];
  const REASONS = ["", "in_progress", "ci_failing", "review_pending", "changes_requested"].concat([
    "bot_comments",
    "merge_conflicts",
    "approved",
    "merge_ready",
    "merged",
    "closed_unmerged",
  ]);
  const OPEN: Readonly<Record<string, string>> = {
    ci_failing: "ci_failed",
    changes_requested: "changes_requested",
    bot_comments: "changes_requested",
    approved: "approved",
    merge_ready: "mergeable",
    review_pending: "review_pending",
  };

  function expected(session: string, pr: string, why: string): string {
    if (session === "not_started") return "spawning";
    if (session !== "working" && session !== "idle") return session;
    if (pr === "merged") return "merged";
    if (pr === "draft") return why === "ci_failing" ? "ci_failed" : "draft";
    if (pr === "open") return OPEN[why] ?? "pr_open";
    return session;
  }

  it.each(SESSIONS)(
    "of a session that is %s is the first match for every pull request",
    (state) => {
      const all = PRS.flatMap((pr) => REASONS.map((reason) => ({ state: pr, reason })));
      const shown = all.map(
        (pr) =>
          displayStatus({
            lifecycle: { state, reason: "" },
            pr,
            activity: "none",
            runtime: "alive",
          }).status,
      );
      expect(shown).toEqual(all.map((pr) => expected(state, pr.state, pr.reason)));
    },
  );
});
