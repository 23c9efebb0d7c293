import { describe, expect, it } from "vitest";
import { eligibilityOf, headOf, MOST_ROUNDS, planReviews } from "../../machines/review/plan.ts";
import type { Run } from "../../machines/review/run.ts";
import { WorkerFacts } from "../../machines/review/worker.ts";
import { type pull, workerFacts } from "../machines/review/lives.ts";
import { runOf, workerWith } from "../support/review-runs.ts";

const approved = { state: "complete", verdict: "approved" } as const;
const refused = { state: "delivered", verdict: "changes_requested" } as const;

const rounds = (n: number): Run[] => Array.from({ length: n }, () => runOf(refused));

function branchAt(headSha: string | null): WorkerFacts {
  const workspace = { path: "/t", branch: "ao/mer-1", headSha, baseSha: "b0" };
  return WorkerFacts.parse(workerFacts({ prs: [], workspace }));
}

interface Row {
  readonly title: string;
  readonly pull?: Parameters<typeof pull>;
  readonly runs?: readonly Run[];
  readonly status: string;
  readonly reason?: string;
}

describe("one pull request", () => {
  it.each([
    {
      title: "R003 is ineligible when it is closed",
      pull: [1, "a1", { state: "closed" }],
      status: "ineligible",
      reason: "closed_pr",
    },
    {
      title: "is ineligible when it is merged",
      pull: [1, "a1", { state: "merged" }],
      status: "ineligible",
      reason: "merged_pr",
    },
    { title: "needs review while its head was not", status: "needs_review" },
    {
      title: "R005 has changes requested on its head",
      runs: [runOf({ ...refused, state: "complete" })],
      status: "changes_requested",
    },
    {
      title: "R007 needs review when an older head was approved",
      pull: [1, "a2"],
      runs: [runOf(approved)],
      status: "needs_review",
    },
    {
      title: "R008 needs review when the run of its head failed",
      runs: [runOf({ state: "failed" })],
      status: "needs_review",
    },
    {
      title: "R010 needs review as a draft too",
      pull: [1, "a1", { state: "draft" }],
      status: "needs_review",
    },
    {
      title: "R014 is ineligible without a head",
      pull: [1, ""],
      status: "ineligible",
      reason: "missing_head_sha",
    },
    {
      title: "R014 is ineligible without an address",
      pull: [1, "a1", { url: "" }],
      status: "ineligible",
      reason: "missing_url",
    },
    {
      title: "R016 needs review when the run of its head was cancelled",
      runs: [runOf({ state: "cancelled" })],
      status: "needs_review",
    },
    {
      title: "R034 R200 needs review when a run ended without a verdict",
      runs: [runOf({ state: "complete" })],
      status: "needs_review",
    },
    { title: "is up to date once approved", runs: [runOf(approved)], status: "up_to_date" },
    {
      title: "is running while a run of its head is open",
      runs: [runOf({ state: "launching" })],
      status: "running",
    },
    {
      title: "needs review when the tree was not its commit (P5)",
      runs: [runOf({ ...approved, treeState: "changed" })],
      status: "needs_review",
    },
    {
      title: "has changes requested when reviewers disagree, whoever spoke last (P3)",
      runs: [runOf({ ...refused, harness: "codex" }), runOf(approved)],
      status: "changes_requested",
    },
    {
      title: "is up to date when the one who asked for changes approves (P2)",
      runs: [runOf(refused), runOf(approved)],
      status: "up_to_date",
    },
  ] satisfies Row[])(
    "of a pull request and its runs: $title",
    ({ pull: of = [1, "a1"], runs = [], status, reason }: Row) => {
      const [planned] = planReviews(workerWith(of), runs);
      expect([planned?.status, planned?.reason]).toEqual([status, reason ?? null]);
    },
  );

  it("R014 still shows a run that was recorded for the same empty head", () => {
    const run = runOf({ targetSha: "", state: "failed" });
    expect(planReviews(workerWith([1, ""]), [run])[0]?.latestRun).toBe(run);
  });

  it("R007 shows no latest run of a head that was never reviewed", () => {
    expect(planReviews(workerWith([1, "a2"]), [runOf(approved)])[0]?.latestRun).toBeNull();
  });

  it("R011 keeps the verdict of the head before while the new one waits", () => {
    const before = runOf(refused);
    const [planned] = planReviews(workerWith([1, "a2"]), [before]);
    expect([planned?.status, planned?.latestRun, planned?.previousRun]).toEqual([
      "needs_review",
      null,
      before,
    ]);
  });

  it("R012 keeps the verdict of the head before while the new one runs", () => {
    const [before, now] = [runOf(refused), runOf({ targetSha: "a2", state: "running" })];
    const [planned] = planReviews(workerWith([1, "a2"]), [before, now]);
    expect([planned?.status, planned?.latestRun, planned?.previousRun]).toEqual([
      "running",
      now,
      before,
    ]);
  });

  it("R013 takes the newest verdict of another head, and none from a run that failed", () => {
    const runs = [
      runOf({ ...approved, targetSha: "sA" }),
      runOf({ ...refused, targetSha: "sB" }),
      runOf({ state: "failed", verdict: "approved", targetSha: "sC" }),
      runOf({ ...approved, targetSha: "now" }),
    ];
    const [planned] = planReviews(workerWith([1, "now"]), runs);
    expect([planned?.status, planned?.latestRun, planned?.previousRun]).toEqual([
      "up_to_date",
      runs[3],
      runs[1],
    ]);
  });
});

