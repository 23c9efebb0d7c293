import { addressOf } from "../ids.ts";
import { withQuotaPause } from "./limits.ts";
import type { MailOrder, Order } from "../order.ts";
import type { PullRequestFacts } from "../observations.ts";
import { REVIEW_COMMENT } from "../forge/pulls.ts";
import type { WorkerFacts } from "../review/worker.ts";
import { queued } from "./messages.ts";
import type { EventNamed, SessionEvent } from "./protocol.ts";
import type { SessionContext, SessionMessage, SessionStep } from "./record.ts";

// Session reviews
//
// What a session tells its review, and what it takes from it. The review decides; the session knows the facts.
//
//   V-1. A wish for a review passes through the session, so it meets a review that knows what the session knew.
//   V-2. Once a review can exist it is told of every change that it decides by, and of nothing else.
//   V-3. Feedback waits with the other messages; one whose commits are all out of date expires untyped.
//   V-4. Every feedback gets one receipt.
//   V-5. What a review says reaches the agent as its feedback, and not once more as comments of the forge.

const TOLD_KEPT = 200;

/** A wish for reviews, or of how they should go: passed on with the facts as they are now (V-1). */
export function reviewAsked(
  context: SessionContext,
  event: EventNamed<"session.review" | "session.reviewing">,
): SessionStep {
  const { reviews } = context;
  const reviewing = event.data.reviewing ?? reviews.reviewing;
  const next = { ...context, reviews: { ...reviews, asked: reviews.asked + 1, reviewing } };
  const worker = workerFacts({ ...next, revision: context.revision + 1 });
  const name = event.type === "session.review" ? "review.trigger" : "review.configure";
  const reply: Order = { type: "reply", data: { sessionId: context.id } };
  return {
    context: next,
    orders: [reply, mail(context, name, { ...event.data, reviewing, worker })],
  };
}

/** The project wants its work reviewed, or its limits taken, otherwise than before. */
function reviewersChanged(
  context: SessionContext,
  { data: { quotaPause, ...reviewing } }: EventNamed<"project.reviewing">,
): SessionContext {
  const known = withQuotaPause(context, quotaPause);
  const isSame = JSON.stringify(reviewing) === JSON.stringify(known.reviews.reviewing);
  return isSame ? known : { ...known, reviews: { ...known.reviews, reviewing } };
}

/** What the review has for the agent (V-3). */
function feedbackTaken(context: SessionContext, event: EventNamed<"review.feedback">): SessionStep {
  const { deliveryId, text, heads, providerReviewIds } = event.data;
  if (context.messages.some(({ id }) => id === deliveryId)) return { context, orders: [] };
  const isEnded = context.axes.lifecycle.state === "terminated" || context.wanted !== "running";
  const message = { id: deliveryId, text, at: event.at, review: heads };
  const next = isEnded ? undefined : queued(context, message);
  if (next !== undefined) return { context: withTold(next, providerReviewIds), orders: [] };
  const refused: SessionMessage = {
    ...message,
    text: text.slice(0, 500),
    state: "undeliverable",
    attempts: 0,
    reason: isEnded ? "worker_ended" : "queue_full",
  };
  return { context: { ...context, messages: [...context.messages, refused] }, orders: [] };
}

function withTold(context: SessionContext, ids: readonly string[]): SessionContext {
  if (ids.length === 0) return context;
  const told = [...context.reviews.told, ...ids].slice(-TOLD_KEPT);
  return { ...context, reviews: { ...context.reviews, told } };
}

/** A pull request without what its review has told, or will tell: one finding goes one way only (V-5). */
export function withoutReviews(
  { reviews: { told } }: SessionContext,
  pr: PullRequestFacts,
): PullRequestFacts {
  const isOurs = ({ id }: PullRequestFacts["comments"][number]): boolean =>
    id.startsWith(REVIEW_COMMENT) || told.includes(id);
  const comments = pr.comments.filter((comment) => !isOurs(comment));
  if (comments.length === pr.comments.length) return pr;
  const isOurDecision = pr.comments.some((comment) => isOurs(comment) && !comment.resolved);
  return { ...pr, comments, ...(isOurDecision && { reviewDecision: "none" as const }) };
}

/** A person does not want it told any more; what is being typed is said already. */
function feedbackWithdrawn(
  context: SessionContext,
  { data: { deliveryId, reason } }: EventNamed<"review.withdraw">,
): SessionContext {
  const messages = context.messages.map((message): SessionMessage =>
    message.id === deliveryId && message.state === "queued"
      ? { ...message, state: "expired", reason }
      : message,
  );
  const hasChanged = messages.some((message, index) => message !== context.messages[index]);
  return hasChanged ? { ...context, messages } : context;
}

