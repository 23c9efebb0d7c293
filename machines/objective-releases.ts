import { claimOn } from "./claims.ts";
import {
  chained,
  isEnded,
  quiet,
  withWorker,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
} from "./objective-record.ts";
import { killOrder } from "./objective-workers.ts";

/** Closes the sessions of workers that nothing claims any more, each once. Those that a person began are the person's. */
export function withReleases(
  context: ObjectiveContext,
  limits: ObjectiveLimits,
  at: number,
): ObjectiveStep {
  return context.workers
    .filter((worker) => isEnded(worker) && worker.facts !== null)
    .filter(({ isReleased, isGuest }) => !isReleased && !isGuest)
    .reduce<ObjectiveStep>((step, worker) => {
      const claim = claimOn(step.context, worker, limits);
      const isHeld = claim !== undefined && (claim.until === null || at < claim.until);
      if (isHeld) return step;
      return chained(step, (so) => ({
        context: withWorker(so, { ...worker, isReleased: true }),
        orders: [killOrder(worker.id, "cleanup")],
      }));
    }, quiet(context));
}

/** When the next claim ends by itself. */
export function releaseAt(
  context: ObjectiveContext,
  limits: ObjectiveLimits,
  at: number,
): number | null {
  const times = context.workers
    .filter(({ isReleased, isGuest, facts }) => !isReleased && !isGuest && facts !== null)
    .map((worker) => claimOn(context, worker, limits)?.until ?? 0)
    .filter((until) => until > at);
  return times.length === 0 ? null : Math.min(...times);
}
