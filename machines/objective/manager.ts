import { addressOf } from "../ids.ts";
import { arrived, ofLostManager, promptRef, takenAlong, waitingItems } from "./inbox.ts";
import { escalated } from "./questions.ts";
import {
  hasCommitted,
  isUp,
  KEPT,
  noManager,
  progressed,
  quiet,
  chained,
  type Facts,
  type Life,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
} from "./record.ts";
import { agentOrder, killOrder } from "./workers.ts";
import { firstText, resumeText } from "./poke-text.ts";
import {
  supervise,
  supervisor,
  type Cause,
  type SupervisorEvent,
  type SupervisorOrder,
  type SupervisorState,
} from "../supervision/supervision.ts";

// Objective manager
//
// The one manager of an objective, kept by the generic supervisor: its launches, its ends, and what each end costs.
//
//   G1. A new manager is ordered only with a raised epoch, and only when the one before it has ended.
//   G2. Every end has a class. A death before it ever ran is `launch`; a clean end of one that did nothing is
//       `no_progress`; other clean ends, quota pauses and a person's kill cost nothing.
//   G3. What an older manager says changes nothing; one that still lives is ended.
//   G4. A start that takes too long is taken back. One that does not end when it is told is told again, and again:
//       silence is never taken for an end.
//   G5. One whose session takes no messages any more is ended through its terminal, and only then replaced.

const MANAGER = "manager";
const STOP_MS = 120_000;
// A machine that is down for a while must not use up a budget meant for managers that fail.
const OUTAGES = { intensity: 16, periodMs: 14_400_000 };
const LONGEST_BACKOFF_MS = 600_000;

/** The supervisor of one manager. */
export function managerSupervisor(limits: ObjectiveLimits): SupervisorState {
  return supervisor({
    strategy: "one_for_one",
    intensity: Math.max(0, limits.maxManagers - 1),
    periodMs: limits.windowMs,
    budgets: { infra: OUTAGES, launch: OUTAGES },
    backoff: { minMs: Math.ceil(limits.cooldownMs / 8), maxMs: LONGEST_BACKOFF_MS },
    children: [{ id: MANAGER, restart: "permanent", shutdownMs: 10_000 }],
  });
}

export function managerState({
  supervisor: { children },
}: ObjectiveContext): SupervisorState["children"][number]["state"] {
  return children.find(({ id }) => id === MANAGER)?.state ?? "absent";
}

/** One event of the supervisor, with all that follows from it. */
export function supervised(context: ObjectiveContext, event: SupervisorEvent): ObjectiveStep {
  const { state, orders } = supervise(context.supervisor, event);
  const next = state === context.supervisor ? context : { ...context, supervisor: state };
  return orders.reduce<ObjectiveStep>(
    (step, order) => chained(step, (so) => carriedOut(so, order, event.at)),
    quiet(next),
  );
}

function carriedOut(context: ObjectiveContext, order: SupervisorOrder, at: number): ObjectiveStep {
  switch (order.type) {
    case "startChild":
      return ordered(context, order.epoch, at);
    case "stopChild":
      return stopped(context, { cause: "user", at });
    case "escalate":
      return escalated(context, { cause: order.cause, at });
    // Its back-off is `supervisor.dueAt`; the one timer of an objective looks at it.
    case "arm":
    case "cancel":
    case "ready":
    case "childEnded":
    case "allStopped":
      break;
  }
  return quiet(context);
}

/** Orders the session of a new manager: the first with the goal, every other with a resume (G1). */
function ordered(context: ObjectiveContext, epoch: number, at: number): ObjectiveStep {
  const sessionId = `${context.id}-m${epoch}`;
  const isFirst = context.lives.length === 0;
  const items = waitingItems(context);
  const text = isFirst ? firstText(context) : resumeText(context);
  const harness = context.manager.facts?.harness ?? context.harness ?? undefined;
  const title = context.title === "" ? context.id : context.title;
  const begun: ObjectiveContext = {
    ...context,
    actedAt: isFirst ? context.actedAt : at,
    manager: { ...noManager(epoch), sessionId, orderedAt: at, hasWorked: items.length > 0 },
  };
  return {
    context: takenAlong(begun, items, promptRef(epoch)),
    orders: [
      {
        type: "mail",
        to: addressOf("project", context.projectId),
        name: "project.spawn",
        data: {
          kind: "manager",
          sessionId,
          objectiveId: context.id,
          title: isFirst ? `Manager of ${title}` : `Manager of ${title} (resumed)`,
          prompt: text,
          ...(harness !== undefined && { harness }),
          ...(context.command !== null && { command: context.command }),
        },
      },
    ],
  };
}

