import { createActor, type AnyActor, type AnyMachineSnapshot, type Snapshot } from "xstate";
import type { Json } from "../machines/json.ts";
import type { Birth, Kind, MachineState } from "../machines/kind.ts";
import type { Message } from "../machines/message.ts";
import type { Order } from "../machines/order.ts";
import { planned } from "./transition-plans.ts";

// Live actor
//
// One XState actor of one kind, kept running between messages. Owns the translation between messages and XState's
// events, snapshots and emitted orders. Does not know the store, the bus or the time.
//
//   L1. A step runs nothing: orders are what the machine emitted, in the order it emitted them.
//   L2. A step that throws leaves the actor unusable; whoever holds it drops it and opens it again from its last state.

/** What one message did. */
export interface Step {
  readonly orders: readonly Order[];
  /** The machine is in another state than before: this was the state. */
  readonly was?: Json;
  readonly isMoved: boolean;
  /** Neither state nor context changed, and nothing was ordered. */
  readonly isNoop: boolean;
}

export interface LiveActor {
  /** Applies one message whose data is already parsed. Throws what the machine threw. */
  step(message: Message, data: unknown): Step;
  /** XState's snapshot, as read by the kind's functions. */
  state(): MachineState;
  /** What is kept: survives JSON. */
  persisted(): Json;
  /** Event types that the current states listen for. */
  listensFor(): string[];
}

/** A newborn actor: its initial state, before any message. */
export function bearActor(kind: Kind, birth: Birth): LiveActor {
  return wrap(createActor(planned(kind.machine), { input: birth }));
}

/** An actor as it was when `persisted` was taken. Throws when XState cannot restore it. */
export function wakeActor(kind: Kind, persisted: Json): LiveActor {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own row; its machine and version were compared
  const snapshot = persisted as unknown as Snapshot<unknown>;
  return wrap(createActor(planned(kind.machine), { snapshot }));
}

function wrap(actor: AnyActor): LiveActor {
  let orders: Order[] = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- kinds declare `emitted: Order`
  actor.on("*", (emitted: unknown) => orders.push(emitted as Order));
  // Without an observer XState rethrows a step's error later, as uncaught.
  actor.subscribe({ error: ignore });
  actor.start();
  let valueText = JSON.stringify(snapshotOf(actor).value);
  throwIfBroken(actor);

  return {
    step(message, data) {
      orders = [];
      const before = snapshotOf(actor);
      actor.send(eventOf(message, data));
      throwIfBroken(actor);
      const after = snapshotOf(actor);
      const text = after.value === before.value ? valueText : JSON.stringify(after.value);
      const isMoved = text !== valueText || after.status !== before.status;
      valueText = text;
      const isNoop = !isMoved && after.context === before.context && orders.length === 0;
      return { orders, isMoved, isNoop, ...(isMoved && { was: valueOf(before) }) };
    },
    state: () => snapshotOf(actor),
    persisted: () => kept(actor),
    // oxlint-disable-next-line no-underscore-dangle -- the only way XState tells its active nodes
    listensFor: () => [...new Set(snapshotOf(actor)._nodes.flatMap(eventsOf))],
  };
}

function eventOf(message: Message, data: unknown): { type: string } & Record<string, unknown> {
  return {
    type: message.type,
    id: message.id,
    at: message.at,
    ...(message.from !== undefined && { from: message.from }),
    ...(message.epoch !== undefined && { epoch: message.epoch }),
    data,
  };
}

function snapshotOf(actor: AnyActor): AnyMachineSnapshot {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a kind's logic is a state machine
  return actor.getSnapshot() as AnyMachineSnapshot;
}

function valueOf(snapshot: AnyMachineSnapshot): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- XState's value is a name or a record of names
  return snapshot.value as Json;
}

function eventsOf(node: { readonly ownEvents: readonly string[] }): readonly string[] {
  return node.ownEvents;
}

function throwIfBroken(actor: AnyActor): void {
  const snapshot = snapshotOf(actor);
  if (snapshot.status === "error") throw snapshot.error;
}

/**
 * What XState's own `getPersistedSnapshot` gives for a machine without children and history states, which kinds are
 * (R4 and the charts test); it copies the context deeply to look for actors in it, at a third of the cost of a step.
 */
function kept(actor: AnyActor): Json {
  const snapshot: MachineState = snapshotOf(actor);
  return {
    status: snapshot.status,
    value: snapshot.value,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- R4 and the charts test keep a kind's context JSON
    context: snapshot.context,
    historyValue: {},
    children: {},
  };
}

function ignore(): void {}
