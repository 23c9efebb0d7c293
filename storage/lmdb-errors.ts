import { Failure, type FailureCode } from "../machines/failures.ts";

const EIO = 5;

const CODES: Readonly<Record<string, FailureCode>> = {
  // Numbers are what lmdb reports, of its own or of the system; SQLite has `errcode`.
  ENOSPC: "STORE_FULL",
  EDQUOT: "STORE_FULL",
  EFBIG: "STORE_FULL",
  28: "STORE_FULL",
  122: "STORE_FULL",
  27: "STORE_FULL",
  "-30792": "STORE_FULL", // MDB_MAP_FULL
  EROFS: "STORE_READ_ONLY",
  EACCES: "STORE_READ_ONLY",
  EPERM: "STORE_READ_ONLY",
  30: "STORE_READ_ONLY",
  13: "STORE_READ_ONLY",
  1: "STORE_READ_ONLY",
  EIO: "STORE_DAMAGED",
  5: "STORE_DAMAGED",
  "-30797": "STORE_DAMAGED", // MDB_PAGE_NOTFOUND
  "-30796": "STORE_DAMAGED", // MDB_CORRUPTED
  "-30795": "STORE_DAMAGED", // MDB_PANIC
  "-30794": "STORE_DAMAGED", // MDB_VERSION_MISMATCH
  "-30793": "STORE_DAMAGED", // MDB_INVALID
  "-30785": "STORE_DAMAGED", // MDB_BAD_TXN
};
const SQLITE_CODES: Readonly<Record<number, FailureCode>> = {
  8: "STORE_READ_ONLY",
  13: "STORE_FULL",
  14: "STORE_READ_ONLY",
};
// What lmdb's own copying says: it gives no code.
const MESSAGES: Readonly<Record<string, FailureCode>> = {
  "No space left on device": "STORE_FULL",
  "Disk quota exceeded": "STORE_FULL",
  "File too large": "STORE_FULL",
  "Read-only file system": "STORE_READ_ONLY",
  "Permission denied": "STORE_READ_ONLY",
};
const HELP: Partial<Record<FailureCode, string>> = {
  STORE_FULL: "free some space; nothing that was acknowledged is lost",
  STORE_READ_ONLY: "make the folder writable for this user",
  STORE_DAMAGED: "stop, keep the file for inspection, and restore it from a backup",
};

/** The Failure that an error of lmdb, of SQLite or of the file system amounts to; any other error as it is. */
export function storeFailure(cause: unknown, tried: string): unknown {
  if (!(cause instanceof Error) || cause instanceof Failure) return cause;
  const code = codeOf(cause);
  if (code === undefined) return cause;
  return new Failure(code, `${tried}: ${cause.message}; ${HELP[code]}`, { cause });
}

/** The same for a write. */
export function writeFailure(cause: unknown, tried: string): unknown {
  const failure = storeFailure(cause, tried);
  if (!(cause instanceof Error) || !("code" in cause) || cause.code !== EIO) return failure;
  // lmdb says EIO when the disk took a part of what it was given, which is how most disks begin to be full.
  // Either way nothing is harmed: the transaction is undone, and the next one writes its pages again.
  return new Failure("STORE_FULL", `${tried}: the disk is full or fails; ${HELP.STORE_FULL}`, {
    cause,
  });
}

/** A STORE_DAMAGED that names the file and says what to do. */
export function damaged(file: string, seen: string): Failure {
  return new Failure("STORE_DAMAGED", `read ${file}: ${seen}; ${HELP.STORE_DAMAGED}`);
}

function codeOf(error: Error): FailureCode | undefined {
  if ("errcode" in error && typeof error.errcode === "number") {
    return SQLITE_CODES[error.errcode & 0xff];
  }
  return "code" in error ? CODES[String(error.code)] : MESSAGES[error.message];
}
