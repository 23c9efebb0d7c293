import { z } from "zod";
import { splitOrderId, type Address, type OrderId } from "../machines/ids.ts";
import { isObservationType } from "../machines/observations.ts";
import type { DeadLetter, JournalEntry, Store } from "../storage/store.ts";
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

/** An order, and the message whose step recorded it. Mail that arrived is told once: where it arrived. */
function ordered(store: Store, id: OrderId): Link | undefined {
  const { address, seq } = splitOrderId(id);
  const entry = entryAt(store, address, seq);
  const note = entry?.orders.find((order) => order.id === id);
  if (entry === undefined || note === undefined) return undefined;
  const { at } = entry.message;
  const type = note.type === "mail" ? "mail" : "order";
  const order: Cause = { id, type, name: note.name, at, address: note.to ?? address, data: {} };
  const arrived = arrivalOf(store, id);
  return {
    causes: [arrived === undefined ? order : causeOf(arrived), causeOf(entry)],
    before: entry.message.cause,
  };
}

function applied(store: Store, id: string): Link | undefined {
  const entry = arrivalOf(store, id);
  if (entry === undefined) return buried(store, id);
  return { causes: [causeOf(entry)], before: entry.message.cause };
}

/** The letter that a message became: its name is what it died of. */
function buried(store: Store, id: string): Link | undefined {
  const outcome = store.seen(id)?.outcome;
  const letter = outcome?.type === "dead" ? store.deadLetter(outcome.letter) : undefined;
  if (letter === undefined) return undefined;
  const { at, code, message, to, subject } = letter;
  const isObserved = subject.startsWith("ao.obs.");
  const cause: Cause = {
    id,
    type: isObserved ? "observation" : typeOf({ id, type: "" }),
    name: code,
    at,
    ...(to !== undefined && { address: to }),
    data: { letter: letter.id, message },
  };
  return { causes: [cause], before: letter.headers?.["Ao-Cause"] ?? causeIn(letter) };
}

const Caused = z.object({ cause: z.string() });

function causeIn({ body }: DeadLetter): string | undefined {
  try {
    return Caused.safeParse(JSON.parse(body)).data?.cause;
  } catch {
    // Not JSON is what it died of, or it was cut.
    return undefined;
  }
}

/** The step that a message led to. */
function arrivalOf(store: Store, id: string): JournalEntry | undefined {
  const outcome = store.seen(id)?.outcome;
  if (outcome?.type !== "applied" && outcome?.type !== "refused") return undefined;
  return entryAt(store, outcome.address, outcome.seq);
}

function entryAt(store: Store, address: Address, seq: number): JournalEntry | undefined {
  const [entry] = store.journal(address, { after: seq - 1, limit: 1 });
  return entry?.seq === seq ? entry : undefined;
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

function typeOf({ id, type }: { readonly id: string; readonly type: string }): Cause["type"] {
  if (id.startsWith("timer:")) return "timer";
  if (id.startsWith("result:")) return "result";
  if (isObservationType(type)) return "observation";
  return isOrderId(id) ? "mail" : "command";
}
