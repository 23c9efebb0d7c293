import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Failure } from "../../machines/failures.ts";

const SEEN: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "this user may not read it",
};

/** The text of a file, or for `-` of standard input. Fails with MALFORMED when there is none to read. */
export async function textOfFile(file: string): Promise<string> {
  try {
    // As a stream: read at once, what has not come yet would be an error where a program gave a socket for it.
    return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const name = file === "-" ? "standard input" : file || "a file without a name";
    const seen = SEEN[code] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new Failure("MALFORMED", `read ${name}: ${seen}`, { cause });
  }
}
