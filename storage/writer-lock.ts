import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure } from "../machines/failures.ts";

const SQLITE_BUSY = 5;
/** The file in a folder that is locked. */
export const LOCK_FILE = "writer.lock";

/** Held by the one process, and the one store in it, that may write a folder. */
export interface WriterLock {
  release(): void;
}

/** Whoever looks has the file for a moment, and a process that is ending has its lock for another. */
const FOR_LIFE_WAIT_MS = 500;

/**
 * Takes the lock of a folder; waits, blocking this process, for at most `waitMs`. Fails with STORE_BUSY when somebody has it.
 *
 * Node cannot lock a file, SQLite does: an open exclusive transaction on an empty file is a lock of the kernel, so it
 * goes with the process however that ends, and there is no stale lock to be told from a live one.
 */
export function takeWriterLock(folder: string, waitMs = 0): WriterLock {
  const file = join(folder, LOCK_FILE);
  const holder = join(folder, "writer.pid");
  const lock = new DatabaseSync(file, { timeout: waitMs });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw new Failure(
      "STORE_BUSY",
      `open store ${folder}: process ${readHolder(holder)} has it open`,
      {
        cause,
      },
    );
  }
  // For people and for the message above; the lock does not depend on it.
  writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 });
  return {
    release: () => {
      if (lock.isOpen) lock.close();
    },
  };
}

// What nobody refers to is collected, and its lock is gone.
const heldForLife: WriterLock[] = [];

/** Takes the lock of a folder for as long as this process lives. Fails with STORE_BUSY when somebody has it. */
export function lockForLife(folder: string): void {
  heldForLife.push(takeWriterLock(folder, FOR_LIFE_WAIT_MS));
}

/** Whether somebody holds the lock of a folder. Reads only: those who look are no holders to each other. */
function isHeld(folder: string): boolean {
  const lock = new DatabaseSync(join(folder, LOCK_FILE), { readOnly: true, timeout: 0 });
  try {
    lock.exec("SELECT count(*) FROM sqlite_schema");
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    lock.close();
  }
}

/** The process that holds the lock of a folder, as it said itself; undefined when nobody does. */
export function holderOf(folder: string): number | undefined {
  if (!existsSync(join(folder, LOCK_FILE)) || !isHeld(folder)) return undefined;
  const pid = Number(readHolder(join(folder, "writer.pid")));
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "unknown";
  }
}
