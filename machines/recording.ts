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

/** An action that records the orders that `give` names, and changes nothing. */
export function records<Context extends MachineContext, Event extends EventObject>(
  give: (seen: Seen<Context, Event>) => readonly Order[],
): Recording<Context, Event> {
  return enqueueActions<Context, Event, undefined, Event, never, never, never, never, Order>(
    ({ context, event, enqueue }) => {
      for (const order of give({ context, event })) enqueue.emit(order);
    },
  );
}

/** What a decider answers: the context as it is now, the very same one when nothing changed, and the orders. */
export interface Decided<Context> {
  readonly context: Context;
  readonly orders: readonly Order[];
}

/** An action that takes over what `decide` says. The whole context is replaced: a decider names every member. */
export function decides<Context extends MachineContext, Event extends EventObject>(
  decide: (seen: Seen<Context, Event>) => Decided<Context>,
): Recording<Context, Event> {
  return enqueueActions<Context, Event, undefined, Event, never, never, never, never, Order>(
    ({ context, event, enqueue }) => {
      const decided = decide({ context, event });
      if (decided.context !== context) enqueue.assign(() => decided.context);
      for (const order of decided.orders) enqueue.emit(order);
    },
  );
}
