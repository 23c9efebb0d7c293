import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { objectiveWays } from "../machines/objective/ways.ts";
import { USUAL_OBJECTIVE } from "../../machines/objective/usual.ts";
import { PHASES } from "../../machines/objective/record.ts";

const PAGE = "docs/objectives.md";
const page = readFileSync(PAGE, "utf8");
const ways = objectiveWays();

function lineOf(from: (typeof PHASES)[number]): string[] {
  const out = ways.get(from);
  if (out === undefined) return [];
  const ends = PHASES.flatMap((to) => {
    const by = out.get(to);
    return by === undefined ? [] : [`\`${to}\` by ${[...by].toSorted().join(", ")}`];
  });
  return [`- \`${from}\` → ${ends.join("; ")}.`];
}

/** As the record names the state. */
function phaseOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

describe("the ways of an objective", () => {
  it("are told as a search of its deciders finds them", async () => {
    const lines = PHASES.flatMap(lineOf).join("\n");
    const told = page.replace(
      /(<!-- ways: generated -->\n).*(<!-- ways: end -->)/s,
      (_, start: string, end: string) => `${start}\n${lines}\n\n${end}`,
    );
    expect(page.match(/<!-- ways: (?:generated|end) -->/g)).toHaveLength(2);
    // Made anew by: vitest run test/repository/ways-doc.test.ts --update
    await expect(told).toMatchFileSnapshot(`../../${PAGE}`);
  });

  it("hold all those that the chart shows as usual", () => {
    const known = [...ways].flatMap(([from, out]) => [...out.keys()].map((to) => `${from} ${to}`));
    const usual = USUAL_OBJECTIVE.map(([from, to]) => `${phaseOf(from)} ${phaseOf(to)}`);
    expect(known).toEqual(expect.arrayContaining(usual));
  });

  it("lead to every state, and out of every one but the ends", () => {
    const reached = new Set([...ways.values()].flatMap((out) => [...out.keys()]));
    expect(PHASES.filter((phase) => !reached.has(phase))).toEqual([]);
    const ends = ["done", "canceled", "failed"];
    expect(PHASES.filter((phase) => !ways.has(phase))).toEqual(ends);
  });
});
