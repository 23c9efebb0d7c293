import type { Bus } from "../bus/bus.ts";
import type { Address, KindName, OrderId } from "../machines/ids.ts";
import type { Json, JsonObject } from "../machines/json.ts";
import type { Kind } from "../machines/kind.ts";
import type { ObservationLane } from "../machines/observations.ts";
import type { Settings } from "../machines/settings.ts";
import type {
  Books,
  JournalEntry,
  Outcome,
  SnapshotRow,
  Store,
  SummaryRow,
} from "../storage/store.ts";

// System
//
// What the running actors are to everything above them. The rules of the whole runtime; each is kept in many files.
//
//   R1. One truth: the store decides what happened. The stream is a buffer; lists, counts and pages are copies.
//   R2. A caller is answered, and the stream purged, only behind the flush of the transaction that applied the message.
//       The position in the stream is a row of that transaction.
//   R3. Once: a message id that was applied before changes nothing, and a repeated command gets the first outcome.
//   R4. Pure: a step depends on record and message alone. A wait is a timer, outside work an effect.
//   R5. Effects and mail go out after the flush, under an id of their own, again and again until their answer is
//       committed; whoever gets them makes a repeat harmless.
//   R6. Fenced: what is of an older epoch, or of another generation of the store, is counted and dropped.
//   R7. Timers are rows: cancelled by the step that no longer wants them, fired once after downtime.
//   R8. Contained: a message that makes a step throw is a dead letter, its actor keeps its last good state. Three in a
//       row quarantine the actor; its parent and a person are told, and no other actor notices.
//   R9. Versioned: a stored snapshot of another version is brought up to today's by a named function, or refused.
//   R10. Bounded: mailboxes, outboxes, journal, bodies and caches have limits that are told.
//   R11. Explained: every entry names its cause, so that one call leads from any effect back to what began it.

/** A command for one actor, as http and the command line give it. */
export interface Command {
  readonly to: Address;
  readonly type: string;
  readonly data: JsonObject;
  /** Names the command for ever: the same id is applied once, and answered with the first outcome. */
  readonly id?: string;
  readonly cause?: string;
  readonly epoch?: number;
}

/** What one committed batch changed; given to listeners after its flush, in commit order. */
export interface Committed {
  readonly entries: readonly JournalEntry[];
  readonly snapshots: readonly SnapshotRow[];
  readonly summaries: readonly SummaryRow[];
}

/** One link of a cause chain, as people read it. */
export interface Cause {
  /** Id of a message or of an order. */
  readonly id: string;
  readonly type: "observation" | "command" | "mail" | "timer" | "result" | "order";
  /** What it says: message type, or order name. */
  readonly name: string;
  readonly at: number;
  readonly address?: Address;
  readonly seq?: number;
  readonly data: Json;
}

/** An actor as it was after one step. */
export interface StateAt {
  readonly address: Address;
  readonly seq: number;
  readonly value: Json;
  readonly context: Json;
  /** The first step on the way that the program of today takes elsewhere than it was taken; absent when none is. */
  readonly divergedAt?: number;
}

/** An event type that the actor's present states listen for; its guards may still let it change nothing. */
export interface Enabled {
  readonly type: string;
}

export interface IntakeReport extends Books {
  /** Messages in the stream that were not taken yet. */
  readonly lag: number;
  /** Orders that have not had their effect yet. */
  readonly outbox: number;
  readonly timers: number;
  readonly globalSeq: number;
  /** Whether `received = applied + duplicate + stale + dead` holds; false is a bug. */
  readonly isBalanced: boolean;
}

/** The running actor system, as everything above it sees it. Reads are of committed state only. */
export interface System {
  readonly settings: Settings;
  readonly kinds: ReadonlyMap<KindName, Kind>;
  readonly store: Store;
  readonly bus: Bus;
  /**
   * Publishes a command and waits until the step that applied it is durable.
   * Fails with BUS_DOWN, MAILBOX_FULL or NOT_READY; what the actor said is in the outcome.
   */
  ask(command: Command, signal?: AbortSignal): Promise<Outcome>;
  /** Waits for the outcome of a message or mail order that was published already. */
  settled(messageId: string, signal?: AbortSignal): Promise<Outcome>;
  /** Publishes an observation as a probe would; resolves when the stream has it. The answer is its message id. */
  observe(lane: ObservationLane, id: string, data: JsonObject, messageId?: string): Promise<string>;
  /** Publishes a dead letter again under a new id. Fails with LETTER_UNKNOWN when there is none. */
  retry(letter: number): Promise<Outcome>;
  /** Lets a quarantined actor take messages again. */
  release(address: Address): Promise<void>;
  /** The committed row of an actor, in the shape of today's chart; undefined for an unknown one. */
  snapshot(address: Address): SnapshotRow | undefined;
  report(): IntakeReport;
  /** What others ordered for an actor, and it has not taken yet. */
  ordersTo(address: Address): readonly OrderId[];
  /** Actors in memory now; `limits.liveActors` at most, the others are in the store. */
  readonly liveActors: number;
  /** Undefined for an unknown actor, or a seq that was pruned or not reached. */
  stateAt(address: Address, seq: number): StateAt | undefined;
  enabled(address: Address): Enabled[];
  /** From the beginning to `id`, oldest first; empty for an unknown id. */
  causes(id: string): Cause[];
  /** Called after each flush. Returns how to stop. */
  onCommitted(listener: (committed: Committed) => void): () => void;
}
