import type { Adapter } from "../adapters/adapter.ts";
import { addressOf, splitAddress, type Address } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { SnapshotRow, SummaryRow } from "../storage/store.ts";

// Audit
//
// The index that the tick looks at: objectives that have not ended, in order of when somebody should look at them.
//
//   U1. It is a copy of the store's summaries: built from them when first asked, fed after each commit.
//   U2. One question costs what is due, not what there is.

interface Source {
  readonly store: {
    summaries(kind: "objective"): Iterable<SummaryRow>;
    snapshot(address: Address): SnapshotRow | undefined;
  };
  onCommitted(
    listener: (committed: { readonly summaries: readonly SummaryRow[] }) => void,
  ): () => void;
}

interface Watched {
  readonly id: string;
  readonly watchAt: number;
}

/** More are told with the next tick. */
const MOST_DUE = 256;

/** Answers `auditActors` from an index over one system. */
export function auditor(source: Source): Adapter<"auditActors"> {
  let index: WatchIndex | undefined;
  return async ({ at, sessions }) => {
    index ??= indexOver(source);
    const due = index.due(at, MOST_DUE).map(({ id, watchAt }) => ({ objective: id, watchAt }));
    const gone = sessions.filter((id) => isGone(source.store.snapshot(addressOf("session", id))));
    return Promise.resolve({ due, active: index.size, gone });
  };
}

function indexOver(source: Source): WatchIndex {
  const index = watchIndex();
  const note = ({ address, facts }: SummaryRow): void => {
    const { kind, id } = splitAddress(address);
    if (kind !== "objective") return;
    const { watchAt } = facts;
    index.note(id, typeof watchAt === "number" ? watchAt : undefined);
  };
  // Fed first, so that no commit is missed between the two.
  source.onCommitted(({ summaries }) => summaries.forEach((row) => note(row)));
  for (const row of source.store.summaries("objective")) note(row);
  return index;
}

export interface WatchIndex {
  readonly size: number;
  /** The time at which somebody should look; undefined when nobody need any more. */
  note(id: string, watchAt: number | undefined): void;
  /** Those whose time has come, the longest ago first. */
  due(at: number, most: number): readonly Watched[];
}

/** Names in order of a time each: a heap in which what is out of date is skipped. */
export function watchIndex(): WatchIndex {
  const times = new Map<string, number>();
  const heap: Watched[] = [];
  return {
    get size() {
      return times.size;
    },
    note(id, watchAt) {
      if (watchAt === undefined) {
        times.delete(id);
        return;
      }
      if (times.get(id) === watchAt) return;
      times.set(id, watchAt);
      push(heap, { id, watchAt });
    },
    due(at, most) {
      const found: Watched[] = [];
      while (found.length < most) {
        const [first] = heap;
        if (first === undefined || first.watchAt > at) break;
        pop(heap);
        const isCurrent = times.get(first.id) === first.watchAt;
        if (isCurrent && found.every(({ id }) => id !== first.id)) found.push(first);
      }
      // They are asked again with the next tick, unless they have moved on by then.
      for (const each of found) push(heap, each);
      return found;
    },
  };
}

function push(heap: Watched[], entry: Watched): void {
  heap.push(entry);
  let place = heap.length - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!isBefore(heap, place, parent)) return;
    swap(heap, place, parent);
    place = parent;
  }
}

function pop(heap: Watched[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  let place = 0;
  for (;;) {
    const [left, right] = [2 * place + 1, 2 * place + 2];
    let first = place;
    if (left < heap.length && isBefore(heap, left, first)) first = left;
    if (right < heap.length && isBefore(heap, right, first)) first = right;
    if (first === place) return;
    swap(heap, place, first);
    place = first;
  }
}

function isBefore(heap: readonly Watched[], one: number, other: number): boolean {
  return (heap[one]?.watchAt ?? Infinity) < (heap[other]?.watchAt ?? Infinity);
}

function swap(heap: Watched[], one: number, other: number): void {
  const [first, second] = [heap[one], heap[other]];
  if (first === undefined || second === undefined) return;
  [heap[one], heap[other]] = [second, first];
}

/** Whether nothing of a session is left to end; one that is not there yet is not gone. */
function isGone(row: SnapshotRow | undefined): boolean {
  if (row === undefined) return false;
  const value = regionsOf(row.snapshot);
  const { wanted } = value;
  return (
    typeof wanted === "object" &&
    wanted !== null &&
    "stopped" in wanted &&
    wanted["stopped"] === "closed"
  );
}

function regionsOf(snapshot: Json): Readonly<Record<string, Json | undefined>> {
  const isState = typeof snapshot === "object" && snapshot !== null && "value" in snapshot;
  const value = isState ? snapshot["value"] : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object that is no list
      (value as Readonly<Record<string, Json | undefined>>)
    : {};
}
