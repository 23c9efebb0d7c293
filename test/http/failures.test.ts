import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { FAILURES } from "../../machines/failures.ts";

const page = readFileSync(new URL("../../docs/failures.md", import.meta.url), "utf8");
const sections = page.split(/^## /m).slice(1);

function inOrder(one = "", other = ""): number {
  return one.localeCompare(other);
}

it("documents every failure code and no others", () => {
  const documented = sections.map((section) => section.split("\n")[0]);
  expect(documented.toSorted(inOrder)).toEqual(Object.keys(FAILURES).toSorted(inOrder));
});

it("says for each code its status, what happened and what to do", () => {
  const thin = sections.filter((section) => {
    const [code = "", , status = ""] = section.split("\n");
    const row = Object.entries(FAILURES).find(([name]) => name === code)?.[1];
    return !status.startsWith(`HTTP ${row?.status}`) || !section.includes("**What to do.**");
  });
  expect(thin.map((section) => section.split("\n")[0])).toEqual([]);
});
