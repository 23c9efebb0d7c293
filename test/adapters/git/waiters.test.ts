import { expect, it } from "vitest";
import { waiters } from "../../../adapters/git/waiters.ts";

it("goes on for those that are there, and ends with the last of them, however it goes (MI5)", () => {
  const join = waiters();
  const [first, third] = [new AbortController(), new AbortController()];
  const one = join("x", first.signal);
  const two = join("x", new AbortController().signal);
  const other = join("y", third.signal);
  first.abort();
  expect([one.signal.aborted, two.signal.aborted]).toEqual([false, false]);
  two[Symbol.dispose]();
  expect([one.signal.aborted, two.signal.aborted, other.signal.aborted]).toEqual([
    true,
    true,
    false,
  ]);
});

it("has no part in what was ended before it came, and none when it had gone by then", () => {
  const join = waiters();
  const never = new AbortController().signal;
  join("x", never)[Symbol.dispose]();
  const late = join("x", never);
  expect(late.signal.aborted).toBe(false);
  expect(join("y", AbortSignal.abort()).signal.aborted).toBe(true);
  join("x", AbortSignal.abort());
  expect(late.signal.aborted).toBe(false);
});
