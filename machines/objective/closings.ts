import { claimOn } from "./claims.ts";
import {
  chained,
  isEnded,
  quiet,
  withWorker,
  type Facts,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
} from "./record.ts";
import { killOrder } from "./workers.ts";

/** Closes the sessions of workers that nothing claims any more, each once. Those that a person began are the person's. */
export function withClosings(
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

/** The order to close a worker's session became a dead letter: its actor was quarantined. */
export function unclosed(context: ObjectiveContext, id: string): ObjectiveContext {
  const worker = context.workers.find((each) => each.id === id);
  return worker?.isReleased === true
    ? withWorker(context, { ...worker, isUnclosed: true })
    : context;
}

/** A session that speaks after an order to close that it did not get has the order again, once. */
export function closedAgain(
  context: ObjectiveContext,
  { id, facts }: { id: string; facts: Facts },
): ObjectiveStep {
  const worker = context.workers.find((each) => each.id === id);
  if (worker?.isUnclosed === undefined) return quiet(context);
  const { isUnclosed: _, ...known } = worker;
  const isLive = facts.ended === null && facts.lifecycle.state !== "terminated";
  return {
    context: withWorker(context, known),
    orders: isLive ? [killOrder(id, "cleanup")] : [],
  };
}

/** When the next claim ends by itself. */
export function closeAt(
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
