import type { AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { planned } from "../../actors/transition-plans.ts";
import type { KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";

/** The real kinds, but that the steps of one throw at the messages that `isUnlucky` names, whatever its chart says. */
export function unlucky(
  real: ReadonlyMap<KindName, Kind>,
  name: KindName,
  isUnlucky: (type: string, actorId: string) => boolean,
): ReadonlyMap<KindName, Kind> {
  const kind = real.get(name);
  if (kind === undefined) throw new Error(`there is no ${name}`);
  const { machine } = kind;
  function tryLuck(snapshot: AnyMachineSnapshot, { type }: AnyEventObject): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- kinds of ours may keep their id
    const { id = "" } = snapshot.context as { readonly id?: string };
    if (isUnlucky(type, id)) throw new Error("the machine is broken");
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the machine itself, but for two methods
  const broken = Object.create(machine, {
    // A step with a plan asks this first, and one without is the other.
    getTransitionData: {
      value(snapshot: AnyMachineSnapshot, event: AnyEventObject) {
        tryLuck(snapshot, event);
        return machine.getTransitionData(snapshot, event);
      },
    },
    transition: {
      value(snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope) {
        if (!isPlanned) tryLuck(snapshot, event);
        return machine.transition(snapshot, event, scope);
      },
    },
  }) as AnyStateMachine;
  const isPlanned = planned(broken) !== broken;
  return new Map([...real, [name, { ...kind, machine: broken }]]);
}
