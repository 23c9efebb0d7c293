import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeKind, type ChartState } from "../../http/chart/chart.ts";
import { mermaid } from "../../http/chart/mermaid.ts";
import { chartLayout } from "../../http/chart/layout.ts";
import { chartSvg } from "../../http/chart/svg.ts";
import type { Kind } from "../../machines/kind.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";

const PAGE = "docs/architecture.md";
const page = readFileSync(PAGE, "utf8");

function sectionOf(kind: Kind): string {
  const { chart, description, version } = describeKind(kind);
  return [
    `### ${kind.name}`,
    `${description}. Version ${version}.`,
    `\`\`\`mermaid\n${mermaid(kind).trimEnd()}\n\`\`\``,
    linesOf(chart.states, "").join("\n"),
  ].join("\n\n");
}

function linesOf(states: readonly ChartState[], above: string): string[] {
  return states.flatMap(({ name, description, states: inner }) => [
    `- \`${above}${name}\`: ${description}`,
    ...linesOf(inner, `${above}${name}.`),
  ]);
}

function withCharts(text: string): string {
  const charts = [...kinds(Settings.parse({})).values()].map(sectionOf).join("\n\n");
  return text.replace(
    /(<!-- charts: generated -->\n).*(<!-- charts: end -->)/s,
    (_, start: string, end: string) => `${start}\n${charts}\n\n${end}`,
  );
}

describe("the architecture page", () => {
  it("shows the charts that run, as GET /machines tells them", async () => {
    expect(page.match(/<!-- charts: (?:generated|end) -->/g)).toHaveLength(2);
    // Made anew by: vitest run test/repository/charts-doc.test.ts --update
    await expect(withCharts(page)).toMatchFileSnapshot(`../../${PAGE}`);
  });

  it("shows a chart as ao machine and ao actor draw it", async () => {
    const question = kinds(Settings.parse({})).get("question");
    if (question === undefined) throw new Error("there are no questions");
    const picture = chartSvg(await chartLayout(question, new Set()), new Set(["open"]));
    await expect(picture).toMatchFileSnapshot("../../docs/pictures/question.svg");
  });

  it("names only files that are there", () => {
    const named = [...page.matchAll(/(?:^|[\s(`])((?:[a-z-]+\/)+[a-z-]+\.(?:ts|json|md))\b/gm)];
    const missing = named
      .map(([, file = ""]) => file)
      .filter((file) => !existsSync(file) && !existsSync(`docs/${file}`));
    expect(named.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });
});
