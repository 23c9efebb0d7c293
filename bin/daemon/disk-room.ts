import { statfsSync } from "node:fs";

/** Below this neither the store nor the stream can be counted on to take a message. */
const LEAST_BYTES = 1_048_576;

interface Disk {
  readonly bsize: number;
  /** All that it has; 0 where a file system does not say. */
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
}

/** Why nothing can be written below a folder: its disk is full; undefined while there is room, or nobody can say. */
export function fullDisk(
  folder: string,
  look: (folder: string) => Disk = statfsSync,
): string | undefined {
  let disk: Disk;
  try {
    disk = look(folder);
  } catch {
    return undefined;
  }
  if (disk.blocks === 0) return undefined;
  // What a file system keeps back is there for root.
  const blocks = process.getuid?.() === 0 ? disk.bfree : disk.bavail;
  if (blocks * disk.bsize >= LEAST_BYTES) return undefined;
  return `there is no space left on the disk of ${folder}: free some space`;
}
