import { Worker } from "node:worker_threads";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { definitionHashOf } from "../../actors/charts.ts";
import type { Kind } from "../../machines/kind.ts";
import {
  chartGraph,
  type ChartEdge,
  type ChartGraph,
  type ChartNode,
  type ChartTransition,
} from "./graph.ts";
import { pathOf, type Corner } from "./way.ts";
import { outlineOf } from "./outline.ts";

// Chart layout
//
// Gives every box and arrow of a chart its place. The engine (elkjs) runs in a thread of its own, and only when asked.
//
//   Y1. The same chart is always placed the same way, on every machine: widths of text are reckoned, not measured.
//   Y2. The daemon's own thread never lays out: a large chart takes a second.

export interface PlacedNode extends ChartNode {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge extends ChartEdge {
  /** Corners of the arrow, from its tail to its head. */
  readonly points: readonly Corner[];
  /** The same as a path of SVG. */
  readonly way: string;
  readonly label: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly lines: readonly string[];
  } | null;
}

export interface Layout {
  readonly kind: string;
  readonly version: number;
  readonly hash: string;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

/** Pixels; the styles of the pages and of the SVG are made for these. */
export const TEXT = { name: 13, small: 11, lineHeight: 15, head: 34 } as const;
// Of an upright fixed-width letter, and of a semibold one of the system's fonts at their widest.
const MONO_WIDTH = 0.61;
const NAME_WIDTH = 0.62;
const MOST_LINES = 3;

const cache = new LRUCache<string, Promise<Layout>>({ max: 64 });

/** `full`: every arrow has a way and says what it is for; `outline`: for the eye, see outline.ts. */
export type Detail = "full" | "outline";

/** Where everything of a chart is. Fails when the engine does. */
export async function chartLayout(
  kind: Kind,
  collapsed: ReadonlySet<string>,
  detail: Detail = "full",
): Promise<Layout> {
  const inside = [...collapsed].toSorted();
  const key = [detail, kind.name, kind.version, definitionHashOf(kind), ...inside].join(" ");
  const known = cache.get(key);
  if (known !== undefined) return known;
  const graph = chartGraph(kind, collapsed);
  const made = detail === "full" ? layOut(kind, graph) : layOutOutline(kind, graph);
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  return made;
}

async function layOut(kind: Kind, graph: ChartGraph, hasLabels = true): Promise<Layout> {
  return graphLayout(graph, {
    kind: kind.name,
    version: kind.version,
    hash: definitionHashOf(kind),
    isParallel: kind.machine.root.type === "parallel",
    hasLabels,
  });
}

/** Loose arrows come last, without a way. */
async function layOutOutline(kind: Kind, whole: ChartGraph): Promise<Layout> {
  const { graph, loose } = outlineOf(whole, kind.usual);
  const layout = await layOut(kind, graph, false);
  const wayless = loose.map((edge) => ({ ...edge, points: [], way: "", label: null }));
  return { ...layout, edges: [...layout.edges, ...wayless] };
}

/** Where everything of a graph is. Fails when the engine does. */
export async function graphLayout(
  graph: ChartGraph,
  { isParallel, hasLabels = true, ...names }: Named & { isParallel: boolean; hasLabels?: boolean },
): Promise<Layout> {
  const [right, down] = await Promise.all([
    place(graph, { isParallel, hasLabels, direction: "RIGHT" }),
    place(graph, { isParallel, hasLabels, direction: "DOWN" }),
  ]);
  const placed = sprawlOf(right) <= sprawlOf(down) ? right : down;
  const boxes = new Map(flatten(placed).map((box) => [box.id, box]));
  const arrows = new Map(flatten(placed).flatMap(({ edges = [] }) => edges.map((e) => [e.id, e])));
  return {
    ...names,
    width: Math.ceil(placed.width),
    height: Math.ceil(placed.height),
    nodes: graph.nodes.map((node) => ({ ...node, ...frameOf(boxes.get(idOf(node.id))) })),
    edges: graph.edges.map((edge) => ({ ...edge, ...wayOf(arrows.get(edge.id), edge) })),
  };
}

type Named = Pick<Layout, "kind" | "version" | "hash">;

interface Shape {
  readonly isParallel: boolean;
  readonly hasLabels: boolean;
  readonly direction: "RIGHT" | "DOWN";
}

async function place(graph: ChartGraph, shape: Shape): Promise<Placed> {
  return Placed.parse(await engine(elkGraph(graph, shape)));
}

// As wide as a screen: of the two directions the one that needs to be made smaller least.
const SCREEN = 1.7;

function sprawlOf({ width, height }: Placed): number {
  return Math.max(width, height * SCREEN);
}

const Frame = z.object({
  x: z.number().default(0),
  y: z.number().default(0),
  width: z.number().default(0),
  height: z.number().default(0),
});
const Point = z.object({ x: z.number(), y: z.number() });
const Arrow = z.object({
  id: z.string(),
  sections: z
    .array(z.object({ startPoint: Point, endPoint: Point, bendPoints: z.array(Point).default([]) }))
    .default([]),
  labels: z.array(Frame).default([]),
});
const Placed = Frame.extend({
  id: z.string(),
  get children() {
    return z.array(Placed).optional();
  },
  edges: z.array(Arrow).optional(),
});
type Placed = z.infer<typeof Placed>;

function flatten(box: Placed): Placed[] {
  return [box, ...(box.children ?? []).flatMap((child) => flatten(child))];
}

function frameOf(box: Placed | undefined): z.infer<typeof Frame> {
  return Frame.parse(box ?? {});
}

function wayOf(
  arrow: z.infer<typeof Arrow> | undefined,
  { transitions }: ChartEdge,
): Pick<PlacedEdge, "points" | "way" | "label"> {
  const points = (arrow?.sections ?? []).flatMap(({ startPoint, bendPoints, endPoint }) =>
    [startPoint, ...bendPoints, endPoint].map(({ x, y }) => [x, y] as const),
  );
  const [label] = arrow?.labels ?? [];
  const lines = linesOf(transitions);
  const isSilent = label === undefined || lines.length === 0;
  return { points, way: pathOf(points), label: isSilent ? null : { ...label, lines } };
}

/** What an arrow says: a line for each transition, and how many more there are. */
function linesOf(transitions: readonly ChartTransition[]): string[] {
  const lines = [...new Set(transitions.map(sentenceOf))];
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES - 1), `… ${lines.length - MOST_LINES + 1} more`];
}

