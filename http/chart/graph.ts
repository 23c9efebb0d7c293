import type { AnyStateNode } from "xstate";
import type { Kind } from "../../machines/kind.ts";
import { nameOf, namesOf } from "./chart.ts";

// Chart graph
//
// A statechart as boxes and arrows, before anybody has placed them.
//
//   G1. Made from the running definition alone: the same chart gives the same graph, in the same order.
//   G2. Arrows between the same two boxes are one arrow that carries all their transitions.
//   G3. A state that hears something without leaving carries that itself; an arrow goes somewhere.

/** What is drawn as a box. `any` stands for every state of its parent, `start` for the way in. */
export interface ChartNode {
  /** Dotted path from the root; the root's own is empty. */
  readonly id: string;
  readonly parent: string | null;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "any" | "start";
  readonly name: string;
  readonly description: string;
  readonly entry: readonly string[];
  /** Transitions that lead nowhere: what it hears and only notes. */
  readonly hears: readonly ChartTransition[];
  /** It has states inside that are not drawn. */
  readonly isCollapsed: boolean;
}

export interface ChartTransition {
  readonly event: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
  /** Path of the state that it leaves, and of the one it enters, drawn or not. */
  readonly source: string;
  readonly target: string | null;
}

export interface ChartEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly transitions: readonly ChartTransition[];
  /** A part of an arrow out of "any state": most of those that go it come from here. */
  readonly isUsual?: true;
}

export interface ChartGraph {
  readonly nodes: readonly ChartNode[];
  readonly edges: readonly ChartEdge[];
}

/** The graph of a kind; of what is in `collapsed` (paths), the inside is left out. */
export function chartGraph(kind: Kind, collapsed: ReadonlySet<string>): ChartGraph {
  const { root } = kind.machine;
  const all = everyState(root);
  const shown = all.filter((node) => ancestorsOf(node).every((above) => !collapsed.has(above)));
  const visible = new Set(shown.map(pathOf));
  const edges = edgesOf(all, visible);
  const anys = new Set(edges.filter(({ from }) => from.endsWith(ANY)).map(({ from }) => from));
  const nodes = shown.flatMap((node) => [
    boxOf(node, collapsed),
    ...(anys.has(`${pathOf(node)}${ANY}`) ? [markOf(node, "any")] : []),
    ...(startOf(node, collapsed) === undefined ? [] : [markOf(node, "start")]),
  ]);
  const starts = shown.flatMap((node) => startOf(node, collapsed) ?? []);
  return { nodes, edges: [...starts, ...edges] };
}

const ANY = ".any";
const START = ".start";

function everyState(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => everyState(child))];
}

function pathOf(node: AnyStateNode): string {
  return node.path.join(".");
}

/** Paths above a state, the root's first. */
function ancestorsOf(node: AnyStateNode): string[] {
  return node.path.map((_, depth) => node.path.slice(0, depth).join("."));
}

function boxOf(node: AnyStateNode, collapsed: ReadonlySet<string>): ChartNode {
  const isCollapsed = collapsed.has(pathOf(node)) && Object.keys(node.states).length > 0;
  return {
    id: pathOf(node),
    parent: node.parent === undefined ? null : pathOf(node.parent),
    type: isCollapsed ? "atomic" : typeOf(node),
    name: node.key,
    description: node.description ?? "",
    entry: namesOf(node.entry),
    hears: transitionsOf(node).filter(({ target }) => target === null),
    isCollapsed,
  };
}

function typeOf(node: AnyStateNode): ChartNode["type"] {
  return node.type === "history" ? "atomic" : node.type;
}

function markOf(node: AnyStateNode, type: "any" | "start"): ChartNode {
  return {
    id: `${pathOf(node)}${type === "any" ? ANY : START}`,
    parent: pathOf(node),
    type,
    name: type === "any" ? "any state" : "",
    description: type === "any" ? `Whatever state of ${node.key} it is in.` : "Where it begins.",
    entry: [],
    hears: [],
    isCollapsed: false,
  };
}

/** The arrow from the dot to the state in which a compound state begins. */
function startOf(node: AnyStateNode, collapsed: ReadonlySet<string>): ChartEdge | undefined {
  const initial = node.type === "compound" ? node.initial?.target[0] : undefined;
  if (initial === undefined || collapsed.has(pathOf(node))) return undefined;
  const from = `${pathOf(node)}${START}`;
  return { id: `${from}>${pathOf(initial)}`, from, to: pathOf(initial), transitions: [] };
}

function edgesOf(all: readonly AnyStateNode[], visible: ReadonlySet<string>): ChartEdge[] {
  const edges = new Map<string, ChartEdge>();
  for (const transition of all.flatMap(transitionsOf)) {
    if (transition.target === null) continue;
    const to = drawn(transition.target, visible);
    const source = drawn(transition.source, visible);
    const isInward = transition.target.startsWith(prefixOf(transition.source));
    // What moves inside a box whose inside is not drawn is not drawn.
    if (to === source && transition.target !== transition.source) continue;
    const from = isInward && transition.target !== transition.source ? `${source}${ANY}` : source;
    const id = `${from}>${to}`;
    const before = edges.get(id)?.transitions ?? [];
    edges.set(id, { id, from, to, transitions: [...before, transition] });
  }
  return [...edges.values()];
}

function prefixOf(path: string): string {
  return path === "" ? "" : `${path}.`;
}

/** The box that shows a state: itself, or the one whose inside it is. */
function drawn(path: string, visible: ReadonlySet<string>): string {
  if (visible.has(path)) return path;
  const dot = path.lastIndexOf(".");
  return drawn(dot === -1 ? "" : path.slice(0, dot), visible);
}

/** Every transition that a state itself declares, eventless ones first. */
function transitionsOf(node: AnyStateNode): ChartTransition[] {
  const eventless = (node.always ?? []).map((transition) => ({ event: "always", transition }));
  const named = [...node.transitions].flatMap(([event, transitions]) =>
    transitions.map((transition) => ({ event, transition })),
  );
  return [...eventless, ...named].flatMap(({ event, transition }): ChartTransition[] => {
    const common = {
      event,
      guard: nameOf(transition.guard) ?? null,
      actions: namesOf(transition.actions),
      source: pathOf(node),
    };
    const targets = transition.target ?? [];
    if (targets.length === 0) return [{ ...common, target: null }];
    return targets.map((target) => ({ ...common, target: pathOf(target) }));
  });
}
