import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../machines/failures.ts";
import { storeFailure } from "./lmdb-errors.ts";

/**
 * Puts a data file into an empty folder: `copy` writes it into the folder it is given. The file gets its place only when
 * it is whole and on disk. Fails with FOLDER_INVALID, STORE_FULL or STORE_READ_ONLY.
 */
export async function copyInto(
  folder: string,
  file: string,
  copy: (part: string) => Promise<void>,
): Promise<void> {
  makeFolder(folder);
  if (readdirSync(folder).length > 0) {
    throw new Failure("FOLDER_INVALID", `back up to ${folder}: the folder is not empty`);
  }
  const part = join(folder, "part");
  try {
    // Prompts are in it: a folder that was there may be open to others.
    mkdirSync(part, { mode: 0o700 });
    await copy(part);
    chmodSync(join(part, file), 0o600);
    await sync(join(part, file));
    renameSync(join(part, file), join(folder, file));
    await sync(folder);
  } catch (error) {
    throw storeFailure(error, `back up to ${folder}`);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** Its parent must be there: Node's own `recursive` never returns below /proc, and a typing error makes no tree. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EEXIST" && statSync(folder).isDirectory()) return;
    throw new Failure(
      "FOLDER_INVALID",
      `back up to ${folder}: the folder cannot be made (${String(code)})`,
      { cause },
    );
  }
}

async function sync(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
