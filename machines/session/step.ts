import { goneOn, liftedAt } from "./limits.ts";
import { addressOf } from "../ids.ts";
import type { FailureCode } from "../failures.ts";
import type { Json } from "../json.ts";
import { memberNews, refusedReceipt } from "./member.ts";
import { acknowledged } from "../notices.ts";
import { clean } from "../plain-text.ts";
import type { Order } from "../order.ts";
import { childAt, childrenOf, childTold, stopAgain, supervised } from "./children.ts";
import { leaseOver, stoppedAgain, undelivered, withLeases } from "./leases.ts";
import { confirmOver, delivered, withConfirmTimer } from "./confirm.ts";
import { abandoned, handedOver, queued, returned } from "./messages.ts";
import { withNotices } from "./notices.ts";
import { isLifeSeen, looked, watchOver, withWatch } from "./watch.ts";
import {
  isReviewMail,
  reviewAsked,
  reviewMailTaken,
  reviewNews,
  type ReviewMail,
} from "./reviews.ts";
import { activityObserved, runtimeObserved, scmObserved } from "./observed.ts";
import { escalationsDue, withEscalationTimer, withReactions } from "./reactions.ts";
import { withoutIdleTracker } from "./trackers.ts";
import { restored } from "./restore.ts";
import type { EventNamed, SessionEvent } from "./protocol.ts";
import {
  counted,
  isOver,
  movedAxis,
  terminated,
  withAxes,
  type ObservedAxis,
  type SessionContext,
  type SessionLimits,
  type SessionStep,
} from "./record.ts";

// Session step
//
// The whole answer of a session to one message. Pure.
//
//   E-1. `revision` grows by one with every step that changes what the session shows, and by none otherwise: texts,
//        notices and trackers on their way are books beside the record.
//   E-2. A step that changes nothing gives back the very same context and, but for the answer to a command, no orders.
//   E-3. What a step makes possible is ordered in the same step: the next message goes out with the fact that frees it.

/** The next context and what to order. */
export function stepSession(
  context: SessionContext,
  event: SessionEvent,
  limits: SessionLimits,
): SessionStep {
  const told = answer(context, event, limits);
  // Of an older version it has no watch yet; else this changes nothing.
  const isNothing = told.context === context && event.type !== "timer.escalation";
  if (isNothing) return withWatch(context, told, limits);
  const decided = withReactions(context, told, { event, limits });
  if (decided.context === context) return decided;
  const handed = handedOver(decided.context, event.at);
  const step = { context: handed.context, orders: [...decided.orders, ...handed.orders] };
  const next = withTimers(context, withNotices(context, step, event), { event, limits });
  const after = counted(context, next.context, event.at);
  const news = [...memberNews(context, next.context), ...reviewNews(context, after)];
  return { context: after, orders: [...next.orders, ...news] };
}

/** The end of every step: whatever waits has its timer. */
function withTimers(
  before: SessionContext,
  step: SessionStep,
  { event, limits }: { event: SessionEvent; limits: SessionLimits },
): SessionStep {
  const escalating = withEscalationTimer(before, step, limits);
  const owing = withLeases(before, withConfirmTimer(before, escalating), event.at);
  return withWatch(before, owing, limits);
}

type Command = Extract<SessionEvent, { type: `session.${string}` }>;
type Observed = Extract<SessionEvent, { type: `${string}.observed` }>;
type Timed = Extract<SessionEvent, { type: `timer.${string}` }>;

function isCommand(event: SessionEvent): event is Command {
  return event.type.startsWith("session.");
}

function isObserved(event: SessionEvent): event is Observed {
  return event.type.endsWith(".observed");
}

function isTimed(event: SessionEvent): event is Timed {
  return event.type.startsWith("timer.");
}

