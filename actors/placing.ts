import type { Bus } from "../bus/bus.ts";
import { Failure } from "../machines/failures.ts";
import { Address, addressOf, orderIdOf, Token, type OrderId } from "../machines/ids.ts";
import type { Message } from "../machines/message.ts";
import { LANES } from "../machines/observations.ts";
import type { Order } from "../machines/order.ts";
import type { OrderNote } from "../storage/store.ts";
import type { Batch, Resident } from "./batch.ts";
import { timerNameOf } from "./message-ids.ts";

/** The orders that answer the caller of a command. */
export type Reply = Extract<Order, { type: "reply" | "refuse" }>;

const ENVELOPE_BYTES = 16_384;

/** Bytes of JSON that an order or a result may have: with more the bus would refuse it for ever. */
export function orderBytesOf({ maxMessageBytes }: Pick<Bus, "maxMessageBytes">): number {
  // A server that takes very little: half of it is the envelope's.
  return Math.max(maxMessageBytes - ENVELOPE_BYTES, Math.floor(maxMessageBytes / 2));
}

/**
 * Throws at an order that could never go out: the step that made it is one that threw (R8). One that is only too
 * large is not the machine's fault: it fails with MESSAGE_TOO_LARGE.
 */
export function checkOrders(orders: readonly Order[], limit: number): void {
  for (const order of orders) {
    if (!canGoOut(order)) throw new Error(`it cannot order ${JSON.stringify(order).slice(0, 200)}`);
    if (order.type !== "mail" && order.type !== "observation" && order.type !== "effect") continue;
    const bytes = Buffer.byteLength(JSON.stringify(order.data));
    if (bytes > limit) {
      const what = order.type === "observation" ? order.lane : order.name;
      throw new Failure(
        "MESSAGE_TOO_LARGE",
        `order ${what}: ${bytes} bytes, the limit is ${limit}`,
      );
    }
  }
}

function canGoOut(order: Order): boolean {
  if (order.type === "mail") return Address.safeParse(order.to).success;
  if (order.type === "arm") return Number.isFinite(order.dueAt);
  if (order.type !== "observation") return true;
  return Object.hasOwn(LANES, order.lane) && Token.safeParse(order.id).success;
}

/** Puts each order where it belongs: the outbox, the actor's timers, or the answer. */
export function place(
  batch: Batch,
  given: { resident: Resident; message: Message; orders: readonly Order[]; now: number },
): { notes: OrderNote[]; reply: Reply | undefined } {
  const { resident, message, orders, now } = given;
  const { address: from, seq } = resident;
  const notes: OrderNote[] = [];
  let reply: Reply | undefined;
  let timers = without(resident.timers, timerNameOf(message));
  for (const order of orders) {
    if (order.type === "reply" || order.type === "refuse") reply ??= order;
    else if (order.type === "arm")
      timers = { ...timers, [order.name]: { dueAt: order.dueAt, seq } };
    else if (order.type === "cancel") timers = without(timers, order.name);
    else {
      const id = orderIdOf(from, seq, notes.length);
      notes.push(noteOf(id, order));
      batch.order({ id, from, cause: message.id, at: message.at, order, attempts: 0, nextAt: now });
    }
  }
  // Nobody would hear the timers of an actor that has ended.
  resident.timers = resident.live.state().status === "done" ? {} : timers;
  return { notes, reply };
}

/** Timers without one. */
export function without(timers: Resident["timers"], name: string | undefined): Resident["timers"] {
  if (name === undefined || timers[name] === undefined) return timers;
  return Object.fromEntries(Object.entries(timers).filter(([other]) => other !== name));
}

function noteOf(
  id: OrderId,
  order: Exclude<Order, { type: "arm" | "cancel" | "reply" | "refuse" }>,
): OrderNote {
  if (order.type === "mail") return { id, type: "mail", name: order.name, to: order.to };
  if (order.type === "effect") return { id, type: "effect", name: order.name };
  return {
    id,
    type: "observation",
    name: `${order.lane}.observed`,
    to: addressOf(LANES[order.lane].kind, order.id),
  };
}
