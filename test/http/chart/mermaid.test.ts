import type { AnyStateNode } from "xstate";
import { describe, expect, it } from "vitest";
import { chartGraph } from "../../../http/chart/graph.ts";
import { mermaid } from "../../../http/chart/mermaid.ts";
import type { Kind } from "../../../machines/kind.ts";
import { kinds } from "../../../machines/kinds.ts";
import { Settings } from "../../../machines/settings.ts";

const all = [...kinds(Settings.parse({})).values()];

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

function textOf(id: string): string {
  return id.replaceAll(/\W+/g, "_");
}

/** Every transition that leads somewhere, as the definition has it: `from > to: event [guard]`. */
function declared({ machine: { root } }: Kind): string[] {
  return nodesOf(root).flatMap((node) =>
    [...node.transitions].flatMap(([event, transitions]) =>
      transitions.flatMap(({ target = [], guard }) =>
        target.map((to) => {
          const isInward = to.id.startsWith(`${node.id}.`);
          const from = `${textOf(node.id)}${isInward ? "_any" : ""}`;
          // oxlint-disable-next-line typescript/no-base-to-string -- guards are names in all charts
          return `${from} > ${textOf(to.id)}: ${event}${guard === undefined ? "" : ` [${String(guard)}]`}`;
        }),
      ),
    ),
  );
}

/** The same, read from a diagram. */
function drawn(diagram: string): string[] {
  const note = /note right of \w+\n(.*?)\n {2}end note/s.exec(diagram)?.[1] ?? "";
  const text = note.trim().replaceAll(/\s+/g, " ");
  const found = text.matchAll(/([A-Z]\d*): (.*?)(?= [A-Z]\d*: |$)/g);
  const rows = new Map([...found].map(([, name = "", row = ""]) => [name, row]));
  const arrows = [...diagram.matchAll(/^ {2}(\w+) --> (\w+): (.+)$/gm)];
  return arrows.flatMap(([, from, to, label = ""]) =>
    label.split(" or ").flatMap((part) => {
      const [, events = "", guard = ""] = /^(.*?)( \[\w+\])?$/.exec(part) ?? [];
      const row = events.startsWith("any of ") ? rows.get(events.slice(7)) : events;
      return (row ?? `no row for ${events}`)
        .split(", ")
        .map((event) => `${from} > ${to}: ${event}${guard}`);
    }),
  );
}

describe.each(all)("the diagram of $name", (kind) => {
  const diagram = mermaid(kind);

  it("tells every transition of the chart, and no other (R1, R3)", () => {
    expect(drawn(diagram).toSorted()).toEqual([...new Set(declared(kind))].toSorted());
  });

  it("has one arrow between two boxes, and each box that an arrow names (R2)", () => {
    const arrows = [...diagram.matchAll(/^ {2}(\w+) --> (\w+):/gm)];
    const pairs = arrows.map(([, from, to]) => `${from} > ${to}`);
    expect(pairs).toEqual([...new Set(pairs)]);
    const boxes = new Set([...diagram.matchAll(/state ".*" as (\w+)/g)].map(([, id]) => id));
    expect(arrows.flatMap(([, from, to]) => [from, to]).filter((id) => !boxes.has(id))).toEqual([]);
  });

  it("shows what its picture shows", () => {
    const { edges } = chartGraph(kind, new Set());
    const arrows = edges.filter(({ transitions }) => transitions.length > 0);
    expect(diagram.match(/^ {2}\w+ --> \w+:/gm)).toHaveLength(arrows.length);
  });

  it("separates no regions outside of a state, which mermaid cannot read", () => {
    expect(diagram).not.toMatch(/^ {2}--$/m);
  });
});
