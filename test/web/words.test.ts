import { expect, it } from "vitest";
import { byName } from "../../web/model/words.ts";

it("orders names as people count", () => {
  const names = ["demo-10", "review-demo-2", "demo-2", "demo-1", "app-3"];
  expect(names.toSorted(byName)).toEqual(["app-3", "demo-1", "demo-2", "demo-10", "review-demo-2"]);
});
