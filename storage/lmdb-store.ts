import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TableName } from "./engine.ts";
import { DATA_FILE, lmdbEngine } from "./lmdb-engine.ts";
import { damaged, storeFailure } from "./lmdb-errors.ts";
import { GENERATION_FILE, generationOf } from "./generation.ts";
import { checkPages } from "./lmdb-pages.ts";
import { rowStore } from "./row-store.ts";
import type { Store } from "./store.ts";
import { takeWriterLock } from "./writer-lock.ts";

export interface LmdbStoreOptions {
  /** A file up to this size is checked row by row when it is opened; about 0.3 s at the default of 64 MiB. */
  readonly fullCheckBytes?: number;
}

export interface LmdbStore extends Store {
  /** Names this store among its own copies: one that is put in its place has another. "" for one of before. */
  readonly generation: string;
}

// They grow with every message, and the daemon reads little of them at boot.
const LAZY_TABLES: readonly TableName[] = ["log", "runs", "seen"];
const LOCK_FILE_BYTES = 8_192;

const FULL_CHECK_BYTES = 64 * 1_048_576;

/** Checks the files of a store that nobody has open, if there are any. Fails with STORE_DAMAGED. */
export function checkStore(path: string, fullBytes = FULL_CHECK_BYTES): void {
  const file = join(path, DATA_FILE);
  if (existsSync(file) && statSync(file).size > 0) {
    checkPages(file, { fullBytes, lazyTables: LAZY_TABLES });
  } else if (existsSync(join(path, GENERATION_FILE))) {
    // Without a witness an empty file is a store that was killed while it was made.
    throw damaged(file, "it is empty or gone, but there was a store");
  }
}

/**
 * The store in a folder, which is made when it is missing. One process may have it open.
 * Fails with STORE_BUSY, STORE_FORMAT, STORE_DAMAGED, STORE_READ_ONLY or STORE_FULL.
 */
export function openLmdbStore(
  path: string,
  { fullCheckBytes = FULL_CHECK_BYTES }: LmdbStoreOptions = {},
): LmdbStore {
  const release: (() => void)[] = [];
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = takeWriterLock(path);
    release.push(() => lock.release());
    checkStore(path, fullCheckBytes);
    reserveLockFile(join(path, "lock.mdb"));
    const engine = lmdbEngine(path);
    release.push(() => void engine.close());
    const store = rowStore(engine, { place: path, newCluster: randomUUID() });
    return {
      ...store,
      generation: generationOf(engine, join(path, GENERATION_FILE)),
      close: async () => {
        await store.close();
        lock.release();
      },
    };
  } catch (error) {
    for (const undo of release.toReversed()) undo();
    throw storeFailure(error, `open store ${path}`);
  }
}

// lmdb maps this file and writes to it; without room on the disk that would be a SIGBUS instead of an error.
function reserveLockFile(file: string): void {
  if (!existsSync(file)) writeFileSync(file, Buffer.alloc(LOCK_FILE_BYTES), { mode: 0o600 });
}
