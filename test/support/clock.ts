import type { Clock } from "../../actors/clock.ts";

export interface ManualClock extends Clock {
  /** Moves time forward, running what falls due on the way in order; lets promises settle before and between. */
  advance(ms: number): Promise<void>;
  /** Sets the time forward as a person does: what waits goes on waiting for as long as it was told. */
  jump(ms: number): void;
  /** How many callbacks are waiting. */
  readonly pending: number;
}

/** A clock that only tests move. */
export function manualClock(start = 1_700_000_000_000): ManualClock {
  let now = start;
  let count = 0;
  let waiting: { at: number; readonly order: number; readonly run: () => void }[] = [];

  return {
    now: () => now,
    after(ms, run) {
      count += 1;
      const entry = { at: now + Math.max(ms, 0), order: count, run };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const [next] = waiting
          .filter(({ at }) => at <= end)
          .toSorted((a, b) => a.at - b.at || a.order - b.order);
        if (next === undefined) break;
        waiting = waiting.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.run();
        await settle();
      }
      now = end;
      await settle();
    },
    jump(ms) {
      now += ms;
      for (const entry of waiting) entry.at += ms;
    },
    get pending() {
      return waiting.length;
    },
  };
}

/** Lets everything that waits only for promises finish. */
export async function settle(): Promise<void> {
  // A turn of the event loop runs when no microtask is left; a few turns cover chains through `setImmediate`.
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
