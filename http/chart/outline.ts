import type { Way } from "../../machines/kind.ts";
import type { ChartEdge, ChartGraph, ChartNode } from "./graph.ts";

// Chart outline
//
// A chart for the eye: what of it is drawn as a way, and what would only be a tangle.
//
//   L1. Nothing is lost: an arrow is either among those that get a way, or among the loose ones.
//   L2. An arrow out of "any state", and each of many into one state, says no more than where it leads: it is loose,
//       and drawn only when it is looked at or taken. So is the arrow from the dot: the state it leads to has the dot.
//   L3. The ways that most actors of a kind go have a way all the same; where the chart has only an arrow out of any
//       state, one of its own.

/** Into a state from more than so many, ways only hide each other. */
const MANY = 4;

export interface Outline {
  readonly graph: ChartGraph;
  /** Arrows without a way. */
  readonly loose: readonly ChartEdge[];
}

/** What to lay out of a graph, and what to leave out. */
export function outlineOf({ nodes, edges }: ChartGraph, usual: readonly Way[] = []): Outline {
  const marks = new Set(nodes.filter(isMark).map(({ id }) => id));
  const sources = new Map<string, number>();
  for (const { from, to } of edges) {
    if (!marks.has(from)) sources.set(to, (sources.get(to) ?? 0) + 1);
  }
  const kept = new Set(usual.map(([from, to]) => `${from}>${to}`));
  const isLoose = ({ id, from, to }: ChartEdge): boolean =>
    marks.has(from) || ((sources.get(to) ?? 0) > MANY && !kept.has(id));
  return {
    graph: {
      nodes: nodes.filter(({ id }) => !marks.has(id)),
      edges: [...edges.filter((edge) => !isLoose(edge)), ...usualOf({ nodes, edges }, usual)],
    },
    loose: edges.filter(isLoose),
  };
}

/** The usual ways that the chart has only among those out of any state. */
function usualOf({ nodes, edges }: ChartGraph, usual: readonly Way[]): ChartEdge[] {
  const shown = new Set(nodes.map(({ id }) => id));
  const known = new Set(edges.map(({ id }) => id));
  return usual.flatMap(([from, to]) => {
    const id = `${from}>${to}`;
    const isMade = shown.has(from) && shown.has(to) && !known.has(id);
    const transitions = edges
      .filter((edge) => edge.to === to && isFromAny(edge, from))
      .flatMap((edge) => edge.transitions);
    return isMade && transitions.length > 0 ? [{ id, from, to, transitions, isUsual: true }] : [];
  });
}

function isFromAny({ from }: ChartEdge, state: string): boolean {
  const region = from.endsWith(".any") ? from.slice(0, -".any".length) : undefined;
  return region === "" || (region !== undefined && state.startsWith(`${region}.`));
}

/** What is no state, but stands for some. */
function isMark({ type }: ChartNode): boolean {
  return type === "any" || type === "start";
}
