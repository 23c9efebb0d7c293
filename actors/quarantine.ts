import { orderIdOf, splitAddress, type KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import type { MailOrder } from "../machines/order.ts";
import type { TimerRow } from "../storage/store.ts";
import type { Batch, Resident } from "./batch.ts";

/** Throwing steps in a row after which an actor is quarantined. */
export const STRIKES = 3;

/** A resident's timers as rows. */
export function timerRowsOf({ address, timers }: Resident): TimerRow[] {
  return Object.entries(timers).map(([name, timer]) => ({ address, name, ...timer }));
}

/** Counts a step that threw; the third in a row quarantines the actor and tells its parent (R8). */
export function strike(
  batch: Batch,
  resident: Resident,
  world: { kinds: ReadonlyMap<KindName, Kind>; now: () => number },
): void {
  resident.strikes += 1;
  resident.isQuarantined = resident.strikes >= STRIKES;
  batch.touch(resident);
  if (!resident.isQuarantined) return;
  // They wait for its release: nobody would hear them.
  batch.disarm(timerRowsOf(resident));
  const parent = resident.kind.parentOf?.(resident.live.state());
  if (parent === undefined) return;
  const name = "child.quarantined";
  if (world.kinds.get(splitAddress(parent).kind)?.accepts[name] === undefined) return;
  // An entry of its own, so that the notice has an id that no other order has.
  resident.seq += 1;
  const { address, seq } = resident;
  const at = world.now();
  const cause = `quarantine:${address}:${seq}`;
  const order: MailOrder = { type: "mail", to: parent, name, data: { strikes: resident.strikes } };
  const id = orderIdOf(address, seq, 0);
  batch.order({ id, from: address, cause, at, order, attempts: 0, nextAt: at });
  batch.entries.push({
    address,
    seq,
    globalSeq: batch.globalSeq + 1,
    message: { id: cause, type: "actor.quarantined", at, data: {} },
    isNoop: true,
    orders: [{ id, type: "mail", name, to: parent }],
    committedAt: at,
  });
}
