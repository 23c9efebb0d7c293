import { createActor, type AnyActor, type AnyMachineSnapshot, type Snapshot } from "xstate";
import { addressOf, type Address } from "../../machines/ids.ts";
import type { Json } from "../../machines/json.ts";
import type { Kind, MachineState } from "../../machines/kind.ts";
import type { Order } from "../../machines/order.ts";

/** A message as a test writes it; what it leaves out is filled in. */
export interface Told {
  readonly type: string;
  readonly data?: unknown;
  readonly from?: Address;
  readonly at?: number;
  readonly id?: string;
  readonly epoch?: number;
}

export interface Stepped<Context = unknown> {
  readonly value: Json;
  readonly context: Context;
  readonly orders: readonly Order[];
  /** Neither state nor context changed; the context is the very same object. */
  readonly isUnchanged: boolean;
}

export interface MachineUnderTest<Context = unknown> {
  /** One message, its data parsed as the host does. Throws what the machine threw. */
  send(told: Told): Stepped<Context>;
  /** Several messages; what the last one did. */
  all(...told: readonly Told[]): Stepped<Context>;
  readonly now: Stepped<Context>;
  /** XState's persisted snapshot. */
  persisted(): unknown;
  /** Goes through JSON and back, as a restart of the daemon does; `change` is what an upgrade does meanwhile. */
  restart(change?: (state: MachineState) => MachineState): void;
}

/** The real machine of a kind, without any host around it. The caller names its context. */
export function machineUnderTest<Context = unknown>(
  kind: Kind,
  id = "mer-1",
): MachineUnderTest<Context> {
  const input = { address: addressOf(kind.name, id), id, at: 0 };
  let count = 0;
  let orders: Order[] = [];
  let actor = started(createActor(kind.machine, { input }));

  function started(made: AnyActor): AnyActor {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- kinds declare `emitted: Order`
    made.on("*", (order: unknown) => orders.push(order as Order));
    made.subscribe({ error: () => undefined });
    made.start();
    return made;
  }
  function read(): AnyMachineSnapshot {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a kind's logic is a state machine
    const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
    if (snapshot.status === "error") throw snapshot.error;
    return snapshot;
  }
  function stepped(before: AnyMachineSnapshot): Stepped<Context> {
    const after = read();
    const isSameValue = JSON.stringify(before.value) === JSON.stringify(after.value);
    const isUnchanged = isSameValue && before.context === after.context;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the machine's own, as its caller names it
    const context = after.context as Context;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- XState's value is a name or a record of names
    return { value: after.value as Json, context, orders, isUnchanged };
  }
  function send({ type, data = {}, at, id: named, ...rest }: Told): Stepped<Context> {
    const shape = kind.accepts[type];
    if (shape === undefined) throw new Error(`a ${kind.name} does not accept ${type}`);
    count += 1;
    orders = [];
    const before = read();
    const event = {
      type,
      id: named ?? `m${count}`,
      at: at ?? count,
      ...rest,
      data: shape.parse(data),
    };
    actor.send(event);
    return stepped(before);
  }

  return {
    send,
    all(...told) {
      let last = stepped(read());
      for (const each of told) last = send(each);
      return last;
    },
    get now() {
      orders = [];
      return stepped(read());
    },
    persisted: () => actor.getPersistedSnapshot(),
    restart(change = (state) => state) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was persisted just now
      const stored = JSON.parse(JSON.stringify(actor.getPersistedSnapshot())) as MachineState;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a chart's state is its snapshot
      const snapshot = change(stored) as unknown as Snapshot<unknown>;
      actor.stop();
      orders = [];
      actor = started(createActor(kind.machine, { snapshot }));
    },
  };
}

/** Orders in short, for tables: `effect:launchTerminal`, `mail:child.started`, `reply`, `refuse:CODE`. */
export function namesOf(orders: readonly Order[]): string[] {
  return orders.map((order) => {
    if (order.type === "effect" || order.type === "mail") return `${order.type}:${order.name}`;
    if (order.type === "arm" || order.type === "cancel") return `${order.type}:${order.name}`;
    if (order.type === "observation") return `observation:${order.lane}`;
    return order.type === "refuse" ? `refuse:${order.code}` : order.type;
  });
}
