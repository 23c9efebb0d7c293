import type { Store } from "../storage/store.ts";
import type { Clock } from "./clock.ts";

/** Entries of one slice: a slice holds up the path of messages by some milliseconds at most. */
const SLICE = 500;
const BETWEEN_SLICES_MS = 50;
/** The size is what a flood of messages changes within minutes; a look that finds nothing reads some rows. */
const EVERY_MS = 60_000;

/** Prunes what is older than `keepMs` or more than `maxBytes`, once a minute, slice by slice (R10). */
export function retention({
  store,
  clock,
  keepMs,
  maxBytes,
}: {
  store: Pick<Store, "prune">;
  clock: Clock;
  keepMs: number;
  maxBytes: number;
}): { stop(): void } {
  let isStopped = false;
  let cancel = clock.after(EVERY_MS, next);

  function next(): void {
    // A slice that fails is made up for in a minute.
    prune().catch(() => schedule(EVERY_MS));
  }

  async function prune(): Promise<void> {
    const removed = await store.prune({
      before: clock.now() - keepMs,
      maxBytes,
      limit: SLICE,
    });
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
