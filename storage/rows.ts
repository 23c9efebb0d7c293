import { Failure } from "../machines/failures.ts";
import { splitOrderId, type Address, type OrderId } from "../machines/ids.ts";
import type { Json, JsonObject } from "../machines/json.ts";
import type { Engine, Key, Op, Range, TableName } from "./engine.ts";
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
} from "./store.ts";

// Rows
//
// How the rows of a store stand in its tables: which key, which text. JSON: measured, V8 writes it as fast as
// msgpack with shared structures, and it needs no state of its own that could tear a batch or be lost.

/** Where the store stands, moved by every commit. */
export interface HeadRow {
  /** How many commits there were; absent in a row of before. */
  readonly commits?: number;
  readonly globalSeq: number;
  readonly deadSeq: number;
  readonly position?: Position;
  readonly books: Books;
}

/** The rows of `meta`, each with one of these: under "identity" the first three. */
interface MetaRow {
  readonly format?: number;
  readonly cluster?: string;
  /** Another one after each opening. */
  readonly mark?: string;
  readonly head?: HeadRow;
  /** How far retention went through the log, and how many entries it removed ever. */
  readonly pruned?: { readonly upTo: number; readonly removed: number };
  /** How far the log is indexed. */
  readonly indexed?: number;
}

/** An entry with what is noted of its message, if anything is. */
export type LogRow = readonly [entry: JournalEntry, note: SeenNote | null];
/** What the entry does not say itself: the outcome, when it is more than "applied with these orders". */
interface SeenNote {
  readonly at: number;
  readonly outcome?: Outcome;
}
/** Where the entries of one actor from `first` on stand in the log, one after the other, and which have checkpoints. */
export type Run = readonly [first: number, globalSeqs: number[], checkpoints: number[]];

type RowTable = Exclude<TableName, "summaries">;
/** What the value of each table is; what a key says already is left out where rows are many. */
interface Rows extends Record<RowTable, Json | object> {
  readonly meta: MetaRow;
  readonly notes: Json;
  readonly snapshots: SnapshotRow;
  readonly log: LogRow;
  readonly runs: Run;
  /** A number is the entry in the log that says the rest. */
  readonly seen: Omit<SeenRow, "id"> | number;
  readonly stale: readonly [at: number, id: string];
  readonly timers: TimerRow;
  readonly timersByActor: TimerRow;
  readonly outbox: OutboxRow;
  readonly dead: DeadLetter;
}

/** Reads the rows of an engine. */
export interface Reader {
  get<Name extends RowTable>(table: Name, key: Key): Rows[Name] | undefined;
  list<Name extends RowTable>(table: Name, range: Range): Rows[Name][];
  /** The same, read while it is walked. */
  each<Name extends RowTable>(table: Name, range: Range): Iterable<Rows[Name]>;
  /** Rows that share their values: few values are those of many actors. */
  summaries(range: Range): Iterable<SummaryRow>;
}

export function readerOf(engine: Pick<Engine, "get" | "range">): Reader {
  function* each<Name extends RowTable>(table: Name, range: Range): Iterable<Rows[Name]> {
    for (const text of engine.range(table, range)) yield decode(table, text);
  }
  return {
    get: (table, key) => {
      const text = engine.get(table, key);
      return text === undefined ? undefined : decode(table, text);
    },
    list: (table, range) => [...each(table, range)],
    each,
    summaries: (range) => summariesOf(engine.range("summaries", range)),
  };
}

/** An op that puts a row. */
export function put<Name extends RowTable>(table: Name, key: Key, row: Rows[Name]): Op {
  return { table, key, value: JSON.stringify(row) };
}

