import { paint, type Output } from "../cli/output.ts";

/** A state of a chart, as `GET /machines/:kind` tells it. */
export interface ChartState {
  readonly name: string;
  readonly states: readonly ChartState[];
}

/**
 * A chart as a tree: the states an actor is in are marked, with what is inside them; the others stand beside in one line.
 */
export function stateTree(output: Output, chart: ChartState, value: unknown): string {
  return linesOf(output, chart, { active: pathsOf(value), path: "", indent: "" }).join("\n");
}

interface Place {
  readonly active: ReadonlySet<string>;
  readonly path: string;
  readonly indent: string;
}

function linesOf(output: Output, { states }: ChartState, place: Place): string[] {
  const { active, path, indent } = place;
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const here = states.filter(({ name }) => active.has(at(name)));
  const others = states.filter(({ name }) => !active.has(at(name))).map(({ name }) => name);
  const lines = here.flatMap((state, index) => {
    const isLast = index === here.length - 1 && others.length === 0;
    const inner = { active, path: at(state.name), indent: `${indent}${isLast ? "   " : "│  "}` };
    return [
      `${indent}${isLast ? "└─" : "├─"} ${paint(output, "green", `● ${state.name}`)}`,
      ...linesOf(output, state, inner),
    ];
  });
  if (here.length === 0 || others.length === 0) return lines;
  return [...lines, `${indent}└─ ${paint(output, "dim", `○ ${others.join(", ")}`)}`];
}

function pathsOf(value: unknown): Set<string> {
  const paths = new Set<string>();
  const walk = (inner: unknown, path: string): void => {
    if (typeof inner === "string") paths.add(path === "" ? inner : `${path}.${inner}`);
    if (typeof inner !== "object" || inner === null) return;
    for (const [name, deeper] of Object.entries(inner)) {
      const at = path === "" ? name : `${path}.${name}`;
      paths.add(at);
      walk(deeper, at);
    }
  };
  walk(value, "");
  return paths;
}
