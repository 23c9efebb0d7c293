import { expect, it } from "vitest";
import { boardLine } from "../../http/board.ts";
import { clipped } from "../../http/clipped.ts";

const FAMILY = "👩‍👩‍👧‍👦";
const ACCENT = "e\u0301";

it.each([
  { title: "a short text", text: "abc", most: 3, is: "abc" },
  { title: "a long text", text: "abcd", most: 3, is: "abc" },
  { title: "a face of two units", text: "ab👍c", most: 3, is: "ab" },
  { title: "a family of eleven units", text: `a${FAMILY}b`, most: 6, is: "a" },
  { title: "a family that fits", text: `a${FAMILY}b`, most: 12, is: `a${FAMILY}` },
  { title: "a letter and its accent", text: `ab${ACCENT}c`, most: 3, is: "ab" },
  { title: "a flag", text: "🇳🇿🇳🇿", most: 6, is: "🇳🇿" },
])("keeps whole signs of $title", ({ text, most, is }) => {
  expect(clipped(text, most)).toBe(is);
});

it("is how the board cuts a long title", () => {
  const title = `${"x".repeat(155)}${FAMILY} and more`;
  const line = boardLine(
    {
      address: "objective/o1",
      machine: "objective",
      version: 1,
      definitionHash: "x",
      seq: 4,
      createdAt: 1,
      updatedAt: 2,
      snapshot: { status: "active", value: { driving: "turn_running" }, context: { title } },
      timers: {},
      strikes: 0,
      isQuarantined: false,
    },
    {},
  );
  expect([line.title, line.status]).toEqual(["x".repeat(155), "turn_running"]);
});