function decode<Name extends RowTable>(_table: Name, text: string): Rows[Name] {
  return parsed<Rows[Name]>(text);
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names what it wrote
function parsed<Row>(text: string): Row {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written here, and its checksum holds
  return JSON.parse(text) as Row;
}

/** An op that puts a summary: the value on a line of its own, then the rest without the names of its members. */
function putSummary({ address, value, isDone, updatedAt, seq, facts }: SummaryRow): Op {
  const rest: SummaryRest = [address, isDone ? 1 : 0, updatedAt, seq, facts];
  const text = `${JSON.stringify(value)}\n${JSON.stringify(rest)}`;
  return { table: "summaries", key: [address], value: text };
}

type SummaryRest = readonly [Address, isDone: 0 | 1, updatedAt: number, seq: number, JsonObject];

function* summariesOf(texts: Iterable<string>): Iterable<SummaryRow> {
  const values = new Map<string, Json>();
  for (const text of texts) {
    const end = text.indexOf("\n");
    if (end < 0) {
      // Of format 1.
      yield parsed<SummaryRow>(text);
      continue;
    }
    const written = text.slice(0, end);
    let value = values.get(written);
    if (value === undefined) values.set(written, (value = parsed<Json>(written)));
    const [address, isDone, updatedAt, seq, facts] = parsed<SummaryRest>(text.slice(end + 1));
    yield { address, value, isDone: isDone === 1, updatedAt, seq, facts };
  }
}

/** Address, seq and n of an order, so that orders sort as they were recorded. */
export function orderKey(id: OrderId): [Address, number, number] {
  const { address, seq, n } = splitOrderId(id);
  return [address, seq, n];
}

/** The rows of the log, each with the note on its message, and the notes that have no entry. */
export function logRowsOf({ journal, seen }: Pick<Commit, "journal" | "seen">): {
  rows: LogRow[];
  apart: SeenRow[];
} {
  const notes = new Map(seen.map((row) => [row.id, row]));
  const rows = journal.map((entry): LogRow => {
    const note = notes.get(entry.message.id);
    if (note === undefined) return [entry, null];
    notes.delete(entry.message.id);
    const { at, outcome } = note;
    return [entry, isTold(entry, outcome) ? { at } : { at, outcome }];
  });
  return { rows, apart: [...notes.values()] };
}

function isTold(entry: JournalEntry, outcome: Outcome): boolean {
  return (
    outcome.type === "applied" &&
    outcome.reply === undefined &&
    outcome.address === entry.address &&
    outcome.seq === entry.seq &&
    (outcome.orders === entry.orders || outcome.orders.length + entry.orders.length === 0)
  );
}

/** The rows that a commit puts and removes, the head apart. */
export function opsOf(changes: Commit, log: ReturnType<typeof logRowsOf>): Op[] {
  const ops: Op[] = [];
  for (const row of changes.snapshots) {
    ops.push(put("snapshots", [row.address], row));
  }
  for (const row of changes.summaries) {
    ops.push(putSummary(row));
  }
  for (const row of log.rows) ops.push(put("log", [row[0].globalSeq], row));
  for (const { id, at, outcome } of log.apart) {
    ops.push(put("seen", [id], { at, outcome }));
    // Nothing else leads from its age to a stale message.
    if (outcome.type === "stale") ops.push(put("stale", [at, id], [at, id]));
  }
  for (const row of changes.cancelled) {
    const { byTime, byActor } = timerKeys(row);
    ops.push({ table: "timers", key: byTime }, { table: "timersByActor", key: byActor });
  }
  for (const row of changes.armed) {
    const { byTime, byActor } = timerKeys(row);
    ops.push(put("timers", byTime, row), put("timersByActor", byActor, row));
  }
  for (const row of changes.outbox) {
    ops.push(put("outbox", orderKey(row.id), row));
  }
  for (const id of changes.closed) ops.push({ table: "outbox", key: orderKey(id) });
  for (const letter of changes.dead) {
    ops.push(put("dead", [letter.id], letter));
  }
  return ops;
}

/** The head after a commit. Fails with STORE_BUSY when the commit builds on another head. */
export function headAfter(head: HeadRow, changes: Commit): HeadRow {
  const { after } = changes;
  const { commits = 0 } = head;
  if (after !== undefined && after !== commits) {
    throw new Failure("STORE_BUSY", `commit behind commit ${after}: the store is at ${commits}`);
  }
  const position = changes.position ?? head.position;
  return {
    commits: commits + 1,
    globalSeq: changes.journal.reduce(
      (max, entry) => Math.max(max, entry.globalSeq),
      head.globalSeq,
    ),
    deadSeq: changes.dead.reduce((max, letter) => Math.max(max, letter.id), head.deadSeq),
    ...(position === undefined ? {} : { position }),
    books: changes.books,
  };
}

/** The rows that leave with an entry, but for its place in a run. */
export function removalOfEntry(reader: Reader, [{ globalSeq, message }]: LogRow): Op[] {
  return [
    { table: "log", key: [globalSeq] },
    ...removalOfSeen(reader, message.id, (seen) => seen === globalSeq),
  ];
}

/** The rows that leave with a dead letter. */
export function removalOfLetter(reader: Reader, { id, messageId }: DeadLetter): Op[] {
  return [
    { table: "dead", key: [id] },
    ...removalOfSeen(reader, messageId, (seen) => {
      const outcome = typeof seen === "number" ? undefined : seen.outcome;
      return outcome?.type === "dead" && outcome.letter === id;
    }),
  ];
}

/** The rows that leave with the age of a stale message. */
export function removalOfStale(reader: Reader, at: number, id: string): Op[] {
  return [
    { table: "stale", key: [at, id] },
    ...removalOfSeen(
      reader,
      id,
      (seen) => typeof seen !== "number" && seen.outcome.type === "stale" && seen.at === at,
    ),
  ];
}

/** A message that was refused for a time came again later under its id: what is known of that stays. */
function removalOfSeen(
  reader: Reader,
  id: string,
  isItsOwn: (seen: Rows["seen"]) => boolean,
): Op[] {
  const seen = reader.get("seen", [id]);
  return seen !== undefined && isItsOwn(seen) ? [{ table: "seen", key: [id] }] : [];
}

function timerKeys({ address, name, dueAt }: TimerRow): { byTime: Key; byActor: Key } {
  return { byTime: [dueAt, address, name], byActor: [address, dueAt, name] };
}