function answer(context: SessionContext, event: SessionEvent, limits: SessionLimits): SessionStep {
  if (isObserved(event)) return observed(context, event, limits);
  if (isTimed(event)) return timed(context, event, limits);
  if (isReviewMail(event)) return reviewMailTaken(context, event);
  return isCommand(event) ? commanded(context, event, limits) : childAnswer(context, event, limits);
}

function commanded(context: SessionContext, event: Command, limits: SessionLimits): SessionStep {
  switch (event.type) {
    case "session.start":
      return begun(context, event, limits);
    case "session.kill":
      return killed(context, event);
    case "session.restore":
      return restored(context, event);
    case "session.send":
      return sent(context, event);
    case "session.report":
      return reported(context, event);
    case "session.acknowledge":
      return noticeSeen(context, event);
    case "session.tick":
      return ticked(context, event);
    case "session.lift":
      return replied(goneOn(liftedAt(context, event.at), event.at), { sessionId: context.id });
    case "session.review":
    case "session.reviewing":
      return reviewAsked(context, event);
  }
  return event satisfies never;
}

/** One that is older than what its axis rests on comes too late; of equal times the later arrival counts. */
function observed(context: SessionContext, event: Observed, limits: SessionLimits): SessionStep {
  const axis = AXIS[event.type];
  if (event.at < context.observedAt[axis]) return quiet(context);
  const step = observation(context, event, limits);
  const isNothing = step.context === context && !isLifeSeen(context, event);
  if (isNothing || event.at === context.observedAt[axis]) return step;
  const observedAt = { ...context.observedAt, [axis]: event.at };
  return { ...step, context: { ...step.context, observedAt } };
}

const AXIS = {
  "runtime.observed": "runtime",
  "activity.observed": "activity",
  "scm.observed": "scm",
  "workspace.observed": "workspace",
} as const satisfies Record<Observed["type"], ObservedAxis>;

function observation(context: SessionContext, event: Observed, limits: SessionLimits): SessionStep {
  switch (event.type) {
    case "runtime.observed":
      return quiet(runtimeObserved(context, event, limits));
    case "activity.observed":
      return quiet(activityObserved(context, event));
    case "scm.observed":
      return scmObserved(context, event);
    case "workspace.observed":
      return workspaceObserved(context, event);
  }
  return event satisfies never;
}

function timed(context: SessionContext, event: Timed, limits: SessionLimits): SessionStep {
  switch (event.type) {
    case "timer.confirm":
      return confirmOver(context, event, limits);
    case "timer.lease":
      return leaseOver(context, event);
    case "timer.watch":
      return watchOver(context, event, limits);
    case "timer.escalation":
      return escalationsDue(context, event.at);
    case "timer.restart":
      break;
  }
  return supervised(context, { type: "backoff.over", at: event.at });
}

function childAnswer(
  context: SessionContext,
  event: Exclude<SessionEvent, Command | Observed | Timed | ReviewMail>,
  limits: SessionLimits,
): SessionStep {
  switch (event.type) {
    case "child.quarantined":
      return quiet(quarantined(context, event));
    case "notifyPerson.done":
    case "notifyPerson.failed":
      return quiet(context);
    case "inspectTerminal.done":
    case "inspectTerminal.failed":
      return quiet(looked(context, event, limits));
    case "terminal.delivered":
      return quiet(delivered(context, { ...event.data, at: event.at }, limits));
    case "terminal.undeliverable":
      return quiet(returned(context, event.data));
    case "mail.undeliverable":
      return undelivered(context, event);
    case "child.started":
    case "child.exited":
    case "child.stopped":
      break;
  }
  return childTold(context, event);
}

function quiet(context: SessionContext): SessionStep {
  return { context, orders: [] };
}

function replied(context: SessionContext, data: Json): SessionStep {
  return { context, orders: [{ type: "reply", data }] };
}

function refused(context: SessionContext, code: FailureCode, message: string): SessionStep {
  return { context, orders: [{ type: "refuse", code, message }] };
}

