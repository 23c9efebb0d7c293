import { LRUCache } from "lru-cache";
import { Failure } from "../machines/failures.ts";
import { splitAddress, type Address, type KindName } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { Kind, MachineState } from "../machines/kind.ts";
import type { Message } from "../machines/message.ts";
import type { Order } from "../machines/order.ts";
import type { JournalEntry, SnapshotRow, Store } from "../storage/store.ts";
import { upgraded } from "./charts.ts";
import { issuesOf } from "./intake.ts";
import { wakeActor, type LiveActor } from "./live-actor.ts";
import type { StateAt } from "./system.ts";

// Replay
//
// An actor as it was: the newest checkpoint before, and the steps since, taken again. Effects are not: a step only
// records (R4).
//
//   W1. What-if steps a copy: nothing of it is committed, sent or carried out, and the actor does not learn of it.
//   W2. Steps that the program of today takes another way than they were taken are told: the first state that is not the
//       journal's. What was noted of the context alone cannot be compared.
//   W3. Who follows an actor asks for one step after the other: its copy is kept, and takes only the steps since. The
//       answer is the same, for it began at the same checkpoint.

const PAGE = 256;

export interface Past {
  readonly kinds: ReadonlyMap<KindName, Kind>;
  readonly address: Address;
  readonly seq: number;
}

/** A copy of an actor after one step, and how it stood before that step. */
export interface Replayed {
  readonly kind: Kind;
  readonly actor: LiveActor;
  /** Undefined for its first step, and where what was before is pruned. */
  readonly before: MachineState | undefined;
  /** The first step that led elsewhere than the journal says (W2). */
  readonly divergedAt?: number;
}

/** Undefined for an unknown actor, a seq that was never reached, or one whose checkpoint was pruned. */
export function stateAt(store: Store, past: Past): StateAt | undefined {
  const replayed = replay(store, past);
  if (replayed === undefined) return undefined;
  const state = replayed.actor.state();
  return {
    address: past.address,
    seq: past.seq,
    value: state.value,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind's context is JSON
    context: state.context,
    ...(replayed.divergedAt !== undefined && { divergedAt: replayed.divergedAt }),
  };
}

/** As `stateAt`, with the copy itself. */
export function replay(store: Store, past: Past): Replayed | undefined {
  return replayOn(store, past, undefined);
}

/** Actors whose copies are kept: more are seldom followed at once. */
const MOST_KEPT = 32;

/** As `replay`, but the copy is kept (W3): it is read before anything else is asked for, and never stepped. */
export function replayIn(store: Store): (past: Past) => Replayed | undefined {
  const kept = new LRUCache<Address, Kept>({ max: MOST_KEPT });
  return (past) => {
    const known = kept.get(past.address);
    // One that threw on the way is of no use any more.
    kept.delete(past.address);
    const found = replayOn(store, past, known);
    if (found !== undefined) kept.set(past.address, found);
    return found;
  };
}

interface Kept extends Replayed {
  readonly seq: number;
  /** The entry of the checkpoint that it began at. */
  readonly from: number;
}

function replayOn(store: Store, past: Past, kept: Kept | undefined): Kept | undefined {
  const { kinds, address, seq } = past;
  const kind = kinds.get(splitAddress(address).kind);
  const row = store.snapshot(address);
  if (kind === undefined || row === undefined || seq < 1 || seq > row.seq) return undefined;
  const start = store.checkpoint(address, seq);
  if (start?.checkpoint === undefined) return undefined;
  const from = start.globalSeq;
  if (kept?.from === from && kept.seq <= seq) return wentOn(store, past, kept);
  const actor = wakeActor(kind, upgraded(kind, rowAt(row, start)));
  // A checkpoint is what was kept, whatever the steps before it would come to today.
  const before =
    start.seq === seq ? replay(store, { ...past, seq: seq - 1 })?.actor.state() : undefined;
  const steps = stepsBetween(store, address, { after: start.seq, last: seq });
  return { kind, actor, before, seq, from, ...repeated(kind, actor, steps) };
}

