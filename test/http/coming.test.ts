import { describe, expect, it } from "vitest";
import { TIMERS } from "../../http/coming.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";

describe.each([...kinds(Settings.parse({})).values()])("of $name", ({ name, machine }) => {
  it("every timer has words, and every word a timer", () => {
    const timers = machine.events.flatMap((type) => /^timer\.(.+)$/.exec(type)?.[1] ?? []);
    expect(Object.keys(TIMERS[name]).toSorted()).toEqual(timers.toSorted());
  });
});
