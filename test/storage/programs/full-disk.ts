// Fills the disk under a store, makes room again, and prints what the store said.
// node full-disk.ts tmpfs|limit FOLDER: FOLDER is on a small disk, or this process may not write large files.

import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../../machines/failures.ts";
import { openLmdbStore } from "../../../storage/lmdb-store.ts";
import { busyCommit } from "../rows.ts";

const [mode = "", folder = ""] = process.argv.slice(2);
const balloon = join(folder, "balloon");
if (mode === "tmpfs") writeFileSync(balloon, Buffer.alloc(4 * 1_048_576));

const path = join(folder, "store");
const store = openLmdbStore(path);
const failures: string[] = [];
let committed = 0;
while (failures.length < 3) {
  const results = await Promise.allSettled(
    [0, 1, 2].map(async (n) =>
      store.commit(busyCommit(committed + n, { messages: 40, actors: 20 })),
    ),
  );
  const kept = results.filter(({ status }) => status === "fulfilled").length;
  // Those that failed are committed again, as the daemon would.
  committed += kept;
  for (const result of results) {
    if (result.status === "rejected") failures.push(codeOf(result.reason));
  }
}
// Under a limit on the size of files a copy is as large as the store may be.
if (mode === "tmpfs") {
  failures.push(await store.backup(join(folder, "copy")).then(() => "copied", codeOf));
}
const whileFull = { head: store.head().position?.seq, log: countLog() };

if (mode === "tmpfs") rmSync(balloon);
else execFileSync("prlimit", [`--pid=${process.pid}`, "--fsize=unlimited:unlimited"]);
await store.commit(busyCommit(committed, { messages: 40, actors: 20 }));
const withRoom = { head: store.head().position?.seq, log: countLog() };
await store.close();

const again = openLmdbStore(path);
const reopened = { head: again.head().position?.seq, log: again.stats().rows["log"] };
await again.close();
process.stdout.write(JSON.stringify({ failures, committed, whileFull, withRoom, reopened }));

function countLog(): number {
  return store.log({ after: 0, limit: 1_000_000 }).length;
}

function codeOf(error: unknown): string {
  return error instanceof Failure ? error.code : String(error);
}
