import { statfs } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import type { Adapter } from "./adapter.ts";

/** Measures the host of the daemon: load per core over the last minute, and the free space of the disk of `folder`. */
export function hostInspection(folder: string): Adapter<"inspectHost"> {
  return async () => {
    const { bavail, bsize } = await statfs(folder);
    const [load = 0] = loadavg();
    return { loadPerCore: load / availableParallelism(), freeBytes: bavail * bsize };
  };
}
