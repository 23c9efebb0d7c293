import type { KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";

function noteSeen(): never {
  throw new Error("the machine is broken");
}

/** The real kinds, but that a session breaks when it is asked to take note of a notice (`session.acknowledge`). */
export function brittle(real: ReadonlyMap<KindName, Kind>): ReadonlyMap<KindName, Kind> {
  const session = real.get("session");
  if (session === undefined) throw new Error("there is no session");
  const machine = session.machine.provide({ actions: { noteSeen } });
  return new Map([...real, ["session", { ...session, machine }]]);
}
