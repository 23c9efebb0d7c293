// Engine
//
// The little that a store needs of what keeps its rows: ordered tables of text, and one atomic write at a time.
// Does not know what a row means. `rowStore` makes a Store of it.
//
//   N1. `write` applies all that is given or nothing, in that order, and resolves only when it would survive a crash.
//   N2. `write` is called again only after the last one has settled; reads meanwhile see the rows before it.
//   N3. Rows are ordered by key: part by part, numbers by value, strings by code unit, a prefix before what it begins.

export const TABLES = [
  "meta",
  "notes",
  "snapshots",
  "summaries",
  "log",
  "runs",
  "seen",
  "stale",
  "timers",
  "timersByActor",
  "outbox",
  "dead",
] as const;
export type TableName = (typeof TABLES)[number];

export type Key = (string | number)[];

/** One row put, or removed when there is no value. */
export interface Op {
  readonly table: TableName;
  readonly key: Key;
  readonly value?: string;
}

/** Keys from `start` to just before `end`; without one, from or to the last. */
export interface Range {
  readonly start?: Key;
  readonly end?: Key;
  readonly isReverse?: boolean;
  readonly limit?: number;
}

/** Rows ready to be written; only the engine that made it runs it. */
export type Prepared = () => void;

export interface Engine {
  get(table: TableName, key: Key): string | undefined;
  /** Values in order of key. From the row at `start` down when reversed. */
  range(table: TableName, range: Range): Iterable<string>;
  /** Rejects with STORE_FULL when there is no room, and can be called again. */
  write(prepared: readonly Prepared[]): Promise<void>;
  /** Does all of a write that can be wrong with the rows themselves, and throws if something is. */
  prepare(ops: readonly Op[]): Prepared;
  /** Writes at once, for opening. */
  writeNow(ops: readonly Op[]): void;
  count(table: TableName): number;
  /** Bytes that the rows of a table take; what was removed is room for others and does not count. */
  size(table: TableName): number;
  /** Of everything, with the room for rows to come. */
  bytes(): number;
  /** Lets other work of the process go on between two slices of a long task. */
  breathe(): Promise<void>;
  /** `amend` is given the copy before it has its place. */
  backup(folder: string, amend: (copy: Engine) => void): Promise<void>;
  close(): Promise<void>;
}
