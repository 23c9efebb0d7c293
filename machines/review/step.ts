import type { Json } from "../json.ts";
import { autoReviewed, isAuto, programSeen } from "./auto.ts";
import { launchFailed, mailDied, seatsDue, terminalTold } from "./children.ts";
import type { ReviewEvent, ReviewEventNamed } from "./protocol.ts";
import {
  forEach,
  quiet,
  seatOf,
  and,
  withOrders,
  withReviewing,
  withRuns,
  withSeat,
  type Seat,
  type ReviewContext,
  type ReviewLimits,
  type ReviewStep,
} from "./record.ts";
import {
  activityTaken,
  isHeard,
  receiptTaken,
  submitted,
  treesSeen,
  treesUnseen,
  withdrawals,
} from "./results.ts";
import { isOpenRun, movedRun, type RunReason } from "./run.ts";
import { hasQueue, inHandOf, prepared, seatStarted, seatStopped } from "./seats.ts";
import { dismissed, triggered } from "./trigger.ts";
import type { WorkerFacts } from "./worker.ts";
import { isReviewer } from "./reviewers.ts";

// Review step
//
// The whole answer of a review to one message. Pure.
//
//   E1. A step that changes nothing gives back the very same context and, but for the answer to a command, no orders.
//   E2. What a step makes possible is ordered in the same step: a seat that is free takes its queue.
//   E3. While anything may fall silent, one timer is armed: for whatever is due first.
//   E4. A worker that is over leaves no open run and no process.

/** The next context and what to order. */
export function stepReview(
  context: ReviewContext,
  event: ReviewEvent,
  limits: ReviewLimits,
): ReviewStep {
  const { at } = event;
  const told = answer(context, event, limits);
  if (told.context === context) return told;
  const settled = and(told, (next) => settle(next, at, limits));
  const looked = and(settled, (next) =>
    isAuto(next) && next.runs !== context.runs
      ? and(autoReviewed(next, { at, limits }), (after) => settle(after, at, limits))
      : quiet(next),
  );
  return withTimer(withShown(context, looked));
}

type Effected = Extract<ReviewEvent, { type: `${string}Review${string}.${"done" | "failed"}` }>;
type Worldly = Extract<
  ReviewEvent,
  { type: `child.${string}` | `mail.${string}` | `timer.${string}` }
>;

function isEffected(event: ReviewEvent): event is Effected {
  return event.type.endsWith(".done") || event.type.endsWith(".failed");
}

function isWorldly(event: ReviewEvent): event is Worldly {
  return /^(?:child|mail|timer)\./.test(event.type);
}

function answer(context: ReviewContext, event: ReviewEvent, limits: ReviewLimits): ReviewStep {
  if (isEffected(event)) return effectAnswer(context, event, limits);
  return isWorldly(event)
    ? worldAnswer(context, event, limits)
    : wishAnswer(context, event, limits);
}

function wishAnswer(
  context: ReviewContext,
  event: Exclude<ReviewEvent, Effected | Worldly>,
  limits: ReviewLimits,
): ReviewStep {
  switch (event.type) {
    case "review.trigger":
      return asked(context, event);
    case "worker.seen":
      return workerSeen(context, event, limits);
    case "review.submit":
      return results(context, event);
    case "review.cancel":
      return cancelled(context, event);
    case "review.configure":
      return configured(context, event, limits);
    case "review.activity":
      return heard(context, event, limits);
    case "review.refused":
      return quiet(context);
    case "feedback.receipt":
      break;
  }
  const { reason = "", ...receipt } = event.data;
  return quiet(receiptTaken(context, { ...receipt, reason, at: event.at }));
}

function worldAnswer(context: ReviewContext, event: Worldly, limits: ReviewLimits): ReviewStep {
  switch (event.type) {
    case "child.started":
    case "child.exited":
    case "child.stopped":
    case "child.unstoppable":
      return terminalTold(context, event, limits);
    case "mail.undeliverable":
      return mailDied(context, event, limits);
    case "timer.due":
      return due(context, event.at, limits);
    case "child.quarantined":
      break;
  }
  return quiet(context);
}

function effectAnswer(context: ReviewContext, event: Effected, limits: ReviewLimits): ReviewStep {
  const { at } = event;
  switch (event.type) {
    case "prepareReview.done":
      return prepared(context, { ...event.data.result, at });
    case "prepareReview.failed":
      return unprepared(context, event, limits);
    case "verifyReview.done":
      return treesSeen(context, event.data.result);
    case "verifyReview.failed":
      return treesUnseen(context, event.epoch);
    case "findReviewer.done": {
      const { program, isThere } = event.data.result;
      return programSeen(context, { program, isThere, at, limits });
    }
    case "findReviewer.failed":
      return quiet(context.looking === null ? context : { ...context, looking: null });
    case "releaseReview.done":
    case "releaseReview.failed":
      break;
  }
  return quiet(context);
}

