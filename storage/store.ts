import type { Address, KindName, OrderId } from "../machines/ids.ts";
import type { Json, JsonObject } from "../machines/json.ts";
import type { EffectOrder, MailOrder, ObservationOrder } from "../machines/order.ts";

// Store
//
// Keeps what happened. Owns durability, the order of rows, and retention. Does not know what a message means.
//
//   S1. `commit` is one transaction: after a crash all of it is there or none.
//   S2. `commit` resolves only when the transaction is on disk; until then no reader of a reopened store is promised it.
//   S3. Reads see the last commit that resolved, or a later one; rows given out are copies.
//   S4. Every listing is ordered by its key and bounded by its limit.
//   S5. A store of another format, or a damaged one, is refused when it is opened, with a Failure that says so.
//   S6. Commits become durable in the order of their calls; one that fails fails all that were called before that was known.

/** How far the stream was read. `stream` names one incarnation of the stream: a wiped one has another name. */
export interface Position {
  readonly stream: string;
  readonly seq: number;
  /** When the stream stored that message, milliseconds since 1970; absent in rows of before. */
  readonly time?: number;
}

/** The conservation law of intake: `received = applied + duplicate + stale + dead`. */
export interface Books {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly dead: number;
}

/** The newest state of one actor. */
export interface SnapshotRow {
  readonly address: Address;
  readonly machine: string;
  readonly version: number;
  /** Of the chart that wrote it; another one is migrated or refused, never restored as it is. */
  readonly definitionHash: string;
  /**
   * Steps taken, no-ops included; also the seq of the newest journal entry. A commit may leave out the row of an actor
   * whose steps changed nothing: what is read tells the seq of its newest entry all the same.
   */
  readonly seq: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** XState's persisted snapshot. */
  readonly snapshot: Json;
  /** Armed timers by name; `seq` is the step that armed it. */
  readonly timers: Readonly<Record<string, { readonly dueAt: number; readonly seq: number }>>;
  /** Steps that threw, one after the other; at the limit the actor is quarantined. */
  readonly strikes: number;
  readonly isQuarantined: boolean;
}

/** What a step ordered, kept after the order itself was carried out and forgotten. */
export interface OrderNote {
  readonly id: OrderId;
  readonly type: "effect" | "mail" | "observation";
  readonly name: string;
  /** The addressee of mail, or of an observation. */
  readonly to?: Address;
}

/** One step of one actor, as it is told later. */
export interface JournalEntry {
  readonly address: Address;
  readonly seq: number;
  /** Position in the log of all actors; grows by one per entry. */
  readonly globalSeq: number;
  readonly message: {
    readonly id: string;
    readonly type: string;
    readonly at: number;
    readonly from?: Address;
    readonly cause?: string;
    readonly epoch?: number;
    readonly data: Json;
  };
  /** XState's value after the step; absent when the step did not change it. */
  readonly value?: Json;
  /** XState's value before it, when there was one. */
  readonly was?: Json;
  /** The step changed neither value nor context. */
  readonly isNoop: boolean;
  readonly orders: readonly OrderNote[];
  /** Full snapshot, on the first entry and every so many steps: where a replay may begin. */
  readonly checkpoint?: Json;
  readonly checkpointVersion?: number;
  /** When the step was committed, milliseconds since 1970. */
  readonly committedAt: number;
}

/** What became of a message; a repeat of it gets the same answer. */
export type Outcome =
  | {
      readonly type: "applied";
      readonly address: Address;
      readonly seq: number;
      readonly reply?: Json;
      readonly orders: readonly OrderNote[];
    }
  | {
      readonly type: "refused";
      readonly address: Address;
      readonly seq: number;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: "stale"; readonly code: string; readonly message: string }
  | {
      readonly type: "dead";
      readonly letter: number;
      readonly code: string;
      readonly message: string;
    };

export interface SeenRow {
  readonly id: string;
  readonly at: number;
  readonly outcome: Outcome;
}

export interface TimerRow {
  readonly address: Address;
  readonly name: string;
  readonly dueAt: number;
  readonly seq: number;
}

/** An order that has not had its effect yet. */
export interface OutboxRow {
  readonly id: OrderId;
  readonly from: Address;
  /** Id of the message whose step recorded it. */
  readonly cause: string;
  readonly at: number;
  readonly order: EffectOrder | MailOrder | ObservationOrder;
  readonly attempts: number;
  /** Not before this time, milliseconds since 1970. */
  readonly nextAt: number;
  readonly lastError?: string;
}