function sentenceOf({ event, guard }: ChartTransition): string {
  return guard === null ? event : `${event} [${guard}]`;
}

const ROOT = "(root)";

/** The engine wants an id that is not empty. */
function idOf(path: string): string {
  return path === "" ? ROOT : path;
}

interface ElkNode {
  readonly id: string;
  readonly width?: number;
  readonly height?: number;
  readonly layoutOptions?: Readonly<Record<string, string>>;
  readonly children?: readonly ElkNode[];
  readonly edges?: readonly object[];
}

const LAYERED = {
  "elk.algorithm": "layered",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.spacing.nodeNodeBetweenLayers": "46",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.spacing.nodeNode": "22",
  "elk.spacing.edgeNode": "14",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.nodePlacement.favorStraightEdges": "true",
  "elk.edgeLabels.inline": "false",
  "elk.randomSeed": "1",
} as const;
/** Without labels an eye follows ways that are nearer to each other. */
const CLOSE = {
  "elk.layered.spacing.nodeNodeBetweenLayers": "34",
  "elk.layered.spacing.edgeNodeBetweenLayers": "12",
  "elk.spacing.edgeEdge": "9",
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.aspectRatio": "1.6",
} as const;
const PACKED = {
  "elk.algorithm": "rectpacking",
  "elk.aspectRatio": "1.6",
  "elk.spacing.nodeNode": "26",
} as const;
const COORDINATES = { "elk.json.shapeCoords": "ROOT", "elk.json.edgeCoords": "ROOT" } as const;
const PADDING = "[top=44,left=16,bottom=16,right=16]";

