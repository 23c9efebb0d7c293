import type { Adapters } from "../adapters/adapter.ts";
import type { Bus, Publication } from "../bus/bus.ts";
import { commandSubject, mailSubject, observationSubject } from "../bus/subjects.ts";
import { Failure } from "../machines/failures.ts";
import {
  ROOT,
  splitAddress,
  splitOrderId,
  type Address,
  type KindName,
  type OrderId,
} from "../machines/ids.ts";
import type { JsonObject } from "../machines/json.ts";
import type { Kind, MachineState } from "../machines/kind.ts";
import type { Message } from "../machines/message.ts";
import type { ObservationLane } from "../machines/observations.ts";
import type { Settings } from "../machines/settings.ts";
import type { DeadLetter, OutboxRow, Outcome, SnapshotRow, Store } from "../storage/store.ts";
import { auditor } from "./audit.ts";
import { surveyor, surveyOver, type DirectoryLister, type Survey } from "./survey.ts";
import type { Batch } from "./batch.ts";
import { callers, type Callers } from "./callers.ts";
import { causesOf } from "./causes.ts";
import { currentRow, upgraded } from "./charts.ts";
import type { Clock } from "./clock.ts";
import { effects, type Effects } from "./effects.ts";
import { Host, type Boundary } from "./host.ts";
import { wakeActor } from "./live-actor.ts";
import { missedBy } from "./missed.ts";
import { isOrderId, markIdOf, orderAnswered, retryIdOf, sealedId } from "./message-ids.ts";
import { orderBytesOf } from "./placing.ts";
import { Postbox } from "./postbox.ts";
import { purger, type Purger } from "./purger.ts";
import { Dispatch } from "./dispatch.ts";
import { stateAt } from "./replay.ts";
import type {
  Cause,
  Command,
  Committed,
  Enabled,
  IntakeReport,
  StateAt,
  System,
} from "./system.ts";
import { timers, type Timers } from "./timers.ts";

// Actor system
//
// Wires the way of one message over one store and one bus: host, callers, dispatch, timers, effects. Owns the order in
// which they start and stop, and what is asked of them from above; nothing else.

export interface SystemParts {
  readonly store: Store;
  readonly bus: Bus;
  readonly adapters: Adapters;
  /** Looks at the directories of a host; without it there are none. */
  readonly directories?: DirectoryLister;
  readonly kinds: ReadonlyMap<KindName, Kind>;
  readonly settings: Settings;
  readonly clock: Clock;
  /** A new id, unlike any other. */
  readonly newId: () => string;
  /** Told of what went wrong inside and was survived. */
  readonly onTrouble: (trouble: unknown) => void;
  readonly onBoundary?: (boundary: Boundary) => void;
}

const encoder = new TextEncoder();
/** Where marks are put; nobody is addressed. */
const MARK_SUBJECT = mailSubject(ROOT);
/** Without a bus nothing more can be read: what is due goes on after this. */
const CATCH_UP_MS = 5_000;
/** Open orders read from the store at once, at boot. */
const PAGE = 1_000;

