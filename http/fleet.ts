import { z } from "zod";
import { definitionHashOf } from "../actors/charts.ts";
import { Failure } from "../machines/failures.ts";
import { KINDS, splitAddress, type KindName } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { Kind } from "../machines/kind.ts";
import type { Store } from "../storage/store.ts";
import { chartGraph, type ChartEdge, type ChartGraph, type ChartNode } from "./chart/graph.ts";
import { graphLayout } from "./chart/layout.ts";
import { toJson } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { knownKind } from "./machines.ts";
import { whole } from "./schemas.ts";

// Fleet
//
// A kind's chart over all of its actors: how many are where, which ways they went lately; and how its versions differ.
//
//   F1. Counts are those of the views; ways are those of the newest entries of the log, and it says since when.
//   F2. A version is kept as it was when it first ran here: later ones can be compared with it when its code is gone.

const tags = ["machines"];
/** Of the log, how many of the newest entries are looked at. */
const LOOKED_AT = 3_000;
const NoopFree = z.object({
  event: z.string(),
  was: z.unknown(),
  value: z.unknown(),
  count: z.number(),
});

/** `GET /machines/:kind/fleet`, `/versions` and `/diff`. */
export function fleetRoutes(app: App, edge: Edge): void {
  for (const kind of edge.system.kinds.values()) {
    keepVersion(edge.system.store, kind).catch((error: unknown) => edge.report(error, "versions"));
  }
  const params = z.object({ kind: z.enum(KINDS) });
  app.get(
    "/machines/:kind/fleet",
    {
      schema: {
        tags,
        summary: "How many actors are in each state, and which ways they went lately",
        params,
        response: {
          200: z.object({
            total: z.number(),
            states: z.array(z.object({ path: z.string(), count: z.number() })),
            moves: z.array(NoopFree),
            since: z.number().nullable(),
          }),
        },
      },
    },
    ({ params: { kind } }) => fleetOf(edge, knownKind(edge, kind).name),
  );
  app.get(
    "/machines/:kind/versions",
    {
      schema: {
        tags,
        summary: "Versions of the chart that ran here, oldest first",
        params,
        response: { 200: z.object({ versions: z.array(z.number()), current: z.number() }) },
      },
    },
    ({ params: { kind } }) => {
      const { version } = knownKind(edge, kind);
      const all = Array.from({ length: version }, (_, index) => index + 1);
      const { store } = edge.system;
      const versions = all.filter((each) => store.note(noteOf(kind, each)) !== undefined);
      return { versions: [...new Set([...versions, version])], current: version };
    },
  );
  diffRoute(app, edge);
}

function diffRoute(app: App, edge: Edge): void {
  const Version = whole(1);
  app.get(
    "/machines/:kind/diff",
    {
      schema: {
        tags,
        summary:
          "Both versions of a chart in one layout; `marks` says what is new and what is gone",
        params: z.object({ kind: z.enum(KINDS) }),
        querystring: z.strictObject({ from: Version, to: Version }),
        response: {
          200: z.object({
            layout: z.unknown(),
            marks: z.record(z.string(), z.enum(["new", "gone", "changed"])),
          }),
        },
      },
    },
    async ({ params, query: { from, to } }) => {
      const kind = knownKind(edge, params.kind);
      const before = graphOf(edge, kind, from);
      const after = graphOf(edge, kind, to);
      const { graph, marks } = merged(before, after);
      const isParallel = after.nodes.some(({ id, type }) => id === "" && type === "parallel");
      const layout = await graphLayout(graph, {
        kind: kind.name,
        version: to,
        hash: `${definitionHashOf(kind)} ${from} ${to}`,
        isParallel,
      });
      return { layout, marks };
    },
  );
}

function fleetOf({ views, system: { store } }: Edge, kind: KindName) {
  const states = new Map<string, number>();
  let total = 0;
  for (const row of views.list({ kind, limit: Number.MAX_SAFE_INTEGER })) {
    total += 1;
    for (const path of withOuter(row.states)) states.set(path, (states.get(path) ?? 0) + 1);
  }
  const moves = new Map<string, z.infer<typeof NoopFree>>();
  const after = Math.max(0, store.head().globalSeq - LOOKED_AT);
  let since: number | null = null;
  for (const { address, message, was, value, committedAt } of store.log({
    after,
    limit: LOOKED_AT,
  })) {
    since ??= committedAt;
    if (value === undefined || splitAddress(address).kind !== kind) continue;
    const move = { event: message.type, was: was ?? null, value, count: 0 };
    const key = JSON.stringify(move);
    moves.set(key, { ...move, count: (moves.get(key)?.count ?? 0) + 1 });
  }
  return {
    total,
    states: [...states].map(([path, count]) => ({ path, count })),
    moves: [...moves.values()],
    since,
  };
}

/** The paths, and those of the states around them. */
function withOuter(paths: readonly string[]): Set<string> {
  const names = paths.map((path) => path.split("."));
  return new Set(names.flatMap((parts) => parts.map((_, n) => parts.slice(0, n + 1).join("."))));
}

function noteOf(kind: string, version: number): string {
  return `chart:${kind}:${version}`;
}

/** Keeps a chart the first time its version runs (F2). */
async function keepVersion(store: Store, kind: Kind): Promise<void> {
  const name = noteOf(kind.name, kind.version);
  const graph: Json = toJson(chartGraph(kind, new Set()));
  if (JSON.stringify(store.note(name)) !== JSON.stringify(graph)) await store.putNote(name, graph);
}

function graphOf({ system }: Edge, kind: Kind, version: number): ChartGraph {
  if (version === kind.version) return chartGraph(kind, new Set());
  const kept = system.store.note(noteOf(kind.name, version));
  if (kept === undefined) {
    throw new Failure("KIND_UNKNOWN", `version ${version} of ${kind.name} never ran here`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by keepVersion
  return kept as unknown as ChartGraph;
}

type Mark = "new" | "gone" | "changed";

/** Everything of both, and what became of it. */
function merged(
  before: ChartGraph,
  after: ChartGraph,
): { graph: ChartGraph; marks: Record<string, Mark> } {
  const nodes = union(before.nodes, after.nodes);
  const edges = union(before.edges, after.edges);
  return {
    graph: { nodes: nodes.all, edges: edges.all },
    marks: { ...nodes.marks, ...edges.marks },
  };
}

function union<Part extends ChartNode | ChartEdge>(
  before: readonly Part[],
  after: readonly Part[],
): { all: Part[]; marks: Record<string, Mark> } {
  const old = new Map(before.map((part) => [part.id, part]));
  const now = new Map(after.map((part) => [part.id, part]));
  const gone = before.filter(({ id }) => !now.has(id));
  const marks: Record<string, Mark> = {};
  for (const { id } of gone) marks[id] = "gone";
  for (const part of after) {
    const was = old.get(part.id);
    if (was === undefined) marks[part.id] = "new";
    else if (JSON.stringify(was) !== JSON.stringify(part)) marks[part.id] = "changed";
  }
  return { all: [...after, ...gone], marks };
}
