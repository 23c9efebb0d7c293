import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";

// The cases of supervision: each has a test whose title names it, or a reason of its own in `supervision-left-out.json`.

const Cases = z.array(z.object({ id: z.string(), area: z.string() }));
const file = new URL("../cases/supervision.json", import.meta.url);
const cases = Cases.parse(JSON.parse(readFileSync(file, "utf8")));
const tests = globSync("test/**/*.test.ts").filter(
  (name) => !name.endsWith("objective-cases.test.ts"),
);

// The ids that a title begins with: `orcha-003, S2: is not poked …`.
const TITLE =
  /(?:\b(?:it|describe)(?:\.each\([\s\S]*?\]\))?\(\s*|\btitle:\s*)["`]((?:(?:orcha-\d{3}|[A-Z]\d{1,2})(?:, |: ))+)/g;
const named = new Set(
  tests
    .flatMap((name) => [...readFileSync(name, "utf8").matchAll(TITLE)])
    .flatMap(([, ids = ""]) => ids.split(/[,:] /))
    .filter((id) => id !== ""),
);

const Reasons = z.record(z.string(), z.string().min(40));
const reasonsFile = new URL("../cases/supervision-left-out.json", import.meta.url);
/** Why a case has no test of its own: a reason of its own each. */
const left = Reasons.parse(JSON.parse(readFileSync(reasonsFile, "utf8")));

it("every case of supervision has a test that names it, or a reason why it has none", () => {
  const reasons = Object.keys(left);
  const ids = cases.map(({ id }) => id);
  expect(ids.filter((id) => !named.has(id) && !reasons.includes(id))).toEqual([]);
  expect(reasons.filter((id) => !ids.includes(id) || named.has(id))).toEqual([]);
  expect(new Set(Object.values(left)).size).toBe(reasons.length);
});

it("every defect of the reference has a test whose title begins with its id", () => {
  const count = { G: 12, S: 22 };
  const ids = Object.entries(count).flatMap(([area, most]) =>
    Array.from({ length: most }, (_, n) => `${area}${n + 1}`),
  );
  expect(ids.at(-1)).toBe("S22");
  expect(ids.filter((id) => !named.has(id))).toEqual([]);
});