interface Sent {
  readonly id: string;
  readonly subject: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class ActorSystem implements System {
  readonly settings: Settings;
  readonly kinds: ReadonlyMap<KindName, Kind>;
  readonly store: Store;
  readonly bus: Bus;
  /** Resolves when stopped, rejects when the store is lost for good. */
  readonly finished: Promise<void>;
  /** What becomes of each directory of a host, and why. */
  readonly survey: Survey;
  readonly #parts: SystemParts;
  readonly #cluster: string;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(committed: Committed) => void>();
  readonly #callers: Callers;
  readonly #postbox: Postbox;
  readonly #effects: Effects;
  readonly #dispatch: Dispatch;
  readonly #timers: Timers;
  readonly #purger: Purger;
  readonly #host: Host;

  /** Starts everything: open orders are resumed, timers armed, the stream read from the stored position. */
  constructor(parts: SystemParts) {
    const { store, bus, settings, clock } = parts;
    this.#parts = parts;
    this.settings = settings;
    this.kinds = parts.kinds;
    this.store = store;
    this.bus = bus;
    this.#cluster = store.head().cluster;
    this.#callers = callers(settings.limits.callers);
    this.survey = surveyOver(this, parts.directories);
    this.#postbox = new Postbox({ bus, clock, republishMs: settings.mail.republishMs });
    this.#effects = this.#startEffects();
    this.#dispatch = new Dispatch({
      store,
      bus,
      cluster: this.#cluster,
      postbox: this.#postbox,
      effects: this.#effects,
      clock,
    });
    this.#timers = timers({
      store,
      clock,
      fire: async (messages) => this.#fire(messages),
      causeOf: ({ address, seq }) =>
        store.journal(address, { after: seq - 1, limit: 1 })[0]?.message.id,
      onTrouble: parts.onTrouble,
    });
    this.#purger = purger(bus, clock);
    this.#host = this.#startHost();
    for (const row of openOrders(store)) if (row.order.type !== "effect") this.#dispatch.begin(row);
    this.finished = this.#host.run(this.#stopping.signal).catch((error: unknown) => {
      this.#callers.end();
      throw error;
    });
    this.#resume().catch(parts.onTrouble);
  }

  /**
   * What was due while the daemon was down waits until what was said meanwhile is read: a kill in the stream is older
   * than the timer or the launch that it stops.
   */
  async #resume(): Promise<void> {
    await this.#caughtUp();
    if (this.#stopping.signal.aborted) return;
    this.#dispatch.start(inOrder(this.store, openOrders(this.store)));
    this.#timers.start();
  }

  /** Reads up to a mark of our own, however long that takes; without a bus to read it is given up after a while. */
  async #caughtUp(): Promise<void> {
    const mark = markIdOf(this.#parts.newId());
    const waited = Promise.withResolvers<void>();
    let cancel: (() => void) | undefined;
    const look = (): void => {
      if (this.bus.state().type === "down" || this.#host.isIdle) waited.resolve();
      else cancel = this.#parts.clock.after(CATCH_UP_MS, look);
    };
    cancel = this.#parts.clock.after(CATCH_UP_MS, look);
    this.#stopping.signal.addEventListener("abort", () => waited.resolve(), { once: true });
    const reached = this.#host.reached(mark);
    const told = this.relay({ subject: MARK_SUBJECT, id: mark, body: encoder.encode("{}") });
    await Promise.race([
      told.then(
        async () => reached,
        async () => waited.promise,
      ),
      waited.promise,
    ]);
    cancel?.();
    this.#host.forget(mark);
  }

  async ask(command: Command, signal?: AbortSignal): Promise<Outcome> {
    const id = command.id ?? `cmd:${this.#parts.newId()}`;
    const before = this.store.seen(id);
    if (before !== undefined) return before.outcome;
    this.#callers.throwIfFull(id);
    const envelope = { at: this.#parts.clock.now(), ...command, id };
    const subject = commandSubject(command.to);
    return this.#send({ id, subject, body: JSON.stringify(envelope) }, signal);
  }

  async settled(id: string, signal?: AbortSignal): Promise<Outcome> {
    const answer = this.#callers.wait(id, signal);
    const before = this.store.seen(id);
    if (before !== undefined) this.#callers.answer(id, before.outcome);
    return answer;
  }

  async observe(
    lane: ObservationLane,
    id: string,
    data: JsonObject,
    messageId?: string,
  ): Promise<string> {
    const name = messageId ?? `obs:${this.#parts.newId()}`;
    await this.relay({
      subject: observationSubject(lane, id),
      id: name,
      headers: { "Ao-At": String(this.#parts.clock.now()) },
      body: encoder.encode(JSON.stringify(data)),
    });
    return name;
  }

  /** Publishes, under the daemon's seal, what came in by a way that only the owner and the agents have. */
  async relay(publication: Publication & { readonly id: string }): Promise<void> {
    await this.bus.publish({ ...publication, id: sealedId(publication.id, this.#cluster) });
  }

  async retry(letterId: number): Promise<Outcome> {
    const letter = this.store.deadLetter(letterId);
    if (letter === undefined) {
      throw new Failure("LETTER_UNKNOWN", `retry dead letter ${letterId}: there is no such letter`);
    }
    if (letter.isTruncated) {
      throw new Failure(
        "MESSAGE_TOO_LARGE",
        `retry dead letter ${letterId}: its body was too large to keep`,
      );
    }
    const arrived = this.#arrivalOf(letter);
    if (arrived !== undefined) return arrived;
    const retries = letter.retries + 1;
    const id = retryIdOf(letter.id, retries);
    this.#callers.throwIfFull(id);
    const retriedAt = this.#parts.clock.now();
    await this.#host.offer([{ type: "retried", letter: { ...letter, retries, retriedAt } }]);
    const { subject } = letter;
    return this.#send({ id, subject, body: renamed(letter, id), headers: headersAgain(letter) });
  }

  /** What became of the letter's message when it came again by itself; fails while that is yet to be. */
  #arrivalOf({ id, messageId, code, to }: DeadLetter): Outcome | undefined {
    const outcome = this.store.seen(messageId)?.outcome;
    if (outcome !== undefined && outcome.type !== "dead") return outcome;
    const order = orderAnswered(messageId);
    if (order === undefined || this.store.outboxRow(order) === undefined) return undefined;
    throw new Failure(
      "NOT_READY",
      `retry dead letter ${id}: ${order} is open and comes again by itself, once ${to ?? "its actor"} is released (${code})`,
    );
  }

  async release(address: Address): Promise<void> {
    if (this.store.snapshot(address) === undefined) {
      throw new Failure("ACTOR_UNKNOWN", `release ${address}: there is no such actor`);
    }
    await this.#host.offer([{ type: "release", address }]);
    this.#tellAgain(address).catch(this.#parts.onTrouble);
  }

  /** What probes said of it meanwhile, one after the other. */
  async #tellAgain(address: Address): Promise<void> {
    for (const { id } of missedBy(this.store, address)) {
      // oxlint-disable-next-line no-await-in-loop -- in the order in which it was said
      await this.retry(id);
    }
  }

  snapshot(address: Address): SnapshotRow | undefined {
    const row = this.store.snapshot(address);
    const kind = this.kinds.get(splitAddress(address).kind);
    return row === undefined || kind === undefined ? row : currentRow(kind, row);
  }

  report(): IntakeReport {
    const { books, globalSeq } = this.store.head();
    const { received, applied, duplicate, stale, dead } = books;
    return {
      ...books,
      lag: this.#host.lag(),
      outbox: this.#dispatch.size,
      timers: this.store.timerCount(),
      globalSeq,
      isBalanced: received === applied + duplicate + stale + dead,
    };
  }

  ordersTo(address: Address): readonly OrderId[] {
    return this.#dispatch.ordersTo(address);
  }

  get liveActors(): number {
    return this.#host.liveActors;
  }

  stateAt(address: Address, seq: number): StateAt | undefined {
    return stateAt(this.store, { kinds: this.kinds, address, seq });
  }

  enabled(address: Address): Enabled[] {
    const kind = this.kinds.get(splitAddress(address).kind);
    const row = this.store.snapshot(address);
    if (kind === undefined || row === undefined) return [];
    const actor = wakeActor(kind, upgraded(kind, row));
    return actor.listensFor().map((type) => ({ type }));
  }

  causes(id: string): Cause[] {
    return causesOf(this.store, id);
  }

  onCommitted(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets the running batch finish and aborts effects; what is open stays open in the store. */
  async stop(): Promise<void> {
    this.#timers.stop();
    this.#purger.stop();
    this.#dispatch.stop();
    this.#postbox.stop();
    await this.#effects.stop();
    this.#stopping.abort();
    await this.finished.catch(() => {});
  }

  #startEffects(): Effects {
    const { adapters, directories, clock, settings, onTrouble } = this.#parts;
    return effects({
      adapters: {
        ...adapters,
        auditActors: auditor(this),
        surveyDirectories: surveyor(this, { survey: this.survey, measure: directories?.measure }),
      },
      clock,
      width: settings.effects.lanes,
      retryMs: settings.effects.retryMs,
      retryMaxMs: settings.effects.retryMaxMs,
      epochOf: (address) => this.#epochOf(address),
      orderBytes: () => orderBytesOf(this.bus),
      end: (end) => this.#dispatch.deliver(end),
      amend: (row) => void this.#host.offer([{ type: "amend", row }]).catch(onTrouble),
      onDefect: onTrouble,
    });
  }

  #startHost(): Host {
    const { store, bus, clock, kinds, settings, onTrouble, onBoundary } = this.#parts;
    return new Host({
      store,
      bus,
      clock,
      kinds,
      limits: settings.limits,
      retryMs: settings.effects.retryMs,
      openOrders: (address) => this.#dispatch.openOrders(address),
      onFlushed: (batch) => this.#onFlushed(batch),
      onCommitFailed: onTrouble,
      onBoundary,
    });
  }

  #onFlushed(batch: Batch): void {
    for (const [id, outcome] of batch.outcomes) this.#callers.answer(id, outcome);
    this.#parts.onBoundary?.("answered");
    this.#dispatch.flushed(batch);
    this.#timers.look();
    if (batch.position !== undefined) this.#purger.to(batch.position);
    if (this.#listeners.size === 0 || batch.entries.length === 0) return;
    const { journal, snapshots, summaries } = batch.changes();
    for (const listener of this.#listeners) {
      try {
        listener({ entries: journal, snapshots, summaries });
      } catch (error) {
        // It is committed: a reader that breaks must not stop the path.
        this.#parts.onTrouble(error);
      }
    }
  }

  async #fire(messages: readonly Message[]): Promise<void> {
    await this.#host.offer(messages.map((message) => ({ type: "message" as const, message })));
  }

  /** Publishes, and waits for what becomes of it. */
  async #send({ id, subject, body, headers }: Sent, signal?: AbortSignal): Promise<Outcome> {
    const unsent = new AbortController();
    const signals = [unsent.signal, ...(signal === undefined ? [] : [signal])];
    const answer = this.#callers.wait(id, AbortSignal.any(signals));
    // When it cannot be sent, that is what the caller learns.
    answer.catch(() => {});
    try {
      await this.relay({
        subject,
        id: this.#stampOf(subject, id),
        body: encoder.encode(body),
        ...(headers !== undefined && { headers }),
      });
    } catch (error) {
      unsent.abort();
      throw error;
    }
    return answer;
  }

  /**
   * The name under which the stream takes it. A command may be asked again after a refusal that passes, and its
   * envelope has its id: the stream must not take the second for the first.
   */
  #stampOf(subject: string, id: string): string {
    return subject.startsWith("ao.cmd.") ? `${id}~${this.#parts.newId()}` : id;
  }

  #epochOf(address: Address): number | undefined {
    const kind = this.kinds.get(splitAddress(address).kind);
    const row = this.store.snapshot(address);
    if (row === undefined || kind?.epochOf === undefined) return undefined;
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our own persisted()
      return kind.epochOf(upgraded(kind, row) as unknown as MachineState);
    } catch {
      // An actor that cannot be woken fences nothing; its messages are refused loudly.
      return undefined;
    }
  }
}

