import type { Bus, Publication } from "../bus/bus.ts";
import type { OrderId } from "../machines/ids.ts";
import type { Clock } from "./clock.ts";

// Postbox
//
// Keeps publishing what must arrive until it is closed. Owns order per correspondence and the retries; what is open
// is decided by the store, not here.
//
//   M1. Of one correspondence (`line`) one publication is under way at a time, in the order they were posted.
//   M2. A publication is published again after a deadline, after an outage and after a reset of the stream, until
//       `close` says that it was applied (R5).

export interface Posted {
  readonly id: OrderId;
  readonly line: string;
  readonly publication: Publication;
}

interface Open extends Posted {
  publishedAt: number | undefined;
}

export class Postbox {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #republishMs: number;
  readonly #lines = new Map<string, Open[]>();
  readonly #lineOf = new Map<OrderId, string>();
  readonly #stopListening: () => void;
  #cancelCheck: (() => void) | undefined;
  #isStopped = false;

  /** Publications not closed after `republishMs` are published again. */
  constructor(options: { bus: Bus; clock: Clock; republishMs: number }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#republishMs = options.republishMs;
    this.#stopListening = options.bus.onState((state) => {
      if (state.type === "up") this.#repost();
    });
  }

  get size(): number {
    return this.#lineOf.size;
  }

  post(posted: Posted): void {
    if (this.#lineOf.has(posted.id)) return;
    const open: Open = { ...posted, publishedAt: undefined };
    this.#lineOf.set(posted.id, posted.line);
    const line = this.#lines.get(posted.line);
    if (line !== undefined) {
      line.push(open);
      return;
    }
    this.#lines.set(posted.line, [open]);
    this.#publish(open);
  }

  /** Publishes it anew, in its place in the line; at the end of the line when it was closed. */
  replace(posted: Posted): void {
    const line = this.#lines.get(posted.line) ?? [];
    const at = line.findIndex(({ id }) => id === posted.id);
    if (at === -1) {
      this.post(posted);
      return;
    }
    const open: Open = { ...posted, publishedAt: undefined };
    line[at] = open;
    if (at === 0) this.#publish(open);
  }

  /** It was applied: the next of its line goes out. */
  close(id: OrderId): void {
    const name = this.#lineOf.get(id);
    if (name === undefined) return;
    this.#lineOf.delete(id);
    const line = this.#lines.get(name) ?? [];
    const wasHead = line[0]?.id === id;
    const rest = line.filter((open) => open.id !== id);
    if (rest.length === 0) this.#lines.delete(name);
    else this.#lines.set(name, rest);
    if (wasHead && rest[0] !== undefined) this.#publish(rest[0]);
  }

  /** Publishes everything under way again: there was an outage, or the stream is another and lost what it held. */
  #repost(): void {
    for (const [head] of this.#lines.values()) if (head !== undefined) this.#publish(head);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelCheck?.();
    this.#stopListening();
  }

  #publish(open: Open): void {
    if (this.#isStopped) return;
    open.publishedAt = this.#clock.now();
    this.#watch();
    this.#bus.publish(open.publication).catch(() => {
      // Down or refused: the check finds it due again. What keeps being refused stays visible as an open order.
    });
  }

  #watch(): void {
    if (this.#cancelCheck !== undefined || this.#isStopped || this.#lines.size === 0) return;
    this.#cancelCheck = this.#clock.after(this.#republishMs, () => {
      this.#cancelCheck = undefined;
      for (const [head] of this.#lines.values()) {
        if (head !== undefined && this.#isDue(head)) this.#publish(head);
      }
      this.#watch();
    });
  }

  #isDue(open: Open): boolean {
    const agoMs = this.#clock.now() - (open.publishedAt ?? 0);
    // Published in the future: the clock went back, and nobody knows how long it is ago.
    return agoMs >= this.#republishMs || agoMs < 0;
  }
}
