import { describe, expect, it } from "vitest";
import { chartLayout, type Layout } from "../../../http/chart/layout.ts";
import { kinds } from "../../../machines/kinds.ts";
import { Settings } from "../../../machines/settings.ts";

const all = [...kinds(Settings.parse({})).values()];

function arrowsOf({ edges }: Layout): string[] {
  return edges.map(({ id }) => id).toSorted();
}

function overlapping({ nodes }: Layout): string[] {
  const boxes = nodes.filter(({ id }) => id !== "");
  return boxes.flatMap((a) =>
    boxes
      .filter((b) => a.id < b.id && a.parent === b.parent)
      .filter(
        (b) =>
          a.x < b.x + b.width &&
          b.x < a.x + a.width &&
          a.y < b.y + b.height &&
          b.y < a.y + a.height,
      )
      .map((b) => `${a.id} and ${b.id}`),
  );
}

describe("the outline of a chart", () => {
  it.each(all)(
    "of $name has every arrow of the whole, with a way or without (L1)",
    async (kind) => {
      const [whole, outline] = await Promise.all([
        chartLayout(kind, new Set()),
        chartLayout(kind, new Set(), "outline"),
      ]);
      const edges = outline.edges.filter(({ isUsual }) => isUsual !== true);
      expect(arrowsOf({ ...outline, edges })).toEqual(arrowsOf(whole));
      expect(overlapping(outline)).toEqual([]);
    },
  );

  it.each(all)("of $name is readable on a screen of 1280 pixels", async (kind) => {
    const { width, height } = await chartLayout(kind, new Set(), "outline");
    // What the page has for a chart there, and the zoom at which names can be read.
    expect(Math.max(width / 800, height / 480)).toBeLessThan(1 / 0.62);
  });

  it.each(all)("of $name draws the ways that most go (L3)", async (kind) => {
    const { edges } = await chartLayout(kind, new Set(), "outline");
    const drawn = edges.filter(({ points }) => points.length > 0).map(({ id }) => id);
    const usual = kind.usual?.map(([from, to]) => `${from}>${to}`) ?? [];
    expect(drawn).toEqual(expect.arrayContaining(usual));
    expect(drawn.length).toBeGreaterThan(0);
  });

  it("draws no way into a state that many lead to, and none out of any state (L2)", async () => {
    const kind = all.find(({ name }) => name === "review");
    if (kind === undefined) throw new Error("no kind review");
    const { edges, nodes } = await chartLayout(kind, new Set(), "outline");
    const loose = edges.filter(({ points }) => points.length === 0).map(({ id }) => id);
    expect(loose).toContain("run.any>run.superseded");
    expect(loose).not.toContain("run.running>run.superseded");
    expect(loose).not.toContain("reviewer.destroying>reviewer.launching");
    expect(nodes.filter(({ type }) => type === "any" || type === "start")).toEqual([]);
  });
});