/** As the steps ordered them, whatever their messages said of the time. A step that was pruned is older than all others. */
function inOrder(store: Store, rows: Iterable<OutboxRow>): OutboxRow[] {
  return [...rows]
    .map((row) => {
      const { address, seq, n } = splitOrderId(row.id);
      const [entry] = store.journal(address, { after: seq - 1, limit: 1 });
      return { row, n, globalSeq: entry?.seq === seq ? entry.globalSeq : 0 };
    })
    .toSorted((one, other) => one.globalSeq - other.globalSeq || one.n - other.n)
    .map(({ row }) => row);
}

function* openOrders(store: Store): Iterable<OutboxRow> {
  let page = store.outbox({ limit: PAGE });
  while (page.length > 0) {
    yield* page;
    const last = page.at(-1);
    page = last === undefined ? [] : store.outbox({ after: last.id, limit: PAGE });
  }
}

/** A letter comes again under our seal: an order that a stranger called its cause was none of ours (I5 of the intake). */
function headersAgain({ headers = {}, messageId }: DeadLetter): Readonly<Record<string, string>> {
  const { "Ao-Cause": cause, ...others } = headers;
  const isStrange = cause !== undefined && isOrderId(cause) && !messageId.startsWith(cause);
  return isStrange ? others : headers;
}

/** The letter's body with the new id where the body names one: the old id was seen. */
function renamed({ subject, body }: DeadLetter, id: string): string {
  if (subject.startsWith("ao.obs.")) return body;
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null ? JSON.stringify({ ...parsed, id }) : body;
  } catch {
    return body;
  }
}
