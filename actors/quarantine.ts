import { mailTo } from "../machines/children.ts";
import { addressOf, orderIdOf, type KindName } from "../machines/ids.ts";
import { understands, type Kind } from "../machines/kind.ts";
import type { MailOrder } from "../machines/order.ts";
import type { Batch, Resident } from "./batch.ts";

/** Throwing steps in a row after which an actor is quarantined. */
export const STRIKES = 3;

const ROOT = addressOf("supervisor", "root");

type World = { readonly kinds: ReadonlyMap<KindName, Kind>; readonly now: () => number };

/**
 * Counts a step that `thrower` made throw; the third in a row quarantines the actor, tells its parent, and the root,
 * which tells a person (R8).
 */
export function strike(
  batch: Batch,
  { resident, thrower }: { resident: Resident; thrower: string },
  world: World,
): void {
  batch.touch(resident);
  resident.strikes += 1;
  resident.isQuarantined = resident.strikes >= STRIKES;
  if (!resident.isQuarantined) return;
  // An entry of its own, so that the notice has an id that no other order has.
  resident.seq += 1;
  const { address, seq } = resident;
  const at = world.now();
  const cause = `quarantine:${address}:${seq}`;
  const orders = mailsOf(resident, thrower)
    .filter(({ to, name }) => understands(world.kinds, { address: to, type: name }))
    .map((order, n) => ({ id: orderIdOf(address, seq, n), order }));
  for (const { id, order } of orders) {
    batch.order({ id, from: address, cause, at, order, attempts: 0, nextAt: at });
  }
  batch.entries.push({
    address,
    seq,
    globalSeq: batch.globalSeq + 1,
    message: { id: cause, type: "actor.quarantined", at, cause: thrower, data: {} },
    isNoop: true,
    orders: orders.map(({ id, order: { type, name, to } }) => ({ id, type, name, to })),
    committedAt: at,
  });
}

/** Whom it is told: the actor whose own course depends on it, and the root, for a person. */
function mailsOf({ address, seq, kind, live, strikes }: Resident, thrower: string): MailOrder[] {
  const state = live.state();
  const parent = kind.parentOf?.(state);
  const { projectId = "" } = kind.summarize?.(state) ?? {};
  const data = { strikes, seq, thrower: thrower.slice(0, 256), projectId };
  return [
    ...mailTo(parent, "child.quarantined", { strikes }),
    // The root cannot tell of itself: whoever asks for what is open is told of it all the same.
    ...mailTo(address === ROOT ? null : ROOT, "root.quarantined", data),
  ];
}
