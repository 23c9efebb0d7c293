import { ROOT } from "../ids.ts";
import type { Order } from "../order.ts";
import { isOpenPull } from "../pull-state.ts";
import { opened, resolved, type Matter, type Notice, type NoticeType } from "../notices.ts";
import { decideOpen, isBlocked, openFactsOf } from "./pull-requests.ts";
import type { SessionContext, SessionStep } from "./record.ts";
import { displayStatus, endWords, OUT_OF_SIGHT, type Status } from "./status.ts";

// Session notices
//
// Which matters of a session a person should know of, and when: as one begins, once.
//
//   T-1. A matter is told with the step that begins it, and ended with the step that ends it.
//   T-2. A kill tells nobody: whoever ordered it knows.
//   T-3. That a pull request is ready is told once its agent asks for nothing, and no doubt is left that it lives.
//   T-4. What may have struck others too, its terminal lost or out of sight, is told by `supervisor/root`, with theirs.

type PullRequest = SessionContext["prs"][number];

/** The end of a step: opens what has begun since `before`, and ends what is over (T-1). */
export function withNotices(
  before: SessionContext,
  step: SessionStep,
  { type, at }: { readonly type: string; readonly at: number },
): SessionStep {
  const { context } = step;
  if (!mayDiffer(before, context)) return step;
  if (type === "session.kill") return { ...step, context: resolved(context, () => true, at) };
  const [former, matters] = [mattersOf(before), mattersOf(context)];
  const isOver = (notice: Notice): boolean =>
    notice.type === "escalated"
      ? context.trackers[notice.about]?.escalated !== true
      : !includes(matters, notice);
  let next: SessionStep = { ...step, context: resolved(context, isOver, at) };
  const fresh = matters.filter(
    (each) => !isHeldBack(context, each) && (!includes(former, each) || isHeldBack(before, each)),
  );
  for (const matter of fresh) {
    const told = opened(next.context, matter, at);
    const orders = isOutage(context, matter) ? told.orders.map(toRoot) : told.orders;
    next = { context: told.context, orders: [...next.orders, ...orders] };
  }
  return next;
}

/** Whether the lifecycle stands before what the pull requests say (T-3). */
function isHeldBack({ axes: { lifecycle } }: SessionContext, { type }: Matter): boolean {
  const stands =
    lifecycle.state === "needs_input" ||
    lifecycle.state === "stuck" ||
    lifecycle.state === "detecting";
  return stands && type === "approved-and-green";
}

/** Whether the machine failed it, and not the agent: the terminal was lost, or nobody could look at it (T-4). */
function isOutage({ axes: { lifecycle }, trouble }: SessionContext, { type }: Matter): boolean {
  if (type !== "agent-exited" && type !== "agent-stuck") return false;
  return trouble === null && OUT_OF_SIGHT.has(lifecycle.reason);
}

function toRoot(order: Order): Order {
  if (order.type !== "effect") return order;
  return { type: "mail", to: ROOT, name: "root.notice", data: order.data };
}

type Named = Pick<Matter, "type" | "about">;

function includes(matters: readonly Named[], { type, about }: Named): boolean {
  return matters.some((matter) => matter.type === type && matter.about === about);
}

function mayDiffer(before: SessionContext, after: SessionContext): boolean {
  const { axes, prs, wanted, trackers } = after;
  return (
    before.trackers !== trackers ||
    before.prs !== prs ||
    before.wanted !== wanted ||
    before.axes.lifecycle !== axes.lifecycle ||
    before.axes.pr !== axes.pr
  );
}

/** What a person should know of a session as it stands. */
function mattersOf(context: SessionContext): readonly Matter[] {
  const prs = context.wanted === "running" ? context.prs : [];
  return [...sessionMatter(context), ...prs.flatMap(pullRequestMatter(context))];
}

const SAID: Partial<Record<Status, readonly [NoticeType, string]>> = {
  stuck: ["agent-stuck", "is stuck"],
  needs_input: ["agent-needs-input", "needs input"],
  killed: ["agent-exited", "has ended"],
  errored: ["agent-exited", "has ended"],
  merged: ["all-complete", "is merged"],
};

function sessionMatter({ id, title, axes, trouble, terminal }: SessionContext): readonly Matter[] {
  const { lifecycle, pr, runtime, activity } = axes;
  const { status, reason } = displayStatus({
    lifecycle,
    pr,
    activity: activity.state,
    runtime: runtime.state,
  });
  const said = SAID[status];
  if (said === undefined) return [];
  const name = title === "" ? id : `${id} (${title.slice(0, 80)})`;
  const why =
    said[0] === "agent-exited"
      ? endWords({ ...terminal, reason, trouble })
      : reason.replaceAll("_", " ");
  const text = status === "merged" ? (pr.url ?? "") : why;
  return [{ type: said[0], about: "", title: `${name} ${said[1]}`, text }];
}

function pullRequestMatter(context: SessionContext): (pr: PullRequest) => Matter[] {
  return (pr) => {
    const name = `Pull request #${pr.number} of ${context.id}`;
    const told = { about: pr.url, text: `${pr.title}: ${pr.url}` };
    if (pr.state === "closed") {
      return [{ type: "pr-closed", title: `${name} was closed without a merge`, ...told }];
    }
    const { reason } = decideOpen(openFactsOf(pr));
    const isReady = reason === "approved" || reason === "merge_ready";
    const isGreen = pr.ci.state === "passing" || pr.ci.state === "none";
    if (!isOpenPull(pr) || !isReady || !isGreen || isBlocked(pr, context.prs)) return [];
    return [{ type: "approved-and-green", title: `${name} is ready to merge`, ...told }];
  };
}
