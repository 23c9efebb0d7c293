import { mailTo } from "../machines/children.ts";
import { orderIdOf, ROOT, type KindName } from "../machines/ids.ts";
import { understands, type Kind } from "../machines/kind.ts";
import type { EffectOrder, MailOrder } from "../machines/order.ts";
import { brokenNotice } from "../machines/supervision/broken-notice.ts";
import type { Batch, Resident } from "./batch.ts";

/** Throwing steps in a row after which an actor is quarantined. */
export const STRIKES = 3;

type World = { readonly kinds: ReadonlyMap<KindName, Kind>; readonly now: () => number };

/**
 * Counts a step that `thrower` made throw. The first in a row is told to a person, by the root; the third quarantines the
 * actor, which its parent and the root are told (R8). The root itself goes on: nobody is above it but that person.
 */
export function strike(
  batch: Batch,
  { resident, thrower }: { resident: Resident; thrower: string },
  world: World,
): void {
  batch.touch(resident);
  resident.strikes += 1;
  const { address } = resident;
  resident.isQuarantined = resident.strikes >= STRIKES && address !== ROOT;
  const at = world.now();
  const told =
    resident.strikes === 1 || resident.isQuarantined ? tellingOf(resident, thrower, at) : [];
  const orders = told.filter((order) => isTaken(order, world.kinds));
  if (orders.length > 0 || resident.isQuarantined) note(batch, { resident, thrower, orders, at });
}

/** An entry of its own in the journal, whose orders have ids that no other order has. */
function note(
  batch: Batch,
  given: { resident: Resident; thrower: string; orders: readonly Telling[]; at: number },
): void {
  const { resident, thrower, at } = given;
  resident.seq += 1;
  const { address, seq, isQuarantined } = resident;
  const cause = `${isQuarantined ? "quarantine" : "throw"}:${address}:${seq}`;
  const type = isQuarantined ? "actor.quarantined" : "actor.threw";
  const orders = given.orders.map((order, n) => ({ id: orderIdOf(address, seq, n), order }));
  for (const { id, order } of orders) {
    batch.order({ id, from: address, cause, at, order, attempts: 0, nextAt: at });
  }
  batch.entries.push({
    address,
    seq,
    globalSeq: batch.globalSeq + 1,
    message: { id: cause, type, at, cause: thrower, data: {} },
    isNoop: true,
    orders: orders.map(({ id, order }) => ({
      id,
      type: order.type,
      name: order.name,
      ...(order.type === "mail" && { to: order.to }),
    })),
    committedAt: at,
  });
}

type Telling = MailOrder | EffectOrder;

/** Whom it is told: the actor whose own course depends on it, and the root, for a person, whom the root tells itself. */
function tellingOf(resident: Resident, thrower: string, at: number): Telling[] {
  const { address, kind, live, strikes, isQuarantined } = resident;
  const state = live.state();
  const { projectId } = kind.summarize?.(state) ?? {};
  const broken = {
    strikes,
    seq: resident.seq + 1,
    thrower: thrower.slice(0, 256),
    projectId: typeof projectId === "string" ? projectId : "",
  };
  if (address === ROOT) return [brokenNotice(address, broken, { isQuarantined, at })];
  const parent = isQuarantined ? kind.parentOf?.(state) : undefined;
  return [
    ...mailTo(parent, "child.quarantined", { strikes }),
    ...mailTo(ROOT, isQuarantined ? "root.quarantined" : "root.threw", broken),
  ];
}

function isTaken(order: Telling, kinds: World["kinds"]): boolean {
  const [address, type] =
    order.type === "mail" ? [order.to, order.name] : [ROOT, `${order.name}.done`];
  return understands(kinds, { address, type });
}
