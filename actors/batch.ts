import type { Address, OrderId } from "../machines/ids.ts";
import type { JsonObject } from "../machines/json.ts";
import type { Kind } from "../machines/kind.ts";
import type {
  Books,
  Commit,
  DeadLetter,
  JournalEntry,
  OutboxRow,
  Outcome,
  Position,
  SeenRow,
  SnapshotRow,
  SummaryRow,
  TimerRow,
} from "../storage/store.ts";
import { definitionHashOf } from "./charts.ts";
import type { LiveActor } from "./live-actor.ts";

// Batch
//
// Gathers what a run of messages changes, to be committed as one transaction. Owns the counting of the books and
// the numbering of entries and letters until the commit. Knows nothing of how a message is applied.
//
//   B1. Every message received by the batch is counted once: applied, duplicate, stale or dead.
//   B2. A batch that is dropped leaves nothing behind: the next one starts from the same base.
//   B3. What it says of timers and epochs is how its actors stand at its end, not how a later batch left them.

/** Where the numbers stood before the batch. */
export interface Base {
  /** How many commits there were. */
  readonly commits: number;
  readonly globalSeq: number;
  readonly deadSeq: number;
  readonly books: Books;
}

/** An actor that is live, with what its row says beside the machine's state. */
export interface Resident {
  readonly address: Address;
  readonly kind: Kind;
  readonly live: LiveActor;
  readonly createdAt: number;
  seq: number;
  updatedAt: number;
  timers: Readonly<Record<string, { readonly dueAt: number; readonly seq: number }>>;
  strikes: number;
  isQuarantined: boolean;
  /** The next entry must carry a checkpoint: a replay may not cross what happened since (an upgrade). */
  needsCheckpoint: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An actor that the batch came to. */
interface Touched {
  resident: Resident;
  readonly timersBefore: Resident["timers"];
  /** Its rows are written. */
  isChanged: boolean;
}

export class Batch {
  readonly base: Base;
  readonly entries: JournalEntry[] = [];
  readonly outbox: OutboxRow[] = [];
  readonly closed = new Set<OrderId>();
  /** Orders whose mail or result came to an actor that does not take it now: begun again after so long, or with the release. */
  readonly parked = new Map<OrderId, number | undefined>();
  /** Actors that take messages again. */
  readonly released: Address[] = [];
  readonly outcomes = new Map<string, Outcome>();
  readonly letters: DeadLetter[] = [];
  /** Places in the stream that the daemon set itself and this batch came past. */
  readonly marks: string[] = [];
  readonly #touched = new Map<Address, Touched>();
  readonly #seen: SeenRow[] = [];
  readonly #under: readonly { readonly batch: Batch }[];
  readonly #books: Mutable<Books>;
  #position: Position | undefined;
  #amended: OutboxRow[] = [];
  #retried: DeadLetter[] = [];
  #disarmed: readonly TimerRow[] = [];
  #changes: Commit | undefined;
  readonly #epochs = new Map<Address, number>();

  /** `under` are the batches before it that are not durable yet; they leave the list as they land. */
  constructor(base: Base, under: readonly { readonly batch: Batch }[] = []) {
    this.base = base;
    this.#under = under;
    this.#books = { ...base.books };
  }

  get globalSeq(): number {
    return this.base.globalSeq + this.entries.length;
  }

  get deadSeq(): number {
    return this.base.deadSeq + this.letters.length;
  }

  get books(): Books {
    return this.#books;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  get isEmpty(): boolean {
    return (
      this.#books.received === this.base.books.received &&
      this.#touched.size === 0 &&
      this.#amended.length === 0 &&
      this.#retried.length === 0
    );
  }

  moveTo(position: Position): void {
    this.#position = position;
  }

  count(fate: "applied" | "duplicate" | "stale" | "dead"): void {
    this.#books.received += 1;
    this.#books[fate] += 1;
  }

  /** Remembers the message's id with its outcome: a repeat of it changes nothing (R3). */
  remember(row: SeenRow): void {
    this.#seen.push(row);
    this.outcomes.set(row.id, row.outcome);
  }

  /** What became of a message in this batch, or in one under it. */
  outcome(id: string): Outcome | undefined {
    const known = this.outcomes.get(id);
    if (known !== undefined) return known;
    return this.#under.findLast(({ batch }) => batch.outcomes.has(id))?.batch.outcomes.get(id);
  }

  /** The resident as this batch sees it, if it or one under it touched it. */
  resident(address: Address): Resident | undefined {
    const own = this.#touched.get(address);
    if (own !== undefined) return own.resident;
    const under = this.#under.findLast(({ batch }) => batch.#touched.has(address));
    return under === undefined ? undefined : under.batch.#touched.get(address)?.resident;
  }

