import { splitAddress } from "../ids.ts";
import type { ReviewEventNamed } from "./protocol.ts";
import {
  quiet,
  seatOf,
  and,
  withRuns,
  withSeat,
  type ReviewContext,
  type ReviewLimits,
  type ReviewStep,
  type Seat,
} from "./record.ts";
import { movedRun, type RunReason } from "./run.ts";
import {
  inHandOf,
  leftoversEnded,
  runsReturned,
  seatGone,
  seatLive,
  seatTold,
  stoppedAgain,
} from "./seats.ts";
import type { Cause } from "../supervision/supervision.ts";

// Review children
//
// What the terminals of reviewers say, and what their silence means.
//
//   C1. A run leaves `running` with the news that its process ended, whatever is still to be cleared away.
//   C2. A process that ends with nothing left to do has done its work: no restart, no charge.
//   C3. What is said of an older incarnation, or by anybody else, changes nothing.

type Said = ReviewEventNamed<
  "child.started" | "child.exited" | "child.stopped" | "child.unstoppable"
>;

/** What a terminal says of its process (C3). */
export function terminalTold(
  context: ReviewContext,
  event: Said,
  limits: ReviewLimits,
): ReviewStep {
  const seat = context.seats.find(({ terminal }) => event.from === `terminal/${terminal}`);
  if (seat === undefined || seat.epoch !== event.data.epoch) return quiet(context);
  const { at } = event;
  switch (event.type) {
    case "child.started":
      if (seat.state !== "launching" || !seat.hasBegun) return quiet(context);
      return seatLive(context, seat, { pid: event.data.pid ?? null, at, leaseMs: limits.leaseMs });
    case "child.exited":
      return exited(context, { seat, event, limits });
    case "child.stopped":
      return seat.state === "destroying" ? gone(context, seat, at) : quiet(context);
    case "child.unstoppable":
      return unstoppable(context, seat, event);
  }
  return event satisfies never;
}

function exited(
  context: ReviewContext,
  told: { seat: Seat; event: ReviewEventNamed<"child.exited">; limits: ReviewLimits },
): ReviewStep {
  const { seat, event, limits } = told;
  const { cause, code, message } = event.data;
  if (cause === "launch") return launchFailed(context, { seat, ...event, code, message }, limits);
  // It is being ended already: the terminal says so when nothing is left.
  if (seat.state === "destroying" || seat.state === "absent") return quiet(context);
  return lost(context, seat, {
    reason: "reviewer_exited",
    detail: exitDetail(event.data),
    cause,
    at: event.at,
    most: limits.maxAttempts,
  });
}

function exitDetail({ exitCode, signal, cause }: ReviewEventNamed<"child.exited">["data"]): string {
  if (signal !== undefined) return `its process was ended by ${signal}`;
  if (exitCode !== undefined) return `its process ended with exit code ${exitCode}`;
  return cause === "infra" ? "its terminal was lost" : "its process ended";
}

/** The process of a seat is no use any more: its runs wait again, and what is left of it is ended (C1, C2). */
function lost(
  context: ReviewContext,
  seat: Seat,
  told: { reason: RunReason; detail: string; cause: Cause; at: number; most: number },
): ReviewStep {
  const { reason, detail, cause, at, most } = told;
  const hadWork = inHandOf(context, seat.key).length > 0;
  const returned = runsReturned(context, seat.key, { reason, detail, at, most });
  const unfinished = cause === "clean" ? ("no_progress" as const) : cause;
  const exit = { cause: hadWork ? unfinished : ("user" as const), detail };
  // Its terminal never heard of it, so nothing of it can be left.
  if (!seat.hasBegun) return seatGone(returned, seat.key, { exit, at });
  return leftoversEnded(returned, seat.key, { exit, at });
}

/** Nothing of the incarnation runs, or ever ran. */
export function launchFailed(
  context: ReviewContext,
  told: { seat: Seat; at: number; code?: string | undefined; message?: string | undefined },
  { maxAttempts }: ReviewLimits,
): ReviewStep {
  const { seat, at } = told;
  if (seat.state !== "launching" && seat.state !== "destroying") return quiet(context);
  const message = told.message ?? "its process could not be started";
  const trouble = { at, code: told.code ?? "LAUNCH_FAILED", message };
  const noted = withSeat(context, { ...seat, trouble });
  const returned = runsReturned(noted, seat.key, {
    reason: "launch_failed",
    detail: message,
    at,
    most: maxAttempts,
  });
  return seatGone(returned, seat.key, { exit: { cause: "launch", detail: message }, at });
}

