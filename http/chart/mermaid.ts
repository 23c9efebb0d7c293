import type { Kind } from "../../machines/kind.ts";
import { chartGraph, type ChartEdge, type ChartGraph, type ChartNode } from "./graph.ts";

// Chart as mermaid
//
// A statechart as a mermaid state diagram: what pages of text can show.
//
//   R1. Every transition that leads somewhere is told, those of the whole chart as arrows out of a box "any".
//   R2. Between two boxes there is one arrow. Transitions with one guard are told together.
//   R3. A long row of events is written out once, in a note, and named by a letter wherever it stands.

/** A mermaid state diagram; regions of a parallel state stand side by side. */
export function mermaid(kind: Kind): string {
  const graph = chartGraph(kind, new Set());
  const names = rowNames(graph);
  const idOf = (path: string): string => `${kind.machine.root.id}.${path}`.replaceAll(/\W+/g, "_");
  const boxes = graph.nodes
    .filter(({ parent }) => parent === "")
    .flatMap((node) => boxOf(node, { graph, idOf, indent: "  " }));
  const arrows = graph.edges
    .filter(({ transitions }) => transitions.length > 0)
    .map((edge) => `  ${idOf(edge.from)} --> ${idOf(edge.to)}: ${labelOf(edge, names)}`);
  const notes = noteOf(names, idOf("events"));
  return ["stateDiagram-v2", ...boxes, ...arrows, ...notes].join("\n").concat("\n");
}

/** Of more events than this the row is written out in the note. */
const SHORT = 3;
const NOTE_WIDTH = 96;

interface Drawing {
  readonly graph: ChartGraph;
  readonly idOf: (path: string) => string;
  readonly indent: string;
}

function boxOf(node: ChartNode, { graph, idOf, indent }: Drawing): string[] {
  if (node.type === "start") return startOf(node, { graph, idOf, indent });
  const name = node.type === "any" ? "any" : node.name;
  const line = `${indent}state "${name}" as ${idOf(node.id)}`;
  const end = node.type === "final" ? [`${indent}${idOf(node.id)} --> [*]`] : [];
  const inner = graph.nodes
    .filter(({ parent }) => parent === node.id)
    .flatMap((child) => boxOf(child, { graph, idOf, indent: `${indent}  ` }));
  return inner.length === 0 ? [line, ...end] : [`${line} {`, ...inner, `${indent}}`, ...end];
}

function startOf({ id }: ChartNode, { graph, idOf, indent }: Drawing): string[] {
  return graph.edges
    .filter(({ from }) => from === id)
    .map(({ to }) => `${indent}[*] --> ${idOf(to)}`);
}

/** The events of an arrow, by guard. */
function rowsOf({ transitions }: ChartEdge): { guard: string | null; row: string }[] {
  const rows = Map.groupBy(transitions, ({ guard }) => guard);
  return [...rows].map(([guard, taken]) => ({
    guard,
    row: [...new Set(taken.map(({ event }) => event))].join(", "),
  }));
}

/** A letter for every long row of events. */
function rowNames({ edges }: ChartGraph): ReadonlyMap<string, string> {
  const rows = edges.flatMap(rowsOf).map(({ row }) => row);
  const long = [...new Set(rows)].filter((row) => row.split(", ").length > SHORT);
  return new Map(long.map((row, index) => [row, letterOf(index)]));
}

function letterOf(index: number): string {
  const letter = String.fromCodePoint(65 + (index % 26));
  return index < 26 ? letter : `${letter}${Math.floor(index / 26)}`;
}

function labelOf(edge: ChartEdge, names: ReadonlyMap<string, string>): string {
  return rowsOf(edge)
    .map(({ guard, row }) => {
      const name = names.get(row);
      const events = name === undefined ? row : `any of ${name}`;
      return guard === null ? events : `${events} [${guard}]`;
    })
    .join(" or ");
}

/** The long rows, beside a box of their own: beside a state they would push the others apart. */
function noteOf(names: ReadonlyMap<string, string>, id: string): string[] {
  if (names.size === 0) return [];
  const lines = [...names].flatMap(([row, name]) => wrapped(`${name}: ${row}`));
  const note = [`note right of ${id}`, ...lines.map((line) => `  ${line}`), "end note"];
  return [`state "events" as ${id}`, ...note].map((line) => `  ${line}`);
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > NOTE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
