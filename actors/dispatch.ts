import type { Bus, Publication } from "../bus/bus.ts";
import { DEAD_SUBJECT, eventSubject, mailSubject, observationSubject } from "../bus/subjects.ts";
import { addressOf, type Address, type OrderId } from "../machines/ids.ts";
import { LANES } from "../machines/observations.ts";
import type { DeadLetter, JournalEntry, OutboxRow, Store } from "../storage/store.ts";
import type { Batch } from "./batch.ts";
import type { Clock } from "./clock.ts";
import type { EffectEnd, Effects } from "./effects.ts";
import { OpenOrders } from "./open-orders.ts";
import type { Posted, Postbox } from "./postbox.ts";
import { resultIdOf, sealedId } from "./message-ids.ts";

// Dispatch
//
// Lets out what a committed batch ordered: mail and observations to the bus, effects to their lanes, events to whoever
// listens. Owns how each is addressed. Called only after the flush (H1).

export interface DispatchParts {
  readonly store: Pick<Store, "outboxRow">;
  readonly bus: Bus;
  readonly cluster: string;
  readonly postbox: Postbox;
  readonly effects: Effects;
  readonly clock: Clock;
}

export class Dispatch {
  readonly #parts: DispatchParts;
  readonly #open = new OpenOrders();
  /** Orders whose mail or result nobody could take, and when that was. */
  readonly #parked = new Map<OrderId, number>();
  /** What is to be begun again by itself, and how that is called off. */
  readonly #later = new Map<OrderId, () => void>();
  #isHeld = true;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  /** Orders that have not had their effect yet. */
  get size(): number {
    return this.#open.size;
  }

  openOrders(address: Address): number {
    return this.#open.countFrom(address);
  }

  /** What is on its way to an actor. */
  ordersTo(address: Address): readonly OrderId[] {
    return this.#open.to(address);
  }

  /**
   * From now on effects are carried out: first `rows`, which were open. Until then they wait, so that none overtakes
   * one of its lane from before the daemon started.
   */
  start(rows: readonly OutboxRow[]): void {
    this.#isHeld = false;
    for (const row of rows) {
      this.begin(row);
      this.#parts.effects.begin(row);
    }
  }

  /** Everything a flushed batch ordered, closed or changed. */
  flushed(batch: Batch): void {
    const { bus, effects } = this.#parts;
    for (const id of batch.closed) this.#close(id);
    for (const [id, againMs] of batch.parked) this.#park(id, againMs);
    for (const [address, epoch] of batch.epochs) effects.supersede(address, epoch);
    for (const row of batch.outbox) if (!batch.closed.has(row.id)) this.begin(row);
    for (const address of batch.released) this.#resume(address);
    for (const entry of batch.entries) if (entry.value !== undefined) tell(bus, entry);
    for (const letter of batch.letters) bus.emit(DEAD_SUBJECT, json(summaryOf(letter)));
  }

