import { setImmediate as nextTurn } from "node:timers/promises";
import type { Bus, Intake, RawMessage } from "../bus/bus.ts";
import { Failure } from "../machines/failures.ts";
import type { Address, KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import type { Store } from "../storage/store.ts";
import { Batch, type Base } from "./batch.ts";
import { pause, type Clock } from "./clock.ts";
import { decode, type IntakeRules } from "./intake.ts";
import { originalOf, rawOriginal, type Original } from "./letters.ts";
import { isMark, unsealedId } from "./message-ids.ts";
import { orderBytesOf } from "./placing.ts";
import { Residents } from "./residents.ts";
import { Stepper } from "./stepper.ts";
import { divided, NO_WORK, type Internal, type Offered, type Work } from "./work.ts";

// Host
//
// Runs the way of one message: intake → step → commit → flush → answer → dispatch. The only writer of the store.
//
//   H1. Nothing leaves before the flush of the transaction that recorded it: no answer, no mail, no effect, no event (R2, R5).
//   H2. The position in the stream is a row of the transaction that applied the messages up to it (R2).
//   H3. A commit that fails drops every live actor that it and the batches after it touched; the same messages are
//       stepped again, in the same order (R2).
//   H4. Batches are stepped one after the other and land in that order; a few may be under way to the disk at once.
//       A later one sees what an earlier one changed, though it is not durable yet, and lets nothing out before it.
//   H5. A batch is bounded by count and by time, and whoever else waits for the thread has a turn in between: what a
//       batch had no time for comes first in the next one.

const LONGEST_RETRY_MS = 10_000;

/** The points of the path where a kill must lose nothing; named for the tests that kill there. */
export type Boundary = "stepped" | "flushed" | "answered" | "dispatched";

export interface HostParts {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly kinds: ReadonlyMap<KindName, Kind>;
  readonly limits: {
    readonly bodyBytes: number;
    readonly batch: number;
    /** A batch takes no further message after so many milliseconds. */
    readonly batchMs: number;
    readonly liveActors: number;
    readonly outbox: number;
  };
  /** Waits so long before a failed commit is tried again, milliseconds. */
  readonly retryMs: number;
  readonly openOrders: (address: Address) => number;
  /** Called after each flush: answers first, then dispatch. */
  readonly onFlushed: (batch: Batch) => void;
  readonly onCommitFailed: (failure: Failure) => void;
  readonly onBoundary?: ((boundary: Boundary) => void) | undefined;
}

/** A batch on its way to the disk. */
interface Flight {
  readonly work: Work;
  readonly batch: Batch;
  readonly landed: Promise<void>;
}

/** Batches under way at once: enough to step while the disk is busy. */
const DEPTH = 4;

export class Host {
  readonly #parts: HostParts;
  readonly #residents: Residents;
  readonly #steps: Stepper;
  readonly #rules: IntakeRules;
  readonly #flying: Flight[] = [];
  #base: Base;
  /** What is to be done again, after a commit that failed (H3). */
  #undone: Work[] = [];
  #next: { raws: RawMessage[]; offered: Offered[] } = { raws: [], offered: [] };
  /** What the last batch had no time for (H5). */
  #left: Work = NO_WORK;
  /** For how long this held the thread since others had their turn, milliseconds. */
  #heldMs = 0;
  #wake: (() => void) | undefined;
  #intake: Intake | undefined;
  #crash: { readonly error: unknown } | undefined;
  #isOver = false;
  readonly #marks = new Map<string, () => void>();

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
      orderBytes: () => orderBytesOf(parts.bus),
      now: () => clock.now(),
    });
    this.#rules = { maxBytes: limits.bodyBytes, cluster: head.cluster };
    this.#base = head;
  }

  /** Runs until stopped. Rejects when the store is lost for good; the caller starts another host. */
  async run(signal: AbortSignal): Promise<void> {
    const intake = await this.#parts.bus.read(this.#parts.store.head().position);
    this.#intake = intake;
    try {
      await this.#runOn(intake, signal);
    } finally {
      // What is under way to the disk lets out what it ordered; nothing does afterwards.
      await Promise.allSettled(this.#flying.map(async ({ landed }) => landed));
      this.#end();
      await intake.close();
    }
  }

  async #runOn(intake: Intake, signal: AbortSignal): Promise<void> {
    const reader = this.#reader(intake, signal);
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      if (this.#crash !== undefined) await this.#recover(signal);
      reader.fetch();
      const work = this.#flying.length < DEPTH ? this.#takeWork() : NO_WORK;
      if (work === NO_WORK) await this.#woken();
      else {
        this.#holding(() => this.#launch(work));
        await this.#giveWay();
      }
      reader.throwIfFailed();
    }
  }

  /** Who waits for something to become durable learns that it will not, here. */
  #end(): void {
    this.#isOver = true;
    const flying = this.#flying.map(({ work }) => work);
    const works: Work[] = [...flying, ...this.#undone, this.#left, this.#next];
    for (const { fail } of works.flatMap(({ offered }) => offered)) fail(overFailure());
  }

  /** Puts something into the next batch; resolves when that is durable. Fails with NOT_READY when the host ends before. */
  async offer(inputs: readonly Internal[]): Promise<void> {
    if (this.#isOver) throw overFailure();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#next.offered.push({ inputs, done: resolve, fail: reject });
    this.#wake?.();
    await promise;
  }

  /** Resolves when everything before a mark that was published was read and is durable. */
  async reached(mark: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#marks.set(mark, resolve);
    await promise;
  }

  /** Nobody waits for it any more. */
  forget(mark: string): void {
    this.#marks.delete(mark);
  }

  /** Everything that came so far is done and let out. */
  get isIdle(): boolean {
    const waiting = [...this.#undone, this.#left, this.#next].some(
      (work) => work.raws.length + work.offered.length > 0,
    );
    return !waiting && this.#flying.length === 0 && this.lag() === 0;
  }

  /** Messages in the stream that were not taken yet. */
  lag(): number {
    return this.#intake?.lag() ?? 0;
  }

  get liveActors(): number {
    return this.#residents.size;
  }

  /** Reads ahead by one batch while the one before is stepped. */
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

  /** Requests, timers and the disk have their turn when this held the thread for long (H5). */
  async #giveWay(): Promise<void> {
    if (this.#heldMs < this.#parts.limits.batchMs) return;
    this.#heldMs = 0;
    await nextTurn();
  }

  #holding<T>(run: () => T): T {
    const { clock } = this.#parts;
    const from = clock.now();
    try {
      return run();
    } finally {
      // A clock that was set back owes nobody time.
      this.#heldMs += Math.max(0, clock.now() - from);
    }
  }

  #takeWork(): Work {
    const left = this.#left;
    this.#left = NO_WORK;
    if (left !== NO_WORK) return left;
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

  /** Steps the work and sends it to the disk, behind what is under way already. */
  #launch(given: Work): void {
    // Should the step throw, whoever waits for it is told at the end.
    this.#left = given;
    const { batch, work, left } = this.#step(given, this.#parts.limits.batchMs);
    this.#left = left;
    const before = this.#flying.at(-1)?.landed;
    const landed = this.#land({ work, batch }, before);
    this.#flying.push({ work, batch, landed });
    landed.catch((error: unknown) => {
      this.#crash ??= { error };
      this.#wake?.();
    });
  }

  async #land(
    { work, batch }: { work: Work; batch: Batch },
    before: Promise<void> | undefined,
  ): Promise<void> {
    // Asked for at once. Should an earlier one fail, the store refuses what builds on it (`after`).
    const committed = batch.isEmpty ? undefined : this.#parts.store.commit(batch.changes());
    const [earlier, own] = await Promise.allSettled([before, committed]);
    if (earlier.status === "rejected") throw earlier.reason;
    if (own.status === "rejected") throw own.reason;
    this.#parts.onBoundary?.("flushed");
    // Those that landed together are let out one by one.
    await this.#giveWay();
    this.#flying.shift();
    this.#holding(() => this.#letOut(batch, work));
    this.#wake?.();
  }

  /** A commit failed, and with it all after it: their work is done again, one by one, from what the store has. */
  async #recover(signal: AbortSignal): Promise<void> {
    await Promise.allSettled(this.#flying.map(async ({ landed }) => landed));
    const failed = this.#flying.splice(0);
    this.#undone = failed.map(({ work }) => work);
    const error = this.#crash?.error;
    this.#crash = undefined;
    this.#undo(failed.map(({ batch }) => batch));
    this.#survive(error);
    for (;;) {
      const [work] = this.#undone;
      if (work === undefined || signal.aborted) return;
      await this.#redo(work, signal);
      if (!signal.aborted) this.#undone.shift();
    }
  }

  async #redo(work: Work, signal: AbortSignal): Promise<void> {
    for (
      let waitMs = this.#parts.retryMs;
      !signal.aborted;
      waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)
    ) {
      await pause(this.#parts.clock, waitMs, signal);
      // Whole, as it was: its messages are one transaction or none.
      const { batch } = this.#step(work, Infinity);
      try {
        if (!batch.isEmpty) await this.#parts.store.commit(batch.changes());
      } catch (error) {
        this.#undo([batch]);
        this.#survive(error);
        continue;
      }
      this.#parts.onBoundary?.("flushed");
      this.#letOut(batch, work);
      return;
    }
  }

  /** What is durable is let out. Should that throw, nothing is undone: the host ends, and the next one resumes it. */
  #letOut(batch: Batch, work: Work): void {
    try {
      this.#finish(batch, work);
    } catch (cause) {
      throw new Error("let out what a durable batch ordered", { cause });
    }
  }

  /** Forgets what batches did that never became durable. */
  #undo(batches: readonly Batch[]): void {
    for (const batch of batches) {
      for (const { address } of batch.residents()) this.#residents.drop(address);
    }
    this.#base = this.#parts.store.head();
  }

  #survive(error: unknown): void {
    if (!(error instanceof Failure) || !error.isRetryable) throw error;
    this.#parts.onCommitFailed(error);
  }

  /** As much of the work as there is time for, and at least one of it. */
  #step(given: Work, forMs: number): { batch: Batch; work: Work; left: Work } {
    const { clock } = this.#parts;
    const endsAt = clock.now() + forMs;
    const batch = new Batch(this.#base, this.#flying);
    const all = given.offered.length + given.raws.length;
    let done = 0;
    while (done < all && (done === 0 || clock.now() < endsAt)) {
      this.#take(batch, given, done);
      done += 1;
    }
    const { globalSeq, deadSeq, books } = batch;
    const commits = this.#base.commits + (batch.isEmpty ? 0 : 1);
    this.#base = { commits, globalSeq, deadSeq, books };
    this.#parts.onBoundary?.("stepped");
    return { batch, ...divided(given, done) };
  }

  /** The n-th of the work: what was offered comes before what was read. */
  #take(batch: Batch, { raws, offered }: Work, n: number): void {
    const raw = raws[n - offered.length];
    if (raw !== undefined) receive(this.#steps, batch, raw, this.#rules);
    else for (const input of offered[n]?.inputs ?? []) absorb(this.#steps, batch, input);
  }

  #finish(batch: Batch, { offered }: Work): void {
    this.#parts.onFlushed(batch);
    for (const { done } of offered) done();
    for (const mark of batch.marks) {
      this.#marks.get(mark)?.();
      this.forget(mark);
    }
    this.#parts.onBoundary?.("dispatched");
  }
}

function absorb(steps: Stepper, batch: Batch, input: Internal): void {
  if (input.type === "message") steps.apply(batch, input.message, () => originalOf(input.message));
  else if (input.type === "amend") steps.amend(batch, input.row);
  else if (input.type === "retried") batch.retried(input.letter);
  else steps.release(batch, input.address);
}

function receive(steps: Stepper, batch: Batch, raw: RawMessage, rules: IntakeRules): void {
  const { stream, seq, time } = raw;
  batch.moveTo({ stream, seq, time });
  const ours = unsealedId(raw.headers["Nats-Msg-Id"], rules.cluster);
  if (ours !== undefined && isMark(ours)) {
    batch.marks.push(ours);
    return;
  }
  const decoded = decode(raw, rules);
  const original = (): Original => rawOriginal(raw);
  if (decoded.type === "message") steps.apply(batch, decoded.message, original);
  else steps.reject(batch, decoded.rejection, original);
}

function overFailure(): Failure {
  return new Failure(
    "NOT_READY",
    "write to the store: the host has ended; another one is being started",
  );
}
