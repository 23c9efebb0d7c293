import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { linesOf, runFile } from "./report.ts";
import { tempFolder } from "../support/folder.ts";

// Files
//
// What a file that is not in order comes to: one line to each mistake, and never a pass.

describe("the lines of a run", () => {
  it.each([
    { title: "of another format", text: '{ "schema": "other/1" }', why: "schema" },
    { title: "without a suite", text: fileOf([]), why: "without a suite" },
    { title: "that is not JSON", text: "hello\nworld", why: "is not valid JSON" },
  ])("come of no file $title", async ({ text, why }) => {
    await expect(runFile(written(text))).rejects.toThrow(why);
  });

  it.each([
    { title: "a suite without a case", suites: [suite("a")], line: "ERROR a (the file itself)" },
    { title: "a key of a suite", suites: [{ ...suite("a", one("b")), mood: 1 }], line: "ERROR a" },
    { title: "an id of two cases", suites: [suite("a", one("b"), one("b"))], line: "ERROR b" },
    { title: "an id of two suites", suites: [suite("a"), suite("a")], line: "ERROR a" },
    {
      title: "a case that expects nothing",
      suites: [suite("seed-a", { ...one("b"), expect: {} })],
      line: "ERROR b (t): case.expect: nothing is expected",
    },
    {
      title: "a case that expects nothing of what it names",
      suites: [suite("seed-a", { ...one("b"), expect: { sendContains: [] } })],
      line: "ERROR b (t): expect: nothing is expected of []",
    },
    {
      title: "a case that expects no member",
      suites: [
        suite("seed-a", {
          ...one("b"),
          given: { record: {}, steps: [] },
          expect: { metadata: {} },
        }),
      ],
      line: "ERROR b (t): expect: nothing is expected of {}",
    },
    {
      title: "a time that would take for ever",
      suites: [suite("seed-a", { ...one("b"), given: { steps: [{ op: "tick", atSec: 1e9 }] } })],
      // In the words of zod, or of the http edge where that was loaded too.
      line: /^ERROR b \(t\): step tick\.atSec: .*10000000$/,
    },
    {
      title: "an op of no model, though its suite does not bind",
      suites: [suite("head-a", { ...one("b"), given: { steps: [{ op: "fly" }] } })],
      line: "ERROR b (t): step.op",
    },
    {
      title: "a key that every object has",
      suites: [suite("seed-a", { ...one("b"), expect: { toString: 1 } })],
      line: "ERROR b (t): expect.toString is not known",
    },
  ])("name $title, and run the others", async ({ suites: odd, line }) => {
    const reports = await runFile(written(fileOf([...odd, suite("seed-z", one("z"))])));
    const lines = linesOf(reports);
    expect(lines[0]).toMatch(line);
    expect(lines.at(-1)).toMatch(/^[12] passed, [1-9] failed$/);
    expect(reports.at(-1)).toMatchObject({ id: "z", type: "passed" });
  });

  it("are lines, whatever is wrong", () => {
    const report = {
      id: "a",
      title: "b",
      isBinding: true,
      type: "error",
      message: "c\nd",
    } as const;
    expect(linesOf([report])).toEqual(["ERROR a (b): c d", "0 passed, 1 failed"]);
  });
});

function written(text: string): string {
  const file = join(tempFolder(), "odd.json");
  writeFileSync(file, text);
  return file;
}

function fileOf(odd: readonly object[]): string {
  return JSON.stringify({ schema: "lifecycle-cases/1", suites: odd });
}

function suite(id: string, ...cases: readonly object[]): object {
  return { id, generation: "seed", subject: "s", kind: "scenario", cases };
}

function one(id: string): object {
  return { id, title: "t", given: { record: null, steps: [] }, expect: { recordExists: false } };
}
