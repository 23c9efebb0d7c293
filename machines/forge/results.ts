import { isOpenPull } from "../pull-state.ts";
import { assertEvent } from "xstate";
import type { ForgeEvent } from "./messages.ts";
import {
  checksOf,
  including,
  settled,
  toBeMerged,
  withJobs,
  withPull,
  type ForgeContext,
} from "./jobs.ts";
import { checked, ended, inspected, uncheckable, type Pull, mergeObstacle } from "./pulls.ts";
import type { Decided, Seen } from "../recording.ts";

// Forge results
//
// What branch heads, and the answers of git and of the checks, make of the forge.

// Git fails when its lock is held or the disk is full; half a minute later it is worth a look.
const INSPECT_AGAIN_MS = 30_000;
// The same for a checkout; a program that is missing will not be there after a minute and a half either.
const CHECK_AGAIN_MS = 30_000;
const MOST_CHECK_ROUNDS = 3;
// A merge that fails for ever is asked for once an hour in the end.
const MERGE_AGAIN_MS = 60_000;
const MERGE_AGAIN_MAX_MS = 3_600_000;

type SeenBy = Seen<ForgeContext, ForgeEvent>;
type Step = Decided<ForgeContext>;

/** Looks at the live pull requests whose branches stand elsewhere than when they were looked at. */
export function inspectMoved({ context, event }: SeenBy): Step {
  assertEvent(event, "refs.observed");
  const { heads } = event.data;
  const isMoved = (ref: string, known: string | null): boolean =>
    Object.hasOwn(heads, ref) && heads[ref] !== known;
  const moved = Object.values(context.pulls).filter(
    (pull) =>
      isOpenPull(pull) &&
      (isMoved(pull.headRef, pull.headSha) || isMoved(pull.baseRef, pull.baseSha)),
  );
  return inspectAll(context, moved);
}

/** The wait after a failed inspection is over. */
export function inspectAgain({ context }: SeenBy): Step {
  const { inspectLater, toInspect } = context.jobs;
  if (inspectLater.length === 0) return { context, orders: [] };
  const jobs = { inspectLater: [], toInspect: including(toInspect, inspectLater) };
  return settled(context, withJobs(context, jobs));
}

/** What git said of the branches, or that it could not be asked. */
export function noteInspection({ context, event }: SeenBy): Step {
  assertEvent(event, ["inspectBranches.done", "inspectBranches.failed"]);
  const { inspecting, inspectLater, toCheck } = context.jobs;
  if (inspecting.length === 0) return { context, orders: [] };
  const idle = withJobs(context, { inspecting: [] });
  if (event.type === "inspectBranches.failed") {
    const { code, message } = event.data;
    const troubled = inspecting.reduce((forge, number) => {
      const pull = forge.pulls[number];
      return pull === undefined || !isOpenPull(pull)
        ? forge
        : withPull(forge, { ...pull, trouble: { at: event.at, code, message } });
    }, idle);
    const later = withJobs(troubled, { inspectLater: including(inspectLater, inspecting) });
    return settled(context, later, [
      { type: "arm", name: "inspect", dueAt: event.at + INSPECT_AGAIN_MS },
    ]);
  }
  let next = idle;
  const moved: number[] = [];
  const hasChecks = context.checks.length > 0;
  for (const found of event.data.result.pulls) {
    const pull = next.pulls[found.number];
    if (pull === undefined || !inspecting.includes(found.number)) continue;
    const { owesReview } = context;
    const seen = inspected(pull, found, { at: event.at, hasChecks, owesReview });
    if (seen.headSha !== pull.headSha && hasChecks) moved.push(found.number);
    next = withPull(next, seen);
  }
  if (moved.length > 0) next = withJobs(next, { toCheck: including(toCheck, moved) });
  return settled(context, next);
}

