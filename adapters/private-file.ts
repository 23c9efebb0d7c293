import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";

/**
 * Writes a file that only its owner may read, whole or not at all. Not flushed: what these files tell of
 * does not survive a power cut either.
 */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.draft`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

/** A text as the text of a file: it ends with its last line, so that a shell's prompt does not stand behind it. */
export function fileText(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