  /** Every actor that the batch came to. */
  residents(): Resident[] {
    return [...this.#touched.values()].map(({ resident }) => resident);
  }

  /** Those whose rows it writes. */
  changed(): Resident[] {
    return [...this.#touched.values()]
      .filter(({ isChanged }) => isChanged)
      .map(({ resident }) => resident);
  }

  /** The actor is changed by this batch; its rows are written. */
  touch(resident: Resident): void {
    this.#come(resident).isChanged = true;
  }

  /** Keeps an actor in reach that took a step without any change: its entry in the journal says all (J4). */
  visit(resident: Resident): void {
    this.#come(resident);
  }

  #come(resident: Resident): Touched {
    const known = this.#touched.get(resident.address);
    if (known !== undefined) {
      known.resident = resident;
      return known;
    }
    const touched = { resident, timersBefore: heardTimers(resident), isChanged: false };
    this.#touched.set(resident.address, touched);
    return touched;
  }

  order(row: OutboxRow): void {
    this.outbox.push(row);
  }

  /** An order had its effect, or never will. */
  close(id: OrderId): void {
    this.closed.add(id);
  }

  isParked(id: OrderId): boolean {
    return this.parked.has(id) || this.#under.some(({ batch }) => batch.parked.has(id));
  }

  isClosed(id: OrderId): boolean {
    return this.closed.has(id) || this.#under.some(({ batch }) => batch.closed.has(id));
  }

  /** Timers go whose actor cannot be woken. */
  disarm(rows: readonly TimerRow[]): void {
    this.#disarmed = [...this.#disarmed, ...rows];
  }

  /** An attempt at an effect was made: its row changes. */
  amend(row: OutboxRow): void {
    this.#amended.push(row);
  }

  /** A dead letter was tried again: its row changes. */
  retried(letter: DeadLetter): void {
    this.#retried.push(letter);
  }

  /** Every row of the transaction; made once, when nothing more comes in. */
  changes(): Commit {
    this.#changes ??= this.#collect();
    return this.#changes;
  }

  /** The epochs of those whose rows it writes, once `changes` was asked for. */
  get epochs(): ReadonlyMap<Address, number> {
    return this.#epochs;
  }

  /** What was due before and is not now, and what is due now and was not before. */
  #timerChanges(): Pick<Commit, "armed" | "cancelled"> {
    const armed: TimerRow[] = [];
    const cancelled: TimerRow[] = [...this.#disarmed];
    for (const { resident, timersBefore } of this.#touched.values()) {
      const { address } = resident;
      const timersAfter = heardTimers(resident);
      if (timersAfter === timersBefore) continue;
      for (const [name, timer] of Object.entries(timersBefore)) {
        if (!isSame(timersAfter[name], timer)) cancelled.push({ address, name, ...timer });
      }
      for (const [name, timer] of Object.entries(timersAfter)) {
        if (!isSame(timersBefore[name], timer)) armed.push({ address, name, ...timer });
      }
    }
    return { armed, cancelled };
  }

  #collect(): Commit {
    const { armed, cancelled } = this.#timerChanges();
    const residents = this.changed();
    for (const { address, kind, live } of residents) {
      if (kind.epochOf !== undefined) this.#epochs.set(address, kind.epochOf(live.state()));
    }
    return {
      after: this.base.commits,
      ...(this.#position !== undefined && { position: this.#position }),
      books: this.#books,
      snapshots: residents.map(snapshotRowOf),
      summaries: residents.map(summaryRowOf),
      journal: this.entries,
      seen: this.#seen,
      armed,
      cancelled,
      outbox: [
        ...this.outbox.filter((row) => !this.closed.has(row.id)),
        ...this.#amended.filter((row) => !this.closed.has(row.id)),
      ],
      closed: [...this.closed],
      dead: [...this.letters, ...this.#retried],
    };
  }
}

type Timer = Resident["timers"][string];

/** Whether it is the same arming, due at the same time: what threw is put off without being armed anew. */
function isSame(one: Timer | undefined, other: Timer): boolean {
  return one?.seq === other.seq && one.dueAt === other.dueAt;
}

const NONE: Resident["timers"] = {};

/** The timers that are due some time: those of a quarantined actor wait for its release, nobody would hear them. */
function heardTimers({ isQuarantined, timers }: Resident): Resident["timers"] {
  return isQuarantined ? NONE : timers;
}

function snapshotRowOf(resident: Resident): SnapshotRow {
  return {
    address: resident.address,
    machine: resident.kind.name,
    version: resident.kind.version,
    definitionHash: definitionHashOf(resident.kind),
    seq: resident.seq,
    createdAt: resident.createdAt,
    updatedAt: resident.updatedAt,
    snapshot: resident.live.persisted(),
    timers: resident.timers,
    strikes: resident.strikes,
    isQuarantined: resident.isQuarantined,
  };
}

function brokenFacts(
  { strikes, isQuarantined }: Pick<Resident, "strikes" | "isQuarantined">,
  facts: JsonObject,
): JsonObject {
  if (isQuarantined) return { ...facts, isQuarantined };
  return strikes > 0 ? { ...facts, strikes } : facts;
}

function summaryRowOf({ address, kind, live, seq, updatedAt, ...rest }: Resident): SummaryRow {
  const state = live.state();
  const facts = kind.summarize?.(state) ?? {};
  return {
    address,
    value: state.value,
    isDone: state.status === "done",
    updatedAt,
    seq,
    facts: brokenFacts(rest, facts),
  };
}