/** What the checks said; for a head that is no longer the head it is dropped (F3). */
export function noteChecks({ context, event }: SeenBy): Step {
  assertEvent(event, ["runChecks.done", "runChecks.failed"]);
  const job = context.jobs.checking;
  if (job === null) return { context, orders: [] };
  const idle = withJobs(context, { checking: null });
  const pull = idle.pulls[job.number];
  if (pull === undefined) return settled(context, idle);
  if (event.type === "runChecks.done") {
    const { headSha, checks } = event.data.result;
    return settled(context, withPull(idle, checked(pull, { headSha, checks, at: event.at })));
  }
  if (!isOpenPull(pull) || pull.headSha !== job.headSha) return settled(context, idle);
  const { code, message } = event.data;
  const trouble = { at: event.at, code, message };
  const next = uncheckable(pull, trouble, MOST_CHECK_ROUNDS);
  const noted = withPull(idle, next);
  if (next.ci.state === "failing") return settled(context, noted);
  const checkLater = including(idle.jobs.checkLater, [job.number]);
  return settled(context, withJobs(noted, { checkLater }), [
    { type: "arm", name: "checks", dueAt: event.at + CHECK_AGAIN_MS },
  ]);
}

/** The wait after checks that could not be run is over. */
export function checkAgain({ context }: SeenBy): Step {
  const { checkLater, toCheck } = context.jobs;
  if (checkLater.length === 0) return { context, orders: [] };
  const due = checkLater.filter((number) => (context.pulls[number]?.checkRounds ?? 0) > 0);
  const jobs = { checkLater: [], toCheck: including(toCheck, due) };
  return settled(context, withJobs(context, jobs));
}

/** The merge is done, or failed and said why (F4). */
export function noteMerge({ context, event }: SeenBy): Step {
  assertEvent(event, ["mergePullRequest.done", "mergePullRequest.failed"]);
  const number = context.jobs.merging;
  if (number === null) return { context, orders: [] };
  const idle = withJobs(context, { merging: null });
  const pull = idle.pulls[number];
  if (pull === undefined) return settled(context, idle);
  if (event.type === "mergePullRequest.failed") {
    const { code, message } = event.data;
    const trouble = { at: event.at, code, message };
    const failures = (pull.asked?.failures ?? 0) + 1;
    const asked = pull.asked && { ...pull.asked, failures };
    const told = { ...pull, merging: false, trouble, updatedAt: event.at, ...(asked && { asked }) };
    const failed = queued(withPull(idle, told), [pull]);
    if (asked?.isStanding !== true) return settled(context, failed);
    // Whoever asked does not look again: the base may have moved, a limit may end, a worktree be clean.
    const mergeLater = including(failed.jobs.mergeLater, [number]);
    const waitMs = Math.min(MERGE_AGAIN_MS * 2 ** (failures - 1), MERGE_AGAIN_MAX_MS);
    return settled(context, withJobs(failed, { mergeLater }), [
      { type: "arm", name: "merge", dueAt: event.at + waitMs },
    ]);
  }
  const { mergeSha } = event.data.result;
  const over = ended(pull, { state: "merged", mergeSha, at: event.at });
  const done = over.asked && { ...over, asked: { ...over.asked, isDone: true as const } };
  const merged = withPull(idle, done ?? over);
  const onSameBase = Object.values(merged.pulls).filter(
    (other) => isOpenPull(other) && other.baseRef === pull.baseRef,
  );
  return settled(context, queued(merged, onSameBase));
}

/** The wait after a merge that failed is over: those whose head is still the same and may be merged are. */
export function mergeAgain({ context }: SeenBy): Step {
  const { mergeLater } = context.jobs;
  if (mergeLater.length === 0) return { context, orders: [] };
  const idle = withJobs(context, { mergeLater: [] });
  const ready = mergeLater.flatMap((number) => {
    const pull = idle.pulls[number];
    const { headSha, isUnreviewed = false } = pull?.asked ?? {};
    if (pull === undefined || !isOpenPull(pull) || pull.headSha !== headSha) return [];
    return mergeObstacle(pull, checksOf(idle), isUnreviewed) === undefined ? [pull] : [];
  });
  return settled(context, ready.reduce(toBeMerged, idle));
}

function inspectAll(context: ForgeContext, pulls: readonly Pull[]): Step {
  return pulls.length === 0 ? { context, orders: [] } : settled(context, queued(context, pulls));
}

function queued(context: ForgeContext, pulls: readonly Pull[]): ForgeContext {
  // What GitHub keeps is looked at by a probe.
  if (context.github !== null) return context;
  const numbers = pulls.map(({ number }) => number);
  return withJobs(context, { toInspect: including(context.jobs.toInspect, numbers) });
}