function begun(
  context: SessionContext,
  event: EventNamed<"session.start">,
  { graceMs }: SessionLimits,
): SessionStep {
  if (context.supervisor.phase !== "idle") {
    return refused(context, "ALREADY_EXISTS", `start session ${context.id}: it was started before`);
  }
  const { restart, objectiveId, reviewing, ...told } = event.data;
  const known: SessionContext = {
    ...context,
    ...told,
    ...(objectiveId !== undefined && { objectiveId }),
    ...(reviewing !== undefined && { reviews: { ...context.reviews, reviewing } }),
    supervisor: childrenOf(restart, graceMs),
  };
  return supervised(known, { type: "start", at: event.at });
}

const KILLS = {
  manual: { lifecycle: "manually_killed", runtime: "manual_kill_requested" },
  cleanup: { lifecycle: "auto_cleanup", runtime: "auto_cleanup" },
  error: { lifecycle: "error_in_process", runtime: "probe_error" },
} as const;

/**
 * Intent first: the record says so at once, the processes and the worktree follow. A record that says it goes on and
 * has no worktree, as none is made here, names nothing to end: refused, and all of it stays as it is.
 */
function killed(context: SessionContext, event: EventNamed<"session.kill">): SessionStep {
  if (context.wanted === "running" && !isOver(context) && context.workspace.state === "absent") {
    const why = `kill session ${context.id}: its record has no worktree, so what to end is not known`;
    return refused(context, "SESSION_INCOMPLETE_HANDLE", why);
  }
  const reply: Order = { type: "reply", data: { sessionId: context.id } };
  const { at } = event;
  if (context.wanted !== "running") {
    const again = closedAgain(stoppedAgain({ ...context, restore: null }, at));
    const next = isUnasked(context, again) ? context : again.context;
    return { context: next, orders: [reply, ...again.orders] };
  }
  const reasons = KILLS[event.data.kind];
  const { runtime } = context.axes;
  const current: SessionContext = { ...context, restore: null };
  const seen = isOver(context)
    ? current
    : withAxes(current, {
        runtime: movedAxis(runtime, { state: "exited", reason: reasons.runtime }, at),
      });
  const over = terminated({ ...seen, wanted: "closing" }, reasons.lifecycle, at);
  const stopped = supervised(abandoned(over), { type: "stop", at });
  return { context: stopped.context, orders: [reply, ...stopped.orders] };
}

/** A kill of what is closed: a worktree that was kept is tried once more. */
function closedAgain(step: SessionStep): SessionStep {
  const { wanted, workspace } = step.context;
  if (wanted !== "closed" || !isThere(workspace) || workspace.path === null) return step;
  const again = stopAgain(step.context, "workspace");
  return { context: again.context, orders: [...step.orders, ...again.orders] };
}

/** Whether a kill of what is closing or closed changes nothing at all. */
function isUnasked({ restore }: SessionContext, { orders }: SessionStep): boolean {
  return restore === null && orders.length === 0;
}

function sent(context: SessionContext, event: EventNamed<"session.send">): SessionStep {
  const { lifecycle } = context.axes;
  if (lifecycle.state === "terminated" || context.wanted !== "running") {
    const seen = `it is ${lifecycle.state} (${lifecycle.reason})`;
    return notSent(context, event, { code: "SESSION_TERMINATED", seen });
  }
  const { ref, kind } = event.data;
  const text = clean(event.data.text);
  if (text.trim() === "") {
    return notSent(context, event, { code: "SHAPE_WRONG", seen: "there is nothing to type" });
  }
  const said = { id: event.id, text, at: event.at };
  const named = { ...(ref !== undefined && { ref }), ...(kind !== undefined && { kind }) };
  const message = { ...said, ...named };
  const next = queued(withoutIdleTracker(context), message);
  if (next === undefined) {
    const waiting = context.messages.filter(({ state }) => state === "queued").length;
    return notSent(context, event, { code: "QUEUE_FULL", seen: `${waiting} wait already` });
  }
  return replied(next, { messageId: event.id });
}

