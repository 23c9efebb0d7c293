import { expect, it } from "vitest";
import { givenUp } from "../../bin/demo/patience.ts";

it.each([
  { title: "at first", movedAt: 0, now: 0, why: undefined },
  { title: "just before it stalls", movedAt: 0, now: 50_000, why: undefined },
  { title: "when it stalls", movedAt: 0, now: 50_001, why: "no step for 50 s" },
  { title: "as long as something goes on", movedAt: 90_000, now: 130_000, why: undefined },
  { title: "when that stalls", movedAt: 90_000, now: 140_001, why: "no step for 50 s" },
  { title: "when it only goes round", movedAt: 600_000, now: 600_001, why: "not within 600 s" },
  { title: "after a long rest before it", movedAt: -99_000, now: 50_000, why: undefined },
])("the demo knows whether to wait on $title", ({ movedAt, now, why }) => {
  expect(givenUp({ startedAt: 0, movedAt, now })).toBe(why);
});
