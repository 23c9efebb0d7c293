import { createStore } from "@xstate/store";
import type { Committed } from "../actors/system.ts";
import { type Address, KINDS, type KindName, splitAddress } from "../machines/ids.ts";
import type { Json, JsonObject } from "../machines/json.ts";
import type { SummaryRow } from "../storage/store.ts";

// Views
//
// Every actor in a few words, in memory, for lists and counts. A copy of the store's summaries: rebuilt from them at
// boot, fed after each commit.
//
//   P1. After a commit is told, lists and counts are those of the store's summaries.
//   P2. A page begins after an address, so rows that come or go never repeat or hide another row.
//   P3. State values are shared between rows: memory grows with actors, not with the size of a chart. An actor is one
//       object, and its address one text.

/** One actor as lists show it. */
export interface ActorSummary extends SummaryRow {
  /** Every state it is in, as dotted paths, `lifecycle.working`; as `statesOf` tells them. */
  readonly states: readonly string[];
}

export interface ActorQuery {
  readonly kind?: KindName | undefined;
  /** A dotted path, or any one name on it. */
  readonly state?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
  readonly where?: (row: ActorSummary) => boolean;
}

export interface ActorViews {
  /** In order of address, at most `limit`. */
  list(query: ActorQuery): ActorSummary[];
  /** What its kind says of one actor; empty for one that is not there. */
  facts(address: Address): JsonObject;
  /** How many actors of a kind are in a state. */
  counts(): { kind: KindName; state: string; count: number }[];
  /** How many actors there are. */
  size(): number;
  close(): void;
}

/** What the projection is built from and fed by; the running system is one. */
export interface SummarySource {
  readonly store: { summaries(): Iterable<SummaryRow> };
  onCommitted(listener: (committed: Committed) => void): () => void;
}

interface Shape {
  readonly value: Json;
  readonly states: readonly string[];
  count: number;
}
/** One actor; changed in place. */
interface Row {
  readonly address: Address;
  shape: Shape;
  isDone: boolean;
  updatedAt: number;
  seq: number;
  facts: JsonObject;
}
interface Table {
  readonly kind: KindName;
  readonly byAddress: Map<Address, Row>;
  readonly shapes: Map<string, Shape>;
  /** In order of address. */
  readonly rows: Row[];
}

/** The projection of one system: complete when returned, and kept up until closed. */
export function actorViews(source: SummarySource): ActorViews {
  const projection = createStore({
    // The tables are changed in place: copying 100,000 rows for each commit would cost more than the commit.
    context: { tables: emptyTables(), revision: 0 },
    on: {
      changed: (context, event: { rows: Iterable<SummaryRow> }) => {
        const shared: Shared = new Map();
        for (const row of event.rows) place(context.tables, row, shared);
        return { ...context, revision: context.revision + 1 };
      },
    },
  });
  const stop = source.onCommitted(({ summaries }) => {
    if (summaries.length > 0) projection.trigger.changed({ rows: summaries });
  });
  projection.trigger.changed({ rows: source.store.summaries() });
  const tables = (): ReadonlyMap<KindName, Table> => projection.getSnapshot().context.tables;
  return {
    list: (query) => list(tables(), query),
    facts: (address) =>
      tables().get(splitAddress(address).kind)?.byAddress.get(address)?.facts ?? NO_FACTS,
    counts: () => [...tables()].flatMap(([kind, table]) => countsOf(kind, table)),
    size: () => [...tables().values()].reduce((sum, table) => sum + table.rows.length, 0),
    close: stop,
  };
}

const NO_FACTS: JsonObject = {};

function emptyTables(): ReadonlyMap<KindName, Table> {
  const names = KINDS.toSorted();
  return new Map(
    names.map((kind) => [kind, { kind, byAddress: new Map(), shapes: new Map(), rows: [] }]),
  );
}

/** Shapes of values that rows have in common: the same object need not be looked at twice. */
type Shared = Map<Table, Map<Json, Shape>>;

