import { LRUCache } from "lru-cache";
import type { Address } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { JournalEntry, OrderNote, Store } from "../storage/store.ts";

// Hindsight
//
// What the journal says of an actor at a point: since when it is in its states, the last message of each type, and what
// became of the orders of a step.
//
//   D1. It looks back over the last steps, so many of them; what is older is not told.
//   D2. Whoever follows an actor asks for one step after the other: what was found for a step is kept, and for a later
//       one only what came since is read. The answer is the same.

/** Entries that are looked through, newest first (D1). */
const DEEPEST = 1_024;
const PAGE = 128;
const MOST_MOVES = 8;
/** Actors for which it is known what was found: more are seldom followed at once. */
const MOST_KEPT = 32;

export interface Hindsight {
  /** For each path, the step that entered it. */
  readonly since: ReadonlyMap<string, Entered>;
  /** The newest message of each type. */
  readonly samples: ReadonlyMap<string, JournalEntry>;
  /** The last steps that went to another state, newest first. */
  readonly trail: readonly JournalEntry[];
}
interface Entered {
  readonly seq: number;
  readonly at: number;
}
interface Kept extends Hindsight {
  readonly seq: number;
}

export interface Point {
  readonly address: Address;
  readonly seq: number;
}

/** Looks back from a step, of which `paths` are all states that the actor is in then. */
export type LookBack = (point: Point, paths: readonly string[]) => Hindsight;

/** Looks back in one store. */
export function lookBackIn(store: Store): LookBack {
  const kept = new LRUCache<Address, Kept>({ max: MOST_KEPT });
  return ({ address, seq }, paths) => {
    const known = kept.get(address);
    const oldest = Math.max(0, seq - DEEPEST);
    const isOn = known !== undefined && known.seq <= seq && known.seq >= oldest;
    const before = isOn ? known : NOTHING;
    const entries = backwards(store, address, { last: seq, after: Math.max(oldest, before.seq) });
    const found = { seq, ...joined(seenIn(entries, paths), before, { paths, oldest }) };
    if (known === undefined || known.seq <= seq) kept.set(address, found);
    return found;
  };
}

const NOTHING: Kept = { seq: 0, since: new Map(), samples: new Map(), trail: [] };

/** What some steps say, newest first. */
function seenIn(entries: Iterable<JournalEntry>, paths: readonly string[]): Hindsight {
  const since = new Map<string, Entered>();
  const samples = new Map<string, JournalEntry>();
  const trail: JournalEntry[] = [];
  const left = new Set(paths);
  for (const entry of entries) {
    const { message } = entry;
    if (entry.value !== undefined && trail.length < MOST_MOVES) trail.push(entry);
    if (!samples.has(message.type)) samples.set(message.type, entry);
    for (const path of entered(entry, left)) {
      since.set(path, { seq: entry.seq, at: entry.committedAt });
      left.delete(path);
    }
  }
  return { since, samples, trail };
}

/** What later steps say, and what they do not say anew; nothing of it is older than the oldest (D1). */
function joined(
  later: Hindsight,
  before: Hindsight,
  { paths, oldest }: { readonly paths: readonly string[]; readonly oldest: number },
): Hindsight {
  const since = new Map(later.since);
  for (const path of paths) {
    // It is in that state since, or a later step would have entered it.
    const known = before.since.get(path);
    if (!since.has(path) && known !== undefined && known.seq > oldest) since.set(path, known);
  }
  const samples = new Map(later.samples);
  for (const [type, entry] of before.samples) {
    if (!samples.has(type) && entry.seq > oldest) samples.set(type, entry);
  }
  const older = before.trail.filter(({ seq }) => seq > oldest);
  return { since, samples, trail: [...later.trail, ...older].slice(0, MOST_MOVES) };
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

/** The entries after a seq up to another, from the last one back. */
export function* backwards(
  store: Store,
  address: Address,
  { last, after }: { readonly last: number; readonly after: number },
): Iterable<JournalEntry> {
  for (let end = last; end > after;) {
    const start = Math.max(after, end - PAGE);
    yield* store.journal(address, { after: start, limit: end - start }).toReversed();
    end = start;
  }
}

/** Those of the paths that the step led into. */
function entered({ value, was }: JournalEntry, paths: ReadonlySet<string>): string[] {
  if (value === undefined || paths.size === 0) return [];
  const before = new Set(pathsOf(was ?? null));
  return pathsOf(value).filter((path) => paths.has(path) && !before.has(path));
}
