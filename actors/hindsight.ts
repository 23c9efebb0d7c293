import type { Address } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { JournalEntry, OrderNote, Store } from "../storage/store.ts";

// Hindsight
//
// What the journal says of an actor at a point: since when it is in its states, the last message of each type, and what
// became of the orders of a step.

/** Entries that are looked through, newest first; what is older is not told. */
const DEEPEST = 1_024;
const PAGE = 128;
const MOST_MOVES = 8;
/** Moves are looked for among so many entries. */
const MOVES_DEPTH = 256;

export interface Hindsight {
  /** For each path, the step that entered it. */
  readonly since: ReadonlyMap<string, { readonly seq: number; readonly at: number }>;
  /** The newest message of each type. */
  readonly samples: ReadonlyMap<string, JournalEntry>;
  /** The last steps that went to another state, newest first. */
  readonly trail: readonly JournalEntry[];
}

/** Looks back from a step. `paths` are the states it is in then; `types` the messages of interest. */
export function hindsight(
  store: Store,
  { address, seq }: { readonly address: Address; readonly seq: number },
  wanted: { readonly paths: readonly string[]; readonly types: readonly string[] },
): Hindsight {
  const since = new Map<string, { seq: number; at: number }>();
  const samples = new Map<string, JournalEntry>();
  const trail: JournalEntry[] = [];
  const left = new Set(wanted.paths);
  for (const entry of backwards(store, address, seq)) {
    const { message } = entry;
    if (entry.value !== undefined && trail.length < MOST_MOVES) trail.push(entry);
    if (!samples.has(message.type)) samples.set(message.type, entry);
    for (const path of entered(entry, left)) {
      since.set(path, { seq: entry.seq, at: entry.committedAt });
      left.delete(path);
    }
    const isTrailed = trail.length === MOST_MOVES || seq - entry.seq >= MOVES_DEPTH;
    if (left.size === 0 && isTrailed && wanted.types.every((type) => samples.has(type))) break;
  }
  return { since, samples, trail };
}

/** Every path that a value names, those of its outer states too. */
export function pathsOf(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    name,
    ...pathsOf(inner ?? null).map((path) => `${name}.${path}`),
  ]);
}

/** What became of an order: nothing yet, an end that its actor was told, or the step it led to elsewhere. */
export interface OrderEnd {
  readonly type: "open" | "done" | "failed" | "arrived" | "dead" | "unknown";
  readonly address?: Address;
  readonly seq?: number;
  readonly at?: number;
}

/** How an order of the journal ended. */
export function endOf(store: Store, { id, type }: OrderNote): OrderEnd {
  const outcome = store.seen(type === "effect" ? `result:${id}` : id)?.outcome;
  if (outcome?.type === "dead") return { type: "dead" };
  if (outcome?.type === "applied" || outcome?.type === "refused") {
    return stepEnd(store, type, outcome);
  }
  return { type: store.outboxRow(id) === undefined ? "unknown" : "open" };
}

function stepEnd(
  store: Store,
  type: OrderNote["type"],
  { address, seq }: { readonly address: Address; readonly seq: number },
): OrderEnd {
  const [entry] = store.journal(address, { after: seq - 1, limit: 1 });
  const where = { address, seq, ...(entry !== undefined && { at: entry.committedAt }) };
  if (type !== "effect") return { type: "arrived", ...where };
  const isFailed = entry?.message.type.endsWith(".failed") === true;
  return { type: isFailed ? "failed" : "done", ...where };
}

function* backwards(store: Store, address: Address, seq: number): Iterable<JournalEntry> {
  const oldest = Math.max(0, seq - DEEPEST);
  let last = seq;
  while (last > oldest) {
    const after = Math.max(oldest, last - PAGE);
    yield* store.journal(address, { after, limit: last - after }).toReversed();
    last = after;
  }
}

/** Those of the paths that the step led into. */
function entered({ value, was }: JournalEntry, paths: ReadonlySet<string>): string[] {
  if (value === undefined || paths.size === 0) return [];
  const before = new Set(pathsOf(was ?? null));
  return pathsOf(value).filter((path) => paths.has(path) && !before.has(path));
}
