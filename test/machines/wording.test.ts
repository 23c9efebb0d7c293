import { expect, it } from "vitest";
import { z } from "zod";
import { wordingOf } from "../../machines/wording.ts";

const Config = z.strictObject({ worker: z.strictObject({ harness: z.string() }).optional() });

it.each([
  {
    title: "with the one that was meant",
    given: { wroker: {} },
    says: "unknown key wroker (did you mean worker?); known are worker",
  },
  {
    title: "each of several",
    given: { a: 1, b: 2 },
    says: "unknown keys a, b; known are worker",
  },
  {
    title: "with those of the place where it stands",
    given: { worker: { harness: "codex", harnes: "" } },
    says: "unknown key harnes (did you mean harness?); known are harness",
  },
])("names a key that is not known, $title", ({ given, says }) => {
  const { error } = Config.safeParse(given, { error: wordingOf });
  expect(error?.issues.map(({ message }) => message)).toEqual([says]);
});