function gone(context: ReviewContext, seat: Seat, at: number): ReviewStep {
  return seatGone(context, seat.key, { exit: seat.exit, at });
}

/** The old process cannot be ended: what waits for it to go, and never ran, has failed. The end is tried on. */
function unstoppable(
  context: ReviewContext,
  seat: Seat,
  { data: { code, message }, at }: ReviewEventNamed<"child.unstoppable">,
): ReviewStep {
  if (seat.state !== "destroying") return quiet(context);
  const waiting = context.runs.filter(
    (run) => run.seat === seat.key && run.state === "queued" && run.attempt === 0,
  );
  const failed = waiting.map((run) =>
    movedRun(run, "run.failed", { reason: "destroy_failed", detail: message, endedAt: at }),
  );
  const noted = withSeat(withRuns(context, failed), { ...seat, trouble: { at, code, message } });
  return quiet(noted);
}

const NOBODY: ReadonlySet<string> = new Set(["ACTOR_UNKNOWN", "ACTOR_TERMINAL"]);
const SOON_MS = 5_000;

/** Mail of the review became a dead letter: it is answered in its addressee's stead, with no more than is sure. */
export function mailDied(
  context: ReviewContext,
  event: ReviewEventNamed<"mail.undeliverable">,
  limits: ReviewLimits,
): ReviewStep {
  const { from, at, data } = event;
  const seat = context.seats.find(({ terminal }) => from === `terminal/${terminal}`);
  if (seat === undefined) return quiet(feedbackDied(context, event));
  if (data.name === "child.start" && seat.state === "launching") {
    return launchFailed(context, { seat, at, code: data.code, message: data.message }, limits);
  }
  if (data.name !== "child.stop" || seat.state !== "destroying") return quiet(context);
  if (NOBODY.has(data.code)) return gone(context, seat, at);
  const askAt = Math.min(seat.askAt ?? Infinity, at + SOON_MS * 2 ** Math.min(6, seat.asked));
  return quiet(withSeat(context, { ...seat, askAt }));
}

function feedbackDied(
  context: ReviewContext,
  { from, data }: ReviewEventNamed<"mail.undeliverable">,
): ReviewContext {
  const isFeedback = from !== undefined && splitAddress(from).kind === "session";
  if (!isFeedback || data.name !== "review.feedback") return context;
  const sent = context.runs.filter(({ delivery }) => delivery.state === "sent");
  return withRuns(
    context,
    sent.map((run) => ({
      ...run,
      delivery: { ...run.delivery, state: "failed" as const, reason: data.message.slice(0, 500) },
    })),
  );
}

/** Everything of the seats that is due. */
export function seatsDue(context: ReviewContext, at: number, limits: ReviewLimits): ReviewStep {
  return context.seats.reduce<ReviewStep>(
    (step, { key }) => and(step, (next) => seatDue(next, seatOf(next, key), { at, limits })),
    quiet(context),
  );
}

function seatDue(
  context: ReviewContext,
  seat: Seat,
  { at, limits }: { at: number; limits: ReviewLimits },
): ReviewStep {
  const isOver = (due: number | null): boolean => due !== null && due <= at;
  if (seat.state === "absent" && isOver(seat.restartAt)) {
    const rested = withSeat(context, { ...seat, restartAt: null });
    return seatTold(rested, seat.key, { type: "backoff.over", at });
  }
  if (seat.state === "destroying" && isOver(seat.askAt)) {
    return stoppedAgain(context, seat.key, at);
  }
  const most = limits.maxAttempts;
  if (seat.state === "launching" && isOver(seat.askAt)) {
    const detail = "its start was not answered";
    return lost(context, seat, { reason: "launch_failed", detail, cause: "infra", at, most });
  }
  if (seat.state !== "live" || !isOver(seat.leaseAt)) return quiet(context);
  if (inHandOf(context, seat.key).length === 0) {
    return quiet(withSeat(context, { ...seat, leaseAt: null }));
  }
  const detail = `no sign of life for ${limits.leaseMs} ms`;
  return lost(context, seat, { reason: "lease_expired", detail, cause: "no_progress", at, most });
}
