import { expect, it } from "vitest";
import { isSame } from "../../web/model/kept.ts";

const part = { id: "a", data: { look: "taken", step: { seq: 7, at: [1, 2] }, words: undefined } };

it.each([
  { title: "the same again", other: structuredClone(part), is: true },
  { title: "another look", other: { ...part, data: { ...part.data, look: "trail" } }, is: false },
  {
    title: "another step",
    other: { ...part, data: { ...part.data, step: { seq: 8, at: [1, 2] } } },
    is: false,
  },
  { title: "one that says more", other: { ...part, mark: "new" }, is: false },
  { title: "nothing", other: null, is: false },
])("a part of a chart and $title are the same: $is", ({ other, is }) => {
  expect(isSame(part, other, 4)).toBe(is);
});
