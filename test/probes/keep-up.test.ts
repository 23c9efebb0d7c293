import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { keepUp } from "../../probes/keep-up.ts";
import { manualClock } from "../support/clock.ts";

it("starts a probe again that breaks off, after ever longer pauses, and tells of each time", async () => {
  const clock = manualClock(0);
  const stop = new AbortController();
  const starts: number[] = [];
  const troubles: unknown[] = [];
  const kept = keepUp(
    async () => {
      starts.push(clock.now());
      if (starts.length === 2) return Promise.resolve();
      return Promise.reject(new Error("gone"));
    },
    { clock, signal: stop.signal, trouble: (error) => troubles.push(error) },
  );
  await clock.advance(200_000);
  expect(starts.map((at) => at / 1_000)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
  expect(troubles).toHaveLength(starts.length);
  expect(getEventListeners(stop.signal, "abort").length).toBeLessThanOrEqual(1);
  stop.abort();
  await kept;
  expect(clock.pending).toBe(0);
});

it("ends with its probe when it is told to, and tells of nothing", async () => {
  const stop = new AbortController();
  const troubles: unknown[] = [];
  const kept = keepUp(
    async () => new Promise((resolve) => stop.signal.addEventListener("abort", () => resolve())),
    { clock: manualClock(), signal: stop.signal, trouble: (error) => troubles.push(error) },
  );
  stop.abort();
  await kept;
  expect(troubles).toEqual([]);
});
