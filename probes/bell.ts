import type { ProbeClock } from "./terminals.ts";

// A bell at the door of a probe that rests: whoever rings wakes it. A ring while it does not rest is kept for the next.

export interface Bell {
  readonly ring: () => void;
  /** Resolves after so many milliseconds, at a ring, or when the signal aborts; without a time, not before. */
  readonly rest: (ms: number | undefined, signal: AbortSignal) => Promise<void>;
}

export function bell(clock: ProbeClock): Bell {
  let hasRung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      hasRung = true;
      wake?.();
    },
    rest: async (ms, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (): void => resolve();
      wake = end;
      signal.addEventListener("abort", end, { once: true });
      if (hasRung || signal.aborted) end();
      const cancel = ms === undefined ? end : clock.after(ms, end);
      await promise;
      signal.removeEventListener("abort", end);
      cancel();
      hasRung = false;
    },
  };
}
