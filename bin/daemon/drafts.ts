import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

// Each is written, by the daemon, a hook, a command or a launcher, within milliseconds and then renamed to what it is of.
const DRAFT = /\.draft$|\.(?:start|exit)\.\d+$/;
// Long past the writing of any: agents and their hooks are at work while a daemon starts.
const LEFT_AFTER_MS = 3_600_000;
const FOLDERS = ["", "spool", "prompts", "messages", "notices", "nats", "supervision"];

/** Removes what was half written for a home when its writer was killed: nobody ever reads it. `at` is now. */
export function sweepDrafts(home: string, at: number): void {
  const generations = namesIn(join(home, "terminals")).map((name) => join("terminals", name));
  for (const folder of [...FOLDERS, "terminals", ...generations]) {
    for (const name of namesIn(join(home, folder))) {
      if (!DRAFT.test(name)) continue;
      const file = join(home, folder, name);
      const found = statSync(file, { throwIfNoEntry: false });
      if (found?.isFile() === true && at - found.mtimeMs > LEFT_AFTER_MS) {
        rmSync(file, { force: true });
      }
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there, or a file: nothing of ours is in it.
    return [];
  }
}
