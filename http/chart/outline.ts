import type { ChartEdge, ChartGraph, ChartNode } from "./graph.ts";

// Chart outline
//
// A chart for the eye: what of it is drawn as a way, and what would only be a tangle.
//
//   L1. Nothing is lost: an arrow is either among those that get a way, or among the loose ones.
//   L2. An arrow out of "any state", and each of many into one state, says no more than where it leads: it is loose,
//       and drawn only when it is looked at or taken. So is the arrow from the dot: the state it leads to has the dot.

/** Into a state from more than so many, ways only hide each other. */
const MANY = 4;

export interface Outline {
  readonly graph: ChartGraph;
  /** Arrows without a way. */
  readonly loose: readonly ChartEdge[];
}

/** What to lay out of a graph, and what to leave out. */
export function outlineOf({ nodes, edges }: ChartGraph): Outline {
  const marks = new Set(nodes.filter(isMark).map(({ id }) => id));
  const sources = new Map<string, number>();
  for (const { from, to } of edges) {
    if (!marks.has(from)) sources.set(to, (sources.get(to) ?? 0) + 1);
  }
  const isLoose = ({ from, to }: ChartEdge): boolean =>
    marks.has(from) || (sources.get(to) ?? 0) > MANY;
  return {
    graph: {
      nodes: nodes.filter(({ id }) => !marks.has(id)),
      edges: edges.filter((edge) => !isLoose(edge)),
    },
    loose: edges.filter(isLoose),
  };
}

/** What is no state, but stands for some. */
function isMark({ type }: ChartNode): boolean {
  return type === "any" || type === "start";
}
