import { isOpenPull } from "../pull-state.ts";
import { toManager } from "./inbox.ts";
import {
  isEnded,
  progressed,
  chained,
  quiet,
  type Facts,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
} from "./record.ts";

// Objective pulls
//
// What the pull requests of its members mean for an objective.
//
//   Q1. A pull request owns the next step while somebody else must act on it: checks that run, a review, a merge, or a
//       worker that still lives and mends it. A plan with items left ends that excuse, and so does `parkMs` without news.
//   Q2. A merge and a close are told to the manager, once each.

export type Pull = Facts["pulls"][number] & {
  readonly worker: string;
  /** Whether the session that opened it still has an agent to mend it. */
  readonly isKept: boolean;
};

/** All pull requests of the members, each once, in order of number. */
export function pullsOf({ workers, manager }: ObjectiveContext): readonly Pull[] {
  const members = [
    ...workers.map(({ id, facts }) => ({ id, facts })),
    { id: manager.sessionId ?? "", facts: manager.facts },
  ];
  const byUrl = new Map<string, Pull>();
  for (const { id, facts } of members) {
    if (facts === null) continue;
    for (const pull of facts.pulls) {
      if (byUrl.get(pull.url)?.isKept === true) continue;
      byUrl.set(pull.url, { ...pull, worker: id, isKept: facts.ended === null });
    }
  }
  return [...byUrl.values()].toSorted((one, other) => one.number - other.number);
}

/** Who must act on an open pull request; undefined when nobody will. */
function ownerOf(pull: Pull): string | undefined {
  const name = `#${pull.number}`;
  const isBroken =
    pull.ci === "failing" ||
    pull.review === "changes_requested" ||
    pull.unresolved > 0 ||
    pull.mergeable === false;
  if (isBroken) return pull.isKept ? `${name} is being mended by ${pull.worker}` : undefined;
  if (pull.state === "draft") return `${name} is a draft`;
  if (pull.ci === "pending") return `${name} waits for its checks`;
  if (pull.review === "approved") return `${name} waits for its merge`;
  return `${name} waits for review and merge`;
}

/** Why an objective may rest beside its pull requests, and until when; undefined when it may not (Q1). */
export function parking(
  context: ObjectiveContext,
  limits: ObjectiveLimits,
  at: number,
): { readonly reason: string; readonly until: number } | undefined {
  const open = pullsOf(context).filter(isOpenPull);
  const until = context.pullsAt + limits.parkMs;
  if (open.length === 0 || at >= until) return undefined;
  if (context.plan.some(({ done }) => !done)) return undefined;
  const owners = open.map(ownerOf);
  if (owners.includes(undefined)) return undefined;
  return { reason: owners.slice(0, 3).join(", "), until };
}

/** What changed among the pull requests since `before`: told once, and counted as progress (Q2). */
export function withPullNews(
  before: ObjectiveContext,
  context: ObjectiveContext,
  at: number,
): ObjectiveStep {
  const was = new Map(pullsOf(before).map((pull) => [pull.url, pull]));
  const now = pullsOf(context);
  const moved = now.filter((pull) => stamp(was.get(pull.url)) !== stamp(pull));
  if (moved.length === 0) return quiet(context);
  const seen = progressed({ ...context, pullsAt: at }, at);
  const over = moved.filter((pull) => !isOpenPull(pull) && was.get(pull.url)?.state !== pull.state);
  return over.reduce<ObjectiveStep>(
    (step, pull) =>
      chained(step, (so) => toManager(so, { from: "pull_request", text: overText(so, pull), at })),
    quiet(seen),
  );
}

function stamp(pull: Pull | undefined): string | undefined {
  if (pull === undefined) return undefined;
  const { state, headSha, ci, review, unresolved, mergeable } = pull;
  return [state, headSha, ci, review, unresolved, String(mergeable)].join(" ");
}

function overText(context: ObjectiveContext, pull: Pull): string {
  const name = `Pull request #${pull.number} "${pull.title}"`;
  if (pull.state === "closed") {
    return `${name} was closed without a merge. Decide whether its work is still wanted; ask if only a person can tell.`;
  }
  const isLast =
    pullsOf(context).every((each) => !isOpenPull(each)) && context.workers.every(isEnded);
  return isLast
    ? `${name} was merged. Nothing else is open: if the goal is reached, finish with: ao objective done ${context.id} --summary TEXT`
    : `${name} was merged. Go on, and finish only when everything has shipped.`;
}
