import type { FailureCode } from "../failures.ts";
import { eligibilityOf, planReviews, staleRuns, type Planned } from "./plan.ts";
import {
  forEach,
  quiet,
  and,
  withRuns,
  withSeat,
  type ReviewContext,
  type ReviewStep,
} from "./record.ts";
import { isInHand, isOpenRun, movedRun, type Run } from "./run.ts";
import { inHandOf, newSeat, seatStopped } from "./seats.ts";
import type { ReviewerWish, ReviewRequest, WorkerFacts } from "./worker.ts";
import {
  defaultReviewer,
  isReviewer,
  namedReviewer,
  programOf,
  REVIEWER_HARNESSES,
  reviewerArgv,
} from "./reviewers.ts";

// Review trigger
//
// What a wish for reviews makes of the record: one plan, one batch, one launch.
//
//   G1. What cannot be launched is refused before anything is superseded.
//   G2. A newer head supersedes every open run of the same pull request; the process that had one is ended, and what
//       else it had goes back to the queue, as the same runs.
//   G3. What runs, or has its verdict, is not made twice: the same head by the same reviewer is one run.

const KEPT_RUNS = 1_000;
// What is long is kept for the newest; of the others the beginning tells what it was.
const WHOLE_BODIES = 20;
const KEPT_BODY = 300;

/** A wish, as the trigger, or auto-review, has it. */
export type Wanted = Omit<ReviewRequest, "reviewing"> & {
  readonly trigger: "manual" | "auto";
  readonly at: number;
  /** Only these pull requests; all when absent. */
  readonly only?: ReadonlySet<string>;
};

export type Refusal = { readonly code: FailureCode; readonly message: string };

export type Triggered =
  | { readonly type: "refused"; readonly refusal: Refusal }
  | {
      readonly type: "planned";
      readonly step: ReviewStep;
      readonly created: readonly Run[];
      readonly skipped: readonly { readonly prUrl: string; readonly reason: string }[];
    };

/** The reviewer that a wish comes to. */
export function reviewerFor(context: ReviewContext, harness: string | undefined): ReviewerWish {
  const { preferences, reviewing, worker } = context;
  if (harness !== undefined) return namedReviewer(harness, reviewing);
  return defaultReviewer({
    preference: preferences.harness,
    reviewing,
    workerHarness: worker.harness,
  });
}

/** Plans, supersedes and makes runs; the seats are settled by whoever calls. */
export function triggered(context: ReviewContext, wanted: Wanted): Triggered {
  const reviewer = reviewerFor(context, wanted.harness);
  const refusal = refusalOf(context, reviewer, wanted);
  if (refusal !== undefined) return { type: "refused", refusal };
  const plan = planReviews(context.worker, context.runs);
  const rows = plan.map((planned) => ({
    planned,
    verdict: eligibilityOf(planned, context.runs, {
      harness: reviewer.harness,
      isExplicit: wanted.harness !== undefined,
      isForced: wanted.force,
    }),
  }));
  const isWanted = ({ subject }: Planned): boolean => wanted.only?.has(subject.url) ?? true;
  const eligible = rows
    .filter(({ planned, verdict }) => verdict.isEligible && isWanted(planned))
    .map(({ planned }) => planned);
  const skipped = rows.flatMap(({ planned, verdict }) =>
    verdict.isEligible ? [] : [{ prUrl: planned.subject.url, reason: verdict.reason }],
  );
  if (eligible.length === 0) {
    const step = withoutOtherMain(context, reviewer, wanted);
    return { type: "planned", step, created: [], skipped };
  }
  const stale = eligible.flatMap((planned) => staleRuns(planned, context.runs));
  const superseding = superseded(context, stale, wanted.at);
  const { context: made, created } = withCreated(superseding.context, {
    eligible,
    reviewer,
    wanted,
  });
  return { type: "planned", step: { ...superseding, context: made }, created, skipped };
}

/** The main reviewer was replaced in the config: the old one has nothing to wait for. */
function withoutOtherMain(
  context: ReviewContext,
  { harness }: ReviewerWish,
  wanted: Wanted,
): ReviewStep {
  const main = context.seats.find(({ key }) => key === "main");
  const isBusy = context.runs.some((run) => run.seat === "main" && isOpenRun(run));
  const isSame = main === undefined || main.wish.harness === harness || main.state !== "live";
  if (isSame || isBusy || wanted.harness !== undefined) return quiet(context);
  return seatStopped(context, "main", wanted.at);
}

