import { availableParallelism, loadavg } from "node:os";
import type { Adapter } from "./adapter.ts";
import { freeBytes } from "./disk.ts";

// A disk that does not say how full it is holds nobody back.
const UNKNOWN_BYTES = Number.MAX_SAFE_INTEGER;

/** Measures the host of the daemon: load per core over the last minute, and the free space of the disk of `folder`. */
export function hostInspection(folder: string): Adapter<"inspectHost"> {
  return async () => {
    const free = await freeBytes(folder);
    const [load = 0] = loadavg();
    return { loadPerCore: load / availableParallelism(), freeBytes: free ?? UNKNOWN_BYTES };
  };
}
