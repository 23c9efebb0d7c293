import { z } from "zod";
import { isAuto } from "../../machines/review/auto.ts";
import { planReviews, type Planned } from "../../machines/review/plan.ts";
import { newbornReview, type ReviewContext, type Seat } from "../../machines/review/record.ts";
import { isInHand, isOpenRun, statusOf, type Run } from "../../machines/review/run.ts";
import { reviewerFor } from "../../machines/review/trigger.ts";
import type { SessionContext } from "../../machines/session/record.ts";
import { workerFacts } from "../../machines/session/reviews.ts";
import type { SnapshotRow } from "../../storage/store.ts";

// Review view
//
// Reviews as the outside sees them: the plan over what session and review have committed. The same plan decides triggers.

export const ReviewRunView = z.object({
  id: z.string(),
  batchId: z.string(),
  prUrl: z.string(),
  targetSha: z.string(),
  harness: z.string(),
  reviewerHandleId: z.string(),
  triggerSource: z.enum(["manual", "auto"]),
  status: z.enum(["queued", "running", "complete", "delivered", "failed", "cancelled"]),
  /** Why it failed or was cancelled. */
  failReason: z.string().optional(),
  /** Why its last attempt came to nothing, while it waits for the next or is in it. */
  retryReason: z.string().optional(),
  /** The same in words. */
  detail: z.string().optional(),
  verdict: z.enum(["", "approved", "changes_requested"]),
  body: z.string(),
  providerReviewId: z.string(),
  /** Its reviewer named what it posted where the pull request lives; the local forge needs no such id. */
  posted: z.boolean(),
  /** What the reviewer had before it: the target commit untouched (`pinned`), or not. */
  tree: z.enum(["unverified", "pinned", "absent", "changed"]),
  attempt: z.number(),
  epoch: z.number().nullable(),
  autoInjectReview: z.boolean(),
  createdAt: z.number(),
  startedAt: z.number().optional(),
  submittedAt: z.number().optional(),
  endedAt: z.number().optional(),
  deliveredAt: z.number().optional(),
  delivery: z.object({
    state: z.enum(["none", "pending", "sent", "delivered", "skipped", "failed"]),
    reason: z.string().optional(),
    attempts: z.number(),
  }),
});
export type ReviewRunView = z.infer<typeof ReviewRunView>;

const PullRequestReview = z.object({
  prUrl: z.string(),
  prNumber: z.number(),
  title: z.string(),
  targetSha: z.string(),
  status: z.enum(["needs_review", "running", "up_to_date", "changes_requested", "ineligible"]),
  reason: z.string().optional(),
  latestRun: ReviewRunView.optional(),
  previousRun: ReviewRunView.optional(),
  /** What auto-review decided last, and why. */
  autoReview: z.object({ decision: z.string(), at: z.number() }).optional(),
});

const ReviewerView = z.object({
  handleId: z.string(),
  harness: z.string(),
  state: z.enum(["absent", "launching", "live", "destroying"]),
  epoch: z.number(),
  pid: z.number().nullable(),
  activity: z.string().nullable(),
  /** Until when it may go without a sign of life. */
  leaseAt: z.number().nullable(),
  trouble: z.object({ at: z.number(), code: z.string(), message: z.string() }).nullable(),
});

export const ReviewsView = z.object({
  /** The reviewer that works, or that triggers use by default; empty while there is none. */
  reviewerHandleId: z.string(),
  harness: z.string(),
  /** The same, as the reference names it. */
  reviewerHarness: z.string(),
  reviews: z.array(PullRequestReview),
  /** Newest first. */
  runs: z.array(ReviewRunView),
  reviewers: z.array(ReviewerView),
  autoReviewEnabled: z.boolean(),
  autoInjectReview: z.boolean(),
  /** What keeps reviewers from writing to worktrees and repositories on this machine. */
  isolation: z.string().optional(),
});
export type ReviewsView = z.infer<typeof ReviewsView>;

