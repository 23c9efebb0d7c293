import { orderIdOf, splitAddress, type KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import type { MailOrder } from "../machines/order.ts";
import type { Batch, Resident } from "./batch.ts";

/** Throwing steps in a row after which an actor is quarantined. */
export const STRIKES = 3;

/** Counts a step that `thrower` made throw; the third in a row quarantines the actor and tells its parent (R8). */
export function strike(
  batch: Batch,
  { resident, thrower }: { resident: Resident; thrower: string },
  world: { kinds: ReadonlyMap<KindName, Kind>; now: () => number },
): void {
  batch.touch(resident);
  resident.strikes += 1;
  resident.isQuarantined = resident.strikes >= STRIKES;
  if (!resident.isQuarantined) return;
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
    message: { id: cause, type: "actor.quarantined", at, cause: thrower, data: {} },
    isNoop: true,
    orders: [{ id, type: "mail", name, to: parent }],
    committedAt: at,
  });
}
