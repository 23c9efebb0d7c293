import { expect, it } from "vitest";
import { idOf, kindOfFlags } from "../../bin/cli/names.ts";

it.each([
  ["session", "app-1", "app-1"],
  ["session", "session/app-1", "app-1"],
  ["objective", "objective/app-o1", "app-o1"],
  ["terminal", "session/app-1", "app-1"],
  ["terminal", "terminal/review-app-1", "review-app-1"],
] as const)("the id of a %s in %s is %s", (kind, word, id) => {
  expect(idOf(kind, word)).toBe(id);
});

it.each([
  ["session", "sess/app-1", "did you mean session/app-1? expected the id of a session"],
  ["project", "proj/app", "did you mean project/app? expected the id of a project"],
  ["objective", "obj/app-o1", "did you mean objective/app-o1? expected the id of an objective"],
  ["session", "project/app", "expected the id of a session"],
  ["session", "session/", "expected the id of a session"],
  ["session", "session/a/b", "expected the id of a session"],
] as const)("there is no id of a %s in %s", (kind, word, says) => {
  expect(() => idOf(kind, word)).toThrow(`read ${word}: ${says}`);
});

it.each([
  ["--project <id>", "project"],
  ["--after <worker>", "session"],
  ["--preserved <session>", "session"],
  ["--id <id>", undefined],
  ["-n, --lines <n>", undefined],
])("%s takes the id of %s", (flags, kind) => {
  expect(kindOfFlags(flags)).toBe(kind);
});
