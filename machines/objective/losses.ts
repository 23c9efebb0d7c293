import { idOf, splitAddress } from "../ids.ts";
import type { Cause } from "../supervision/supervision.ts";
import { managerEnded, managerGone, managerUnheard } from "./manager.ts";
import type { ObjectiveEvent, ObjectiveEventNamed } from "./protocol.ts";
import { sendingOver } from "./receipts.ts";
import {
  chained,
  isEnded,
  quiet,
  type ObjectiveContext,
  type ObjectiveStep,
  type Worker,
} from "./record.ts";
import { unclosed } from "./closings.ts";
import { agentOrder, endedAs } from "./workers.ts";

// Objective losses
//
// What an objective does when a session or a project of it cannot be told anything.
//
//   L1. Whoever runs in a session that takes no messages is ended through its terminal: a manager before it is replaced,
//       a worker with its task.

const LOSSES = [
  "member.refused",
  "mail.undeliverable",
  "child.quarantined",
  "child.stopped",
] as const;
type Loss = ObjectiveEventNamed<(typeof LOSSES)[number]>;

/** Whether it says that somebody cannot be told, or does not run, any more. */
export function isLoss(event: ObjectiveEvent): event is Loss {
  return LOSSES.some((type) => type === event.type);
}

/** What follows from a loss. */
export function lossTold(context: ObjectiveContext, event: Loss): ObjectiveStep {
  const { at } = event;
  switch (event.type) {
    case "member.refused": {
      const { sessionId: id, message: why } = event.data;
      return memberLost(context, { id, cause: "launch", why, at });
    }
    case "mail.undeliverable":
      return mailDied(context, event);
    case "child.quarantined":
      return memberQuarantined(context, event);
    case "child.stopped":
      return agentGone(context, event);
  }
  return event satisfies never;
}

/** A session whose actor takes no messages any more: what runs in its terminal is ended (L1). */
function memberQuarantined(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"child.quarantined">,
): ObjectiveStep {
  const id = idOf(event);
  const { at } = event;
  if (id === context.manager.sessionId) return managerUnheard(context, at);
  const worker = context.workers.find((each) => each.id === id);
  if (worker === undefined || worker.isGuest || isEnded(worker)) return quiet(context);
  const why = "its actor is quarantined";
  return chained(memberLost(context, { id, cause: "crash", why, at }), (so) =>
    agentEnded(so, worker),
  );
}

function agentEnded(context: ObjectiveContext, { id, facts }: Worker): ObjectiveStep {
  return { context, orders: [agentOrder(id, facts)] };
}

/** Nothing runs any more in the terminal of a session that could not be told to end. */
function agentGone(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"child.stopped">,
): ObjectiveStep {
  const isManagers = idOf(event) === context.manager.sessionId;
  return isManagers ? managerGone(context, event.at) : quiet(context);
}

/** A session that could not be ordered, or whose actor cannot go on. */
function memberLost(
  context: ObjectiveContext,
  { id, cause, why, at }: { id: string; cause: Cause; why: string; at: number },
): ObjectiveStep {
  if (id === context.manager.sessionId) return managerEnded(context, { cause, at });
  const worker = context.workers.find((each) => each.id === id);
  if (worker === undefined || worker.endedAt !== null || context.end !== null)
    return quiet(context);
  return endedAs(context, { worker, state: "failed", reason: why.slice(0, 300), evidence: [], at });
}

/** Mail of the objective that became a dead letter. */
function mailDied(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"mail.undeliverable">,
): ObjectiveStep {
  const { id } = splitAddress(data.to);
  if (data.name === "session.send") {
    const lost = context.sendings.find(({ to }) => to === id);
    if (lost === undefined) return quiet(context);
    const sendings = context.sendings.filter((each) => each !== lost);
    return sendingOver({ ...context, sendings }, { sending: lost, isThere: false, at });
  }
  if (data.name === "session.kill") return killDied(context, id, at);
  // There is no terminal, or none any more: nothing runs.
  if (data.name === "child.stop" && ["ACTOR_UNKNOWN", "ACTOR_TERMINAL"].includes(data.code)) {
    return id === context.manager.sessionId ? managerGone(context, at) : quiet(context);
  }
  if (data.name !== "project.spawn") return quiet(context);
  return ordersLost(context, { why: data.message, at });
}

/** A session did not take the order to end (L1). */
function killDied(context: ObjectiveContext, id: string, at: number): ObjectiveStep {
  if (id === context.manager.sessionId) return managerUnheard(context, at);
  const worker = context.workers.find((each) => each.id === id);
  if (worker === undefined) return quiet(context);
  return chained(quiet(unclosed(context, id)), (so) => agentEnded(so, worker));
}

/** The project cannot be told: whatever was ordered of it and never seen is lost. */
function ordersLost(
  context: ObjectiveContext,
  { why, at }: { why: string; at: number },
): ObjectiveStep {
  const workers = context.workers.filter(
    ({ state, facts }) => state === "starting" && facts === null,
  );
  const lost = workers.map(({ id }) => id);
  const { manager } = context;
  const ids =
    manager.facts === null && manager.sessionId !== null ? [...lost, manager.sessionId] : lost;
  return ids.reduce<ObjectiveStep>(
    (step, id) => chained(step, (so) => memberLost(so, { id, cause: "launch", why, at })),
    quiet(context),
  );
}