/** What session and review rows say of the reviews; a session that was never reviewed has a plan, too. */
export function reviewsView(session: SnapshotRow, review: SnapshotRow | undefined): ReviewsView {
  const worker = workerFacts(sessionContext(session));
  const stored =
    review === undefined
      ? newbornReview(session.address.slice("session/".length))
      : reviewContext(review);
  const known: ReviewContext = {
    ...stored,
    worker,
    reviewing: sessionContext(session).reviews.reviewing,
  };
  const seat = selectedSeat(known);
  const runOf = (run: Run): ReviewRunView => runView(run, known.seats);
  const decisions = new Map(known.decisions.map((one) => [one.prUrl, one]));
  const { harness } = seat?.wish ?? reviewerFor(known, undefined);
  return {
    reviewerHandleId: worker.over === null ? (seat?.terminal ?? "") : "",
    harness,
    reviewerHarness: harness,
    reviews: planReviews(worker, known.runs).map((planned) =>
      planView(planned, runOf, decisions.get(planned.subject.url)),
    ),
    runs: known.runs.toReversed().map(runOf),
    reviewers: known.seats.map(
      ({ terminal, wish, state, epoch, pid, activity, leaseAt, trouble }) => ({
        handleId: terminal,
        harness: wish.harness,
        state,
        epoch,
        pid,
        activity: activity?.state ?? null,
        leaseAt,
        trouble,
      }),
    ),
    autoReviewEnabled: isAuto(known),
    autoInjectReview: known.preferences.autoInject,
  };
}

/** The seat that works; with none at work, the main one. */
function selectedSeat({ seats, runs }: ReviewContext): Seat | undefined {
  const busy = runs.findLast(isInHand) ?? runs.findLast(isOpenRun);
  return seats.find(({ key }) => key === (busy?.seat ?? "main")) ?? seats[0];
}

function planView(
  { subject, targetSha, status, reason, latestRun, previousRun }: Planned,
  runOf: (run: Run) => ReviewRunView,
  auto: ReviewContext["decisions"][number] | undefined,
): z.infer<typeof PullRequestReview> {
  return {
    prUrl: subject.url,
    prNumber: subject.number,
    title: subject.title,
    targetSha,
    status,
    ...(reason !== null && { reason }),
    ...(latestRun !== null && { latestRun: runOf(latestRun) }),
    ...(previousRun !== null && { previousRun: runOf(previousRun) }),
    ...(auto !== undefined && { autoReview: { decision: auto.decision, at: auto.at } }),
  };
}

function runView(run: Run, seats: readonly Seat[]): ReviewRunView {
  const { delivery } = run;
  const seat = seats.find(({ key }) => key === run.seat);
  return {
    id: run.id,
    batchId: run.batchId,
    prUrl: run.subject.url,
    targetSha: run.targetSha,
    harness: run.harness,
    reviewerHandleId: seat?.terminal ?? "",
    triggerSource: run.trigger,
    status: statusOf(run),
    ...(run.reason !== null && { [isOpenRun(run) ? "retryReason" : "failReason"]: run.reason }),
    ...(run.detail !== null && { detail: run.detail }),
    verdict: run.verdict,
    body: run.body,
    providerReviewId: run.providerReviewId,
    posted: run.providerReviewId !== "",
    tree: run.treeState,
    attempt: Math.max(1, run.attempt),
    epoch: run.epoch,
    autoInjectReview: run.autoInject,
    createdAt: run.createdAt,
    ...timesOf(run),
    delivery: {
      state: delivery.state,
      ...(delivery.reason !== null && { reason: delivery.reason }),
      attempts: delivery.attempts,
    },
  };
}

function timesOf(run: Run): Partial<ReviewRunView> {
  const { startedAt, submittedAt, endedAt, deliveredAt } = run;
  return {
    ...(startedAt !== null && { startedAt }),
    ...(submittedAt !== null && { submittedAt }),
    ...(endedAt !== null && { endedAt }),
    ...(deliveredAt !== null && { deliveredAt }),
  };
}

function sessionContext({ snapshot }: SnapshotRow): SessionContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of a session
  return (snapshot as unknown as { context: SessionContext }).context;
}

function reviewContext({ snapshot }: SnapshotRow): ReviewContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row of a review
  return (snapshot as unknown as { context: ReviewContext }).context;
}