function unprepared(
  context: ReviewContext,
  event: ReviewEventNamed<"prepareReview.failed">,
  limits: ReviewLimits,
): ReviewStep {
  const seat = context.seats.find(({ epoch }) => epoch === event.epoch);
  if (seat?.state !== "launching" || seat.hasBegun) return quiet(context);
  const { code, message } = event.data;
  return launchFailed(context, { seat, at: event.at, code, message }, limits);
}

function replied(step: ReviewStep, data: Json): ReviewStep {
  return { context: step.context, orders: [...step.orders, { type: "reply", data }] };
}

function asked(context: ReviewContext, event: ReviewEventNamed<"review.trigger">): ReviewStep {
  const { worker, reviewing, ...request } = event.data;
  const known = withWorker(context, worker);
  const current = reviewing === undefined ? known : withReviewing(known, reviewing);
  const { at } = event;
  if (request.restart && current.runs.some(isOpenRun)) return restarted(current, at);
  const force = request.force || request.restart;
  const made = triggered(current, { ...request, force, trigger: "manual", at });
  if (made.type === "refused") {
    const { code, message } = made.refusal;
    return { context, orders: [{ type: "refuse", code, message }] };
  }
  const { created, skipped, step } = made;
  return replied(step, {
    created: created.length > 0,
    batchId: created[0]?.batchId ?? null,
    runIds: created.map(({ id }) => id),
    skipped: skipped.map((one) => ({ ...one })),
  });
}

/** Ends every reviewer that works, and begins its runs anew. */
function restarted(context: ReviewContext, at: number): ReviewStep {
  const open = context.runs.filter(isOpenRun);
  const seats = [...new Set(open.map(({ seat }) => seat))];
  const step = forEach(quiet(context), seats, (next, key) => dismissed(next, key, at));
  const ids = open.map(({ id }) => id);
  return replied(step, { created: false, batchId: null, runIds: ids, skipped: [] });
}

function withWorker(context: ReviewContext, worker: WorkerFacts): ReviewContext {
  // Equal facts under a newer revision are told with triggers: no news.
  const isOlder = worker.revision < context.worker.revision;
  const { revision } = context.worker;
  const isSame = JSON.stringify({ ...worker, revision }) === JSON.stringify(context.worker);
  return isOlder || isSame ? context : { ...context, worker };
}

function workerSeen(
  context: ReviewContext,
  event: ReviewEventNamed<"worker.seen">,
  limits: ReviewLimits,
): ReviewStep {
  const { worker, reviewing } = event.data;
  const known = withWorker(context, worker);
  const current = reviewing === undefined ? known : withReviewing(known, reviewing);
  if (current === context) return quiet(context);
  return autoReviewed(current, { at: event.at, limits });
}

function results(context: ReviewContext, event: ReviewEventNamed<"review.submit">): ReviewStep {
  const { reviews, claim } = event.data;
  const taken = submitted(context, { reviews, claim, at: event.at });
  if (taken.type === "refused") {
    const { code, message } = taken.refusal;
    return { context, orders: [{ type: "refuse", code, message }] };
  }
  return replied(taken.step, { runIds: [...taken.ids] });
}

function cancelled(context: ReviewContext, event: ReviewEventNamed<"review.cancel">): ReviewStep {
  const open = context.runs.filter(isOpenRun);
  const step = ended(context, { reason: "user_cancelled", at: event.at });
  return replied(step, { runIds: open.map(({ id }) => id) });
}

/** Cancels every open run; a process that had one is ended. */
function ended(context: ReviewContext, said: { reason: RunReason; at: number }): ReviewStep {
  const { reason, at } = said;
  const open = context.runs.filter(isOpenRun);
  const seats = [...new Set(open.map(({ seat }) => seat))];
  const moved = open.map((run) => movedRun(run, "run.cancelled", { reason, endedAt: at }));
  return forEach(quiet(withRuns(context, moved)), seats, (next, key) => seatStopped(next, key, at));
}

function configured(
  context: ReviewContext,
  event: ReviewEventNamed<"review.configure">,
  limits: ReviewLimits,
): ReviewStep {
  const { harness, autoReview, autoInjectReview, worker, reviewing } = event.data;
  if (harness !== undefined && harness !== null && !isReviewer(harness)) {
    const message = `configure the review of ${context.id}: ${harness} is no reviewer`;
    return withOrders(context, { type: "refuse", code: "REVIEW_INVALID", message });
  }
  const before = context.preferences;
  const preferences = {
    harness: harness === undefined ? before.harness : harness,
    autoReview: autoReview === undefined ? before.autoReview : autoReview,
    autoInject: autoInjectReview ?? before.autoInject,
  };
  const isSame = JSON.stringify(preferences) === JSON.stringify(before);
  const known = withWorker(context, worker);
  const wished = reviewing === undefined ? known : withReviewing(known, reviewing);
  const isOther =
    preferences.harness !== before.harness || preferences.autoReview !== before.autoReview;
  const renewed = isOther ? { ...wished, freshFrom: wished.nextRun } : wished;
  const current = isSame ? wished : { ...renewed, preferences };
  const taken = preferences.autoInject ? [] : withdrawals(current);
  const step = and({ context: current, orders: taken }, (next) =>
    autoReviewed(next, { at: event.at, limits }),
  );
  return replied(step, { ...preferences });
}

