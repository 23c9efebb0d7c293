import type { Trouble } from "../children.ts";
import type { Order } from "../order.ts";
import type { Decided } from "../recording.ts";
import type { Run } from "./run.ts";
import { UNKNOWN_WORKER, type ReviewerWish, type Reviewing, type WorkerFacts } from "./worker.ts";
import type { Cause, SupervisorState } from "../supervision/supervision.ts";

// Review record
//
// What is kept of one worker's reviews: the worker as it was last told, its reviewers, its runs.

/** What happens in the terminal of a reviewer. */
export type SeatState = "absent" | "launching" | "live" | "destroying";

/** One reviewer of the session: a terminal of its own, and who sits there. */
export type Seat = {
  /** "main" for the reviewer that triggers use by default, else the harness of a second opinion. */
  readonly key: string;
  /** Id of its terminal: the handle by which it is known outside. */
  readonly terminal: string;
  readonly wish: ReviewerWish;
  readonly state: SeatState;
  readonly supervisor: SupervisorState;
  /** Newest incarnation; unique in the whole review. */
  readonly epoch: number;
  /** Its terminal was told to start this incarnation. */
  readonly hasBegun: boolean;
  readonly pid: number | null;
  /** How the process ended by itself; what it left is being ended. */
  readonly exit: { readonly cause: Cause; readonly detail: string } | null;
  /** When the back-off before its next process is over. */
  readonly restartAt: number | null;
  /** When a start or stop that was not answered is asked again, and how often it was. */
  readonly askAt: number | null;
  readonly asked: number;
  /** Until when a live process may go without a sign of life while it has runs. */
  readonly leaseAt: number | null;
  readonly activity: { readonly state: string; readonly at: number } | null;
  readonly trouble: Trouble | null;
  /** Its worktrees were removed, or never made. */
  readonly isReleased: boolean;
};

/** Why auto-review did, or did not, make a run for one pull request. */
export type AutoDecision = {
  readonly prUrl: string;
  readonly targetSha: string;
  readonly decision: string;
  readonly at: number;
};

/** What a person said of the reviews of this session; null where the project decides. */
export type Preferences = {
  readonly harness: string | null;
  readonly autoReview: boolean | null;
  readonly autoInject: boolean;
};

export type ReviewContext = {
  readonly id: string;
  readonly worker: WorkerFacts;
  readonly reviewing: Reviewing;
  readonly preferences: Preferences;
  readonly seats: readonly Seat[];
  /** How each reviewer is launched, by harness, as it was named last. */
  readonly wishes: Readonly<Record<string, ReviewerWish>>;
  /** Oldest first. */
  readonly runs: readonly Run[];
  /** The run that the chart follows. */
  readonly shown: string | null;
  readonly nextRun: number;
  readonly nextBatch: number;
  /** Runs from this number on were made since somebody changed who reviews, or how: older failures hold nothing up. */
  readonly freshFrom: number;
  /** Incarnations given out so far, over all seats. */
  readonly epochs: number;
  readonly decisions: readonly AutoDecision[];
  /** The program that auto-review looks for before it makes runs. */
  readonly looking: string | null;
  /** When auto-review looks again, because the worker was not idle for long enough. */
  readonly lookAt: number | null;
  /** For when the one timer is armed. */
  readonly dueAt: number | null;
};

export type ReviewStep = Decided<ReviewContext>;

/** What of the settings a review must know. Durations are milliseconds. */
export interface ReviewLimits {
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly graceMs: number;
  /** A worker rests for so long before its new head is reviewed by itself. */
  readonly idleMs: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/** A review of which nothing is known but its name. */
export function newbornReview(id: string): ReviewContext {
  return {
    id,
    worker: UNKNOWN_WORKER,
    reviewing: { reviewers: [], autoReview: false },
    preferences: { harness: null, autoReview: null, autoInject: true },
    seats: [],
    wishes: {},
    runs: [],
    shown: null,
    nextRun: 1,
    nextBatch: 1,
    freshFrom: 1,
    epochs: 0,
    decisions: [],
    looking: null,
    lookAt: null,
    dueAt: null,
  };
}

/** The context where reviews are wanted so from now on; what changes that gives failed heads another budget. */
export function withReviewing(context: ReviewContext, reviewing: Reviewing): ReviewContext {
  const isSame = JSON.stringify(reviewing) === JSON.stringify(context.reviewing);
  return isSame ? context : { ...context, reviewing, freshFrom: context.nextRun };
}

/** A step without orders. */
export function quiet(context: ReviewContext): ReviewStep {
  return { context, orders: [] };
}

/** What follows from a step, after what it ordered. */
export function and(
  { context, orders }: ReviewStep,
  next: (context: ReviewContext) => ReviewStep,
): ReviewStep {
  const after = next(context);
  if (orders.length === 0) return after;
  return { context: after.context, orders: [...orders, ...after.orders] };
}

/** The same for each of several things, in order. */
export function forEach<T>(
  step: ReviewStep,
  all: readonly T[],
  next: (context: ReviewContext, one: T) => ReviewStep,
): ReviewStep {
  return all.reduce((before, one) => and(before, (context) => next(context, one)), step);
}

export function withOrders(context: ReviewContext, ...orders: readonly Order[]): ReviewStep {
  return { context, orders };
}

/** The context with runs replaced by those of the same id; the very same one when none differs. */
export function withRuns(context: ReviewContext, changed: readonly Run[]): ReviewContext {
  const byId = new Map(changed.map((run) => [run.id, run]));
  const runs = context.runs.map((run) => byId.get(run.id) ?? run);
  const isSame = runs.every((run, index) => run === context.runs[index]);
  return isSame ? context : { ...context, runs };
}

/** The context with one seat replaced, or added. */
export function withSeat(context: ReviewContext, seat: Seat): ReviewContext {
  const isKnown = context.seats.some(({ key }) => key === seat.key);
  const seats = isKnown
    ? context.seats.map((each) => (each.key === seat.key ? seat : each))
    : [...context.seats, seat];
  return { ...context, seats };
}

/** A seat by its key; the caller knows that it is there. */
export function seatOf(context: ReviewContext, key: string): Seat {
  const seat = context.seats.find((each) => each.key === key);
  if (seat === undefined) throw new Error(`review ${context.id} has no seat ${key}`);
  return seat;
}