/** What the session of a manager says of itself. */
export function managerSeen(
  context: ObjectiveContext,
  { id, facts, at }: { id: string; facts: Facts; at: number },
): ObjectiveStep {
  const { manager } = context;
  if (id !== manager.sessionId) {
    const isStray = facts.ended === null && facts.lifecycle.state !== "terminated";
    return { context, orders: isStray ? [killOrder(id, "error")] : [] };
  }
  const isFirst = manager.startedAt === null && isUp(facts);
  const startedAt = isFirst ? at : manager.startedAt;
  const quotaUntil = facts.limitedUntil;
  // Its session tells it to go on: that is the last thing it was told.
  const isReset = manager.quotaUntil !== null && quotaUntil === null;
  const deliveredAt = isReset ? at : manager.deliveredAt;
  const known = {
    ...context,
    manager: { ...manager, facts, startedAt, quotaUntil, deliveredAt },
  };
  const seen = hasCommitted(manager.facts, facts) ? worked(known, at) : known;
  const { epoch } = manager;
  const step = isFirst
    ? supervised(arrived(seen, promptRef(epoch)), { type: "child.started", id: MANAGER, epoch, at })
    : quiet(seen);
  if (facts.ended === null)
    return chained(step, (so) => lateEnded(so, { id, before: manager.facts }));
  const cause = facts.ended;
  return chained(step, (so) => managerEnded(so, { cause, at }));
}

/** A session that is heard of first when its objective has ended: the order to close it was quicker than it. */
function lateEnded(
  context: ObjectiveContext,
  { id, before }: { id: string; before: Facts | null },
): ObjectiveStep {
  const isLate = context.end !== null && before === null;
  return { context, orders: isLate ? [killOrder(id, "cleanup")] : [] };
}

/** The manager did something that brings the objective on. */
export function worked(context: ObjectiveContext, at: number): ObjectiveContext {
  return progressed({ ...context, manager: { ...context.manager, hasWorked: true } }, at);
}

/** The manager is told to end, for a reason of ours. */
export function stopped(
  context: ObjectiveContext,
  { cause, at }: { cause: Cause; at: number },
): ObjectiveStep {
  const { manager } = context;
  if (manager.sessionId === null || manager.stopping !== null) return quiet(context);
  return {
    context: { ...context, manager: { ...manager, stopping: { cause, at } } },
    orders: [killOrder(manager.sessionId, cause === "user" ? "cleanup" : "error")],
  };
}

/** Its session can be told nothing any more: its terminal ends the agent, and says when that is done (G5). */
export function managerUnheard(context: ObjectiveContext, at: number): ObjectiveStep {
  const { manager } = context;
  if (manager.sessionId === null || !isLive(context)) return quiet(context);
  const stopping = { cause: "crash" as const, ...manager.stopping, at };
  return {
    context: { ...context, manager: { ...manager, stopping } },
    orders: [agentOrder(manager.sessionId, manager.facts)],
  };
}

/** Nothing of it runs any more. */
export function managerGone(context: ObjectiveContext, at: number): ObjectiveStep {
  const { stopping } = context.manager;
  return stopping === null ? quiet(context) : managerEnded(context, { cause: stopping.cause, at });
}

/** Whether the present manager has not come to its end, as its supervisor knows it. */
function isLive({ manager, supervisor: { children } }: ObjectiveContext): boolean {
  const child = children.find(({ id }) => id === MANAGER);
  return child?.epoch === manager.epoch && LIVE.has(child.state);
}

const LIVE: ReadonlySet<string> = new Set(["starting", "running", "stopping"]);

