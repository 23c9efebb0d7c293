import type { ChartEdge, Json, Layout } from "./answers.ts";

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

/** What one step did to a chart: the message, and the value on both sides of it. */
export interface Taken {
  readonly seq: number;
  readonly event: string;
  readonly was: Json | undefined;
  readonly value: Json | undefined;
}

/** The arrows that a step went along: those of its message, out of where it was, into where it is and was not. */
export function arrowsOf({ edges }: Layout, { event, was, value }: Taken): Set<string> {
  const before = new Set(pathsOf(was));
  const after = new Set(pathsOf(value ?? was));
  const isTaken = (edge: ChartEdge): boolean =>
    edge.transitions.some(
      ({ event: type, source, target }) =>
        target !== null &&
        (type === event || type === "always") &&
        (source === "" || before.has(source)) &&
        after.has(target) &&
        (!before.has(target) || target === source),
    );
  return new Set(edges.filter(isTaken).map(({ id }) => id));
}