describe("several pull requests", () => {
  it("R019 are planned each for itself, also with the same head", () => {
    const plan = planReviews(workerWith([1, "a1"], [2, "a1"]), [runOf({ ...approved, pr: 1 })]);
    expect(plan.map(({ status }) => status)).toEqual(["up_to_date", "needs_review"]);
  });

  it("stand by number", () => {
    const plan = planReviews(workerWith([2, "c1"], [1, "a1"]), []);
    expect(plan.map(({ subject }) => subject.number)).toEqual([1, 2]);
  });
});

describe("a branch without a pull request (R320)", () => {
  it("is the subject itself, against the base", () => {
    const [planned] = planReviews(branchAt("c9"), []);
    expect(planned).toMatchObject({
      status: "needs_review",
      targetSha: "c9",
      subject: { url: "ao://mer/branch/ao/mer-1", number: 0, baseRef: "main" },
    });
  });

  it("has nothing to be reviewed while it is its base", () => {
    expect(planReviews(branchAt("b0"), [])).toEqual([]);
    expect(planReviews(branchAt(null), [])).toEqual([]);
  });
});

describe("a trigger", () => {
  const asked = { harness: "command", isExplicit: false, isForced: false };
  const verdictOf = (runs: readonly Run[], more: Partial<typeof asked> = {}): unknown => {
    const [planned] = planReviews(workerWith([1, "a1"]), runs);
    if (planned === undefined) throw new Error("nothing was planned");
    const verdict = eligibilityOf(planned, runs, { ...asked, ...more });
    return verdict.isEligible || verdict.reason;
  };

  it("makes a run for a head that needs one, or was asked to change", () => {
    expect([verdictOf([]), verdictOf([runOf(refused)])]).toEqual([true, true]);
  });

  it("makes none for a head that is being reviewed, or approved", () => {
    expect([verdictOf([runOf()]), verdictOf([runOf(approved)])]).toEqual([
      "review_running",
      "already_approved",
    ]);
  });

  it("asks for a person's word after some rounds on one head", () => {
    expect(verdictOf(rounds(MOST_ROUNDS - 1))).toBe(true);
    expect(verdictOf(rounds(MOST_ROUNDS))).toBe("same_head_changes_requested");
    expect(verdictOf(rounds(MOST_ROUNDS), { isForced: true })).toBe(true);
  });

  it("takes an explicit reviewer for a second opinion, once", () => {
    const codex = { harness: "codex", isExplicit: true };
    expect(verdictOf([runOf(approved)], codex)).toBe(true);
    expect(verdictOf([runOf()], codex)).toBe(true);
    expect(verdictOf([runOf({ ...approved, harness: "codex" })], codex)).toBe("already_approved");
    expect(verdictOf([runOf({ harness: "codex" })], codex)).toBe("review_running");
  });
});

it("knows the head of a subject for as long as it is open", () => {
  const { subject } = runOf();
  expect(headOf(workerWith([1, "a1"]), subject)).toBe("a1");
  expect(headOf(workerWith([1, "a1", { state: "merged" }]), subject)).toBeUndefined();
  expect(headOf(workerWith([2, "c1"]), subject)).toBeUndefined();
});
