import type { Order } from "../order.ts";
import { fingerprint } from "../fingerprint.ts";
import { addressOf } from "../ids.ts";
import { feedbackMessage } from "./prompts.ts";
import type { ReviewerClaim, Submission } from "./protocol.ts";
import { invalid, shapesRefusal, type Refusal } from "./shapes.ts";
import {
  quiet,
  seatOf,
  and,
  withOrders,
  withRuns,
  withSeat,
  type ReviewContext,
  type ReviewStep,
} from "./record.ts";
import { isOpenRun, movedRun, type Run } from "./run.ts";
import { headOf } from "./plan.ts";

// Review results
//
// From a submission to the worker's terminal: all of it is checked, then all of it is taken, then one message is sent.
//
//   B1. A submission is taken whole or not at all; what is wrong is named with its place.
//   B2. The same result again changes nothing; another result for the same run is refused.
//   B3. Only the process that has the run, or had it last, may say how it ended.
//   B4. One submission makes one message. Its name comes from its runs, so that it can never be two.
//   B5. What is not delivered says why; nothing is dropped in silence.

export type Submitted =
  | { readonly type: "refused"; readonly refusal: Refusal }
  | { readonly type: "taken"; readonly step: ReviewStep; readonly ids: readonly string[] };

/** What a reviewer says of its runs (B1). */
export function submitted(
  context: ReviewContext,
  said: { reviews: readonly Submission[]; claim: ReviewerClaim; at: number },
): Submitted {
  const { reviews, claim, at } = said;
  const refusal = submissionRefusal(context, reviews, claim);
  if (refusal !== undefined) return { type: "refused", refusal };
  const ids = reviews.map(({ runId }) => runId);
  const news = reviews.flatMap((review) => {
    const run = context.runs.find(({ id }) => id === review.runId);
    return run !== undefined && isNews(run) ? [{ run, review }] : [];
  });
  if (news.length === 0) return { type: "taken", step: quiet(context), ids };
  const id = deliveryIdOf(
    context.id,
    news.map(({ run }) => run),
  );
  const taken = news.map(({ run, review }) => {
    const wantsDelivery = review.verdict === "changes_requested";
    const complete = movedRun(run, "run.submitted", {
      verdict: review.verdict === "approved" ? "approved" : "changes_requested",
      body: review.body,
      providerReviewId: review.providerReviewId,
      autoInject: context.preferences.autoInject,
      reason: null,
      detail: null,
      submittedAt: at,
    });
    const state = wantsDelivery ? ("pending" as const) : ("none" as const);
    const known = complete.state === run.state ? run : complete;
    return { ...known, delivery: { ...run.delivery, state, reason: null, id } };
  });
  const step = and(quiet(withRuns(context, taken)), (next) => verified(next, taken, claim));
  return { type: "taken", step, ids };
}

/** A first result, or one that is said again because its feedback could not be delivered. */
function isNews(run: Run): boolean {
  return isOpenRun(run) || (run.state === "complete" && run.delivery.state === "failed");
}

function deliveryIdOf(worker: string, runs: readonly Run[]): string {
  const tries = Math.max(...runs.map(({ delivery }) => delivery.attempts));
  const again = tries === 0 ? "" : `.${tries + 1}`;
  return `review:${worker}:${fingerprint(JSON.stringify(runs.map(({ id }) => id).toSorted()))}${again}`;
}