function refusalOf(
  { id, worker, runs }: ReviewContext,
  reviewer: ReviewerWish,
  { missing }: Wanted,
): Refusal | undefined {
  const tried = `review session ${id}`;
  const invalid = (seen: string): Refusal => ({
    code: "REVIEW_INVALID",
    message: `${tried}: ${seen}`,
  });
  if (!isReviewer(reviewer.harness)) {
    const known = REVIEWER_HARNESSES.join(", ");
    return invalid(`${reviewer.harness} is no reviewer; known are ${known}`);
  }
  if (reviewerArgv(reviewer) === undefined) {
    return invalid("the reviewer command has no command in the project's reviewers");
  }
  const obstacle = workerObstacle(worker);
  if (obstacle !== undefined) return invalid(obstacle);
  if (planReviews(worker, runs).length === 0) {
    return invalid("it has no pull request, and its branch has nothing that its base has not");
  }
  const program = programOf(reviewer);
  if (program === undefined || !missing.includes(program)) return undefined;
  return {
    code: "REVIEWER_BINARY_NOT_FOUND",
    message: `${tried} with ${reviewer.harness}: there is no program ${program} on the daemon's PATH; install it, or name another reviewer`,
  };
}

function workerObstacle({ over, ended, workspace }: WorkerFacts): string | undefined {
  const end = over ?? ended;
  if (end !== null) return `it is over (${end})`;
  return workspace.path === null ? "it has no workspace" : undefined;
}

/** Runs of older heads are void; whoever works on one is ended, and the rest of its queue waits again (G2). */
function superseded(context: ReviewContext, stale: readonly Run[], at: number): ReviewStep {
  const moved = stale.map((run) =>
    movedRun(run, "run.superseded", {
      reason: "superseded",
      detail: "a newer commit was pushed",
      endedAt: at,
    }),
  );
  const marked = withRuns(context, moved);
  const seats = new Set(stale.filter(isInHand).map(({ seat }) => seat));
  return forEach(quiet(marked), [...seats], (next, key) => dismissed(next, key, at));
}

/** Ends the process on a seat; what it had, and is still wanted, waits again as the same runs. */
export function dismissed(context: ReviewContext, key: string, at: number): ReviewStep {
  const back = inHandOf(context, key).map((run) =>
    movedRun(run, "run.returned", { reason: "interrupted", detail: "its reviewer was replaced" }),
  );
  return and(quiet(withRuns(context, back)), (next) => seatStopped(next, key, at));
}

function withCreated(
  context: ReviewContext,
  told: { eligible: readonly Planned[]; reviewer: ReviewerWish; wanted: Wanted },
): { context: ReviewContext; created: readonly Run[] } {
  const { eligible, reviewer, wanted } = told;
  const key = seatFor(context, reviewer, wanted.harness);
  const seated = context.seats.some((seat) => seat.key === key)
    ? context
    : withSeat(context, newSeat(context.id, key, reviewer));
  const batchId = `${context.id}-b${context.nextBatch}`;
  const created = eligible.map((planned, index): Run => {
    const seq = context.nextRun + index;
    return {
      ...BLANK,
      id: `${context.id}-r${seq}`,
      seq,
      batchId,
      seat: key,
      harness: reviewer.harness,
      trigger: wanted.trigger,
      subject: planned.subject,
      targetSha: planned.targetSha,
      autoInject: context.preferences.autoInject,
      createdAt: wanted.at,
    };
  });
  const runs = [...trimmed(context.runs), ...created];
  return {
    created,
    context: {
      ...seated,
      wishes: { ...seated.wishes, [reviewer.harness]: reviewer },
      runs,
      nextRun: context.nextRun + created.length,
      nextBatch: context.nextBatch + 1,
    },
  };
}

/** The main seat is the default reviewer's, and the first one's; any other sits apart, so that neither ends the other. */
function seatFor(
  { seats, runs }: ReviewContext,
  { harness }: ReviewerWish,
  asked?: string,
): string {
  const own = seats.find(({ wish }) => wish.harness === harness);
  if (own !== undefined) return own.key;
  const isBusy = runs.some((run) => run.seat === "main" && isOpenRun(run));
  const isSecond = asked !== undefined && seats.length > 0;
  return isBusy || isSecond ? harness : "main";
}

function trimmed(runs: readonly Run[]): readonly Run[] {
  const ended = runs.filter((run) => !isOpenRun(run) && run.state !== "superseded");
  const excess = new Set(ended.slice(0, Math.max(0, runs.length - KEPT_RUNS + 50)));
  const shortened = new Set(ended.slice(0, -WHOLE_BODIES));
  return runs.flatMap((run) => {
    if (excess.has(run)) return [];
    const isLong =
      shortened.has(run) && run.body.length > KEPT_BODY && run.delivery.state !== "sent";
    return [isLong ? { ...run, body: run.body.slice(0, KEPT_BODY) } : run];
  });
}

const BLANK = {
  state: "queued",
  attempt: 0,
  faults: 0,
  epoch: null,
  verdict: "",
  body: "",
  providerReviewId: "",
  reason: null,
  detail: null,
  tree: null,
  treeState: "unverified",
  baseSha: null,
  startedAt: null,
  submittedAt: null,
  endedAt: null,
  deliveredAt: null,
  delivery: { state: "none", reason: null, id: null, attempts: 0 },
} as const;
