import type { AnyStateNode } from "xstate";
import { describe, expect, it } from "vitest";
import type { Kind } from "../../machines/kind.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";

const all = [...kinds(Settings.parse({})).values()];

function nodesOf(kind: Kind): AnyStateNode[] {
  const below = (node: AnyStateNode): AnyStateNode[] => [
    node,
    ...Object.values(node.states).flatMap((child) => below(child)),
  ];
  return below(kind.machine.root);
}

interface Transition {
  readonly eventType: string;
  readonly target: readonly AnyStateNode[] | undefined;
  readonly guard?: unknown;
  readonly actions: readonly unknown[];
}

function transitionsOf(node: AnyStateNode): Transition[] {
  return [...node.transitions.values()].flat();
}

function namesOf(node: AnyStateNode): unknown[] {
  const taken = transitionsOf(node).flatMap(({ actions, guard }) => [...actions, guard ?? "none"]);
  return [...taken, ...node.entry, ...node.exit].map((each) =>
    typeof each === "object" && each !== null && "type" in each ? each.type : each,
  );
}

/** From the initial states along every transition, guards left aside. */
function reachable(kind: Kind): Set<AnyStateNode> {
  const seen = new Set<AnyStateNode>();
  const enter = (node: AnyStateNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.parent !== undefined) enter(node.parent);
    if (node.type === "parallel") Object.values(node.states).forEach((region) => enter(region));
    for (const first of node.initial.target) enter(first);
    for (const { target } of transitionsOf(node)) target?.forEach((next) => enter(next));
  };
  enter(kind.machine.root);
  return seen;
}

it("orcha-130: a session that is done or terminated leaves that state only to begin anew (N4)", () => {
  const ends = all
    .filter(({ name }) => name === "session")
    .flatMap(nodesOf)
    .filter(({ id }) => /lifecycle\.(?:done|terminated)$/.test(id));
  const escapes = ends.flatMap((end) => {
    const own = new Set(end.transitions.keys());
    const leading = transitionsOf(end).filter(({ target, guard }) => {
      const isAnew = guard === "beginsAnew" && target?.[0]?.key === "not_started";
      return target !== undefined && !isAnew;
    });
    const region = end.parent === undefined ? [] : transitionsOf(end.parent);
    return [...leading, ...region.filter(({ eventType }) => !own.has(eventType))];
  });
  expect(ends.length).toBe(2);
  expect(escapes.map(({ eventType }) => eventType)).toEqual([]);
});

describe.each(all)("the chart of $name", (kind) => {
  it("neither waits, nor works, nor moves by itself (R4)", () => {
    const busy = nodesOf(kind).filter(
      (node) => node.invoke.length > 0 || node.after.length > 0 || (node.always ?? []).length > 0,
    );
    expect(busy.map(({ id }) => id)).toEqual([]);
  });

  it("names every guard and every action", () => {
    const unnamed = nodesOf(kind)
      .flatMap(namesOf)
      .filter((name) => typeof name !== "string" || name.includes("xstate."));
    expect(unnamed).toEqual([]);
  });

  it("knows every guard and action that it names", () => {
    const { actions, guards } = kind.machine.implementations;
    const known = new Set(["none", ...Object.keys(actions), ...Object.keys(guards)]);
    const named = new Set(nodesOf(kind).flatMap(namesOf));
    expect([...named].filter((name) => !known.has(String(name)))).toEqual([]);
    expect([...known].filter((name) => name !== "none" && !named.has(name))).toEqual([]);
  });

  it("describes every state in one line", () => {
    const bare = nodesOf(kind).filter(
      ({ description }) =>
        description === undefined || description === "" || description.includes("\n"),
    );
    expect(bare.map(({ id }) => id)).toEqual([]);
  });

  it("reaches every state", () => {
    const met = reachable(kind);
    expect(
      nodesOf(kind)
        .filter((node) => !met.has(node))
        .map(({ id }) => id),
    ).toEqual([]);
  });

  it("listens for exactly what it accepts", () => {
    const heard = new Set(nodesOf(kind).flatMap((node) => node.ownEvents.map(String)));
    expect([...heard].toSorted()).toEqual(Object.keys(kind.accepts).toSorted());
    expect(kind.creates.every((type) => heard.has(type))).toBe(true);
  });
});
