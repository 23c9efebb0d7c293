import type { Bus, Intake, RawMessage } from "../bus/bus.ts";
import { Failure } from "../machines/failures.ts";
import type { Address, KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import type { Message } from "../machines/message.ts";
import type { DeadLetter, OutboxRow, Store } from "../storage/store.ts";
import { Batch, type Base } from "./batch.ts";
import type { Clock } from "./clock.ts";
import { decode, type IntakeRules } from "./intake.ts";
import type { Original } from "./letters.ts";
import { Residents } from "./residents.ts";
import { Stepper } from "./stepper.ts";

// Host
//
// Runs the way of one message: intake → step → commit → flush → answer → release. The only writer of the store.
//
//   H1. Nothing leaves before the flush of the transaction that recorded it: no answer, no mail, no effect, no event (R2, R5).
//   H2. The position in the stream is a row of the transaction that applied the messages up to it (R2).
//   H3. A commit that fails drops every live actor the batch touched; the same messages are stepped again (R2).
//   H4. One batch at a time; what comes meanwhile is the next batch.

const LONGEST_RETRY_MS = 10_000;

/** The points of the path where a kill must lose nothing; named for the tests that kill there. */
export type Boundary = "stepped" | "flushed" | "answered" | "released";

export interface HostParts {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly kinds: ReadonlyMap<KindName, Kind>;
  readonly limits: {
    readonly bodyBytes: number;
    readonly batch: number;
    readonly liveActors: number;
    readonly outbox: number;
  };
  /** Waits so long before a failed commit is tried again, milliseconds. */
  readonly retryMs: number;
  readonly openOrders: (address: Address) => number;
  /** Called after each flush: answers first, then release. */
  readonly onFlushed: (batch: Batch) => void;
  readonly onStreamReplaced: () => void;
  readonly onCommitFailed: (failure: Failure) => void;
  readonly onBoundary?: ((boundary: Boundary) => void) | undefined;
}

/** What the daemon itself puts into the next batch, beside the stream. */
export type Internal =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "amend"; readonly row: OutboxRow }
  | { readonly type: "mark"; readonly letter: DeadLetter }
  | { readonly type: "release"; readonly address: Address };

interface Offered {
  readonly inputs: readonly Internal[];
  readonly done: () => void;
}

/** What one batch is made of. */
interface Work {
  readonly raws: readonly RawMessage[];
  readonly offered: readonly Offered[];
}

const NO_WORK: Work = { raws: [], offered: [] };

export class Host {
  readonly #parts: HostParts;
  readonly #residents: Residents;
  readonly #steps: Stepper;
  readonly #rules: IntakeRules;
  #base: Base;
  #stream: string | undefined;
  #next: { raws: RawMessage[]; offered: Offered[] } = { raws: [], offered: [] };
  #wake: (() => void) | undefined;
  #intake: Intake | undefined;

