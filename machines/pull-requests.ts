import type { PullRequestFacts } from "./observations.ts";

// Pull requests
//
// Decides what the pull requests of a session mean for it. Pure.
//
//   Q1. The worst of several open ones speaks for all.
//   Q2. One that builds on another open one of the same session only tells what its own author can mend.
//   Q3. When none is open, a merged one speaks before a closed one.

export type PrState = "none" | "draft" | "open" | "merged" | "closed";
export type PrReason =
  | "not_created"
  | "in_progress"
  | "ci_failing"
  | "review_pending"
  | "changes_requested"
  | "bot_comments"
  | "merge_conflicts"
  | "approved"
  | "merge_ready"
  | "merged"
  | "closed_unmerged";

export interface OpenFacts {
  readonly draft?: boolean;
  readonly ciFailing?: boolean;
  readonly changesRequested?: boolean;
  readonly botComments?: boolean;
  readonly mergeConflicts?: boolean;
  readonly mergeable?: boolean;
  readonly approved?: boolean;
  readonly reviewPending?: boolean;
}

export interface PrVerdict {
  readonly state: PrState;
  readonly reason: PrReason;
  readonly number: number;
  readonly url: string;
}

// Worst first: what stands in the way of a merge, and who must act.
const WORST_FIRST: readonly PrReason[] = [
  "ci_failing",
  "changes_requested",
  "bot_comments",
  "merge_conflicts",
  "review_pending",
  "in_progress",
  "approved",
  "merge_ready",
];

/** State and reason of one open pull request. First match. */
export function decideOpen(facts: OpenFacts): { state: "open" | "draft"; reason: PrReason } {
  const state = facts.draft === true ? "draft" : "open";
  if (facts.ciFailing === true) return { state, reason: "ci_failing" };
  if (state === "draft") return { state, reason: "in_progress" };
  const reason = OPEN_REASONS.find(([fact]) => facts[fact] === true)?.[1];
  return { state, reason: reason ?? "in_progress" };
}

const OPEN_REASONS: readonly (readonly [keyof OpenFacts, PrReason])[] = [
  ["changesRequested", "changes_requested"],
  ["botComments", "bot_comments"],
  ["mergeConflicts", "merge_conflicts"],
  ["mergeable", "merge_ready"],
  ["approved", "approved"],
  ["reviewPending", "review_pending"],
];

/** What a forge's words about one open pull request come to. Unknown is never taken for passing. */
export function openFactsOf(pr: PullRequestFacts): OpenFacts {
  const pending = pr.comments.filter(({ resolved }) => !resolved);
  const isChecked = pr.ci.state === "passing" || pr.ci.state === "none";
  return {
    draft: pr.state === "draft",
    ciFailing: pr.ci.state === "failing",
    changesRequested:
      pr.reviewDecision === "changes_requested" || pending.some(({ isBot }) => !isBot),
    botComments: pending.some(({ isBot }) => isBot),
    mergeConflicts: pr.mergeable === false,
    mergeable: pr.mergeable === true && isChecked && pr.reviewDecision !== "required",
    approved: pr.reviewDecision === "approved",
    reviewPending: pr.reviewDecision === "required",
  };
}

/** What all pull requests of a session come to; undefined when there are none. */
export function aggregate(prs: readonly PullRequestFacts[]): PrVerdict | undefined {
  const open = prs.filter(isOpen);
  if (open.length > 0) return worstOf(open);
  const last =
    prs.findLast(({ state }) => state === "merged") ??
    prs.findLast(({ state }) => state === "closed");
  if (last === undefined) return undefined;
  const { number, url } = last;
  return last.state === "merged"
    ? { state: "merged", reason: "merged", number, url }
    : { state: "closed", reason: "closed_unmerged", number, url };
}

/** Whether it is neither merged nor closed. */
export function isOpen({ state }: PullRequestFacts): boolean {
  return state === "open" || state === "draft";
}

/** Whether it builds on another open one of these, so that its own merge has to wait (Q2). */
export function isBlocked(pr: PullRequestFacts, prs: readonly PullRequestFacts[]): boolean {
  return prs.some((other) => other !== pr && isOpen(other) && other.headRef === pr.baseRef);
}

function worstOf(open: readonly PullRequestFacts[]): PrVerdict | undefined {
  const heads = new Set(open.map(({ headRef }) => headRef));
  const all = open.map((pr) => ({
    ...decideOpen(openFactsOf(pr)),
    number: pr.number,
    url: pr.url,
    isStacked: heads.has(pr.baseRef),
  }));
  const heard = all.filter(
    ({ isStacked, state, reason }) => !isStacked || state === "draft" || isOwnTrouble(reason),
  );
  const [worst] = (heard.length > 0 ? heard : all).toSorted((a, b) => rankOf(a) - rankOf(b));
  if (worst === undefined) return undefined;
  const { isStacked: _, ...verdict } = worst;
  return verdict;
}

function isOwnTrouble(reason: PrReason): boolean {
  return reason === "ci_failing" || reason === "changes_requested" || reason === "bot_comments";
}

function rankOf({ state, reason }: { state: PrState; reason: PrReason }): number {
  const rank = WORST_FIRST.indexOf(reason);
  // A draft waits for its author: before all that waits for others.
  return state === "draft" && reason === "in_progress"
    ? WORST_FIRST.indexOf("review_pending") - 0.5
    : rank;
}
