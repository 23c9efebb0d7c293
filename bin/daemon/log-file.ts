import { openSync, renameSync, statSync } from "node:fs";

// Some ten thousand lines: weeks of a daemon in health, hours of one in trouble.
const LOG_BYTES = 8_388_608;

/** Opens a log for appending; one that has grown past 8 MiB becomes `<file>.old` first, in place of the last. */
export function openLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES) renameSync(file, `${file}.old`);
  return openSync(file, "a", 0o600);
}
