import { addressOf, splitAddress } from "../ids.ts";
import {
  afterDeath,
  askedAgain,
  leasesOf,
  leasesOver,
  type LeaseAct,
} from "../supervision/leases.ts";
import { childAt, childTold, farewell, stopAgain, type ChildName } from "./children.ts";
import { goneOn, limitOverAt } from "./limits.ts";
import { returned } from "./messages.ts";
import type { EventNamed } from "./protocol.ts";
import type { SessionContext, SessionStep } from "./record.ts";

// Session leases
//
// What a session does about silence, and about its own mail that became a dead letter.
//
//   L-1. While a child starts or stops, a text is with the terminal, a limit holds the agent, or its own end could not be
//        told, one timer is armed: for whichever is due first.
//   L-2. Mail that died is answered in its addressee's stead, with no more than is sure: a start that was not heard
//        began nothing, a stop to nobody has nothing to stop, a text was not typed.
//   L-3. What it could not make sure of stays in `trouble`.

// Typing is tried five times for a quarter of a minute, with waits between; a text may stand behind others.
const RECEIPT_MS = 600_000;
const FAREWELL_MS = 5_000;
const MOST_FAREWELLS = 10;
const GONE: ReadonlySet<string> = new Set(["ACTOR_UNKNOWN", "ACTOR_TERMINAL"]);

/** The end of every step: the leases of its children, and the timer for the first that is due (L-1). */
export function withLeases(before: SessionContext, step: SessionStep, at: number): SessionStep {
  const leases = leasesOf(step.context.supervisor, step.context.leases, at);
  const context = leases === step.context.leases ? step.context : { ...step.context, leases };
  const dueAt = dueOf(context);
  if (dueAt === dueOf(before)) return { context, orders: step.orders };
  const order =
    dueAt === null
      ? ({ type: "cancel", name: "lease" } as const)
      : ({ type: "arm", name: "lease", dueAt } as const);
  return { context, orders: [...step.orders, order] };
}

function dueOf(context: SessionContext): number | null {
  const receipts = context.messages
    .filter(({ state }) => state === "delivering")
    .map(({ handedAt = 0 }) => handedAt + RECEIPT_MS);
  const leases = Object.values(context.leases).map(({ dueAt }) => dueAt);
  const limit = limitOverAt(context) ?? [];
  const all = [...receipts, ...leases, context.farewell?.dueAt ?? [], limit].flat();
  return all.length === 0 ? null : Math.min(...all);
}

/** Something was not answered in time. */
export function leaseOver(context: SessionContext, { at: saidAt }: { at: number }): SessionStep {
  const dueAt = dueOf(context);
  if (dueAt === null) return { context, orders: [] };
  const at = Math.max(saidAt, dueAt);
  const { leases, acts } = leasesOver(context.leases, at);
  const known = acts.length === 0 ? context : { ...context, leases };
  const first: SessionStep = { context: goneOn(withoutReceipt(known, at), at), orders: [] };
  const step = acts.reduce((so, act) => and(so, acted(so.context, act, at)), first);
  const { farewell: owed } = step.context;
  if (owed?.dueAt === null || owed === null || owed.dueAt > at) return step;
  return {
    context: { ...step.context, farewell: { ...owed, dueAt: null } },
    orders: [...step.orders, farewell(step.context)],
  };
}

function and(before: SessionStep, { context, orders }: SessionStep): SessionStep {
  return { context, orders: [...before.orders, ...orders] };
}

function acted(context: SessionContext, act: LeaseAct, at: number): SessionStep {
  const id: ChildName = act.id === "workspace" ? "workspace" : "terminal";
  if (act.type === "stop") return stopAgain(context, id);
  const { trouble } = act.lease;
  const known = trouble === null ? context : { ...context, trouble: { ...trouble, child: id } };
  const isClearing = id === "workspace" && context.terminal.state === "clearing";
  if (!isClearing) return takenAsStopped(known, { id, detail: trouble?.message ?? "", at });
  // It was the terminal that could not be told; the stop of the worktree begins only now.
  const { workspace: _, ...leases } = known.leases;
  const detail = trouble?.message ?? "";
  return takenAsStopped({ ...known, leases }, { id: "terminal", detail, at });
}