export interface DeadLetter {
  /** Grows by one per letter. */
  readonly id: number;
  readonly at: number;
  readonly code: string;
  readonly message: string;
  readonly subject: string;
  readonly messageId: string;
  readonly to?: Address;
  /** The body as it came, at most 64 KiB of it, as text. */
  readonly body: string;
  /** Its headers `Ao-At` and `Ao-Cause`, as they came. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly isTruncated: boolean;
  readonly retries: number;
  readonly retriedAt?: number;
}

/** What lists and counts need of an actor, kept small. */
export interface SummaryRow {
  readonly address: Address;
  readonly value: Json;
  readonly isDone: boolean;
  readonly updatedAt: number;
  /** The step that changed the actor last. */
  readonly seq: number;
  /** What its kind says of it; `isQuarantined` is there, and true, while it takes no messages, `strikes` while its last step threw. */
  readonly facts: JsonObject;
}

/** Everything one batch changes. */
export interface Commit {
  /**
   * Number of the commit that this one builds on. When the store is elsewhere, because that one failed, the commit fails
   * with STORE_BUSY: a position is never kept without what came before it.
   */
  readonly after?: number;
  readonly position?: Position;
  readonly books: Books;
  readonly snapshots: readonly SnapshotRow[];
  readonly summaries: readonly SummaryRow[];
  readonly journal: readonly JournalEntry[];
  readonly seen: readonly SeenRow[];
  readonly armed: readonly TimerRow[];
  readonly cancelled: readonly TimerRow[];
  /** New rows, and rows whose attempts changed. */
  readonly outbox: readonly OutboxRow[];
  readonly closed: readonly OrderId[];
  /** New letters, and letters whose retries changed. */
  readonly dead: readonly DeadLetter[];
}

/** Where the store stands; read once at boot. */
export interface Head {
  /** How many commits there were. */
  readonly commits: number;
  readonly globalSeq: number;
  readonly deadSeq: number;
  readonly position: Position | undefined;
  readonly books: Books;
  /** Random, made when the store was made: names this store among all others. */
  readonly cluster: string;
}

export interface Retention {
  /** Entries committed before this are pruned, with their log and seen rows; an actor's newest checkpoint stays. */
  readonly before: number;
  /** What all that can be pruned may take; the oldest of each kind that is over goes as well. No bound when absent. */
  readonly maxBytes?: number;
  /** At most so many entries in one slice. */
  readonly limit: number;
}

export interface Store {
  head(): Head;
  commit(changes: Commit): Promise<void>;

  snapshot(address: Address): SnapshotRow | undefined;
  /** Snapshots of one kind or of all, in order of address, after `after`. */
  snapshots(query: { kind?: KindName; after?: Address; limit: number }): SnapshotRow[];
  /** Every summary, or those of one kind, in order of address; a lazy scan, for boot. */
  summaries(kind?: KindName): Iterable<SummaryRow>;
  /** One actor's entries with seq > after, oldest first. */
  journal(address: Address, query: { after: number; limit: number }): JournalEntry[];
  /** The newest entry with a checkpoint and seq <= `seq`. */
  checkpoint(address: Address, seq: number): JournalEntry | undefined;
  /** All actors' entries with globalSeq > after, oldest first. */
  log(query: { after: number; limit: number }): JournalEntry[];
  /** The lowest globalSeq still kept; 0 when nothing was pruned. */
  oldest(): number;
  seen(id: string): SeenRow | undefined;
  /** Timers due at or before `at`, earliest first. */
  timersDue(at: number, limit: number): TimerRow[];
  /** When the earliest timer is due. */
  nextTimerAt(): number | undefined;
  /** How many timers are armed. */
  timerCount(): number;
  timersOf(address: Address): TimerRow[];
  outboxRow(id: OrderId): OutboxRow | undefined;
  /** Open orders, in order of id; of one actor when `from` is given. */
  outbox(query: { from?: Address; after?: OrderId; limit: number }): OutboxRow[];
  /** Letters with id > after, oldest first. */
  deadLetters(query: { after: number; limit: number }): DeadLetter[];
  deadLetter(id: number): DeadLetter | undefined;

  /** A row of the daemon's own, outside any actor (supervision budgets of its parts). Durable when it resolves. */
  note(key: string): Json | undefined;
  putNote(key: string, value: Json): Promise<void>;

  /**
   * Prunes one slice; how many entries, letters and seen rows of stale messages were removed. Fewer than the limit: nothing
   * is left to prune.
   */
  prune(retention: Retention): Promise<number>;
  /** A consistent copy into an empty folder, while commits go on. */
  backup(folder: string): Promise<void>;
  /** Rows per table, the bytes of all with the room for rows to come, and those of what `prune` bounds. */
  stats(): {
    readonly rows: Readonly<Record<string, number>>;
    readonly bytes: number;
    readonly journalBytes: number;
  };
  close(): Promise<void>;
}
