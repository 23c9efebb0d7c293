import type { z } from "zod";
import type { MailUndeliverable } from "../children.ts";
import { addressOf, splitAddress } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { Order } from "../order.ts";
import { withoutQuota, withQuota } from "./quotas.ts";
import {
  repaired,
  type Limits,
  type RootContext,
  type RootEvent,
  type RootStep,
} from "./record.ts";
import { allocated, type Slot } from "./slots.ts";

// Giving
//
// Who waits for a slot, who is given one, and when the host is measured for it.
//
//   K3. A slot is given once and goes back once; one whose session has nothing left is taken back, and counted.
//   K4. The queue is bounded; whoever does not fit in is told to wait, and asks again with its next look.

const MOST_WAITING = 2_000;

export type SlotEvent = Extract<
  RootEvent,
  {
    type:
      | "slot.wanted"
      | "slot.released"
      | "mail.undeliverable"
      | "quota.reached"
      | "quota.over"
      | "timer.look"
      | "inspectHost.done"
      | "inspectHost.failed";
  }
>;

/** What a message about slots, hosts and limits changes, and all that is given then. */
export function slotStep(context: RootContext, event: SlotEvent, limits: Limits): RootStep {
  const step = given(noted(context, event), limits, event.at);
  return { context: step.context, orders: [...grantedBefore(context, event), ...step.orders] };
}

/** What is known of slots, hosts and limits after a message. */
function noted(context: RootContext, event: SlotEvent): RootContext {
  switch (event.type) {
    case "slot.wanted":
      return wanted(context, event, event.at);
    case "slot.released":
      return released(context, [event.data.worker]);
    case "mail.undeliverable":
      return withoutDead(context, event.data);
    case "quota.reached":
      return { ...context, quotas: withQuota(context.quotas, event.data) };
    case "quota.over":
      return { ...context, quotas: withoutQuota(context.quotas, event.data) };
    case "timer.look":
      return { ...context, lookAt: null };
    case "inspectHost.done": {
      const samples = { ...context.samples, local: { ...event.data.result, at: event.at } };
      return { ...context, samples, isLooking: false };
    }
    case "inspectHost.failed":
      return { ...context, isLooking: false };
  }
  return event satisfies never;
}

function wanted(
  context: RootContext,
  { data, from }: Extract<RootEvent, { type: "slot.wanted" }>,
  at: number,
): RootContext {
  const { worker, host, harness } = data;
  const isKnown = [...context.held, ...context.queue].some((slot) => slot.worker === worker);
  if (isKnown || from === undefined || context.queue.length >= MOST_WAITING) return context;
  const objective = splitAddress(from).id;
  const waiting = { worker, objective, host, harness, at, reason: "" };
  return { ...context, queue: [...context.queue, waiting] };
}

/** Whoever asks for what it holds did not hear that it was given (K3). */
function grantedBefore({ held }: RootContext, event: SlotEvent): Order[] {
  if (event.type !== "slot.wanted") return [];
  const known = held.find(({ worker }) => worker === event.data.worker);
  return known === undefined ? [] : [mailTo(known, "slot.granted", { worker: known.worker })];
}

/** Without the slots of these workers, and without their wishes. */
export function released(context: RootContext, workers: readonly string[]): RootContext {
  const gone = new Set(workers);
  const isKept = ({ worker }: Slot): boolean => !gone.has(worker);
  return {
    ...context,
    held: context.held.filter(isKept),
    queue: context.queue.filter(isKept),
  };
}

/** An objective that cannot be told has no use for slots. */
function withoutDead(
  context: RootContext,
  { to, name }: z.infer<typeof MailUndeliverable>,
): RootContext {
  if (name !== "slot.granted") return context;
  const { id } = splitAddress(to);
  const lost = context.held.filter(({ objective }) => objective === id);
  return repaired(
    released(
      context,
      lost.map(({ worker }) => worker),
    ),
    "slot",
    lost.length,
  );
}

/** Gives out what is free now, and looks again later when somebody waits for a measurement or a limit (K4). */
export function given(context: RootContext, { gates }: Limits, at: number): RootStep {
  const quotas = context.quotas.filter(({ until }) => until > at);
  const { held, queue, granted, told } = allocated({ ...context, quotas }, gates, at);
  const next = { ...context, quotas, held, queue };
  const look = lookAround(next, { gates, at });
  return {
    context: look.context,
    orders: [
      ...granted.map((slot) => mailTo(slot, "slot.granted", { worker: slot.worker })),
      ...told.map((slot) =>
        mailTo(slot, "slot.waiting", { worker: slot.worker, reason: slot.reason }),
      ),
      ...look.orders,
    ],
  };
}

function mailTo({ objective }: Slot, name: string, data: JsonObject): Order {
  return { type: "mail", to: addressOf("objective", objective), name, data };
}

function lookAround(
  context: RootContext,
  { gates, at }: { gates: Limits["gates"]; at: number },
): RootStep {
  const isBusy = context.queue.length > 0 || context.held.length > 0;
  const sample = context.samples["local"];
  const keptMs = context.queue.length > 0 ? gates.lookMs : gates.sampleMs;
  // Counted from the order, not from the answer: a host that cannot be asked is not asked at once again.
  const isOld = at - Math.max(context.lookedAt, sample?.at ?? 0) >= keptMs;
  const orders: Order[] = [];
  let next = context;
  if (isBusy && isOld && !context.isLooking) {
    next = { ...next, isLooking: true, lookedAt: at };
    orders.push({
      type: "effect",
      name: "inspectHost",
      lane: "host:local",
      data: { host: "local" },
    });
  }
  const lookAt = context.queue.length > 0 ? at + gates.lookMs : null;
  if (lookAt !== null && (context.lookAt === null || context.lookAt <= at)) {
    next = { ...next, lookAt };
    orders.push({ type: "arm", name: "look", dueAt: lookAt });
  }
  return { context: next, orders };
}
