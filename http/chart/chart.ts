import type { AnyStateNode } from "xstate";
import { z } from "zod";
import type { Kind } from "../../machines/kind.ts";

// Chart
//
// A kind's statechart as data that programs read. Made from the running definition, so it cannot drift.

/** One state, with what leaves it and what it holds. */
export interface ChartState {
  readonly name: string;
  readonly type: string;
  readonly description?: string;
  readonly initial?: string;
  readonly transitions: readonly {
    readonly event: string;
    readonly guard?: string;
    readonly targets: readonly string[];
    readonly actions: readonly string[];
  }[];
  readonly entry: readonly string[];
  readonly states: readonly ChartState[];
}

/** A kind as plain data: its states, and the JSON schema of every message it accepts. */
export function describeKind(kind: Kind): {
  kind: string;
  description: string;
  version: number;
  creates: readonly string[];
  accepts: Record<string, unknown>;
  chart: ChartState;
} {
  const accepts: Record<string, unknown> = {};
  for (const [type, schema] of Object.entries(kind.accepts)) {
    accepts[type] = z.toJSONSchema(schema, { unrepresentable: "any", io: "input" });
  }
  return {
    kind: kind.name,
    description: kind.description,
    version: kind.version,
    creates: kind.creates,
    accepts,
    chart: stateOf(kind.machine.root),
  };
}

/** The config that `createMachine` of XState takes: data only, names in place of functions. */
export function xstateConfig(kind: Kind): unknown {
  return JSON.parse(
    JSON.stringify(kind.machine.config, (_, value: unknown) =>
      typeof value === "function" ? value.name || "inline" : value,
    ),
  );
}

/** Every state of a kind, by its dotted path and by each name on it. */
export function stateNames(kind: Kind): ReadonlySet<string> {
  const below = (node: AnyStateNode): string[] =>
    childrenOf(node).flatMap((child) => [child.path.join("."), child.key, ...below(child)]);
  return new Set(below(kind.machine.root));
}

function stateOf(node: AnyStateNode): ChartState {
  const initial = node.initial?.target[0]?.key;
  return {
    name: node.key,
    type: node.type,
    ...(node.description === undefined ? {} : { description: node.description }),
    ...(initial === undefined || node.type !== "compound" ? {} : { initial }),
    transitions: transitionsOf(node),
    entry: namesOf(node.entry),
    states: childrenOf(node).map((child) => stateOf(child)),
  };
}

function transitionsOf(node: AnyStateNode): ChartState["transitions"] {
  const eventless = (node.always ?? []).map((transition) => ({ event: "always", transition }));
  const named = [...node.transitions].flatMap(([event, transitions]) =>
    transitions.map((transition) => ({ event, transition })),
  );
  return [...eventless, ...named].map(({ event, transition }) => {
    const guard = nameOf(transition.guard);
    return {
      event,
      ...(guard === undefined ? {} : { guard }),
      targets: (transition.target ?? []).map(({ id }) => id),
      actions: namesOf(transition.actions),
    };
  });
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

export function namesOf(actions: readonly unknown[]): string[] {
  return actions.map((action) => nameOf(action) ?? "inline");
}

export function nameOf(named: unknown): string | undefined {
  if (named === undefined || named === null) return undefined;
  if (typeof named === "string") return named;
  if (typeof named === "function") return named.name || "inline";
  return typeof named === "object" && "type" in named ? String(named.type) : "inline";
}
