import { expect, it, vi } from "vitest";
import { deadline } from "../../adapters/deadline.ts";

it("aborts when its time is over, and not before", () => {
  vi.useFakeTimers();
  using due = deadline(1_000);
  vi.advanceTimersByTime(999);
  const before = due.signal.aborted;
  vi.advanceTimersByTime(1);
  expect([before, due.signal.aborted]).toEqual([false, true]);
  vi.useRealTimers();
});

it("leaves no timer behind what has ended", () => {
  vi.useFakeTimers();
  const due = deadline(1_000);
  const before = vi.getTimerCount();
  due[Symbol.dispose]();
  expect([before, vi.getTimerCount()]).toEqual([1, 0]);
  vi.useRealTimers();
});
