import { sessionKind } from "../../../machines/session/session.ts";
import type { SessionContext } from "../../../machines/session/record.ts";
import { Settings } from "../../../machines/settings.ts";
import type { Order } from "../../../machines/order.ts";
import { machineUnderTest, namesOf, type MachineUnderTest, type Told } from "../../support/step.ts";
import {
  pullRequest,
  startSession,
  terminalExited,
  terminalStarted,
  workspaceStarted,
} from "../samples.ts";

const session = sessionKind(Settings.parse({}));
export const live = [startSession(), workspaceStarted, terminalStarted(1)];
export const kill = (kind = "manual"): Told => ({ type: "session.kill", data: { kind } });
export const send = (text = "go on", kind?: string): Told => ({
  type: "session.send",
  data: { text, kind },
});
export const report: Told = { type: "session.report", data: { summary: "it is mended" } };
export const restartTimer: Told = { type: "timer.restart" };

export function probe(runtime: string, process: string, more: Partial<Told> = {}): Told {
  return { type: "runtime.observed", data: { runtime, process }, ...more };
}
export function says(state: string, more: Record<string, unknown> = {}): Told {
  return { type: "activity.observed", data: { state, source: "hook", ...more } };
}
export function failing(headSha = "aaa", names = ["test"]): Record<string, unknown> {
  return pullRequest({
    headSha,
    ci: { state: "failing", failing: names.map((name) => ({ name, logTail: "boom" })) },
  });
}
export function after(...told: Told[]): MachineUnderTest<SessionContext> {
  const machine = machineUnderTest<SessionContext>(session);
  machine.all(...told);
  return machine;
}

/** All orders but those for the timers of leases and reactions, and for people: they have their own tests. */
export function actsOf(orders: readonly Order[]): Order[] {
  return orders.filter((order) => {
    if (order.type === "arm" || order.type === "cancel") return order.name === "restart";
    if (order.type === "mail") return order.name !== "root.notice";
    return order.type !== "effect" || order.name !== "notifyPerson";
  });
}
export function actNamesOf(orders: readonly Order[]): string[] {
  return namesOf(actsOf(orders));
}

export interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  /** The regions that matter to the row. */
  readonly state: Record<string, unknown>;
  readonly reason?: string;
  readonly orders: readonly string[];
}

export const START = "mail:child.start";
export const STOP = "mail:child.stop";
export const ENDED = "mail:session.ended";
export const DELIVER = "mail:terminal.deliver";
export const closing = { stopped: "closing" };
export const closed = { stopped: "closed" };
export const gone = probe("dead", "dead", { at: 500_000 });
export const doubt = probe("failed", "failed");

export function crash(epoch: number): Told {
  return { ...terminalExited(epoch, { cause: "crash", exitCode: 1 }), at: 1_000 * epoch };
}
