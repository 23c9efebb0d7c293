import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LaunchSpec } from "../../machines/effects.ts";
import { FILES } from "../../machines/harness/harness.ts";

// Agent files
//
// What a launch asks for on disk, in a folder of its own beside the records of its terminal: nothing of it lies in the
// worktree, so none of it can make the worktree dirty, be cleaned away by the agent, or overwrite what is the person's.

/** Writes the files of a launch, for their owner alone. Done again, it changes nothing. */
export async function writeAgentFiles(folder: string, files: LaunchSpec["files"]): Promise<void> {
  for (const { name, text } of files) {
    const path = join(folder, name);
    // oxlint-disable-next-line eslint/no-await-in-loop -- one or two
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // oxlint-disable-next-line eslint/no-await-in-loop -- one or two
    await writeFile(path, text, { mode: 0o600 });
  }
}

/** A word of a launch with the real path where it names one of its files, or their folder. */
export function withRealPath(folder: string, { files }: LaunchSpec): (word: string) => string {
  const paths = new Map(files.map(({ name }) => [`${FILES}/${name}`, join(folder, name)]));
  if (files.length > 0) paths.set(FILES, folder);
  return (word) => paths.get(word) ?? word;
}