function elkGraph({ nodes, edges }: ChartGraph, shape: Shape): ElkNode {
  const { isParallel, hasLabels, direction } = shape;
  const layered = { ...LAYERED, "elk.direction": direction, ...(!hasLabels && CLOSE) };
  const elkEdge = (edge: ChartEdge): object => arrowOf(edge, hasLabels);
  const children = new Map<string, ChartNode[]>();
  for (const node of nodes) {
    if (node.parent === null) continue;
    children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  }
  const arrowsIn = (region: string): object[] =>
    edges.filter(({ from }) => regionOf(from) === region).map(elkEdge);
  // Where no way leads, boxes stand in the order of the chart.
  const placing = (arrows: readonly object[]): Readonly<Record<string, string>> =>
    !hasLabels && arrows.length === 0 ? PACKED : layered;
  const box = (node: ChartNode): ElkNode => {
    const inner = (children.get(node.id) ?? []).map(box);
    const isRegion = isParallel && node.parent === "";
    return {
      id: idOf(node.id),
      ...sizeOf(node),
      ...(inner.length > 0 && {
        children: inner,
        layoutOptions: {
          ...(isRegion && placing(arrowsIn(node.id))),
          ...(isPacked(node) && PACKED),
          "elk.padding": PADDING,
          ...minimumOf(node),
        },
      }),
      ...(isRegion && { edges: arrowsIn(node.id) }),
    };
  };
  const isPacked = ({ id }: ChartNode): boolean =>
    !hasLabels && (isParallel ? arrowsIn(regionOf(id)) : edges).length === 0;
  const regions = (children.get("") ?? []).map(box);
  if (!isParallel) {
    const layoutOptions = {
      ...placing(edges),
      ...COORDINATES,
      "elk.padding": "[top=16,left=16,bottom=16,right=16]",
    };
    return { id: ROOT, layoutOptions, children: regions, edges: edges.map(elkEdge) };
  }
  const layoutOptions = {
    ...COORDINATES,
    "elk.algorithm": "rectpacking",
    "elk.aspectRatio": hasLabels ? "1.5" : "1.9",
    "elk.spacing.nodeNode": "18",
    "elk.padding": "[top=0,left=0,bottom=0,right=0]",
  };
  return { id: ROOT, layoutOptions, children: regions };
}

/** The outermost state that a path is in. */
function regionOf(path: string): string {
  return path.startsWith(".") ? "" : (path.split(".")[0] ?? "");
}

function minimumOf({ name }: ChartNode): Readonly<Record<string, string>> {
  const width = Math.ceil(name.length * TEXT.name * NAME_WIDTH) + 70;
  return { "elk.nodeSize.constraints": "MINIMUM_SIZE", "elk.nodeSize.minimum": `(${width},60)` };
}

function sizeOf({ type, name, entry }: ChartNode): { width: number; height: number } {
  if (type === "start") return { width: 12, height: 12 };
  const small = Math.max(0, ...entry.map((line) => line.length + 2)) * TEXT.small * MONO_WIDTH;
  const width = Math.max(name.length * TEXT.name * NAME_WIDTH, small) + 34;
  const height = type === "any" ? 26 : TEXT.head + entry.length * TEXT.lineHeight;
  return { width: Math.ceil(Math.max(72, width)), height };
}

function arrowOf({ id, from, to, transitions }: ChartEdge, hasLabel: boolean): object {
  const lines = hasLabel ? linesOf(transitions) : [];
  const width =
    Math.ceil(Math.max(0, ...lines.map((line) => line.length)) * TEXT.small * MONO_WIDTH) + 12;
  const text = lines.join("\n");
  const labels =
    lines.length === 0 ? [] : [{ text, width, height: lines.length * TEXT.lineHeight + 4 }];
  return { id, sources: [idOf(from)], targets: [idOf(to)], labels };
}

interface Waiting {
  readonly resolve: (placed: unknown) => void;
  readonly reject: (error: Error) => void;
}
const Answer = z.object({ id: z.number(), placed: z.unknown(), error: z.string().optional() });
const RESTS_AFTER_MS = 20_000;

let worker: Worker | undefined;
let resting: NodeJS.Timeout | undefined;
let asked = 0;
const waiting = new Map<number, Waiting>();

/** Asks the engine; it is started when it is needed, and ended when it was not for a while. */
async function engine(graph: ElkNode): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const id = (asked += 1);
  waiting.set(id, { resolve, reject });
  worker ??= startWorker();
  clearTimeout(resting);
  // A process goes on for as long as an answer is waited for.
  worker.ref();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage({ id, graph });
  return promise;
}

function startWorker(): Worker {
  // The name of this file says whether it was compiled.
  const started = new Worker(
    new URL(import.meta.url.replace(/layout(?=\.\w+$)/u, "layout-worker")),
  );
  started.on("message", (message: unknown) => {
    const { id, placed, error } = Answer.parse(message);
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asker?.resolve(placed);
    else asker?.reject(new Error(`lay out a chart: ${error}`));
    if (waiting.size > 0) return;
    started.unref();
    resting = setTimeout(rest, RESTS_AFTER_MS).unref();
  });
  started.once("error", (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    worker = undefined;
  });
  return started;
}

function rest(): void {
  void worker?.terminate();
  worker = undefined;
}