function place(tables: ReadonlyMap<KindName, Table>, summary: SummaryRow, shared: Shared): void {
  const { address, value, isDone, updatedAt, seq, facts } = summary;
  const table = tables.get(splitAddress(address).kind);
  if (table === undefined) return;
  const shape = sharedShapeOf(table, value, shared);
  shape.count += 1;
  const row = table.byAddress.get(address);
  if (row === undefined) {
    const added: Row = { address, shape, isDone, updatedAt, seq, facts };
    table.byAddress.set(address, added);
    table.rows.splice(indexAfter(table.rows, address), 0, added);
    return;
  }
  row.shape.count -= 1;
  Object.assign(row, { shape, isDone, updatedAt, seq, facts });
}

function sharedShapeOf(table: Table, value: Json, shared: Shared): Shape {
  let known = shared.get(table);
  if (known === undefined) shared.set(table, (known = new Map()));
  let shape = known.get(value);
  if (shape === undefined) known.set(value, (shape = shapeOf(table, value)));
  return shape;
}

function shapeOf(table: Table, value: Json): Shape {
  const key = JSON.stringify(value);
  const known = table.shapes.get(key);
  if (known !== undefined) return known;
  const shape = { value, states: statesOf(table.kind, value), count: 0 };
  table.shapes.set(key, shape);
  return shape;
}

/**
 * The states that an actor of a kind is in. A session that was done when it was ended keeps what its agent was in: its
 * chart hears nothing of it any more. The agent is gone all the same, so that is not counted.
 */
export function statesOf(kind: KindName, value: Json): string[] {
  const paths = statePaths(value);
  const isEnded = kind === "session" && paths.includes("wanted.stopped.closed");
  if (!isEnded || !paths.includes("runtime.alive")) return paths;
  return paths.filter((path) => !/^(runtime|activity)\b/.test(path));
}

/** An XState value as dotted paths, one for each active leaf. */
export function statePaths(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const paths = statePaths(inner ?? null);
    return paths.length === 0 ? [name] : paths.map((path) => `${name}.${path}`);
  });
}

function list(tables: ReadonlyMap<KindName, Table>, query: ActorQuery): ActorSummary[] {
  const found: ActorSummary[] = [];
  for (const [kind, table] of tables) {
    if (query.kind !== undefined && query.kind !== kind) continue;
    collect({ kind, table, query, found });
    if (found.length >= query.limit) break;
  }
  return found;
}

function collect(scan: { kind: KindName; table: Table; query: ActorQuery; found: ActorSummary[] }) {
  const { kind, table, query, found } = scan;
  for (let index = startOf(kind, table, query.after); index < table.rows.length; index += 1) {
    if (found.length >= query.limit) return;
    const row = table.rows[index];
    if (row === undefined || !isIn(row.shape.states, query.state)) continue;
    const summary = summaryOf(row);
    if (query.where?.(summary) ?? true) found.push(summary);
  }
}

function summaryOf({ address, shape, isDone, updatedAt, seq, facts }: Row): ActorSummary {
  const { value, states } = shape;
  return { address, value, states, isDone, updatedAt, seq, facts };
}

function startOf(kind: KindName, { rows }: Table, after: string | undefined): number {
  if (after === undefined) return 0;
  const [afterKind = ""] = after.split("/");
  if (afterKind === kind) return indexAfter(rows, after);
  return afterKind < kind ? 0 : rows.length;
}

/** Index of the first row after `address`. Boot gives rows in order, so the end is looked at first. */
function indexAfter(rows: readonly Row[], address: string): number {
  let low = 0;
  let high = rows.length;
  if (high === 0 || (rows[high - 1]?.address ?? "") <= address) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]?.address ?? "") <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isIn(states: readonly string[], wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return states.some(
    (path: string) =>
      path === wanted || path.startsWith(`${wanted}.`) || path.split(".").includes(wanted),
  );
}

function countsOf(
  kind: KindName,
  table: Table,
): { kind: KindName; state: string; count: number }[] {
  const sums = new Map<string, number>();
  for (const { states, count } of table.shapes.values()) {
    if (count === 0) continue;
    for (const state of states) sums.set(state, (sums.get(state) ?? 0) + count);
  }
  return [...sums].map(([state, count]) => ({ kind, state, count }));
}
