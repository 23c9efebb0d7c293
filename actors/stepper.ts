import { Failure } from "../machines/failures.ts";
import { splitAddress, type Address, type KindName, type OrderId } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import { understands, type Kind } from "../machines/kind.ts";
import type { Message } from "../machines/message.ts";
import { isObservationType } from "../machines/observations.ts";
import type {
  JournalEntry,
  OrderNote,
  OutboxRow,
  Outcome,
  Store,
  TimerRow,
} from "../storage/store.ts";
import type { Batch, Resident } from "./batch.ts";
import { issuesOf } from "./intake.ts";
import {
  bury,
  isPassing,
  isRelievable,
  originalOf,
  type Original,
  type Rejection,
} from "./letters.ts";
import { wakeActor, type Step } from "./live-actor.ts";
import {
  bounceIdOf,
  isBounce,
  isOrderId,
  isResult,
  isRetry,
  orderAnswered,
  timerIdOf,
  timerNameOf,
} from "./message-ids.ts";
import { checkOrders, place, without, type Reply } from "./placing.ts";
import { strike, STRIKES } from "./quarantine.ts";
import type { Residents } from "./residents.ts";

// Stepper
//
// Applies one message to one actor within a batch: seen? known? fenced? then the step, its journal entry and orders.
// Pure but for the live actors: nothing leaves, nothing is written; the batch holds what there is to commit.
//
//   P1. Every message ends as applied, duplicate, stale or dead, with a reason (B1).
//   P2. A message that makes a step throw changes no actor but for its count of strikes (R8).
//   P3. An order that this message answers or is, is closed in the same batch, whatever became of the message (R5);
//       but what an actor does not take now leaves its order open until its release, which begins it again: a result,
//       and mail whose sender cannot be told.
//   P4. What breaks a step and is the daemon's own to bring comes again by itself, ever more rarely, as one letter: mail,
//       a result, an observation that an actor ordered, the firing of a timer (R8). A sender that can be told learns it after some tries, or when its
//       addressee is quarantined; the others are never given up.

/** What a sender is told whose mail became a dead letter. */
const UNDELIVERABLE = "mail.undeliverable";
/** So long after it broke its step does a message come again: a sender is told after these, for the others the last is repeated. */
const AGAIN_MS = [1_000, 10_000, 60_000] as const;
/** Steps from one checkpoint in the journal to the next: what a replay has to repeat at most. */
const CHECKPOINT_EVERY = 64;

/** What becomes of the order that a message is or answers: closed, or begun again later, or with the release (P3, P4). */
type Fate = "closes" | { readonly againMs: number } | "waits";

export interface StepperParts {
  readonly store: Store;
  readonly residents: Residents;
  readonly kinds: ReadonlyMap<KindName, Kind>;
  /** Open orders of one actor past which commands to it are refused. */
  readonly outboxLimit: number;
  readonly openOrders: (address: Address) => number;
  /** What the bus takes of one order, bytes of JSON. */
  readonly orderBytes: () => number;
  readonly now: () => number;
}

export class Stepper {
  readonly #parts: StepperParts;

  constructor(parts: StepperParts) {
    this.#parts = parts;
  }

  /** Applies a message; `original` is how it came, should it become a dead letter. */
  apply(batch: Batch, message: Message, original: () => Original): void {
    const order = orderAnswered(message.id);
    const before = this.#outcome(batch, message.id);
    if (before !== undefined && !(threw(before) && this.#comesBack(batch, message))) {
      this.#countRepeat(batch, message.id, before);
      // A firing that died may be due still: it must not come again for ever.
      if (before.type === "dead") this.#disarm(batch, message, before.code);
      if (order !== undefined && !batch.isParked(order)) batch.close(order);
      return;
    }
    const fate = this.#settle(batch, message, original);
    if (order === undefined) return;
    if (fate === "closes") batch.close(order);
    else batch.parked.set(order, fate === "waits" ? undefined : fate.againMs);
  }

  /** Counts a message that could not even be read. */
  reject(batch: Batch, rejection: Rejection, original: () => Original): void {
    const order = orderAnswered(rejection.id);
    if (order !== undefined) batch.close(order);
    const before = this.#outcome(batch, rejection.id);
    if (before === undefined) this.#bury(batch, rejection, original);
    else this.#countRepeat(batch, rejection.id, before);
  }

  /** Makes a dead letter of it; mail that dies is told to its sender, so that nobody waits for ever (R8). */
  #bury(batch: Batch, rejection: Rejection, original: () => Original): void {
    const at = this.#parts.now();
    bury(batch, { rejection, original: original(), at });
    this.#bounce(batch, rejection);
  }

