// Opens a store on a disk that was made read-only after the store was written, and prints what was said.
// node read-only-disk.ts FOLDER: FOLDER is a disk of its own, in a mount namespace of its own.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Failure } from "../../../machines/failures.ts";
import { openLmdbStore } from "../../../storage/lmdb-store.ts";
import { busyCommit } from "../rows.ts";

const [folder = ""] = process.argv.slice(2);
const path = join(folder, "store");
const store = openLmdbStore(path);
await store.commit(busyCommit(0));
await store.close();
execFileSync("mount", ["-o", "remount,ro", folder]);
try {
  openLmdbStore(path);
  process.stdout.write("opened");
} catch (error) {
  process.stdout.write(error instanceof Failure ? `${error.code} ${error.message}` : String(error));
}
