import { resolve } from "node:path";
import { Failure } from "../../machines/failures.ts";

/** The absolute path of a folder as it was given. Fails with MALFORMED for an empty word: a variable that was not set. */
export function folderOf(given: string): string {
  if (given.trim() === "") {
    throw new Failure("MALFORMED", "read the folder: it is empty; name one, . is the current one");
  }
  return resolve(given);
}