/** What a step has to tell the review: changed facts, and what became of its feedback (V-2, V-4). */
export function reviewNews(before: SessionContext, after: SessionContext): MailOrder[] {
  if (before === after) return [];
  const receipts = receiptsOf(before, after);
  if (!isWatched(after)) return receipts;
  const wasWatched = isWatched(before);
  const isSame = wasWatched && isAlike(before, after);
  if (isSame) return receipts;
  const worker = workerFacts(after);
  const reviewing = after.reviews.reviewing;
  return [...receipts, mail(after, "worker.seen", { worker, reviewing })];
}

function isWatched({ reviews, projectId }: SessionContext): boolean {
  return projectId !== "" && (reviews.asked > 0 || reviews.reviewing.autoReview);
}

/** Whether a review would decide the same; the cheap questions first. */
function isAlike(before: SessionContext, after: SessionContext): boolean {
  const isUntouched =
    before.prs === after.prs &&
    before.workspace === after.workspace &&
    before.axes === after.axes &&
    before.wanted === after.wanted &&
    before.reviews.reviewing === after.reviews.reviewing;
  if (isUntouched) return true;
  if (before.reviews.reviewing !== after.reviews.reviewing) return false;
  const same = { revision: 0 };
  return (
    JSON.stringify({ ...workerFacts(before), ...same }) ===
    JSON.stringify({ ...workerFacts(after), ...same })
  );
}

/** The session as its review sees it. */
export function workerFacts(context: SessionContext): WorkerFacts {
  const { workspace, prs } = context;
  return {
    revision: context.revision,
    projectId: context.projectId,
    root: context.root,
    scm: context.scm,
    kind: context.kind,
    harness: context.harness,
    baseRef: context.baseRef,
    env: context.env,
    prs: prs.map(({ url, number, title, state, headSha, headRef, baseRef }) => ({
      url,
      number,
      title: title.slice(0, 200),
      state,
      headSha,
      headRef,
      baseRef,
    })),
    workspace: {
      path: workspace.path,
      branch: workspace.branch,
      headSha: workspace.headSha,
      baseSha: workspace.baseSha,
    },
    idleSince: idleSince(context),
    over: overOf(context),
    ended: context.axes.lifecycle.state === "terminated" ? context.axes.lifecycle.reason : null,
  };
}

/** An agent rests when it says so, or when its result is in. */
function idleSince({ axes: { lifecycle, activity } }: SessionContext): number | null {
  const isResting = lifecycle.state === "idle" || lifecycle.state === "done";
  if (!isResting || activity.state === "active") return null;
  const isSaid = activity.state === "idle" || activity.state === "ready";
  return isSaid ? activity.since : lifecycle.since;
}

function overOf({ axes: { lifecycle }, wanted }: SessionContext): string | null {
  if (wanted === "running") return null;
  return lifecycle.reason === "" ? "closed" : lifecycle.reason;
}

const SETTLED: ReadonlySet<string> = new Set(["delivered", "expired", "undeliverable"]);

function receiptsOf(before: SessionContext, after: SessionContext): MailOrder[] {
  if (before.messages === after.messages) return [];
  const known = new Map(before.messages.map(({ id, state }) => [id, state]));
  return after.messages
    .filter(({ id, state, review }) => review !== undefined && state !== known.get(id))
    .filter(({ state }) => SETTLED.has(state))
    .map(({ id, state, reason }) =>
      mail(after, "feedback.receipt", {
        deliveryId: id,
        state,
        ...(reason !== undefined && { reason: reasonOf(state, reason) }),
      }),
    );
}

function mail({ id }: SessionContext, name: string, data: MailOrder["data"]): MailOrder {
  return { type: "mail", to: addressOf("review", id), name, data };
}

/** Mail of project and review. */
export type ReviewMail = EventNamed<"project.reviewing" | "review.feedback" | "review.withdraw">;

/** A text whose commits are out of date is one that no longer holds. */
function reasonOf(state: string, reason: string): string {
  const isStale = state === "expired" && reason !== "auto_inject_off";
  return isStale ? "stale_head" : reason.slice(0, 2_000);
}

/** Whether a message is of reviews, and none of the commands. */
export function isReviewMail(event: SessionEvent): event is ReviewMail {
  return event.type === "project.reviewing" || event.type.startsWith("review.");
}

/** What project and review have to say. */
export function reviewMailTaken(context: SessionContext, event: ReviewMail): SessionStep {
  switch (event.type) {
    case "review.feedback":
      return feedbackTaken(context, event);
    case "review.withdraw":
      return { context: feedbackWithdrawn(context, event), orders: [] };
    case "project.reviewing":
      return { context: reviewersChanged(context, event), orders: [] };
  }
  return event satisfies never;
}
