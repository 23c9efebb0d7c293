import type { Store } from "../storage/store.ts";
import type { Clock } from "./clock.ts";

/** Entries of one slice: a slice holds up the path of messages by some milliseconds at most. */
const SLICE = 500;
const BETWEEN_SLICES_MS = 50;
const EVERY_MS = 3_600_000;
/** Soon after a start, or a daemon that is started every hour would never prune. */
const FIRST_MS = 60_000;

/** Prunes what is older than `keepMs`, once an hour, slice by slice (R10). */
export function retention({
  store,
  clock,
  keepMs,
}: {
  store: Pick<Store, "prune">;
  clock: Clock;
  keepMs: number;
}): { stop(): void } {
  let isStopped = false;
  let cancel = clock.after(FIRST_MS, next);

  function next(): void {
    // A slice that fails is made up for in an hour.
    prune().catch(() => schedule(EVERY_MS));
  }

  async function prune(): Promise<void> {
    const removed = await store.prune({ before: clock.now() - keepMs, limit: SLICE });
    schedule(removed < SLICE ? EVERY_MS : BETWEEN_SLICES_MS);
  }

  function schedule(ms: number): void {
    if (!isStopped) cancel = clock.after(ms, next);
  }

  return {
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