/** A copy that takes the steps since (W3). */
function wentOn(store: Store, { address, seq }: Past, kept: Kept): Kept {
  const steps = stepsBetween(store, address, { after: kept.seq, last: seq });
  const told = repeated(kept.kind, kept.actor, steps);
  const divergedAt = kept.divergedAt ?? told.divergedAt;
  return { ...kept, ...told, seq, ...(divergedAt !== undefined && { divergedAt }) };
}

/** Takes the steps again: the state before the last of them, and the first that led elsewhere. */
function repeated(
  kind: Kind,
  actor: LiveActor,
  steps: Iterable<JournalEntry>,
): Partial<Pick<Replayed, "before" | "divergedAt">> {
  const told: { before?: MachineState; divergedAt?: number } = {};
  for (const entry of steps) {
    told.before = actor.state();
    repeat(kind, actor, entry);
    if (!isAsNoted(actor, entry)) told.divergedAt ??= entry.seq;
  }
  return told;
}

/** What a message would do to an actor as it was after a step. */
export interface WhatIf {
  readonly value: Json;
  readonly context: Json;
  readonly was: Json;
  readonly contextBefore: Json;
  readonly orders: readonly Order[];
  readonly isNoop: boolean;
  /** The step threw; the state is the one before. */
  readonly error?: string;
}

/**
 * Steps a copy with a message (W1). Undefined where `stateAt` is; fails with TYPE_UNKNOWN or SHAPE_WRONG for what the
 * kind does not take.
 */
export function whatIf(
  store: Store,
  past: Past,
  message: Omit<Message, "to" | "id">,
): WhatIf | undefined {
  const replayed = replay(store, past);
  if (replayed === undefined) return undefined;
  const { kind, actor } = replayed;
  // A type may be the name of what every object has.
  const schema = Object.hasOwn(kind.accepts, message.type) ? kind.accepts[message.type] : undefined;
  if (schema === undefined) {
    throw new Failure("TYPE_UNKNOWN", `${kind.name} takes no ${message.type}`);
  }
  const parsed = schema.safeParse(message.data);
  if (!parsed.success) {
    throw new Failure("SHAPE_WRONG", `${message.type}: ${issuesOf(parsed.error.issues)}`);
  }
  const before = actor.state();
  const told = { ...message, id: `what-if:${past.seq}`, to: past.address };
  try {
    const { orders, isNoop } = actor.step(told, parsed.data);
    return { ...changeOf(before, actor.state()), orders, isNoop };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { ...changeOf(before, before), orders: [], isNoop: true, error: said };
  }
}

function changeOf(
  before: MachineState,
  after: MachineState,
): Pick<WhatIf, "value" | "context" | "was" | "contextBefore"> {
  return {
    value: after.value,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind's context is JSON
    context: after.context,
    was: before.value,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind's context is JSON
    contextBefore: before.context,
  };
}

/** The row as it stood when the checkpoint was taken. */
function rowAt(row: SnapshotRow, start: JournalEntry): SnapshotRow {
  return {
    ...row,
    version: start.checkpointVersion ?? row.version,
    seq: start.seq,
    snapshot: start.checkpoint ?? null,
  };
}

/** One actor's entries, page by page. */
function* stepsBetween(
  store: Store,
  address: Address,
  { after, last }: { after: number; last: number },
): Iterable<JournalEntry> {
  let at = after;
  while (at < last) {
    const page = store.journal(address, { after: at, limit: Math.min(PAGE, last - at) });
    if (page.length === 0) return;
    yield* page;
    at = page.at(-1)?.seq ?? last;
  }
}

function repeat(kind: Kind, actor: LiveActor, entry: JournalEntry): void {
  // The host's own entries (a quarantine) are no steps of the machine.
  const schema = kind.accepts[entry.message.type];
  if (schema === undefined) return;
  actor.step({ ...entry.message, to: entry.address }, schema.parse(entry.message.data));
}

/** Whether the step led where it led then; one that stayed where it was noted no state. */
function isAsNoted(actor: LiveActor, { value }: JournalEntry): boolean {
  return value === undefined || JSON.stringify(actor.state().value) === JSON.stringify(value);
}
