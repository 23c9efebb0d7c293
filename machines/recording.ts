import { enqueueActions, type ActionFunction, type EventObject, type MachineContext } from "xstate";
import type { Order } from "./order.ts";

/** What a machine's functions see: the context and the message, typed by the machine. */
export interface Seen<Context, Event> {
  readonly context: Context;
  readonly event: Event;
}

type Recording<Context extends MachineContext, Event extends EventObject> = ActionFunction<
  Context,
  Event,
  Event,
  undefined,
  never,
  never,
  never,
  never,
  Order
>;

/** What a decider answers: the context as it is now, the very same one when nothing changed, and the orders. */
export interface Decided<Context> {
  readonly context: Context;
  readonly orders: readonly Order[];
}

/** What an action of this file records, by itself. */
export type Recorded = (seen: Seen<MachineContext, EventObject>) => Decided<MachineContext>;
const recordings = new WeakMap<object, Recorded>();

/** What an action records; undefined for one that was not made here. */
export function recordingOf(action: unknown): Recorded | undefined {
  return typeof action === "function" ? recordings.get(action) : undefined;
}

/** An action that records the orders that `give` names, and changes nothing. */
export function records<Context extends MachineContext, Event extends EventObject>(
  give: (seen: Seen<Context, Event>) => readonly Order[],
): Recording<Context, Event> {
  return decides((seen) => ({ context: seen.context, orders: give(seen) }));
}

/** An action that takes over what `decide` says. The whole context is replaced: a decider names every member. */
export function decides<Context extends MachineContext, Event extends EventObject>(
  decide: (seen: Seen<Context, Event>) => Decided<Context>,
): Recording<Context, Event> {
  const action: Recording<Context, Event> = enqueueActions<
    Context,
    Event,
    undefined,
    Event,
    never,
    never,
    never,
    never,
    Order
  >(({ context, event, enqueue }) => {
    const decided = decide({ context, event });
    if (decided.context !== context) enqueue.assign(() => decided.context);
    for (const order of decided.orders) enqueue.emit(order);
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is called by the machine's own context and events
  recordings.set(action, decide as unknown as Recorded);
  return action;
}