  /** Whether there is a sender that can be told that its mail died, and now is. */
  #bounce(batch: Batch, rejection: Rejection): boolean {
    const mail = this.#mailOf(rejection.id);
    if (mail === undefined || !this.#isTold(mail.from)) return false;
    const at = this.#parts.now();
    const { id, from, to, name } = mail;
    const { code, message } = rejection;
    const data = { order: id, to, name, code, message };
    const bounce = {
      id: bounceIdOf(id),
      type: UNDELIVERABLE,
      at,
      to: from,
      from: to,
      cause: id,
      data,
    };
    this.apply(batch, bounce, () => originalOf(bounce));
    return true;
  }

  /** The mail that a message is the delivery of. */
  #mailOf(id: string): { id: OrderId; from: Address; to: Address; name: string } | undefined {
    const row = isOrderId(id) ? this.#parts.store.outboxRow(id) : undefined;
    if (row?.order.type !== "mail") return undefined;
    return { id: row.id, from: row.from, to: row.order.to, name: row.order.name };
  }

  /** Whether a sender understands that its mail died. */
  #isTold(sender: Address): boolean {
    return understands(this.#parts.kinds, { address: sender, type: UNDELIVERABLE });
  }

  /** Writes the attempts at an order, unless it was closed meanwhile: it must not come back. */
  amend(batch: Batch, row: OutboxRow): void {
    if (batch.isClosed(row.id) || this.#parts.store.outboxRow(row.id) === undefined) return;
    batch.amend(row);
  }

  /** Lets a quarantined actor take messages again. */
  release(batch: Batch, address: Address): void {
    const resident = this.#parts.residents.find(address, batch);
    if (resident === undefined) return;
    batch.touch(resident);
    resident.isQuarantined = false;
    resident.strikes = 0;
    batch.released.push(address);
  }

  /** What became of a message that came before. */
  #outcome(batch: Batch, id: string): Outcome | undefined {
    return batch.outcome(id) ?? this.#parts.store.seen(id)?.outcome;
  }

  #countRepeat(batch: Batch, id: string, before: Outcome): void {
    batch.count("duplicate");
    batch.outcomes.set(id, before);
  }

  #settle(batch: Batch, message: Message, original: () => Original): Fate {
    try {
      if (this.#isNeedless(batch, message)) {
        batch.count("applied");
        const outcome = { type: "applied", address: message.to, seq: 0, orders: [] } as const;
        batch.remember({ id: message.id, at: this.#parts.now(), outcome });
        return "closes";
      }
      const { resident, isNew } = this.#addressee(batch, message);
      const data = parsedData(resident.kind, message);
      const stale = staleness(resident, message) ?? this.#comesAgain(message);
      if (stale !== undefined) {
        batch.count("stale");
        batch.remember({ id: message.id, at: this.#parts.now(), outcome: stale });
        return "closes";
      }
      throwIfForeign(resident, message, data);
      const step = this.#step(batch, { resident, message, data, isNew });
      this.#record(batch, { resident, message, step });
      return "closes";
    } catch (error) {
      const failure = containable(error, message);
      return this.#fail(batch, { message, failure }, original);
    }
  }

  #fail(
    batch: Batch,
    { message, failure }: { message: Message; failure: Failure },
    original: () => Original,
  ): Fate {
    const { id, to } = message;
    const { code, message: reason } = failure;
    const rejection = { id, code, message: reason, to };
    if (code === "STEP_THREW" && this.#comesBack(batch, message)) {
      const tries = this.#letter(batch, rejection, original);
      const isQuarantined = this.#parts.residents.find(to, batch)?.isQuarantined === true;
      const isGivenUp = isQuarantined || tries >= AGAIN_MS.length;
      if (isGivenUp && this.#bounce(batch, rejection)) return "closes";
      return this.#putOff(batch, message, { tries, isQuarantined });
    }
    this.#bury(batch, rejection, original);
    this.#disarm(batch, message, code);
    return isRelievable(code) && this.#isWaitedFor(id) ? "waits" : "closes";
  }

  /** Whether a message is the daemon's own to bring again: of a timer that is armed, or of an order that is open. */
  #comesBack(batch: Batch, { id, type, to }: Message): boolean {
    const { store, residents } = this.#parts;
    const name = timerNameOf({ id, type });
    if (name !== undefined) {
      const timer = residents.findReadable(to, batch)?.timers[name];
      return timer !== undefined && timerIdOf(to, name, timer.seq) === id;
    }
    const order = orderAnswered(id);
    return order !== undefined && !batch.isClosed(order) && store.outboxRow(order) !== undefined;
  }

  /** The one letter of what comes again; how often it did. */
  #letter(batch: Batch, rejection: Rejection, original: () => Original): number {
    const before = this.#outcome(batch, rejection.id);
    const letter = threw(before) ? this.#parts.store.deadLetter(before.letter) : undefined;
    const at = this.#parts.now();
    if (letter === undefined) {
      bury(batch, { rejection, original: original(), at });
      return 0;
    }
    const retries = letter.retries + 1;
    batch.retried({ ...letter, message: rejection.message, retries, retriedAt: at });
    batch.count("dead");
    return retries;
  }

  /** Has it come again by itself, unless it quarantined its actor: then with the release. */
  #putOff(
    batch: Batch,
    { id, type, to }: Message,
    { tries, isQuarantined }: { tries: number; isQuarantined: boolean },
  ): Fate {
    const againMs = AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)] ?? AGAIN_MS[0];
    const name = timerNameOf({ id, type });
    const resident = this.#parts.residents.find(to, batch);
    const timer = name === undefined ? undefined : resident?.timers[name];
    if (resident !== undefined && name !== undefined && timer !== undefined) {
      batch.touch(resident);
      const dueAt = this.#parts.now() + againMs;
      resident.timers = { ...resident.timers, [name]: { ...timer, dueAt } };
    }
    return isQuarantined ? "waits" : { againMs };
  }

  #isWaitedFor(id: string): boolean {
    if (isResult(id)) return true;
    const mail = this.#mailOf(id);
    return mail !== undefined && !this.#isTold(mail.from);
  }

  /** The firing of a letter that is tried again, while that timer waits for its time: it fires by itself then (R7). */
  #comesAgain(message: Message): Outcome | undefined {
    const name = isRetry(message.id) ? timerNameOf(message) : undefined;
    if (name === undefined) return undefined;
    const isWaiting = this.#parts.store.timersOf(message.to).some((row) => row.name === name);
    if (!isWaiting) return undefined;
    return {
      type: "stale",
      code: "TIMER_STALE",
      message: `${message.id} is armed, and fires by itself`,
    };
  }

  /** A firing that became a letter must not stay due: its timer goes all the same (T1), unless it waits for a release. */
  #disarm(batch: Batch, { id, to, type }: Message, code: string): void {
    const name = timerNameOf({ id, type });
    if (name === undefined || code === "ACTOR_QUARANTINED") return;
    const { store, residents } = this.#parts;
    const resident = residents.findReadable(to, batch);
    if (resident === undefined) {
      // The row of an actor that cannot be woken stays as it is; only its timer goes.
      const isIt = (row: TimerRow): boolean => timerIdOf(to, row.name, row.seq) === id;
      batch.disarm(store.timersOf(to).filter(isIt));
    } else if (timerIdOf(to, name, resident.timers[name]?.seq ?? 0) === id) {
      batch.touch(resident);
      resident.timers = without(resident.timers, name);
    }
  }

  /** What ends an actor is done already where there is none. */
  #isNeedless(batch: Batch, { to, type }: Message): boolean {
    const kind = this.#parts.kinds.get(splitAddress(to).kind);
    if (kind?.needless?.includes(type) !== true) return false;
    return this.#parts.residents.find(to, batch) === undefined;
  }

  #addressee(batch: Batch, message: Message): { resident: Resident; isNew: boolean } {
    const { residents, kinds, openOrders, outboxLimit } = this.#parts;
    const { kind: name } = splitAddress(message.to);
    const fail = (code: Failure["code"], seen: string): Failure =>
      new Failure(code, `give ${message.type} to ${message.to}: ${seen}`);
    const kind = kinds.get(name);
    if (kind === undefined) throw fail("KIND_UNKNOWN", "no such kind of actor");
    if (!Object.hasOwn(kind.accepts, message.type)) {
      throw fail("TYPE_UNKNOWN", `a ${name} does not understand it`);
    }
    const resident = residents.find(message.to, batch);
    if (resident === undefined) {
      if (!kind.creates.includes(message.type))
        throw fail("ACTOR_UNKNOWN", `there is no such ${name}`);
      return { resident: residents.bear(kind, message), isNew: true };
    }
    if (resident.isQuarantined)
      throw fail("ACTOR_QUARANTINED", `quarantined after ${STRIKES} failed steps`);
    if (resident.live.state().status === "done") throw fail("ACTOR_TERMINAL", "it has ended");
    const most = outboxLimit * roomFor(message);
    if (openOrders(message.to) >= most)
      throw fail("MAILBOX_FULL", `${most} of its orders are open`);
    return { resident, isNew: false };
  }

  #step(
    batch: Batch,
    given: { resident: Resident; message: Message; data: unknown; isNew: boolean },
  ): Step {
    const { resident, message, data, isNew } = given;
    const before = resident.live.persisted();
    try {
      const step = resident.live.step(message, data);
      checkOrders(step.orders, this.#parts.orderBytes());
      return step;
    } catch (cause) {
      const isTooLarge = cause instanceof Failure && cause.code === "MESSAGE_TOO_LARGE";
      if (!isNew) {
        const rewound = { ...resident, live: wakeActor(resident.kind, before) };
        this.#parts.residents.keep(rewound);
        // What this batch changed of it before is written from the one that still works.
        batch.visit(rewound);
        if (!isTooLarge) strike(batch, { resident: rewound, thrower: message.id }, this.#parts);
      }
      if (isTooLarge) throw cause;
      const seen = cause instanceof Error ? cause.message : String(cause);
      throw new Failure("STEP_THREW", `step ${message.to} by ${message.type}: ${seen}`, { cause });
    }
  }

  #record(
    batch: Batch,
    { resident, message, step }: { resident: Resident; message: Message; step: Step },
  ): void {
    const now = this.#parts.now();
    if (isChange(resident, message, step)) batch.touch(resident);
    else batch.visit(resident);

    resident.seq += 1;
    resident.strikes = 0;
    if (!step.isNoop) resident.updatedAt = message.at;
    this.#parts.residents.keep(resident);
    const { notes, reply } = place(batch, { resident, message, orders: step.orders, now });
    batch.entries.push({
      ...entryOf(resident, message, step),
      globalSeq: batch.globalSeq + 1,
      orders: notes,
      ...checkpointOf(resident),
      committedAt: now,
    });
    resident.needsCheckpoint = false;
    batch.count("applied");
    const outcome = outcomeOf(resident, notes, reply);
    if (outcome.type === "refused" && isPassing(outcome.code))
      batch.outcomes.set(message.id, outcome);
    else batch.remember({ id: message.id, at: now, outcome });
  }
}

