// Engine
//
// The little that a store needs of what keeps its rows: ordered tables of text, and one atomic write at a time.
// Does not know what a row means. `rowStore` makes a Store of it.
//
//   N1. `write` applies every op or none, in the order given, and resolves only when they would survive a crash.
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

export interface Engine {
  get(table: TableName, key: Key): string | undefined;
  /** Values in order of key. From the row at `start` down when reversed. */
  range(table: TableName, range: Range): Iterable<string>;
  /** Rejects with STORE_FULL when there is no room, and can be called again. */
  write(ops: readonly Op[]): Promise<void>;
  /** The same at once, for opening. */
  writeNow(ops: readonly Op[]): void;
  count(table: TableName): number;
  bytes(): number;
  /** Lets other work of the process go on between two slices of a long task. */
  breathe(): Promise<void>;
  backup(folder: string): Promise<void>;
  close(): Promise<void>;
}
