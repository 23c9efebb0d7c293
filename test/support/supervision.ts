import {
  supervise,
  supervisor,
  type Cause,
  type ChildSpec,
  type Supervised,
  type SupervisorEvent,
  type SupervisorOrder,
  type SupervisorSpec,
  type SupervisorState,
} from "../../machines/supervision/supervision.ts";

type Strategy = SupervisorSpec["strategy"];

/** The period of every budget, milliseconds. */
export const PERIOD = 1_000;

/** A child spec that may take 50 ms to stop. */
export function child(id: string, restart: ChildSpec["restart"] = "permanent"): ChildSpec {
  return { id, restart, shutdownMs: 50 };
}

/** Children a, b and c; 2 restarts a period; back-off 10, 20, 35 ms. */
export function specOf(strategy: Strategy, changes: Partial<SupervisorSpec> = {}): SupervisorSpec {
  return {
    strategy,
    intensity: 2,
    periodMs: PERIOD,
    backoff: { minMs: 10, maxMs: 35 },
    children: [child("a"), child("b"), child("c")],
    ...changes,
  };
}

/** The parent says start, at 0. */
export const start: SupervisorEvent = { type: "start", at: 0 };
/** The parent says stop, at 0. */
export const stop: SupervisorEvent = { type: "stop", at: 0 };
/** The armed back-off is over. */
export const over = (at: number): SupervisorEvent => ({ type: "backoff.over", at });
/** The child runs. */
export const started = (id: string, epoch: number): SupervisorEvent => ({
  type: "child.started",
  id,
  epoch,
  at: 0,
});
/** The child was stopped. */
export const stopped = (id: string, epoch: number): SupervisorEvent => ({
  type: "child.stopped",
  id,
  epoch,
  at: 0,
});
/** An ended child shall run again. */
export const wanted = (id: string): SupervisorEvent => ({ type: "child.wanted", id, at: 0 });
/** The child ended by itself. */
export const exited = (
  id: string,
  epoch: number,
  cause: Cause = "crash",
  at = 0,
): SupervisorEvent => ({
  type: "child.exited",
  id,
  epoch,
  cause,
  at,
});

/** Three children that run for the first time. */
export const UP = [start, started("a", 1), started("b", 1), started("c", 1)];

/** Where `events` lead, with the orders of the last one; every state goes through JSON on the way. */
export function play(spec: SupervisorSpec, events: readonly SupervisorEvent[]): Supervised {
  return events.reduce<Supervised>(
    ({ state }, event) => supervise(JSON.parse(JSON.stringify(state)) as SupervisorState, event), // oxlint-disable-line typescript/no-unsafe-type-assertion -- its own JSON
    { state: supervisor(spec), orders: [] },
  );
}

/** A state in one line: `running: a1 running, b1 running`. */
export function words({ phase, children }: SupervisorState): string {
  return `${phase}: ${children.map(({ id, epoch, state }) => `${id}${epoch} ${state}`).join(", ")}`;
}

/** An order in a few words: `start a1`, `arm 110`, `a ended clean`. */
export function orderWords(order: SupervisorOrder): string {
  switch (order.type) {
    case "startChild":
      return `start ${order.id}${order.epoch}`;
    case "stopChild":
      return `stop ${order.id}${order.epoch}`;
    case "arm":
      return `arm ${order.dueAt}`;
    case "childEnded":
      return `${order.id} ended ${order.cause}`;
    case "escalate":
      return `escalate ${order.id} ${order.cause}`;
    case "allStopped":
    case "cancel":
    case "ready":
      break;
  }
  return order.type;
}

/** What one event, after others, leads to. */
export interface Row {
  readonly title: string;
  readonly was?: readonly SupervisorEvent[];
  readonly event: SupervisorEvent;
  readonly is: string;
  readonly orders: readonly string[];
  readonly with?: Partial<SupervisorSpec>;
}

/** What the last event of a row leads to, in the words of the row. */
export function outcome(
  strategy: Strategy,
  { was = [], event, with: changes }: Row,
): { readonly is: string; readonly orders: readonly string[] } {
  const { state, orders } = play(specOf(strategy, changes), [...was, event]);
  return { is: words(state), orders: orders.map(orderWords) };
}