/** Whether a message broke its step when it came before. */
function threw(before: Outcome | undefined): before is Extract<Outcome, { type: "dead" }> {
  return before?.type === "dead" && before.code === "STEP_THREW";
}

/** What one message may end with: anything but the loss of the store, which is no message's fault (R8). */
function containable(error: unknown, { type, to }: Message): Failure {
  if (error instanceof Failure) {
    if (error.code.startsWith("STORE_")) throw error;
    return error;
  }
  const seen = error instanceof Error ? error.message : String(error);
  return new Failure("STEP_THREW", `give ${type} to ${to}: ${seen}`, { cause: error });
}

/**
 * How many times the bound of open orders a message still finds room. Observations and commands can be sent again later;
 * a command has twice the room, so that no flood of a probe can stand between a person and a kill. Mail, results and
 * timers must get through for orders to close.
 */
function roomFor(message: Message): number {
  const { id, type } = message;
  const canWait =
    orderAnswered(id) === undefined && timerNameOf(message) === undefined && !isBounce(id);
  if (!canWait) return Infinity;
  return isObservationType(type) ? 1 : 2;
}

function parsedData(kind: Kind, message: Message): unknown {
  const parsed = kind.accepts[message.type]?.safeParse(message.data ?? {});
  if (parsed?.success === true) return parsed.data;
  throw new Failure(
    "SHAPE_WRONG",
    `give ${message.type} to ${message.to}: ${issuesOf(parsed?.error.issues ?? [])}`,
  );
}

