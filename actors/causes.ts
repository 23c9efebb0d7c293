import type { Address, OrderId } from "../machines/ids.ts";
import type { JournalEntry, Store } from "../storage/store.ts";
import { isOrderId } from "./message-ids.ts";
import type { Cause } from "./system.ts";

// Causes
//
// From any message or order back to what began it (R11): message → step → order → message → …

/** A chain longer than this is cut at its old end. */
const LONGEST = 256;

/** Oldest first; empty for an id that is not in the journal. */
export function causesOf(store: Store, id: string): Cause[] {
  const chain: Cause[] = [];
  const told = new Set<string>();
  let next: string | undefined = id;
  // A publisher may name what it likes as its cause, itself too.
  while (next !== undefined && chain.length < LONGEST && !told.has(next)) {
    told.add(next);
    const link: Link | undefined = isOrderId(next) ? ordered(store, next) : applied(store, next);
    if (link === undefined) break;
    chain.push(...link.causes);
    next = link.before;
  }
  return chain.toReversed();
}

interface Link {
  /** Newest first. */
  readonly causes: readonly Cause[];
  readonly before: string | undefined;
}

/** An order and the message whose step recorded it. */
function ordered(store: Store, id: OrderId): Link | undefined {
  const { address, seq } = placeOf(id);
  const [entry] = store.journal(address, { after: seq - 1, limit: 1 });
  const note = entry?.orders.find((order) => order.id === id);
  if (entry === undefined || entry.seq !== seq || note === undefined) return undefined;
  const order: Cause = {
    id,
    type: note.type === "mail" ? "mail" : "order",
    name: note.name,
    at: entry.message.at,
    address: note.to ?? address,
    seq,
    data: {},
  };
  return { causes: [order, causeOf(entry)], before: beforeOf(entry) };
}

function applied(store: Store, id: string): Link | undefined {
  const outcome = store.seen(id)?.outcome;
  if (outcome?.type !== "applied" && outcome?.type !== "refused") return undefined;
  const [entry] = store.journal(outcome.address, { after: outcome.seq - 1, limit: 1 });
  if (entry === undefined || entry.seq !== outcome.seq) return undefined;
  return { causes: [causeOf(entry)], before: beforeOf(entry) };
}

/** What led to the step's message: the order that it is (mail), else the cause it names. */
function beforeOf({ message }: JournalEntry): string | undefined {
  return isOrderId(message.id) ? message.id : message.cause;
}

function causeOf({ address, seq, message }: JournalEntry): Cause {
  return {
    id: message.id,
    type: typeOf(message),
    name: message.type,
    at: message.at,
    address,
    seq,
    data: message.data,
  };
}

function typeOf({ id, type }: JournalEntry["message"]): Cause["type"] {
  if (id.startsWith("timer:")) return "timer";
  if (id.startsWith("result:")) return "result";
  if (type.endsWith(".observed")) return "observation";
  return isOrderId(id) ? "mail" : "command";
}

function placeOf(id: OrderId): { readonly address: Address; readonly seq: number } {
  const hash = id.lastIndexOf("#");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- isOrderId checked its form
  return { address: id.slice(0, hash) as Address, seq: Number.parseInt(id.slice(hash + 1), 10) };
}
