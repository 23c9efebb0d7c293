import { expect, it } from "vitest";
import { withoutHalves } from "../../machines/json.ts";

it.each([
  { title: "a first half", json: String.raw`{"a":"x\ud83d"}`, is: { a: "x\ufffd" } },
  { title: "a second half", json: String.raw`["\uDE00"]`, is: ["\ufffd"] },
  { title: "a whole one", json: String.raw`{"a":"\ud83d\ude00"}`, is: { a: "😀" } },
  {
    title: "words that look like a half",
    json: String.raw`{"a":"\\ud83d"}`,
    is: { a: String.raw`\ud83d` },
  },
  { title: "one that is written out", json: `{"a":"😀"}`, is: { a: "😀" } },
])("JSON with $title is without halves", ({ json, is }) => {
  expect(JSON.parse(withoutHalves(json))).toEqual(is);
});

it("what is no JSON is given back as it is, for its reader to refuse", () => {
  expect(withoutHalves(String.raw`{"a":"\ud83d"`)).toBe(String.raw`{"a":"\ud83d"`);
});
