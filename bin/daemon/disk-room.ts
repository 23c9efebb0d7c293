import { freeBytesNow, type Disk } from "../../adapters/disk.ts";

/** Below this neither the store nor the stream can be counted on to take a message. */
const LEAST_BYTES = 1_048_576;

/** Why nothing can be written below a folder: its disk is full; undefined while there is room, or nobody can say. */
export function fullDisk(folder: string, look?: (folder: string) => Disk): string | undefined {
  const free = freeBytesNow(folder, look);
  if (free === undefined || free >= LEAST_BYTES) return undefined;
  return `there is no space left on the disk of ${folder}: free some space`;
}
