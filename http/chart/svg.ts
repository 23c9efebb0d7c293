import type { Layout, PlacedEdge, PlacedNode } from "./layout.ts";
import { TEXT } from "./layout.ts";

// Chart as SVG
//
// A placed chart as one picture that needs nothing else: it has its own colours, light and dark.
//
//   V1. Names come from charts, states from actors: both are escaped, whatever they hold.

/** The picture; states whose path is in `active` are lit. */
export function chartSvg(layout: Layout, active: ReadonlySet<string> = new Set()): string {
  const { width, height, nodes, edges } = layout;
  const boxes = nodes.filter(({ id }) => id !== "").toSorted((a, b) => depthOf(a) - depthOf(b));
  const [wide, high] = [width + 2 * MARGIN, height + 2 * MARGIN];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} ${-MARGIN} ${wide} ${high}" width="${wide}" height="${high}" role="img" aria-label="${escaped(layout.kind)}, version ${layout.version}">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" x="${-MARGIN}" y="${-MARGIN}" width="${wide}" height="${high}"/>`,
    `<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>`,
    ...boxes.map((node) => boxSvg(node, active.has(node.id))),
    ...edges.map(arrowSvg),
    ...edges.map(labelSvg),
    "</svg>\n",
  ].join("\n");
}

/** Pixels around all, so that no line is cut. */
const MARGIN = 12;

const STYLE = [
  `text{font:600 ${TEXT.name}px system-ui,sans-serif;fill:#161b22}`,
  `.small{font:${TEXT.small}px ui-monospace,"DejaVu Sans Mono",monospace;fill:#566172}`,
  ".ground{fill:#f7f8fa}.box{fill:#fff;stroke:#8b96a5}.outer{fill:#fff;fill-opacity:.55;stroke:#c3cad3}.any{fill:none;stroke:#8b96a5;stroke-dasharray:3 3}",
  ".on{fill:#e3ecff;stroke:#1d4ed8;stroke-width:2}.outer.on{fill-opacity:.4;stroke-width:1}.way{fill:none;stroke:#8b96a5}.head,.dot{fill:#8b96a5}.label{fill:#fff;opacity:.86}",
  "@media(prefers-color-scheme:dark){text{fill:#e6eaf0}.small{fill:#98a4b3}.ground{fill:#0e1116}.box{fill:#151a21}.outer{fill:#151a21;stroke:#3a4552}.on{fill:#152a52;stroke:#8ab4ff}.label{fill:#0e1116}}",
].join("");

function depthOf({ id }: PlacedNode): number {
  return id.split(".").length;
}

function boxSvg({ x, y, width, height, ...node }: PlacedNode, isActive: boolean): string {
  if (node.type === "start") {
    return `<circle class="dot" cx="${x + width / 2}" cy="${y + height / 2}" r="5"/>`;
  }
  const isOuter = node.type === "compound" || node.type === "parallel";
  const look = [isOuter ? "outer" : node.type === "any" ? "any" : "box", isActive && "on"];
  const tip = node.description === "" ? "" : `<title>${escaped(node.description)}</title>`;
  const rounding = node.type === "any" ? height / 2 : 7;
  const frame = `<rect class="${look.filter(Boolean).join(" ")}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${rounding}"/>`;
  const inner =
    node.type === "final"
      ? `<rect class="way" x="${x + 3}" y="${y + 3}" width="${width - 6}" height="${height - 6}" rx="5"/>`
      : "";
  const name = `<text x="${x + 14}" y="${y + (node.type === "any" ? 17 : 22)}">${escaped(node.name)}</text>`;
  const entry = node.entry.map(
    (line, index) =>
      `<text class="small" x="${x + 14}" y="${y + TEXT.head + 6 + index * TEXT.lineHeight}">↳ ${escaped(line)}</text>`,
  );
  return `<g>${tip}${frame}${inner}${name}${entry.join("")}</g>`;
}

function arrowSvg({ way, transitions }: PlacedEdge): string {
  const tip = transitions.map(({ event, guard, actions }) =>
    [event, guard !== null && `[${guard}]`, actions.length > 0 && `/ ${actions.join(", ")}`]
      .filter(Boolean)
      .join(" "),
  );
  return `<path class="way" marker-end="url(#head)" d="${way}"><title>${escaped(tip.join("\n"))}</title></path>`;
}

function labelSvg({ label }: PlacedEdge): string {
  if (label === null) return "";
  const back = `<rect class="label" x="${label.x}" y="${label.y}" width="${label.width}" height="${label.height}" rx="3"/>`;
  const lines = label.lines.map(
    (line, index) =>
      `<text class="small" x="${label.x + 6}" y="${label.y + 13 + index * TEXT.lineHeight}">${escaped(line)}</text>`,
  );
  return back + lines.join("");
}

function escaped(text: string): string {
  return text.replaceAll(/[<>&"']/g, (character) => `&#${character.codePointAt(0)};`);
}
