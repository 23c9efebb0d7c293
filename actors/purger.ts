import type { Bus, StreamPosition } from "../bus/bus.ts";
import type { Clock } from "./clock.ts";

/** The stream may keep what is applied for so long: one request then frees much. */
const PURGE_EVERY_MS = 1_000;

/** Lets the stream forget what is durable here (R2), now and then. */
export interface Purger {
  /** Everything up to and with this position was flushed. */
  to(position: StreamPosition): void;
  stop(): void;
}

export function purger(bus: Pick<Bus, "purge">, clock: Clock): Purger {
  let newest: StreamPosition | undefined;
  let cancel: (() => void) | undefined;
  let isStopped = false;

  async function purge(): Promise<void> {
    cancel = undefined;
    if (newest === undefined) return;
    // A purge that fails is made up for by the next one; the stream's own limits hold meanwhile.
    const isDone = await bus.purge(newest).catch(() => true);
    if (!isDone) wait();
  }

  function wait(): void {
    if (!isStopped) cancel ??= clock.after(PURGE_EVERY_MS, () => void purge());
  }

  return {
    to(position) {
      newest = position;
      wait();
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
