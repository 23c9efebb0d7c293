import { Failure } from "../machines/failures.ts";
import { TABLES, type Engine, type Key, type Op, type Range, type TableName } from "./engine.ts";
import { rowStore } from "./row-store.ts";
import type { Store } from "./store.ts";

// Memory store
//
// The store of the simulator and of pure tests: the promises of the real one over rows in memory, waiting for nothing
// but microtasks. What is on its disk outlives it; a crash takes the rest.

interface Row {
  readonly key: Key;
  readonly value: string;
}

/** What a memory store keeps over a crash, and the faults it can be given. */
export interface MemoryDisk {
  /** Makes the next write fail with STORE_FULL. */
  failNextWrite(): void;
  /** Lets no write reach the disk until `release`. */
  hold(): void;
  release(): void;
  /** Ends the store that has the disk open: what was not on it yet never comes, and never resolves. */
  crash(): void;
  /** The copy that `backup` put into a folder. */
  backupIn(folder: string): MemoryDisk | undefined;
  /** For `memoryStore`. */
  readonly [STATE]: DiskState;
}

interface DiskState {
  readonly tables: ReadonlyMap<TableName, Row[]>;
  readonly backups: Map<string, MemoryDisk>;
  /** Counts the stores that had it open; the newest is the one that may use it, while `isOpen`. */
  owner: number;
  isOpen: boolean;
  shouldFail: boolean;
  held: PromiseWithResolvers<void> | undefined;
}

const STATE = Symbol("state");

/** An empty disk, or one with copies of rows. */
export function memoryDisk(rowsOf: (table: TableName) => readonly Row[] = () => []): MemoryDisk {
  const state: DiskState = {
    tables: new Map(TABLES.map((name) => [name, [...rowsOf(name)]])),
    backups: new Map(),
    owner: 0,
    isOpen: false,
    shouldFail: false,
    held: undefined,
  };
  const release = () => {
    state.held?.resolve();
    state.held = undefined;
  };
  return {
    failNextWrite: () => {
      state.shouldFail = true;
    },
    hold: () => {
      state.held ??= Promise.withResolvers();
    },
    release,
    crash: () => {
      state.owner += 1;
      state.isOpen = false;
      state.shouldFail = false;
      release();
    },
    backupIn: (folder) => state.backups.get(folder),
    [STATE]: state,
  };
}

function memoryEngine(disk: DiskState, place: string): Engine {
  if (disk.isOpen) throw new Failure("STORE_BUSY", `open store ${place}: it is open already`);
  disk.isOpen = true;
  disk.owner += 1;
  const me = disk.owner;
  const rowsOf = (table: TableName): Row[] => {
    if (!disk.isOpen || disk.owner !== me) {
      throw new Failure("STORE_CLOSED", `read ${place}: the store was closed`);
    }
    return disk.tables.get(table) ?? [];
  };
  const writeNow = (ops: readonly Op[]) => {
    for (const op of ops) apply(rowsOf(op.table), op);
  };
  return {
    get: (table, key) => {
      const rows = rowsOf(table);
      const row = rows[indexOf(rows, key)];
      return row !== undefined && compareKeys(row.key, key) === 0 ? row.value : undefined;
    },
    range: (table, range) => slice(rowsOf(table), range),
    prepare: (ops) => () => writeNow(ops),
    write: async (prepared) => {
      await disk.held?.promise;
      await Promise.resolve();
      if (disk.owner !== me) await new Promise<never>(() => {});
      if (disk.shouldFail) {
        disk.shouldFail = false;
        throw new Failure("STORE_FULL", `write ${place}: no space left, as the test wished`);
      }
      for (const write of prepared) write();
    },
    writeNow,
    count: (table) => rowsOf(table).length,
    size: (table) => rowsOf(table).reduce((sum, row) => sum + row.value.length, 0),
    bytes: () => TABLES.flatMap(rowsOf).reduce((sum, row) => sum + row.value.length, 0),
    breathe: async () => Promise.resolve(),
    backup: async (folder) => {
      await Promise.resolve();
      if (disk.backups.has(folder)) {
        throw new Failure("FOLDER_INVALID", `back up to ${folder}: the folder is not empty`);
      }
      disk.backups.set(folder, memoryDisk(rowsOf));
    },
    close: async () => {
      await Promise.resolve();
      if (disk.owner === me) disk.isOpen = false;
    },
  };
}

/** A store on a disk of its own, or on the given one. Fails with STORE_BUSY while another has that open. */
export function memoryStore({
  disk = memoryDisk(),
  place = "memory",
  cluster = "memory",
}: { disk?: MemoryDisk; place?: string; cluster?: string } = {}): Store {
  return rowStore(memoryEngine(disk[STATE], place), { place, newCluster: cluster });
}

function* slice(rows: readonly Row[], range: Range): Iterable<string> {
  // Like a disk's: the rows as they were when the walk began.
  for (const row of range.isReverse === true ? backwards(rows, range) : forwards(rows, range)) {
    yield row.value;
  }
}

function forwards(rows: readonly Row[], { start, end, limit = Infinity }: Range): Row[] {
  const from = start === undefined ? 0 : indexOf(rows, start);
  const to = end === undefined ? rows.length : indexOf(rows, end);
  return rows.slice(from, Math.max(from, Math.min(to, from + limit)));
}

function backwards(rows: readonly Row[], { start, end, limit = Infinity }: Range): Row[] {
  const to = start === undefined ? rows.length : indexAfter(rows, start);
  const from = end === undefined ? 0 : indexAfter(rows, end);
  return rows.slice(Math.max(from, to - limit), to).toReversed();
}

function apply(rows: Row[], { key, value }: Op): void {
  const at = indexOf(rows, key);
  const isThere = indexAfter(rows, key) > at;
  if (value !== undefined && isThere) rows[at] = { key, value };
  else if (value !== undefined) rows.splice(at, 0, { key, value });
  else if (isThere) rows.splice(at, 1);
}

/** Where the keys begin that are greater. */
function indexAfter(rows: readonly Row[], key: Key): number {
  const at = indexOf(rows, key);
  const row = rows[at];
  return row !== undefined && compareKeys(row.key, key) === 0 ? at + 1 : at;
}

// Where a key is, or would be put.
function indexOf(rows: readonly Row[], key: Key): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && compareKeys(row.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareKeys(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const right = b[index];
    if (right === undefined) return 1;
    if (left === right) continue;
    // Numbers come before strings.
    if (typeof left !== typeof right) return typeof left === "number" ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.length < b.length ? -1 : 0;
}