  constructor(parts: HostParts) {
    const head = parts.store.head();
    const { store, kinds, limits, openOrders, clock } = parts;
    this.#parts = parts;
    this.#residents = new Residents({ store, kinds, max: limits.liveActors });
    this.#steps = new Stepper({
      store,
      residents: this.#residents,
      kinds,
      outboxLimit: limits.outbox,
      openOrders,
      now: () => clock.now(),
    });
    this.#rules = { maxBytes: limits.bodyBytes, cluster: head.cluster };
    this.#base = head;
    this.#stream = head.position?.stream;
  }

  /** Runs until stopped. Rejects when the store is lost for good; the caller starts another host. */
  async run(signal: AbortSignal): Promise<void> {
    const intake = await this.#parts.bus.read(this.#parts.store.head().position);
    this.#intake = intake;
    const reader = this.#reader(intake, signal);
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      reader.fetch();
      const work = this.#takeWork();
      if (work === NO_WORK) await this.#woken();
      else await this.#handle(work, signal);
      reader.throwIfFailed();
    }
    await intake.close();
  }

  /** Puts something into the next batch; resolves when that is durable. */
  async offer(inputs: readonly Internal[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#next.offered.push({ inputs, done: resolve });
    this.#wake?.();
    await promise;
  }

  /** Messages in the stream that were not taken yet. */
  lag(): number {
    return this.#intake?.lag() ?? 0;
  }

  get liveActors(): number {
    return this.#residents.size;
  }

  /** Reads ahead by one batch while the one before is committed. */
  #reader(intake: Intake, signal: AbortSignal): { fetch(): void; throwIfFailed(): void } {
    let isTaking = false;
    let failure: Error | undefined;
    const take = async (): Promise<void> => {
      try {
        const raws = await intake.take(this.#parts.limits.batch, signal);
        if (raws.length === 0) throw new Failure("BUS_DOWN", "read the stream: the bus was closed");
        this.#next.raws = raws;
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      } finally {
        isTaking = false;
        this.#wake?.();
      }
    };
    return {
      fetch: () => {
        if (isTaking || this.#next.raws.length > 0) return;
        isTaking = true;
        void take();
      },
      throwIfFailed() {
        if (failure !== undefined && !signal.aborted) throw failure;
      },
    };
  }

  #takeWork(): Work {
    const work = this.#next;
    if (work.raws.length === 0 && work.offered.length === 0) return NO_WORK;
    this.#next = { raws: [], offered: [] };
    return work;
  }

  async #woken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  /** Steps and commits the work until it is durable. */
  async #handle(work: Work, signal: AbortSignal): Promise<void> {
    let waitMs = this.#parts.retryMs;
    while (!signal.aborted) {
      const batch = this.#step(work);
      this.#parts.onBoundary?.("stepped");
      try {
        if (!batch.isEmpty) await this.#parts.store.commit(batch.changes());
        this.#parts.onBoundary?.("flushed");
        this.#finish(batch, work);
        return;
      } catch (error) {
        for (const { address } of batch.residents()) this.#residents.drop(address);
        if (!(error instanceof Failure) || !error.isRetryable) throw error;
        this.#parts.onCommitFailed(error);
      }
      await sleep(this.#parts.clock, waitMs, signal);
      waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
    }
  }

  #step({ raws, offered }: Work): Batch {
    const batch = new Batch(this.#base);
    for (const { inputs } of offered) {
      for (const input of inputs) absorb(this.#steps, batch, input);
    }
    for (const raw of raws) receive(this.#steps, batch, raw, this.#rules);
    return batch;
  }

  #finish(batch: Batch, { offered }: Work): void {
    const { globalSeq, deadSeq, books, position } = batch;
    this.#base = { globalSeq, deadSeq, books };
    this.#parts.onFlushed(batch);
    for (const { done } of offered) done();
    if (position !== undefined && position.stream !== this.#stream) {
      const isFirst = this.#stream === undefined;
      this.#stream = position.stream;
      if (!isFirst) this.#parts.onStreamReplaced();
    }
    this.#parts.onBoundary?.("released");
  }
}

function absorb(steps: Stepper, batch: Batch, input: Internal): void {
  if (input.type === "message") steps.apply(batch, input.message, () => originalOf(input.message));
  else if (input.type === "amend") batch.amend(input.row);
  else if (input.type === "mark") batch.mark(input.letter);
  else steps.release(batch, input.address);
}

function originalOf(message: Message): Original {
  const { to, ...envelope } = message;
  return { subject: `ao.msg.${to.replace("/", ".")}`, body: JSON.stringify(envelope) };
}

function receive(steps: Stepper, batch: Batch, raw: RawMessage, rules: IntakeRules): void {
  batch.moveTo({ stream: raw.stream, seq: raw.seq });
  const decoded = decode(raw, rules);
  const original = (): Original => ({ subject: raw.subject, body: textOf(raw.body) });
  if (decoded.type === "message") steps.apply(batch, decoded.message, original);
  else steps.reject(batch, decoded.rejection, original);
}

function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 65_537));
}

async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  cancel();
}
