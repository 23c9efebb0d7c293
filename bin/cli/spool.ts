import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "../../machines/failures.ts";
import type { SpooledMessage } from "../../probes/spool.ts";

/**
 * Writes a message down for the next daemon. It is on disk when this returns; the answer is its file.
 * Fails with STORE_FULL, or STORE_READ_ONLY where nothing can be written.
 */
export function spool(home: string, message: SpooledMessage): string {
  try {
    return written(home, message);
  } catch (cause) {
    if (!existsSync(home)) {
      throw new Failure("DAEMON_DOWN", `no daemon ever ran for ${home}, which AO_HOME names`, {
        cause,
      });
    }
    const isFull = cause instanceof Error && "code" in cause && cause.code === "ENOSPC";
    const seen = cause instanceof Error ? cause.message : String(cause);
    const tried = `keep it in ${home} until a daemon runs`;
    throw new Failure(isFull ? "STORE_FULL" : "STORE_READ_ONLY", `${tried}: ${seen}`, { cause });
  }
}

function written(home: string, message: SpooledMessage): string {
  const folder = join(home, "spool");
  // Not the home: one that was removed must not come back with a single file in it.
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  const name = `${String(message.at).padStart(15, "0")}-${randomUUID()}`;
  const draft = join(folder, `${name}.draft`);
  const file = join(folder, `${name}.json`);
  const handle = openSync(draft, "wx", 0o600);
  writeSync(handle, JSON.stringify(message));
  fsyncSync(handle);
  closeSync(handle);
  renameSync(draft, file);
  // The name is durable only when its folder is.
  const parent = openSync(folder, "r");
  fsyncSync(parent);
  closeSync(parent);
  return file;
}