  /** An order goes out: new, or found open when the daemon started. */
  begin(row: OutboxRow): void {
    const { effects } = this.#parts;
    if (!this.#open.add(row.id, recipientOf(row))) return;
    if (isEffect(row)) {
      if (!this.#isHeld) effects.begin(row);
    } else {
      this.#parts.postbox.post(this.#posted(row));
    }
  }

  #posted(row: OutboxRow): Posted {
    const { cluster } = this.#parts;
    const line = `${row.from}>${recipientOf(row)}`;
    const publication = publicationOf(row, { cluster, stamp: this.#parked.get(row.id) });
    return { id: row.id, line, publication };
  }

  /** The end of an effect, on its way to the actor that asked for it. */
  deliver(end: EffectEnd): void {
    const { cluster, clock, postbox } = this.#parts;
    const stamp = this.#parked.get(end.id);
    const publication = resultPublication(end, { cluster, at: clock.now(), stamp });
    postbox.post({ id: end.id, line: `result>${end.id}`, publication });
  }

  /** It was given up by the stream; what did not arrive is not said for ever, but once more after `againMs`. */
  #park(id: OrderId, againMs: number | undefined): void {
    const { postbox, clock } = this.#parts;
    this.#callOff(id);
    this.#parked.set(id, clock.now());
    // Mail that comes again by itself holds up what its sender wrote after it (M1 of the postbox).
    if (againMs === undefined || isEffect(this.#parts.store.outboxRow(id))) postbox.close(id);
    if (againMs === undefined) return;
    const again = clock.after(againMs, () => {
      this.#later.delete(id);
      const row = this.#parts.store.outboxRow(id);
      if (row !== undefined) this.#beginAgain(row);
    });
    this.#later.set(id, again);
  }

  /** The actor takes messages again: what is for it comes, and what had its effect in vain has it once more, under the same id. */
  #resume(address: Address): void {
    const inVain = this.#open.from(address).filter((id) => this.#parked.has(id));
    for (const id of new Set([...this.#open.to(address), ...inVain])) {
      const row = this.#parts.store.outboxRow(id);
      if (row !== undefined) this.#beginAgain(row);
    }
  }

  #beginAgain(row: OutboxRow): void {
    const { effects, postbox, clock } = this.#parts;
    this.#callOff(row.id);
    if (isEffect(row)) {
      effects.forget(row.id);
      effects.begin(row);
      return;
    }
    this.#parked.set(row.id, clock.now());
    postbox.replace(this.#posted(row));
  }

  /** Nothing is begun again by itself any more. */
  stop(): void {
    for (const callOff of this.#later.values()) callOff();
    this.#later.clear();
  }

  #callOff(id: OrderId): void {
    this.#later.get(id)?.();
    this.#later.delete(id);
  }

  #close(id: OrderId): void {
    this.#callOff(id);
    this.#parked.delete(id);
    this.#parts.postbox.close(id);
    this.#parts.effects.forget(id);
    this.#open.remove(id);
  }
}

function resultPublication(
  { id, from, name, type, epoch, data }: EffectEnd,
  { cluster, at, stamp }: { cluster: string; at: number; stamp: number | undefined },
): Publication {
  const messageId = resultIdOf(id);
  const envelope = { id: messageId, type: `${name}.${type}`, at, cause: id, data };
  return {
    subject: mailSubject(from),
    id: sealedId(messageId, cluster, stamp),
    body: json({ ...envelope, ...(epoch !== undefined && { epoch }) }),
  };
}

function publicationOf(
  row: OutboxRow,
  { cluster, stamp }: { cluster: string; stamp: number | undefined },
): Publication {
  const { order } = row;
  const id = sealedId(row.id, cluster, stamp);
  if (order.type === "observation") {
    return {
      subject: observationSubject(order.lane, order.id),
      id,
      headers: { "Ao-At": String(row.at), "Ao-Cause": row.id },
      body: json(order.data),
    };
  }
  if (order.type !== "mail") throw new Error(`${row.id} is not for the bus`);
  const { data, epoch, name: type } = order;
  const envelope = {
    id: row.id,
    type,
    at: row.at,
    from: row.from,
    cause: row.cause,
    data,
    ...(epoch !== undefined && { epoch }),
  };
  return { subject: mailSubject(order.to), id, body: json(envelope) };
}

function isEffect(row: OutboxRow | undefined): boolean {
  return row?.order.type === "effect";
}

/** The actor that an order is for; undefined when it is for no actor. */
function recipientOf({ order }: OutboxRow): Address | undefined {
  if (order.type === "mail") return order.to;
  return order.type === "observation" ? addressOf(LANES[order.lane].kind, order.id) : undefined;
}

/** Tells whoever listens that an actor moved. */
function tell(bus: Bus, entry: JournalEntry): void {
  const { seq, message, was, value, address } = entry;
  bus.emit(
    eventSubject(address, message.type),
    json({
      address,
      seq,
      type: message.type,
      from: was ?? null,
      to: value,
      at: message.at,
      cause: message.id,
    }),
  );
}

function summaryOf({ id, code, message, subject, messageId, at }: DeadLetter): object {
  return { id, code, message, subject, messageId, at };
}

function json(value: object): Uint8Array {
  // Three times as fast as a TextEncoder for texts this short: 0.3 µs.
  return Buffer.from(JSON.stringify(value));
}