/** Fences (R6). A timer is stale when it was moved or cancelled after it fired (R7). */
function staleness(
  { address, kind, live, timers }: Resident,
  message: Message,
): Outcome | undefined {
  const timer = isRetry(message.id) ? undefined : timerNameOf(message);
  if (timer !== undefined && message.id !== timerIdOf(address, timer, timers[timer]?.seq ?? 0)) {
    return { type: "stale", code: "TIMER_STALE", message: `${message.id} was cancelled or moved` };
  }
  if (message.epoch === undefined || kind.epochOf === undefined) return undefined;
  const epoch = kind.epochOf(live.state());
  const told = `${message.type} speaks of epoch ${message.epoch} of ${address}, which is at ${epoch}`;
  if (message.epoch > epoch) throw new Failure("EPOCH_UNKNOWN", told);
  return message.epoch < epoch ? { type: "stale", code: "EPOCH_STALE", message: told } : undefined;
}

/** Who may say it is the kind's to know. */
function throwIfForeign({ kind, live }: Resident, message: Message, data: unknown): void {
  const foreign = kind.foreign?.(live.state(), { ...message, data });
  if (foreign === undefined) return;
  throw new Failure(foreign.code, `give ${message.type} to ${message.to}: ${foreign.why}`);
}

/** Whether anything of the actor's row changes but the number of steps, which the journal tells. */
function isChange({ strikes, needsCheckpoint }: Resident, message: Message, step: Step): boolean {
  return !step.isNoop || strikes > 0 || needsCheckpoint || timerNameOf(message) !== undefined;
}

