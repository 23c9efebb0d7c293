import { isOpenPull, type PullState } from "../pull-state.ts";
import type { PullRequestFacts } from "../observations.ts";
import type { Status } from "./status.ts";

// Pull requests
//
// Decides what the pull requests of a session mean for it. Pure.
//
//   Q1. The worst of several open ones speaks for all.
//   Q2. One that builds on another open one of the same session only tells what its own author can mend.
//   Q3. When none is open, a merged one speaks before a closed one.

export type PrState = "none" | PullState;
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
  /** Quiet for longer than anyone would wait. */
  readonly idleBeyond?: boolean;
}

/** What a verdict makes of the session that the pull request belongs to. */
interface Parked {
  readonly state: "working" | "idle" | "stuck";
  readonly reason: string;
}

export interface OpenVerdict {
  readonly state: "open" | "draft";
  readonly reason: PrReason;
  /** What the session would show. */
  readonly display: Status;
  readonly lifecycle: Parked;
  /** The name of the rung. */
  readonly condition: string;
}

export interface EndedVerdict {
  readonly state: PrState;
  readonly reason: PrReason | "";
  readonly display: Status;
  readonly lifecycle: Parked;
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

/** What one open pull request comes to, for itself and for the session it belongs to. First match. */
export function decideOpen(facts: OpenFacts): OpenVerdict {
  const state = facts.draft === true ? "draft" : "open";
  const row = LADDER.find(({ fact }) => fact === undefined || facts[fact] === true) ?? NOTHING;
  return { ...row.verdict, state };
}

/** The text that a verdict on an open pull request rests on. */
export function openEvidence(
  { condition }: OpenVerdict,
  { number, url = "" }: { readonly number?: number | undefined; readonly url?: string | undefined },
): string {
  const named = number === undefined || number <= 0 ? condition : `${condition} #${number}`;
  return url === "" ? named : `${named} ${url}`;
}

const FIXING = { state: "working", reason: "fixing_ci" } as const;
const CREATED = { state: "working", reason: "pr_created" } as const;
const RESOLVING = { state: "working", reason: "resolving_review_comments" } as const;
const WAITING = { state: "idle", reason: "awaiting_external_review" } as const;

interface Rung {
  /** The fact that leads here; the last rung needs none. */
  readonly fact?: keyof OpenFacts;
  readonly verdict: Omit<OpenVerdict, "state">;
}
const NOTHING: Rung = {
  verdict: {
    condition: "pr_open",
    display: "pr_open",
    reason: "in_progress",
    lifecycle: CREATED,
  },
};
// Mergeable stands before approved: where no review is required nobody approves.
const LADDER: readonly Rung[] = [
  rung("ciFailing", "ci_failing", { display: "ci_failed", lifecycle: FIXING }),
  {
    fact: "draft",
    verdict: { condition: "draft", display: "draft", reason: "in_progress", lifecycle: CREATED },
  },
  rung("changesRequested", "changes_requested", {
    display: "changes_requested",
    lifecycle: RESOLVING,
  }),
  rung("botComments", "bot_comments", { display: "changes_requested", lifecycle: RESOLVING }),
  rung("mergeConflicts", "merge_conflicts", { display: "pr_open", lifecycle: CREATED }),
  rung("mergeable", "merge_ready", { display: "mergeable", lifecycle: WAITING }),
  rung("approved", "approved", { display: "approved", lifecycle: WAITING }),
  rung("reviewPending", "review_pending", { display: "review_pending", lifecycle: WAITING }),
  {
    fact: "idleBeyond",
    verdict: {
      condition: "idle_beyond",
      display: "stuck",
      reason: "in_progress",
      lifecycle: { state: "stuck", reason: "awaiting_user_input" },
    },
  },
  NOTHING,
];

function rung(
  fact: keyof OpenFacts,
  reason: PrReason,
  more: Pick<OpenVerdict, "display" | "lifecycle">,
): Rung {
  return { fact, verdict: { condition: reason, reason, ...more } };
}

/** What the end of a pull request comes to. Total: one that has not ended says that work goes on. */
export function decideEnded(state: PrState): EndedVerdict {
  switch (state) {
    case "merged":
      return {
        state,
        reason: "merged",
        display: "merged",
        lifecycle: { state: "idle", reason: "merged_waiting_decision" },
      };
    case "closed":
      return {
        state,
        reason: "closed_unmerged",
        display: "idle",
        lifecycle: { state: "idle", reason: "awaiting_user_input" },
      };
    case "none":
    case "draft":
    case "open":
      break;
  }
  const working = { state: "working", reason: "task_in_progress" } as const;
  return { state, reason: "", display: "working", lifecycle: working };
}

/** What a forge's words about one open pull request come to. Unknown is never taken for passing. */
export function openFactsOf(pr: PullRequestFacts): OpenFacts {
  const pending = pr.comments.filter(isPending);
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

/** Whether a comment still waits for something to be done. */
export function isPending({ resolved, isAnswered }: PullRequestFacts["comments"][number]): boolean {
  return !resolved && isAnswered !== true;
}

/** What all pull requests of a session come to; undefined when there are none. */
export function aggregate(prs: readonly PullRequestFacts[]): PrVerdict | undefined {
  const open = prs.filter(isOpenPull);
  if (open.length > 0) return worstOf(open);
  const last =
    prs.findLast(({ state }) => state === "merged") ??
    prs.findLast(({ state }) => state === "closed");
  if (last === undefined) return undefined;
  const { number, url } = last;
  const { state, reason } = decideEnded(last.state);
  return { state, reason: reason === "" ? "in_progress" : reason, number, url };
}

/** Whether it builds on another open one of these, so that its own merge has to wait (Q2). */
export function isBlocked(pr: PullRequestFacts, prs: readonly PullRequestFacts[]): boolean {
  return prs.some((other) => other !== pr && isOpenPull(other) && other.headRef === pr.baseRef);
}

function worstOf(open: readonly PullRequestFacts[]): PrVerdict | undefined {
  const heads = new Set(open.map(({ headRef }) => headRef));
  const all = open.map((pr) => {
    const { state, reason } = decideOpen(openFactsOf(pr));
    return { state, reason, number: pr.number, url: pr.url, isStacked: heads.has(pr.baseRef) };
  });
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
