import { isOpenPull } from "../pull-state.ts";
import { HARNESSES } from "../harness/harnesses.ts";
import { fingerprint } from "../fingerprint.ts";
import { opened } from "../notices.ts";
import { idleNudge, wantedBy, type Wanted } from "./nudges.ts";
import type { PullRequestFacts } from "../observations.ts";
import type { Order } from "../order.ts";
import { decideOpen, isBlocked, openFactsOf } from "./pull-requests.ts";
import {
  isOverdue,
  left,
  overdueAt,
  reactionOf,
  suspended,
  trackerId,
  tried,
  type ReactionKey,
  type Tracker,
} from "./reaction-budgets.ts";
import { expired, queued } from "./messages.ts";
import { withoutReviews } from "./reviews.ts";
import type { EventNamed, SessionEvent } from "./protocol.ts";
import type { SessionContext, SessionLimits, SessionStep } from "./record.ts";
import { withoutTrackers, withTracker } from "./trackers.ts";

// Session reactions
//
// What a session does by itself about what is seen of its pull requests, and about rest that nobody asked for.
//
//   X-1. A reaction is decided in the step that sees its cause, and looked at again when its turn to be typed comes.
//   X-2. The trackers are part of the record: a restart forgives nothing.
//   X-3. Nothing is sent for a session that has ended, nor about what is merged, closed or ready.
//   X-4. A merge is ordered only when the project asked for it, once for each head that is ready.

type Facts = readonly PullRequestFacts[];

/** What is sent, asked or merged because of the pull requests as a forge tells them now (X-1). */
export function pullRequestReactions(context: SessionContext, prs: Facts, at: number): SessionStep {
  if (isEnded(context)) return { context: withoutTrackers(context), orders: [] };
  const wanted = prs.flatMap((pr) => wantedBy(withoutReviews(context, pr), prs));
  let step: SessionStep = { context: withoutGone(context, { prs, wanted }), orders: [] };
  for (const each of wanted) step = and(step, reacted(step.context, each, at));
  return and(step, mergesOf(step.context, prs));
}

function and(before: SessionStep, { context, orders }: SessionStep): SessionStep {
  return { context, orders: [...before.orders, ...orders] };
}

function isEnded({ axes, wanted }: SessionContext): boolean {
  return axes.lifecycle.state === "terminated" || wanted !== "running";
}

/** Trackers whose cause has gone are left; those of what is merged, closed or ready are dropped (X-3). */
function withoutGone(
  context: SessionContext,
  { prs, wanted }: { prs: Facts; wanted: readonly Wanted[] },
): SessionContext {
  const standing = new Set(wanted.map(({ reaction, url }) => trackerId(reaction, url)));
  const active = new Set(prs.filter((pr) => isOpenPull(pr) && !isReady(pr)).map(({ url }) => url));
  return Object.entries(context.trackers).reduce<SessionContext>((so, [id, tracker]) => {
    const reaction = reactionOf(id);
    const url = id.slice((reaction ?? "").length + 1);
    if (reaction === undefined || url === "" || standing.has(id)) return so;
    return withTracker(so, id, active.has(url) ? left(reaction, tracker) : undefined);
  }, context);
}

function isReady(pr: PullRequestFacts): boolean {
  const { state, reason } = decideOpen(openFactsOf(pr));
  return state === "open" && (reason === "approved" || reason === "merge_ready");
}

function reacted(context: SessionContext, wanted: Wanted, at: number): SessionStep {
  const { reaction, url, parts, isAnswered = false, text } = wanted;
  const id = trackerId(reaction, url);
  const signature = fingerprint(JSON.stringify(parts.toSorted()));
  const current = expired(
    context,
    (message) => message.about?.tracker === id && message.about.signature !== signature,
  );
  return sentOrAsked(current, { reaction, id, parts, isAnswered, signature, text, at });
}

interface Cause {
  readonly reaction: ReactionKey;
  readonly id: string;
  readonly parts: readonly string[];
  readonly isAnswered?: boolean;
  readonly signature: string;
  readonly text: () => string;
  readonly at: number;
}

function sentOrAsked(context: SessionContext, cause: Cause): SessionStep {
  const { reaction, id, signature, text, at } = cause;
  const { act, tracker, news } = tried(reaction, context.trackers[id], cause);
  const next = withTracker(context, id, tracker);
  if (act === "escalate") return asked(next, { reaction, id, at });
  if (act === "none") return { context: next, orders: [] };
  const message = {
    id: `${reaction}-${fingerprint(`${id} ${signature} ${tracker.attempts} ${context.revision}`)}`,
    text: text(),
    at,
    about: { tracker: id, signature, parts: news },
  };
  // A full queue is told of it again with the next observation.
  return { context: queued(next, message) ?? context, orders: [] };
}

/** A person is asked, since the agent does not get there by itself. */
function asked(
  context: SessionContext,
  { reaction, id, at }: { reaction: ReactionKey; id: string; at: number },
): SessionStep {
  const url = id.slice(reaction.length + 1);
  const what = url === "" ? reaction : `${reaction} of ${url}`;
  const title = `${context.id} does not get on by itself: ${reaction}`;
  const text = `What can be done by itself about ${what} is used up; a person must look.`;
  return opened(context, { type: "escalated", about: id, title, text }, at);
}

