import { eligibilityOf, planReviews, type Planned } from "./plan.ts";
import {
  quiet,
  withOrders,
  type AutoDecision,
  type ReviewContext,
  type ReviewLimits,
  type ReviewStep,
} from "./record.ts";
import type { Run } from "./run.ts";
import { reviewerFor, triggered } from "./trigger.ts";
import { programOf } from "./reviewers.ts";

// Auto-review
//
// Reviews a new head once its worker rests, where project or session want that. For every pull request it leaves a
// decision that says why, or why not.
//
//   O1. It makes a run only where a person's trigger would, and never where a person cancelled.
//   O2. What failed for good is not begun again by itself: a new head, another config or a person gives it a new budget.
//   O3. It looks for the reviewer's program before it supersedes anything.

/** Whether new heads are reviewed without being asked. */
export function isAuto({ preferences, reviewing }: ReviewContext): boolean {
  return preferences.autoReview ?? reviewing.autoReview;
}

/** Looks at every pull request, and begins what should begin. */
export function autoReviewed(
  context: ReviewContext,
  { at, limits }: { at: number; limits: ReviewLimits },
): ReviewStep {
  if (!isAuto(context)) return quiet(undecided(context));
  const plan = planReviews(context.worker, context.runs);
  const waits = obstacleOf(context, at, limits.idleMs);
  const reviewer = reviewerFor(context, undefined);
  const rows = plan.map((planned) => ({
    planned,
    decision: waits ?? decisionOf(context, planned, reviewer.harness),
  }));
  const isResting = waits === "idle_threshold_not_met" && context.worker.idleSince !== null;
  const lookAt = isResting ? (context.worker.idleSince ?? at) + limits.idleMs : null;
  const decided = withDecisions({ ...context, lookAt }, rows, at);
  const only = rows
    .filter(({ decision }) => decision === "triggered")
    .map(({ planned }) => planned);
  if (only.length === 0) return quiet(decided);
  const program = programOf(reviewer);
  if (program === undefined) return begun(decided, only, { at, missing: [] });
  if (context.looking === program) return quiet(withDecisions(decided, lookingRows(only), at));
  const looking = withDecisions({ ...decided, looking: program }, lookingRows(only), at);
  return withOrders(looking, {
    type: "effect",
    name: "findReviewer",
    lane: `review:${context.id}`,
    data: { program },
  });
}

function lookingRows(only: readonly Planned[]): Row[] {
  return only.map((planned) => ({ planned, decision: "looking_for_reviewer" }));
}

/** The program was found, or not: what should begin is looked at once more, as things are now (O3). */
export function programSeen(
  context: ReviewContext,
  {
    program,
    isThere,
    at,
    limits,
  }: { program: string; isThere: boolean; at: number; limits: ReviewLimits },
): ReviewStep {
  const known = { ...context, looking: null };
  if (!isAuto(known) || obstacleOf(known, at, limits.idleMs) !== undefined) {
    return autoReviewed(known, { at, limits });
  }
  const reviewer = reviewerFor(known, undefined);
  if (programOf(reviewer) !== program) return autoReviewed(known, { at, limits });
  const only = planReviews(known.worker, known.runs).filter(
    (planned) => decisionOf(known, planned, reviewer.harness) === "triggered",
  );
  return begun(known, only, { at, missing: isThere ? [] : [program] });
}

function begun(
  context: ReviewContext,
  only: readonly Planned[],
  { at, missing }: { at: number; missing: string[] },
): ReviewStep {
  if (only.length === 0) return quiet(context);
  const urls = new Set(only.map(({ subject }) => subject.url));
  const made = triggered(context, {
    trigger: "auto",
    at,
    force: false,
    restart: false,
    missing,
    only: urls,
  });
  const rows = (decision: string): Row[] => only.map((planned) => ({ planned, decision }));
  if (made.type === "refused") {
    const isMissing = made.refusal.code === "REVIEWER_BINARY_NOT_FOUND";
    const why = isMissing ? "missing_reviewer_harness" : "planner_ineligible";
    return quiet(withDecisions(context, rows(why), at));
  }
  const told = withDecisions(made.step.context, rows("triggered"), at);
  return { ...made.step, context: told };
}

function obstacleOf({ worker }: ReviewContext, at: number, idleMs: number): string | undefined {
  if (worker.kind !== "worker") return "not_worker";
  if (worker.over !== null || worker.ended !== null) return "terminated";
  if (worker.idleSince === null) return "not_idle";
  if (at - worker.idleSince < idleMs) return "idle_threshold_not_met";
  return undefined;
}

/** What is to be done with one pull request of a worker that rests. */
function decisionOf(context: ReviewContext, planned: Planned, harness: string): string {
  const verdict = eligibilityOf(planned, context.runs, {
    harness,
    isExplicit: false,
    isForced: false,
  });
  if (!verdict.isEligible) return verdict.reason;
  if (planned.status === "changes_requested") return "changes_requested_same_sha";
  return pastOf(context, planned.latestRun) ?? "triggered";
}

/** O1, O2. */
function pastOf({ freshFrom }: ReviewContext, latest: Run | null): string | undefined {
  if (latest?.state === "cancelled" && latest.reason === "user_cancelled") {
    return "cancelled_same_sha";
  }
  const isSpent = latest?.state === "failed" && latest.seq >= freshFrom;
  return isSpent ? "retry_budget_exhausted" : undefined;
}

type Row = { readonly planned: Planned; readonly decision: string };

/** A decision keeps its time for as long as it stays the same. */
function withDecisions(context: ReviewContext, rows: readonly Row[], at: number): ReviewContext {
  const urls = new Set(rows.map(({ planned }) => planned.subject.url));
  const known = new Set(
    planReviews(context.worker, context.runs).map(({ subject }) => subject.url),
  );
  const others = context.decisions.filter(({ prUrl }) => !urls.has(prUrl) && known.has(prUrl));
  const news = rows.map(({ planned: { subject, targetSha }, decision }): AutoDecision => {
    const was = context.decisions.find(({ prUrl }) => prUrl === subject.url);
    const isSame = was?.decision === decision && was.targetSha === targetSha;
    return isSame ? was : { prUrl: subject.url, targetSha, decision, at };
  });
  const decisions = [...others, ...news];
  const isSame =
    decisions.length === context.decisions.length &&
    decisions.every((one) => context.decisions.includes(one));
  return isSame ? context : { ...context, decisions };
}

function undecided(context: ReviewContext): ReviewContext {
  const isBare = context.decisions.length === 0 && context.lookAt === null;
  return isBare ? context : { ...context, decisions: [], lookAt: null };
}
