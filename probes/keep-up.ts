import type { ProbeClock } from "./terminals.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Runs a probe until its signal aborts, and resolves then. One that breaks off or ends before is told to `trouble` and
 * started again, after ever longer pauses.
 */
export async function keepUp(
  probe: () => Promise<void>,
  options: {
    readonly clock: ProbeClock;
    readonly signal: AbortSignal;
    readonly trouble: (error: unknown) => void;
  },
): Promise<void> {
  const { clock, signal, trouble } = options;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await probe();
      if (signal.aborted) return;
      trouble(new Error("a probe ended before it was told to"));
    } catch (error) {
      if (signal.aborted) return;
      trouble(error);
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause
    await pause(clock, pauseMs, signal);
    if (signal.aborted) return;
  }
}

async function pause(clock: ProbeClock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const cancel = clock.after(ms, end);
  signal.addEventListener("abort", end, { once: true });
  await promise;
  signal.removeEventListener("abort", end);
  cancel();
}