function takenAsStopped(
  context: SessionContext,
  { id, detail, at }: { id: ChildName; detail: string; at: number },
): SessionStep {
  const { epoch } = context[id];
  return childTold(context, {
    type: "child.stopped",
    id: `${id}-lease`,
    at,
    from: addressOf(id, context.id),
    data: { epoch, reason: "unknown", detail },
  });
}

function withoutReceipt(context: SessionContext, at: number): SessionContext {
  const late = context.messages.find(
    ({ state, handedAt = 0 }) => state === "delivering" && handedAt + RECEIPT_MS <= at,
  );
  if (late === undefined) return context;
  const receipt = {
    deliveryId: late.id,
    reason: "interrupted",
    detail: "no receipt came",
  } as const;
  return returned(context, receipt);
}

/** A kill while it closes: its children are told again, at once. */
export function stoppedAgain(context: SessionContext, at: number): SessionStep {
  const stops = Object.entries(context.leases).filter(([, { of }]) => of === "stop");
  const again = stops.map(([id, lease]) => [id, askedAgain(lease, at)] as const);
  if (again.length === 0) return { context, orders: [] };
  const leases = { ...context.leases, ...Object.fromEntries(again) };
  return stops.reduce<SessionStep>(
    (step, [id]) => and(step, stopAgain(step.context, id === "workspace" ? id : "terminal")),
    { context: { ...context, leases }, orders: [] },
  );
}

type Died = EventNamed<"mail.undeliverable">;

/** Mail of its own became a dead letter (L-2). */
export function undelivered(context: SessionContext, event: Died): SessionStep {
  const { name, message } = event.data;
  const id = childAt(context, event.from);
  if (id !== undefined && name === "child.start") return startDied(context, id, event);
  if (id !== undefined && name === "child.stop") return stopDied(context, id, event);
  if (id === "terminal" && name === "terminal.deliver") {
    const lost = context.messages.find(({ state }) => state === "delivering");
    if (lost === undefined) return { context, orders: [] };
    const receipt = { deliveryId: lost.id, reason: "refused", detail: message } as const;
    return { context: returned(context, receipt), orders: [] };
  }
  return name === "session.ended" ? farewellDied(context, event) : { context, orders: [] };
}

function startDied(
  context: SessionContext,
  id: ChildName,
  { from, at, id: messageId, data: { code, message } }: Died,
): SessionStep {
  if (context.leases[id]?.of !== "start") return { context, orders: [] };
  const { epoch } = context[id];
  const data = { epoch, cause: "infra", code, message } as const;
  const event = { type: "child.exited", id: messageId, at, data } as const;
  return childTold(context, { ...event, ...(from !== undefined && { from }) });
}

function stopDied(
  context: SessionContext,
  id: ChildName,
  { at, data: { code, message } }: Died,
): SessionStep {
  const isClearing = id === "terminal" && context.terminal.state === "clearing";
  const holder = isClearing ? "workspace" : id;
  const lease = context.leases[holder];
  if (lease === undefined || lease.of === "start") return { context, orders: [] };
  if (GONE.has(code)) return takenAsStopped(context, { id, detail: message, at });
  const leases = { ...context.leases, [holder]: afterDeath(lease, { at, code, message }) };
  return { context: { ...context, leases }, orders: [] };
}

function farewellDied(context: SessionContext, { from, at, data: { code } }: Died): SessionStep {
  const isParent = from !== undefined && splitAddress(from).kind === "project";
  const asked = (context.farewell?.asked ?? 0) + 1;
  if (!isParent || context.wanted !== "closed" || GONE.has(code) || asked > MOST_FAREWELLS) {
    return { context, orders: [] };
  }
  const dueAt = at + FAREWELL_MS * 2 ** asked;
  return { context: { ...context, farewell: { asked, dueAt } }, orders: [] };
}
