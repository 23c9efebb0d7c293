import { describe, expect, it } from "vitest";
import { isFull, toManager } from "../../../machines/objective/inbox.ts";
import {
  newbornObjective,
  type Item,
  type ObjectiveContext,
} from "../../../machines/objective/record.ts";

const BOUND = 300;

/** An objective to which so much was said that no manager has heard. */
function told(said: readonly Pick<Item, "from" | "text">[]): ObjectiveContext {
  const newborn = newbornObjective({ id: "app-1", at: 0 });
  return said.reduce((context, { from, text }, at) => {
    return toManager(context, { from, text, at }).context;
  }, newborn);
}

function many(from: Item["from"], count: number): Pick<Item, "from" | "text">[] {
  return Array.from({ length: count }, (_, n) => ({ from, text: `${from} ${n}` }));
}

describe("I4: what waits for a manager", () => {
  it("is full for a person at its bound, and not before", () => {
    expect(isFull(told(many("worker", BOUND - 1)))).toBe(false);
    expect(isFull(told(many("worker", BOUND)))).toBe(true);
  });

  it("loses the oldest over the bound, and says so once", () => {
    const { inbox } = told(many("worker", BOUND + 5));
    expect(inbox).toHaveLength(BOUND);
    expect(inbox[0]?.text).toMatch(/^\(Older messages were left out; .*\)\nworker 5$/);
    expect(inbox.filter(({ text }) => text.includes("left out"))).toHaveLength(1);
    expect(inbox.at(-1)?.text).toBe(`worker ${BOUND + 4}`);
  });

  it("loses nothing that a person said while anything else is there", () => {
    const { inbox } = told([...many("person", 3), ...many("worker", BOUND + 5)]);
    expect(inbox.slice(0, 3).map(({ text }) => text.split("\n").at(-1))).toEqual([
      "person 0",
      "person 1",
      "person 2",
    ]);
    expect(inbox).toHaveLength(BOUND);
  });
});
