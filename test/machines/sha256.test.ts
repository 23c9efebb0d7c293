import { createHash } from "node:crypto";
import { assert, property, string } from "fast-check";
import { expect, it } from "vitest";
import { sha256 } from "../../machines/sha256.ts";

it("is SHA-256 of any text", () => {
  expect.hasAssertions();
  const isEqual = property(string({ unit: "binary", maxLength: 200 }), (text) => {
    expect(sha256(text)).toBe(createHash("sha256").update(text.toWellFormed()).digest("hex"));
  });
  assert(isEqual);
});
