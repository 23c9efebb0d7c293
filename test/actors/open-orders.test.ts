import { expect, it } from "vitest";
import { OpenOrders } from "../../actors/open-orders.ts";

it("knows what is open by who gave it and by whom it is for, each once", () => {
  const open = new OpenOrders();
  const added = [
    open.add("session/a#1.0", "terminal/a"),
    open.add("session/a#1.1", undefined),
    open.add("session/b#4.0", "terminal/a"),
    open.add("session/a#1.0", "terminal/a"),
  ];
  expect(added).toEqual([true, true, true, false]);
  expect([open.size, open.countFrom("session/a"), open.countFrom("session/c")]).toEqual([3, 2, 0]);
  expect(open.from("session/a")).toEqual(["session/a#1.0", "session/a#1.1"]);
  expect(open.to("terminal/a")).toEqual(["session/a#1.0", "session/b#4.0"]);
  for (const id of ["session/a#1.0", "session/a#1.0", "session/x#1.0"] as const) open.remove(id);
  expect([open.size, open.to("terminal/a")]).toEqual([2, ["session/b#4.0"]]);
  for (const id of ["session/a#1.1", "session/b#4.0"] as const) open.remove(id);
  expect([open.size, open.from("session/a"), open.to("terminal/a")]).toEqual([0, [], []]);
});