function heard(
  context: ReviewContext,
  event: ReviewEventNamed<"review.activity">,
  { leaseMs }: ReviewLimits,
): ReviewStep {
  const { claim, state } = event.data;
  const next = activityTaken(context, { claim, state, at: event.at, leaseMs });
  return replied(quiet(next), { accepted: isHeard(context, claim) });
}

function due(context: ReviewContext, saidAt: number, limits: ReviewLimits): ReviewStep {
  const { dueAt } = context;
  if (dueAt === null) return quiet(context);
  const at = Math.max(saidAt, dueAt);
  const spent = { ...context, dueAt: null };
  return and(seatsDue(spent, at, limits), (next) =>
    next.lookAt !== null && next.lookAt <= at
      ? autoReviewed({ ...next, lookAt: null }, { at, limits })
      : quiet(next),
  );
}

/** Every seat takes, or lets go of, what it may now (E2, E4). */
function settle(context: ReviewContext, at: number, limits: ReviewLimits): ReviewStep {
  const { over } = context.worker;
  const first = over === null ? quiet(context) : leave(context, at);
  return forEach(first, first.context.seats, (next, { key }) => {
    const cleared = withoutSuperseded(next, key, at);
    return settleSeat(cleared, key, { at, limits });
  });
}

/** The worker is over: so are its runs, and every process that looked at its work. */
function leave(context: ReviewContext, at: number): ReviewStep {
  const step = ended(context, { reason: "worker_ended", at });
  const busy = step.context.seats.filter(({ state }) => state === "launching" || state === "live");
  return forEach(step, busy, (next, { key }) => seatStopped(next, key, at));
}

/** What was superseded has failed once the process that had it is gone. */
function withoutSuperseded(context: ReviewContext, key: string, at: number): ReviewContext {
  const seat = seatOf(context, key);
  const isHeld = (epoch: number | null): boolean => epoch === seat.epoch && seat.state !== "absent";
  const overtaken = context.runs.filter(
    (run) => run.seat === key && run.state === "superseded" && !isHeld(run.epoch),
  );
  return withRuns(
    context,
    overtaken.map((run) => movedRun(run, "run.failed", { endedAt: run.endedAt ?? at })),
  );
}

function settleSeat(
  context: ReviewContext,
  key: string,
  { at, limits }: { at: number; limits: ReviewLimits },
): ReviewStep {
  const seat = seatOf(context, key);
  const isWanted = hasQueue(context, key) && context.worker.over === null;
  if (seat.state === "live") {
    const isDone = inHandOf(context, key).length === 0;
    return isWanted && isDone ? seatStopped(context, key, at) : quiet(context);
  }
  if (seat.state !== "absent") return quiet(context);
  if (context.worker.over !== null && !seat.isReleased) return released(context, seat);
  if (isWanted) {
    return seat.restartAt === null ? seatStarted(context, key, { limits, at }) : quiet(context);
  }
  return seat.restartAt === null ? quiet(context) : seatStopped(context, key, at);
}

/** Nobody will look at its worktrees again. */
function released(context: ReviewContext, seat: Seat): ReviewStep {
  return withOrders(withSeat(context, { ...seat, isReleased: true }), {
    type: "effect",
    name: "releaseReview",
    lane: `review:${seat.terminal}`,
    data: { reviewer: seat.terminal, projectId: context.worker.projectId },
  });
}

/**
 * The run that the chart follows: one until it has ended and a newer one has begun, never two in one step. One that is
 * made void while a process has it comes first: it is why that process is ended.
 */
function withShown(before: ReviewContext, { context, orders }: ReviewStep): ReviewStep {
  const known = before.runs.find(({ id }) => id === before.shown);
  const isBusy = known !== undefined && (isOpenRun(known) || known.state === "superseded");
  const voided = context.runs.filter(({ state }) => state === "superseded");
  if (isBusy && (voided.length === 0 || voided.some(({ id }) => id === known.id))) {
    return { context, orders };
  }
  const newest = voided[0] ?? context.runs.findLast(isOpenRun) ?? context.runs.at(-1);
  const shown = newest?.id ?? null;
  return shown === context.shown ? { context, orders } : { context: { ...context, shown }, orders };
}

function withTimer({ context, orders }: ReviewStep): ReviewStep {
  const times = context.seats.flatMap(({ restartAt, askAt, leaseAt }) => [
    restartAt,
    askAt,
    leaseAt,
  ]);
  const all = [...times, context.lookAt].filter((time) => time !== null);
  const dueAt = all.length === 0 ? null : Math.min(...all);
  if (dueAt === context.dueAt) return { context, orders };
  const order =
    dueAt === null
      ? ({ type: "cancel", name: "due" } as const)
      : ({ type: "arm", name: "due", dueAt } as const);
  return { context: { ...context, dueAt }, orders: [...orders, order] };
}
