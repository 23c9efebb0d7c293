import { z } from "zod";
import type { PullRequestFacts } from "../../machines/observations.ts";
import { T0 } from "./stage.ts";
import { urlOf } from "./record.ts";

// Scm
//
// The facts of a pull request in the words of the model, told in the words of the contract.
//
//   C1. The model's gate says that it may be merged now: with it open, no review is required and no check awaited.
//   C2. A conflict is what the model takes for one: no gate, not free of conflicts, and something was worked out.

const Comment = z.strictObject({
  id: z.string().optional(),
  author: z.string().default("ann"),
  body: z.string().default(""),
  isBot: z.boolean().default(false),
  path: z.string().optional(),
  line: z.number().int().optional(),
  url: z.string().optional(),
  resolved: z.boolean().default(false),
});

const Check = z.strictObject({
  name: z.string(),
  url: z.string().optional(),
  logTail: z.string().optional(),
});

/** `observeScm`, as the suites of the model write it. */
export const ScmFacts = z.strictObject({
  fetched: z.boolean(),
  prState: z.enum(["none", "draft", "open", "merged", "closed"]).optional(),
  draft: z.boolean().optional(),
  ci: z.enum(["none", "pending", "passing", "failing"]).optional(),
  review: z.enum(["none", "pending", "approved", "changes_requested"]).optional(),
  mergeable: z.boolean().optional(),
  ciPassing: z.boolean().optional(),
  approvedFlag: z.boolean().optional(),
  noConflicts: z.boolean().optional(),
  blockers: z.array(z.string()).optional(),
  pendingComments: z.array(Comment).optional(),
  number: z.number().int().optional(),
  url: z.string().optional(),
  title: z.string().optional(),
  head: z.string().optional(),
  source: z.string().optional(),
  target: z.string().optional(),
  logTail: z.string().optional(),
  checks: z.array(Check).optional(),
});
export type ScmFacts = z.infer<typeof ScmFacts>;

/** The body of `ao.obs.scm`; `known` is the pull request that the record had before. */
export function scmBody(
  facts: ScmFacts,
  known: { readonly number?: number | undefined; readonly url?: string | undefined },
): { readonly fetched: boolean; readonly prs: readonly PullRequestFacts[] } {
  const { fetched, prState = fetched ? "open" : "none" } = facts;
  if (!fetched || prState === "none") return { fetched, prs: [] };
  const isDraft = prState === "open" && facts.draft === true;
  const pr: PullRequestFacts = {
    ...namesOf(facts, known),
    state: isDraft ? "draft" : prState,
    headRef: facts.source ?? "head",
    baseRef: facts.target ?? "main",
    ci: checksOf(facts),
    reviewDecision: decisionOf(facts),
    comments: (facts.pendingComments ?? []).map(commentOf),
    mergeable: mergeableOf(facts),
    updatedAt: T0,
  };
  return { fetched, prs: [pr] };
}

function namesOf(
  facts: ScmFacts,
  known: Parameters<typeof scmBody>[1],
): Pick<PullRequestFacts, "url" | "number" | "title" | "headSha"> {
  const number = facts.number ?? known.number ?? 1;
  const url = number === (known.number ?? number) ? known.url : undefined;
  return {
    url: facts.url ?? urlOf(url, number),
    number,
    title: facts.title ?? "",
    headSha: facts.head ?? "",
  };
}

function commentOf(
  comment: z.infer<typeof Comment>,
  index: number,
): PullRequestFacts["comments"][number] {
  const id = comment.id ?? `${index}-${comment.author}-${comment.body}`.slice(0, 200);
  const { path, line, url, ...told } = comment;
  return {
    ...told,
    id,
    ...(path !== undefined && { path }),
    ...(line !== undefined && { line }),
    ...(url !== undefined && { url }),
  };
}

function checksOf({ ci, ciPassing, mergeable, logTail, checks }: ScmFacts): PullRequestFacts["ci"] {
  if (ci === "failing") {
    const failing = checks ?? [{ name: "ci", ...(logTail !== undefined && { logTail }) }];
    return { state: "failing", failing };
  }
  // C1
  if (mergeable === true) return { state: ci === "pending" ? "none" : (ci ?? "none") };
  return { state: ci ?? (ciPassing === true ? "passing" : "none") };
}

function decisionOf({ review = "none", mergeable }: ScmFacts): PullRequestFacts["reviewDecision"] {
  if (review !== "pending") return review;
  return mergeable === true ? "none" : "required";
}

function mergeableOf(facts: ScmFacts): boolean | null {
  const { mergeable, noConflicts, ciPassing, approvedFlag, blockers = [] } = facts;
  if (mergeable === true) return true;
  const isWorkedOut = ciPassing === true || approvedFlag === true || blockers.length > 0;
  return noConflicts !== true && isWorkedOut ? false : null;
}
