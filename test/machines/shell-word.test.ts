import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellWord } from "../../machines/shell-word.ts";

it.each(["", "a b", "it's", '$HOME `id` \\ "x"', "*", "~/x", "a\nb", "é", "#no", "-n"])(
  "%j is one word of a shell, with nothing in it done",
  (text) => {
    const argv = ["-c", `printf '%s|' ${shellWord(text)} end`];
    expect(execFileSync("sh", argv, { encoding: "utf8" })).toBe(`${text}|end|`);
  },
);

it("leaves a plain path as it is read best", () => {
  expect(shellWord("/home/ao/.ao-2/lmdb")).toBe("/home/ao/.ao-2/lmdb");
});