function submissionRefusal(
  context: ReviewContext,
  reviews: readonly Submission[],
  claim: ReviewerClaim,
): Refusal | undefined {
  const tried = `submit to the review of ${context.id}`;
  const wrong = shapesRefusal(reviews, tried);
  if (wrong !== undefined) return wrong;
  const seat = context.seats.find(({ terminal }) => terminal === claim.terminal);
  if (seat === undefined) {
    const message = `${tried}: ${claim.terminal} is no reviewer of this session`;
    return { code: "FORBIDDEN", message };
  }
  for (const [index, review] of reviews.entries()) {
    const where = `${tried}: reviews[${index}]`;
    const refusal = runRefusal(context, { review, claim, where, seat: seat.key });
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function runRefusal(
  context: ReviewContext,
  told: { review: Submission; claim: ReviewerClaim; where: string; seat: string },
): Refusal | undefined {
  const { review, claim, where, seat } = told;
  const run = context.runs.find(({ id }) => id === review.runId);
  if (run === undefined) return unknownRun(context.id, review.runId, where);
  if (run.state === "superseded" || run.state === "failed" || run.state === "cancelled") {
    const why = run.reason === null ? "" : ` (${run.reason})`;
    return invalid(`${where}: run ${run.id} is not running any more: it is ${run.state}${why}`);
  }
  const isHolder = run.seat === seat && run.epoch === claim.epoch;
  const isNewest = !isOpenRun(run) || seatOf(context, seat).epoch === claim.epoch;
  if (!isHolder || !isNewest) {
    const has = run.epoch === null ? "no process has it yet" : `epoch ${run.epoch} has it`;
    return {
      code: "EPOCH_STALE",
      message: `${where}: the token is of epoch ${claim.epoch}, and of run ${run.id} ${has}`,
    };
  }
  return run.state === "complete" ? repeatRefusal(run, review, where) : undefined;
}

function unknownRun(worker: string, runId: string, where: string): Refusal {
  const owner = /^(.+)-r\d+$/.exec(runId)?.[1];
  if (owner !== undefined && owner !== worker) {
    return invalid(`${where}: run ${runId} belongs to another session`);
  }
  return { code: "REVIEW_NOT_FOUND", message: `${where}: there is no run ${runId}` };
}

/** The same result may be said again, with less (B2). */
function repeatRefusal(run: Run, review: Submission, where: string): Refusal | undefined {
  const isSame =
    review.verdict === run.verdict &&
    (review.body === "" || review.body === run.body) &&
    (review.providerReviewId === "" || review.providerReviewId === run.providerReviewId);
  return isSame ? undefined : invalid(`${where}: run ${run.id} has another result already`);
}

/** Looks whether the worktrees still hold what was to be reviewed; without any, the results go on at once. */
function verified(
  context: ReviewContext,
  runs: readonly Run[],
  { terminal, epoch }: ReviewerClaim,
): ReviewStep {
  const trees = runs.flatMap(({ id, tree, targetSha, treeState }) =>
    tree === null || treeState !== "unverified" ? [] : [{ runId: id, path: tree, sha: targetSha }],
  );
  const first = runs[0]?.delivery.id ?? null;
  if (trees.length === 0) return sentOn(context, first);
  const order: Order = {
    type: "effect",
    name: "verifyReview",
    lane: `review:${terminal}`,
    epoch,
    data: { reviewer: terminal, epoch, deliveryId: first ?? "", trees },
  };
  return withOrders(context, order);
}

type Look = { readonly runId: string; readonly isPinned: boolean | null };

/** What the worktrees held at submit. One that cannot be looked at any more says nothing. */
export function treesSeen(
  context: ReviewContext,
  { deliveryId, trees }: { deliveryId: string; trees: readonly Look[] },
): ReviewStep {
  const byRun = new Map(trees.map((tree) => [tree.runId, tree.isPinned]));
  const seen = context.runs.map((run): Run => {
    const isPinned = byRun.get(run.id);
    if (isPinned === undefined || isPinned === null) return run;
    return { ...run, treeState: isPinned ? "pinned" : "changed" };
  });
  return sentOn(withRuns(context, seen), deliveryId);
}

/** Worktrees that could not be looked at: what they held at the start has to do. */
export function treesUnseen(context: ReviewContext, epoch: number | undefined): ReviewStep {
  const waiting = context.runs.filter(
    (run) => run.epoch === epoch && run.delivery.id !== null && isUnsettled(run),
  );
  const ids = [...new Set(waiting.map(({ delivery }) => delivery.id))];
  return ids.reduce<ReviewStep>(
    (step, id) => and(step, (next) => sentOn(next, id)),
    quiet(context),
  );
}

function isUnsettled({ state, delivery }: Run): boolean {
  return state === "complete" && (delivery.state === "pending" || delivery.state === "none");
}

/** One submission, on its way to the forge and to the worker (B4). */
function sentOn(context: ReviewContext, deliveryId: string | null): ReviewStep {
  const group = context.runs.filter(
    (run) => deliveryId !== null && run.delivery.id === deliveryId && isUnsettled(run),
  );
  const posts = group.flatMap((run) => postOrders(context, run));
  const decided = group.map((run): Run => {
    if (run.delivery.state !== "pending") return run;
    const reason = silence(context, run);
    const attempts = run.delivery.attempts + (reason === null ? 1 : 0);
    const state = reason === null ? ("sent" as const) : ("skipped" as const);
    return { ...run, delivery: { ...run.delivery, state, reason, attempts } };
  });
  const sent = decided.filter(({ delivery }) => delivery.state === "sent");
  const told = withRuns(context, decided);
  if (sent.length === 0 || deliveryId === null) return { context: told, orders: posts };
  return { context: told, orders: [...posts, feedbackOrder(told, deliveryId, sent)] };
}

/** Why a result is not told to the worker; null when it is (B5). */
function silence({ worker, preferences }: ReviewContext, run: Run): string | null {
  if (run.treeState === "changed") return "tree_changed";
  if (worker.over !== null || worker.ended !== null) return "worker_ended";
  if (!preferences.autoInject) return "auto_inject_off";
  return headOf(worker, run.subject) === run.targetSha ? null : "stale_head";
}

function feedbackOrder({ id }: ReviewContext, deliveryId: string, runs: readonly Run[]): Order {
  return {
    type: "mail",
    to: addressOf("session", id),
    name: "review.feedback",
    data: {
      deliveryId,
      text: feedbackMessage(runs),
      heads: runs.map(({ subject: { url, number }, targetSha }) => ({
        url,
        number,
        headSha: targetSha,
      })),
      providerReviewIds: runs.flatMap(({ providerReviewId }) =>
        providerReviewId === "" ? [] : [providerReviewId],
      ),
    },
  };
}

/** Its forge keeps what was said, or decides by it. */
function postOrders({ worker }: ReviewContext, run: Run): readonly Order[] {
  const { subject, targetSha, verdict, body, treeState, id, harness } = run;
  if (worker.scm === "none" || subject.number === 0 || treeState === "changed") return [];
  return [
    {
      type: "mail",
      to: addressOf("forge", worker.projectId),
      name: "pull.review",
      data: {
        number: subject.number,
        headSha: targetSha,
        verdict,
        body,
        runId: id,
        author: harness,
      },
    },
  ];
}

/** What became of a message. */
export function receiptTaken(
  context: ReviewContext,
  receipt: {
    deliveryId: string;
    state: "delivered" | "expired" | "undeliverable";
    reason: string;
    at: number;
  },
): ReviewContext {
  const { deliveryId, state, reason, at } = receipt;
  const group = context.runs.filter(
    (run) => run.delivery.id === deliveryId && run.delivery.state === "sent",
  );
  return withRuns(
    context,
    group.map((run): Run => {
      if (state === "delivered") {
        const delivery = { ...run.delivery, state: "delivered" as const };
        return movedRun(run, "run.delivered", { delivery, deliveredAt: at });
      }
      const end = state === "expired" ? ("skipped" as const) : ("failed" as const);
      return { ...run, delivery: { ...run.delivery, state: end, reason } };
    }),
  );
}

/** Takes back what was not typed yet: the person does not want it told. */
export function withdrawals(context: ReviewContext): readonly Order[] {
  const ids = new Set(
    context.runs.flatMap(({ delivery }) => (delivery.state === "sent" ? [delivery.id] : [])),
  );
  return [...ids].map((deliveryId) => ({
    type: "mail" as const,
    to: addressOf("session", context.id),
    name: "review.withdraw",
    data: { deliveryId, reason: "auto_inject_off" },
  }));
}

const LEASE_STEPS = 60;

/** Whether it is of the process that sits there now. */
export function isHeard({ seats }: ReviewContext, claim: ReviewerClaim): boolean {
  const seat = seats.find(({ terminal }) => terminal === claim.terminal);
  return seat?.epoch === claim.epoch && seat.state !== "destroying";
}

/** A reviewer says what it does: a sign of life, unless it waits for somebody. */
export function activityTaken(
  context: ReviewContext,
  said: { claim: ReviewerClaim; state: string; at: number; leaseMs: number },
): ReviewContext {
  const { claim, state, at, leaseMs } = said;
  const seat = context.seats.find(({ terminal }) => terminal === claim.terminal);
  if (seat === undefined || !isHeard(context, claim)) return context;
  // Hooks speak before and after every tool: a word that changes nothing much is not worth another snapshot.
  const isSame = seat.activity?.state === state && at - seat.activity.at < leaseMs / LEASE_STEPS;
  if (isSame) return context;
  const isStuck = state === "blocked" || state === "waiting_input";
  const leaseAt = seat.leaseAt === null || isStuck ? seat.leaseAt : at + leaseMs;
  return withSeat(context, { ...seat, activity: { state, at }, leaseAt });
}
