import { statSync, watch } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../machines/failures.ts";
import { LOCK_FILE } from "../../storage/writer-lock.ts";

// Home guard
//
// Notices that the home is not there any more, or that another one lies in its place: moved, removed, unmounted.
//
//   G1. A home is the file that the daemon has locked. It is open, so no other file can be taken for it.
//   G2. Nobody polls: it is looked at when something changes in it, is committed, is about to be started, or is asked for.
//   G3. A daemon that lost its home writes nothing more: it ends as if killed, which it survives anyway. What lies in the
//       place of the home may be somebody else's.

export interface HomeGuard {
  /** Resolves with HOME_LOST, once. */
  readonly lost: Promise<Failure>;
  /** Looks now; HOME_LOST when the home is lost, undefined while it is there. About 3 µs. */
  look(): Failure | undefined;
  close(): void;
}

/** Guards a home whose lock this process holds. */
export function guardHome(home: string): HomeGuard {
  const file = join(home, LOCK_FILE);
  const own = fileAt(file);
  const { promise: lost, resolve } = Promise.withResolvers<Failure>();
  let failure: Failure | undefined;

  function look(): Failure | undefined {
    if (failure !== undefined) return failure;
    const now = fileAt(file);
    if (now === own) return undefined;
    const seen = now === undefined ? "it was moved or removed" : "another one lies in its place";
    failure = new Failure("HOME_LOST", `go on in ${home}: ${seen}`);
    resolve(failure);
    return failure;
  }

  const stop = onChange(home, look);
  return { lost, look, close: stop };
}

/** Names a file as long as somebody has it open; undefined when there is none. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** Calls whenever a name in the folder, or the folder's own, changes. Returns how to stop. */
function onChange(folder: string, call: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, (event) => {
      if (event === "rename") call();
    });
    watcher.on("error", call);
    return () => watcher.close();
  } catch {
    // Out of watches: the next commit, or the next who asks, looks all the same.
    return () => {};
  }
}
