import { z } from "zod";
import type { PullRequestFacts } from "../../machines/observations.ts";
import { aggregate, isBlocked } from "../../machines/session/pull-requests.ts";
import { displayStatus } from "../../machines/session/status.ts";
import { parsed, type Case } from "./cases.ts";
import { isRecord, type Difference } from "./expectation.ts";
import { T0 } from "./stage.ts";
import { differences } from "./tables.ts";

// Head tables
//
// The tables of the later model that this product can be asked: what a session with these pull requests shows, and
// which of them stand on others.
//
//   H1. What its agent does is here the lifecycle that such a word leads to.
//   H2. The status of pull requests that stays visible beside the work is the one of a session that rests.

const Pull = z.strictObject({
  url: z.string().optional(),
  source: z.string().optional(),
  target: z.string().optional(),
  draft: z.boolean().default(false),
  merged: z.boolean().default(false),
  closed: z.boolean().default(false),
  ci: z.enum(["passing", "failing", "pending"]).optional(),
  review: z.enum(["approved", "changes_requested", "required"]).optional(),
  mergeability: z.enum(["mergeable", "conflicting"]).optional(),
  unresolvedComments: z.boolean().default(false),
});
const Given = z.strictObject({
  activity: z.enum(["active", "idle", "waiting_input", "blocked", "exited"]).default("idle"),
  terminated: z.boolean().default(false),
  prs: z.array(Pull),
  signalled: z.boolean().default(true),
  quietSec: z.number().default(0),
  hooks: z.boolean().default(true),
  mode: z.enum(["tui", "chat"]).default("tui"),
});
type Given = z.infer<typeof Given>;
const Expect = z.strictObject({
  display: z.string().optional(),
  scmStatus: z.string().optional(),
  stacks: z.record(z.string(), z.record(z.string(), z.boolean())).optional(),
});

/** Whether a case is such a table's. */
export function isHeadRow({ given, expect }: Case): boolean {
  return Given.safeParse(given).success && Expect.safeParse(expect).success;
}

export function runHeadRow(one: Case): Difference[] {
  const given = parsed(Given, one.given, "given");
  const { stacks, ...expect } = parsed(Expect, one.expect, "expect");
  const prs = given.prs.map(pullOf);
  const shown = { display: displayOf(given, prs), scmStatus: scmStatusOf(prs) };
  return [...differences(expect, shown, {}), ...stackDifferences(stacks ?? {}, prs)];
}

function pullOf(pull: z.infer<typeof Pull>, index: number): PullRequestFacts {
  const { url = `pull/${index + 1}`, source = `head-${index}`, target = "main" } = pull;
  const comment = { id: "c", author: "ann", isBot: false, body: "no", resolved: false };
  return {
    url,
    number: index + 1,
    title: "",
    state: stateOf(pull),
    headSha: "",
    headRef: source,
    baseRef: target,
    ci: { state: pull.ci ?? "none" },
    reviewDecision: pull.review ?? "none",
    comments: pull.unresolvedComments ? [comment] : [],
    mergeable: pull.mergeability === undefined ? null : pull.mergeability === "mergeable",
    updatedAt: T0,
  };
}

function stateOf({ merged, closed, draft }: z.infer<typeof Pull>): PullRequestFacts["state"] {
  if (merged) return "merged";
  if (closed) return "closed";
  return draft ? "draft" : "open";
}

/** What the later model has in place of a lifecycle (H1, S1). */
export const LIFECYCLES = {
  active: { state: "working", reason: "task_in_progress" },
  idle: { state: "idle", reason: "" },
  waiting_input: { state: "needs_input", reason: "awaiting_user_input" },
  blocked: { state: "stuck", reason: "awaiting_user_input" },
  exited: { state: "working", reason: "task_in_progress" },
} as const;

function displayOf(given: Given, prs: readonly PullRequestFacts[]): string {
  const over = { state: "terminated", reason: "" };
  const lifecycle = given.terminated ? over : LIFECYCLES[given.activity];
  const isSilent = !given.signalled && given.hooks && given.mode === "tui";
  return displayStatus({
    lifecycle,
    pr: aggregate(prs) ?? { state: "none", reason: "" },
    activity: given.activity,
    runtime: "alive",
    ...(isSilent && { silentMs: given.quietSec * 1_000 }),
  }).status;
}

/** H2 */
function scmStatusOf(prs: readonly PullRequestFacts[]): string {
  const pr = aggregate(prs);
  if (pr === undefined) return "";
  const lifecycle = { state: "idle", reason: "" };
  return displayStatus({ lifecycle, pr, activity: "idle", runtime: "alive" }).status;
}

function stackDifferences(
  stacks: Readonly<Record<string, Readonly<Record<string, boolean>>>>,
  prs: readonly PullRequestFacts[],
): Difference[] {
  return Object.entries(stacks).flatMap(([url, expected]) => {
    const pr = prs.find((each) => each.url === url);
    if (pr === undefined) throw new Error(`expect.stacks.${url} is none of the pull requests`);
    const blocked = isBlocked(pr, prs);
    const got: Record<string, unknown> = { blocked, bottom: !blocked };
    if (!isRecord(expected)) return [];
    return differences(expected, got, {}).map((each) => ({ ...each, key: `${url}.${each.key}` }));
  });
}
