import type { ChartEdge, Frame, Json, Layout } from "./answers.ts";

// States
//
// What a value of a statechart says: which states it names, and which arrows a step went along.

/** Every path that a value names, those of its outer states too. */
export function pathsOf(value: Json | undefined): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, inner]: [string, Json]) => [
    name,
    ...pathsOf(inner).map((path) => `${name}.${path}`),
  ]);
}

/** The innermost of the paths that a value names. */
export function leavesOf(value: Json | undefined): string[] {
  const paths = pathsOf(value);
  return paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
}

/**
 * The states that an ended session's agent was in: a session that was done when it was ended keeps them as they were, and
 * its agent is gone all the same.
 */
export function leftBehind(kind: string, value: Json | undefined): ReadonlySet<string> {
  const paths = pathsOf(value);
  const isLeft = ["wanted.stopped.closed", "runtime.alive"].every((path) => paths.includes(path));
  const ofAgent = paths.filter((path) => /^(runtime|activity)\b/.test(path));
  return new Set(kind === "session" && isLeft ? ofAgent : []);
}

/** What one step did to a chart: the message, and the value on both sides of it. */
export interface Taken {
  readonly seq: number;
  readonly event: string;
  readonly was: Json | undefined;
  readonly value: Json | undefined;
}

/** A step that went to another state. */
export type Moved = Frame["trail"][number];

/** What became other, region by region; `from` is empty where nothing was left. */
export function changesOf({ was, value }: Pick<Moved, "was" | "value">): {
  readonly region: string;
  readonly from: string;
  readonly to: string;
}[] {
  const before = leavesOf(was);
  const after = leavesOf(value);
  const isParallel = after.length > 1;
  const regionOf = (path: string): string => (isParallel ? (path.split(".")[0] ?? "") : "");
  const inside = (path: string): string => (isParallel ? path.replace(/^[^.]*\./, "") : path);
  return after
    .filter((path) => !before.includes(path))
    .map((path) => {
      const region = regionOf(path);
      const left = before.find((each) => !after.includes(each) && regionOf(each) === region);
      return { region, from: left === undefined ? "" : inside(left), to: inside(path) };
    });
}

/**
 * The arrows that a step went along, each with the box it left: those of its message, out of where it was, into where it
 * is and was not. Of two that lead to the same state the inner one was taken; a usual way is one out of its own box.
 */
export function arrowsOf(
  { edges }: Layout,
  { event, was, value }: Taken,
): ReadonlyMap<string, string> {
  const before = new Set(pathsOf(was));
  const after = new Set(pathsOf(value ?? was));
  const depthOf = (edge: ChartEdge): number =>
    Math.max(
      ...edge.transitions.map(({ event: type, source: own, target }) => {
        const source = edge.isUsual === true ? edge.from : own;
        return target !== null &&
          (type === event || type === "always") &&
          (source === "" || before.has(source)) &&
          after.has(target) &&
          (!before.has(target) || target === source)
          ? source.length
          : -1;
      }),
    );
  const taken = edges.map((edge) => ({ edge, depth: depthOf(edge) }));
  const inner = taken.filter(
    ({ edge, depth }) =>
      depth >= 0 && taken.every((other) => other.edge.to !== edge.to || other.depth <= depth),
  );
  const leaves = leavesOf(was);
  return new Map(inner.map(({ edge }) => [edge.id, boxLeft(edge, leaves)]));
}

/** Where an arrow of "any state" began. */
function boxLeft({ from }: ChartEdge, leaves: readonly string[]): string {
  if (!from.endsWith(".any")) return from;
  const region = from.slice(0, -".any".length);
  return leaves.find((path) => region === "" || path.startsWith(`${region}.`)) ?? from;
}

/** The arrows that lead on from a state, by what the guards say; loose ones are left out. */
export function readyArrows({ edges }: Layout, { moves, value }: Frame): Set<string> {
  const active = new Set(pathsOf(value));
  const open = new Set(
    moves
      .filter(({ verdict }) => verdict === "yes" || verdict === "open")
      .map(({ event, source, guard }) => `${event} ${source} ${guard ?? ""}`),
  );
  const isReady = (edge: ChartEdge): boolean =>
    edge.points.length > 0 &&
    edge.transitions.some(
      ({ event, source, guard }) =>
        active.has(edge.isUsual === true ? edge.from : source) &&
        open.has(`${event} ${source} ${guard ?? ""}`),
    );
  return new Set(edges.filter(isReady).map(({ id }) => id));
}
