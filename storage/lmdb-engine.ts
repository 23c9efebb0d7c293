import { statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { open, type Database } from "lmdb";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { TABLES, type Engine, type Op, type Range, type TableName } from "./engine.ts";
import { copyInto } from "./lmdb-backup.ts";
import { keyBytes, rowEncoder, unseal } from "./lmdb-codec.ts";
import { damaged, storeFailure, writeFailure } from "./lmdb-errors.ts";

// LMDB engine
//
// One LMDB environment with one named database per table.
//
//   L1. A write is one `batch`, prepared in full before its first row is handed over: nothing can throw in the middle.
//   L2. No synchronous transaction runs while a batch is under way: lmdb would commit the half of it. For the same
//       reason there are no shared msgpack structures, which lmdb saves in such a transaction.
//   L3. A row that does not match its checksum is never given out: STORE_DAMAGED.
//
// `overlappingSync` is off. Measured, it is no faster (a commit of 500 messages takes 9.2 ms with it and without, a small
// one 0.6 ms), and it gives away much: promises that resolve before the disk has the data, a `flushed` that never
// settles after a failed commit, and a recovery that trusts the boot id. Without it, lmdb syncs the pages, then the
// meta page, on a thread of its own, and resolves; the JavaScript thread is free meanwhile either way.

export const DATA_FILE = "data.mdb";
// Of lmdb, with pages of 4 KiB.
const MAX_KEY_BYTES = 1_978;

const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

type Tables = Readonly<Record<TableName, Database<Buffer, Buffer>>>;

/** Opens the environment in a folder, making the tables that are missing. Fails with what lmdb reports. */
export function lmdbEngine(folder: string): Engine {
  const file = join(folder, DATA_FILE);
  const env = openEnvironment(folder);
  const tables = openTables((name) => env.openDB<Buffer, Buffer>({ name, ...BINARY }));
  let isOpen = true;
  let mustProbe = false;

  function attempt<Result>(tried: string, act: () => Result): Result {
    if (!isOpen) throw new Failure("STORE_CLOSED", `${tried} ${folder}: the store was closed`);
    try {
      return act();
    } catch (error) {
      throw storeFailure(error, `${tried} ${file}`);
    }
  }

  return {
    ...readsOf(tables, file, attempt),
    prepare: (ops) => prepare(tables, ops),
    write: async (prepared) => {
      if (mustProbe) attempt("write", () => probe(env));
      try {
        await env.batch(() => {
          for (const apply of prepared) apply();
        });
        mustProbe = false;
      } catch (error) {
        mustProbe = true;
        throw writeFailure(await commitErrorOf(error), `write ${file}`);
      }
    },
    writeNow: (ops) => {
      mustProbe = true;
      attempt("write", () => env.transactionSync(prepare(tables, ops)));
      mustProbe = false;
    },
    bytes: () => statSync(file).size,
    breathe: async () => setImmediate(),
    backup: async (to, amend) =>
      attempt("copy", async () =>
        copyInto(to, DATA_FILE, async (part) => {
          await env.backup(part, false);
          await amended(part, amend);
        }),
      ),
    close: async () => {
      isOpen = false;
      await env.close();
    },
  };
}

async function amended(folder: string, amend: (copy: Engine) => void): Promise<void> {
  const copy = lmdbEngine(folder);
  try {
    amend(copy);
  } finally {
    await copy.close();
  }
}

function readsOf(
  tables: Tables,
  file: string,
  attempt: <Result>(tried: string, act: () => Result) => Result,
): Pick<Engine, "get" | "range" | "count" | "size"> {
  function textOf(key: Buffer, value: Buffer): string {
    const text = unseal(key, value);
    if (text === undefined) throw damaged(file, "a row does not match its checksum");
    return text;
  }
  return {
    get: (table, key) =>
      attempt("read", () => {
        const bytes = keyBytes(key);
        const value = tables[table].getBinary(bytes);
        return value === undefined ? undefined : textOf(bytes, value);
      }),
    range: function* range(table, wanted) {
      // lmdb takes a limit of 0 for none.
      if (wanted.limit === 0) return;
      const rows = attempt("read", () =>
        tables[table].getRange(lmdbRange(wanted))[Symbol.iterator](),
      );
      try {
        for (;;) {
          const row = attempt("read", () => rows.next());
          if (row.done === true) return;
          yield textOf(row.value.key, row.value.value);
        }
      } finally {
        rows.return?.();
      }
    },
    count: (table) => attempt("read", () => statsOf(tables[table]).entryCount),
    size: (table) => attempt("read", () => sizeOf(statsOf(tables[table]))),
  };
}

// After a failure lmdb may be unable to begin a transaction ever again; a batch would then wait for ever, where a
// synchronous transaction says so.
function probe(env: Environment): void {
  env.transactionSync(() => {});
}

type Environment = ReturnType<typeof openEnvironment>;

function openEnvironment(path: string) {
  return open<Buffer, Buffer>({
    path,
    // Else a folder with a dot in its name is taken for a file.
    noSubdir: false,
    ...BINARY,
    maxDbs: TABLES.length,
    overlappingSync: false,
    // Batches say themselves where they begin and end.
    eventTurnBatching: false,
  });
}

function openTables(openTable: (name: TableName) => Database<Buffer, Buffer>): Tables {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry per name
  return Object.fromEntries(TABLES.map((name) => [name, openTable(name)])) as Tables;
}

function lmdbRange({ start, end, isReverse = false, limit }: Range) {
  return {
    ...(start === undefined ? {} : { start: keyBytes(start) }),
    ...(end === undefined ? {} : { end: keyBytes(end) }),
    ...(limit === undefined ? {} : { limit }),
    reverse: isReverse,
  };
}

// Does all that can fail (L1); what it returns only hands over bytes.
function prepare(tables: Tables, ops: readonly Op[]): () => void {
  const encode = rowEncoder();
  const rows = ops.map((op) => {
    const { key, value } = encode(op.key, op.value);
    if (key.length > MAX_KEY_BYTES) {
      throw new Error(`a key of ${op.table} takes ${key.length} bytes, more than ${MAX_KEY_BYTES}`);
    }
    return { table: tables[op.table], key, value };
  });
  return () => {
    for (const { table, key, value } of rows) {
      if (value === undefined) void table.remove(key);
      else void table.put(key, value);
    }
  };
}

// lmdb rejects with an error whose `commitError` is another promise, that rejects with the reason.
async function commitErrorOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    return reason;
  }
}

/** What lmdb tells of one table; its own types call it an object. */
const TableStats = z.object({
  entryCount: z.number(),
  pageSize: z.number(),
  treeBranchPageCount: z.number(),
  treeLeafPageCount: z.number(),
  overflowPages: z.number(),
});
type TableStats = z.infer<typeof TableStats>;

function statsOf(table: Database<Buffer, Buffer>): TableStats {
  return TableStats.parse(table.getStats());
}

function sizeOf(stats: TableStats): number {
  const { treeBranchPageCount, treeLeafPageCount, overflowPages, pageSize } = stats;
  return (treeBranchPageCount + treeLeafPageCount + overflowPages) * pageSize;
}