function entryOf(
  resident: Resident,
  message: Message,
  step: Step,
): Pick<JournalEntry, "address" | "seq" | "message" | "value" | "was" | "isNoop"> {
  const { to, ...told } = message;
  const isFirst = resident.seq === 1;
  return {
    address: resident.address,
    seq: resident.seq,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it came through JSON.parse, or was made by the host
    message: { ...told, data: told.data as Json },
    ...((step.isMoved || isFirst) && { value: resident.live.state().value }),
    ...(step.was !== undefined && !isFirst && { was: step.was }),
    isNoop: step.isNoop,
  };
}

function checkpointOf(resident: Resident): Pick<JournalEntry, "checkpoint" | "checkpointVersion"> {
  if (!resident.needsCheckpoint && resident.seq % CHECKPOINT_EVERY !== 0) return {};
  return { checkpoint: resident.live.persisted(), checkpointVersion: resident.kind.version };
}

function outcomeOf(resident: Resident, orders: OrderNote[], reply: Reply | undefined): Outcome {
  const { address, seq } = resident;
  if (reply?.type === "refuse") {
    return { type: "refused", address, seq, code: reply.code, message: reply.message };
  }
  return {
    type: "applied",
    address,
    seq,
    orders,
    ...(reply !== undefined && { reply: reply.data }),
  };
}
