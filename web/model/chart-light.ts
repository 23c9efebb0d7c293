import type { ChartEdge, Layout } from "./answers.ts";
import {
  lineOf,
  linesOf,
  markPlace,
  placeWords,
  straight,
  type Asked,
  type Box,
  type Point,
  type Points,
  type Words,
} from "./ways.ts";

// Chart light
//
// What is known of a chart's states and arrows besides where they are, and how each arrow is drawn by it.
//
//   L1. An arrow speaks only when it is of interest: taken, looked at, or one that can be taken now.

/** What became of a part between two versions. */
export type Mark = "new" | "gone" | "changed";

/** An arrow that a step went along. */
export interface Trace {
  readonly seq: number;
  /** The box it left. */
  readonly from: string;
}

export interface ChartLight {
  readonly active: ReadonlySet<string>;
  /** Of these, the ones that are no more than noted: what was in them is gone. */
  readonly left?: ReadonlySet<string>;
  /** Arrows lately taken, each by its newest step. */
  readonly trail: ReadonlyMap<string, Trace>;
  /** The newest step of the trail: its arrows are run along. */
  readonly takenAt: number | undefined;
  /** Arrows that can be taken now. */
  readonly ready?: ReadonlySet<string>;
  /** A word for a state, such as how many are in it. */
  readonly badges?: ReadonlyMap<string, string>;
  /** From 0 to 1: how often an arrow is taken. */
  readonly heat?: ReadonlyMap<string, number>;
  /** Whether a number stands at an arrow of the trail. */
  readonly hasSteps: boolean;
  /** For a comparison: what is new, and what is gone. */
  readonly marks?: ReadonlyMap<string, Mark>;
}

/** How an arrow is drawn: only noted, one that can be taken now, one that is looked at, one that was taken. */
export type Look = "quiet" | "ready" | "pointed" | "trail" | "taken";

export interface DrawnArrow extends Record<string, unknown> {
  readonly id: string;
  /** The box it leads to. */
  readonly to: string;
  readonly points: Points;
  /** Along the points, as a path of SVG. */
  readonly way: string;
  readonly look: Look;
  readonly words: Words | undefined;
  /** The step that took it. */
  readonly step: { readonly seq: number; readonly at: Point } | undefined;
  readonly heat: number | undefined;
  readonly mark: Mark | undefined;
}

export type LookedAt =
  | { readonly type: "state"; readonly node: { readonly id: string } }
  | { readonly type: "arrow"; readonly edge: ChartEdge }
  | undefined;

/** Every arrow that is drawn, the least of interest first. */
export function drawnArrows(layout: Layout, light: ChartLight, lookedAt: LookedAt): DrawnArrow[] {
  const found = layout.edges.flatMap((edge) => {
    const look = lookOf(edge, light, lookedAt);
    const points = pointsOf(layout, { edge, light, look });
    return points === undefined ? [] : [{ edge, look, points }];
  });
  const sorted = found.toSorted((a, b) => RANK[a.look] - RANK[b.look]);
  const leaves = layout.nodes.filter(
    ({ id, type }) => id !== "" && type !== "compound" && type !== "parallel",
  );
  const words = placeWords(layout, leaves, sorted.toReversed().flatMap(askedOf));
  return sorted.map(({ edge, look, points }) => ({
    id: edge.id,
    to: edge.to,
    points,
    way: edge.way || lineOf(points),
    look,
    words: edge.label ?? words.get(edge.id),
    step: stepOf(light, { id: edge.id, points, leaves }),
    heat: light.heat?.get(edge.id),
    mark: light.marks?.get(edge.id),
  }));
}

function stepOf(
  { hasSteps, trail }: ChartLight,
  { id, points, leaves }: { id: string; points: Points; leaves: readonly Box[] },
): DrawnArrow["step"] {
  const seq = hasSteps ? trail.get(id)?.seq : undefined;
  return seq === undefined ? undefined : { seq, at: markPlace(points, leaves) };
}

const RANK = { quiet: 0, ready: 1, trail: 2, taken: 3, pointed: 4 } as const;

function lookOf({ id, from }: ChartEdge, light: ChartLight, lookedAt: LookedAt): Look {
  const isPointed =
    lookedAt?.type === "arrow" ? lookedAt.edge.id === id : lookedAt?.node.id === from;
  if (isPointed) return "pointed";
  const trace = light.trail.get(id);
  if (trace !== undefined) return trace.seq === light.takenAt ? "taken" : "trail";
  return light.ready?.has(id) === true ? "ready" : "quiet";
}

/** Its way; a loose one is drawn only when there is something to say of it. */
function pointsOf(
  layout: Layout,
  { edge, light, look }: { edge: ChartEdge; light: ChartLight; look: Look },
): Points | undefined {
  if (edge.points.length > 0) return edge.points;
  const isHot = (light.heat?.get(edge.id) ?? 0) > 0;
  if (look === "quiet" && !isHot) return undefined;
  return straight(layout, light.trail.get(edge.id)?.from ?? edge.from, edge.to);
}

function askedOf({ edge, look, points }: { edge: ChartEdge; look: Look; points: Points }): Asked[] {
  if (edge.label !== null || look === "quiet" || look === "trail") return [];
  const lines = linesOf(edge);
  return lines.length === 0 ? [] : [{ id: edge.id, points, lines, isSure: look === "pointed" }];
}