/** Orders the merge of what is ready (X-4). The forge looks at the head again. */
function mergesOf(context: SessionContext, prs: Facts): SessionStep {
  if (!context.mergeOnGreen || context.scm === "none") return { context, orders: [] };
  const ready = prs.filter((pr) => isOpenPull(pr) && isGreen(pr) && !isBlocked(pr, prs));
  const fresh = ready.filter((pr) => context.merges[pr.url] !== readinessOf(pr));
  // One that is not ready any more is asked for again once it is.
  const isSame = fresh.length === 0 && Object.keys(context.merges).length === ready.length;
  if (isSame) return { context, orders: [] };
  const orders = fresh.map(({ number, headSha }): Order => ({
    type: "mail",
    to: `forge/${context.projectId}`,
    name: "pull.merge",
    data: { number, headSha },
  }));
  const merges = Object.fromEntries(ready.map((pr) => [pr.url, readinessOf(pr)]));
  return { context: { ...context, merges }, orders };
}

function isGreen(pr: PullRequestFacts): boolean {
  const { state, reason } = decideOpen(openFactsOf(pr));
  return state === "open" && reason === "merge_ready";
}

function readinessOf({ headSha, ci }: PullRequestFacts): string {
  return `${headSha} ${ci.state}`;
}

/** The end of a step: nothing is left to do for what has ended, and rest without a word is spoken to. */
export function withReactions(
  before: SessionContext,
  step: SessionStep,
  { event, limits }: { event: SessionEvent; limits: SessionLimits },
): SessionStep {
  const { context } = step;
  if (isEnded(context)) return { ...step, context: withoutTrackers(context) };
  const since = idleSince(context);
  if (since === null) return { ...step, context: withoutRest(before, context, event) };
  const isDue = since + limits.idleAfterMs <= event.at;
  const isLook = event.type === "timer.escalation" || idleSince(before) !== since;
  if (!isDue || !isLook) return step;
  const cause: Cause = {
    reaction: "agent-idle",
    id: "agent-idle",
    parts: [String(since)],
    signature: String(since),
    text: idleNudge,
    at: event.at,
  };
  return and(step, sentOrAsked(context, cause));
}

/** The tracker of rest once it is over; a turn that answers the text about it keeps what was spent (B4). */
function withoutRest(
  before: SessionContext,
  context: SessionContext,
  event: SessionEvent,
): SessionContext {
  const tracker = context.trackers["agent-idle"];
  if (tracker === undefined) return context;
  const isOwn = event.type === "activity.observed" && !isAnswer(context, tracker, event);
  const isLeft = isOwn && idleSince(before) !== null;
  const kept = isLeft ? left("agent-idle", tracker) : suspended(tracker);
  return withTracker(context, "agent-idle", kept);
}

/** Whether a turn answers the text of its rest: where no hook says what it begins with, the first one after the text does. */
function isAnswer(
  { harness }: SessionContext,
  tracker: Tracker,
  { data, at }: EventNamed<"activity.observed">,
): boolean {
  const isTold = HARNESSES.get(harness)?.says.submits === true;
  if (isTold) return data.event === "user-prompt-submit";
  // What is said at the very time of the text was not said to it.
  return tracker.signature !== null && at > (tracker.firstAt ?? 0);
}

/** Since when a worker that nobody manages rests without a word, milliseconds since 1970; null while it does not. */
function idleSince(context: SessionContext): number | null {
  const { axes, kind, objectiveId, report, terminal, limit } = context;
  const { lifecycle, pr } = axes;
  const isSilent = lifecycle.reason === "" || lifecycle.reason === "research_complete";
  const isAlone =
    kind === "worker" && objectiveId === undefined && report === null && limit === null;
  const isThere = terminal.state === "live" && context.wanted === "running";
  const isIdle = lifecycle.state === "idle" && isSilent && pr.state === "none";
  return isIdle && isAlone && isThere ? lifecycle.since : null;
}

/** Asks a person about every reaction whose time is over at `at`. */
export function escalationsDue(context: SessionContext, at: number): SessionStep {
  let step: SessionStep = { context, orders: [] };
  for (const [id, tracker] of Object.entries(context.trackers)) {
    const reaction = reactionOf(id);
    if (reaction === undefined || !isOverdue(reaction, tracker, at)) continue;
    const known = withTracker(step.context, id, { ...tracker, escalated: true });
    step = and(step, asked(known, { reaction, id, at }));
  }
  return step;
}

/** The end of a step: one timer, for whichever reaction is due first. */
export function withEscalationTimer(
  before: SessionContext,
  step: SessionStep,
  limits: SessionLimits,
): SessionStep {
  const dueAt = dueOf(step.context, limits);
  if (dueAt === dueOf(before, limits)) return step;
  const order: Order =
    dueAt === null
      ? { type: "cancel", name: "escalation" }
      : { type: "arm", name: "escalation", dueAt };
  return { ...step, orders: [...step.orders, order] };
}

function dueOf(context: SessionContext, { idleAfterMs }: SessionLimits): number | null {
  const since = idleSince(context);
  const isTold = context.trackers["agent-idle"]?.signature === String(since);
  const idle = since === null || isTold ? null : since + idleAfterMs;
  const times = Object.entries(context.trackers).map(([id, tracker]) => {
    const reaction = reactionOf(id);
    return reaction === undefined ? null : overdueAt(reaction, tracker);
  });
  return [idle, ...times].reduce(earlier, null);
}

function earlier(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}