/** Mail is refused to nobody's face: the objective that sent it gets a receipt. */
function notSent(
  context: SessionContext,
  { data: { ref } }: EventNamed<"session.send">,
  { code, seen }: { code: FailureCode; seen: string },
): SessionStep {
  const refusal = refused(context, code, `send to session ${context.id}: ${seen}`);
  return { context, orders: [...refusal.orders, ...refusedReceipt(context, ref, seen)] };
}

/** The time is looked at now; its own timer would do it as well. */
function ticked(context: SessionContext, { at }: EventNamed<"session.tick">): SessionStep {
  const step = escalationsDue(context, at);
  const reply: Order = { type: "reply", data: { sessionId: context.id } };
  return { context: step.context, orders: [reply, ...step.orders] };
}

function noticeSeen(
  context: SessionContext,
  event: EventNamed<"session.acknowledge">,
): SessionStep {
  const { noticeId } = event.data;
  const next = acknowledged(context, noticeId, event.at);
  if (next !== undefined) return replied(next, { noticeId });
  const why = `acknowledge ${noticeId} of session ${context.id}: no such notice is kept`;
  return refused(context, "NOTICE_UNKNOWN", why);
}

function reported(context: SessionContext, event: EventNamed<"session.report">): SessionStep {
  const { lifecycle } = context.axes;
  if (lifecycle.state === "terminated") {
    const seen = `it is terminated (${lifecycle.reason})`;
    return refused(context, "SESSION_TERMINATED", `report of session ${context.id}: ${seen}`);
  }
  const reply = { sessionId: context.id };
  if (context.report !== null) return replied(context, reply);
  const { summary, outcome } = event.data;
  const done = movedAxis(lifecycle, { state: "done", reason: "research_complete" }, event.at);
  const told = withAxes(
    { ...context, report: { at: event.at, summary, outcome } },
    { lifecycle: done, detecting: null, stuckOn: null },
  );
  return replied(told, reply);
}

function workspaceObserved(
  context: SessionContext,
  { data }: EventNamed<"workspace.observed">,
): SessionStep {
  const { workspace } = context;
  if (data.unreadable !== undefined) return quiet(unreadable(context, data.unreadable));
  const facts = {
    // Why it is kept is said only once it is no longer wanted.
    reason: context.wanted === "running" ? null : workspace.reason,
    dirty: data.dirty,
    unpushed: data.unpushed,
    headSha: data.headSha ?? workspace.headSha,
    branch: data.branch ?? workspace.branch,
  };
  const names = ["reason", "dirty", "unpushed", "headSha", "branch"] as const;
  const isSame = names.every((name) => facts[name] === workspace[name]);
  if (!isThere(workspace) || isSame) return quiet(context);
  const state = facts.dirty ? ("dirty" as const) : ("ready" as const);
  return {
    context: { ...context, workspace: { ...workspace, ...facts, state } },
    orders: [
      { type: "mail", to: addressOf("workspace", context.id), name: "workspace.seen", data },
    ],
  };
}

function isThere({ state }: SessionContext["workspace"]): boolean {
  return state === "ready" || state === "dirty";
}

/** Why its worktree cannot be read; what was known of it stays. */
function unreadable(context: SessionContext, reason: string): SessionContext {
  const { workspace, wanted } = context;
  const isNews = isThere(workspace) && wanted === "running" && workspace.reason !== reason;
  return isNews ? { ...context, workspace: { ...workspace, reason } } : context;
}

/** A child that nobody can talk to any more: a person must look. */
function quarantined(
  context: SessionContext,
  { from, at }: EventNamed<"child.quarantined">,
): SessionContext {
  if (childAt(context, from) === undefined || isOver(context)) return context;
  const stuck = { state: "stuck", reason: "error_in_process" } as const;
  const lifecycle = movedAxis(context.axes.lifecycle, stuck, at);
  return withAxes(context, { lifecycle, detecting: null, stuckOn: null });
}
