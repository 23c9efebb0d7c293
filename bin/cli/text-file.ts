import { readFileSync } from "node:fs";
import { Failure } from "../../machines/failures.ts";

const SEEN: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "this user may not read it",
};

/** The text of a file, or for `-` of standard input. Fails with MALFORMED when there is none to read. */
export function textOfFile(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const name = file === "-" ? "standard input" : file || "a file without a name";
    const seen = SEEN[code] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new Failure("MALFORMED", `read ${name}: ${seen}`, { cause });
  }
}
