import { statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";

/** What a file system tells of itself, in blocks of `bsize` bytes. */
export interface Disk {
  readonly bsize: number;
  /** All that it has; 0 where a file system does not say. */
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
}

/** Bytes that this process may still write on the disk of a folder; undefined when nobody can say. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  const disk = await statfs(folder).catch(() => undefined);
  return disk && roomOn(disk);
}

/** The same, where nobody can wait. */
export function freeBytesNow(
  folder: string,
  look: (folder: string) => Disk = statfsSync,
): number | undefined {
  try {
    return roomOn(look(folder));
  } catch {
    return undefined;
  }
}

function roomOn({ bsize, blocks, bfree, bavail }: Disk): number | undefined {
  if (blocks === 0) return undefined;
  // What a file system keeps back is there for root.
  return (process.getuid?.() === 0 ? bfree : bavail) * bsize;
}
