import type { KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";

function breaks(): never {
  throw new Error("the machine is broken");
}

/** The real kinds, but that one breaks at one of its actions: a session at `session.acknowledge`, if not told. */
export function brittle(
  real: ReadonlyMap<KindName, Kind>,
  { name = "session", action = "noteSeen" }: { name?: KindName; action?: string } = {},
): ReadonlyMap<KindName, Kind> {
  const kind = real.get(name);
  if (kind === undefined) throw new Error(`there is no ${name}`);
  const machine = kind.machine.provide({ actions: { [action]: breaks } });
  return new Map([...real, [name, { ...kind, machine }]]);
}