/** The manager has ended: its life is written down, what it had not read waits, and the supervisor decides. */
export function managerEnded(
  context: ObjectiveContext,
  { cause: said, at }: { cause: Cause; at: number },
): ObjectiveStep {
  if (context.end !== null) return stoppedWithAll(context, at);
  const { manager } = context;
  if (manager.sessionId === null || !isLive(context)) return quiet(context);
  const cause = classOf(manager, said);
  const life: Life = {
    epoch: manager.epoch,
    sessionId: manager.sessionId,
    orderedAt: manager.orderedAt,
    endedAt: at,
    hasRun: manager.startedAt !== null,
    cause,
  };
  const lives = [...context.lives, life].slice(-KEPT.lives);
  const dead = { ...context, lives, manager: { ...manager, stopping: null } };
  const lost = ofLostManager(dead, manager.sessionId);
  const { epoch } = manager;
  const step = supervised(lost, { type: "child.exited", id: MANAGER, epoch, cause, at });
  // Nobody goes on in its worktree; what it committed there stays on its branch, and what it did not keeps the worktree.
  return { context: step.context, orders: [killOrder(life.sessionId, "cleanup"), ...step.orders] };
}

/** With its objective it was told to end: that is no death, and nobody takes its place. */
function stoppedWithAll(context: ObjectiveContext, at: number): ObjectiveStep {
  const { manager, supervisor: before } = context;
  // An objective that ended before its supervisor was told so would replace it.
  if (before.phase !== "stopping") return quiet(context);
  const known = { ...context, manager: { ...manager, stopping: null } };
  return supervised(known, { type: "child.stopped", id: MANAGER, epoch: manager.epoch, at });
}

/** What an end costs (G2). A person's kill is a clean end here: the objective is still wanted. */
function classOf(manager: ObjectiveContext["manager"], said: Cause): Cause {
  if (manager.stopping !== null)
    return manager.stopping.cause === "user" ? "clean" : manager.stopping.cause;
  if (manager.startedAt === null && (said === "crash" || said === "clean")) return "launch";
  // A person who ends one that ran, as being in error, speaks of its work.
  if (manager.startedAt !== null && said === "launch") return "crash";
  if (said === "clean" && !manager.hasWorked) return "no_progress";
  return said === "user" ? "clean" : said;
}

/** What of the manager is due at `at` though nobody said anything (G4). */
export function managerDue(
  context: ObjectiveContext,
  limits: ObjectiveLimits,
  at: number,
): ObjectiveStep {
  const { manager } = context;
  if (manager.stopping !== null && at >= manager.stopping.at + STOP_MS) {
    return stoppedAgain(context, manager.stopping, at);
  }
  const isLate = managerState(context) === "starting" && at >= manager.orderedAt + limits.startMs;
  return isLate ? stopped(context, { cause: "infra", at }) : quiet(context);
}

/** Tells it once more to end. Where its session takes nothing any more that dies, and its terminal is told (G5). */
function stoppedAgain(
  context: ObjectiveContext,
  { cause, asked = 1 }: NonNullable<ObjectiveContext["manager"]["stopping"]>,
  at: number,
): ObjectiveStep {
  const { manager } = context;
  if (manager.sessionId === null) return quiet(context);
  const stopping = { cause, at, asked: asked + 1 };
  return {
    context: { ...context, manager: { ...manager, stopping } },
    orders: [killOrder(manager.sessionId, "error")],
  };
}

/** When the manager must be looked at again: a start, or an end that we asked for. */
export function managerDueAt(context: ObjectiveContext, limits: ObjectiveLimits): number | null {
  const { manager } = context;
  if (manager.sessionId === null) return null;
  if (manager.stopping !== null) return manager.stopping.at + STOP_MS;
  return managerState(context) === "starting" ? manager.orderedAt + limits.startMs : null;
}

/** The back-off of the dead manager is over, or need not be waited for. */
export function respawned(context: ObjectiveContext, at: number): ObjectiveStep {
  const { dueAt } = context.supervisor;
  if (dueAt === null) return quiet(context);
  return supervised(context, { type: "backoff.over", at: Math.max(at, dueAt) });
}
