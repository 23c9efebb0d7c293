import { describe, expect, it } from "vitest";
import { setup } from "xstate";
import { admitCharts, definitionHashOf } from "../../actors/charts.ts";
import type { KindName } from "../../machines/ids.ts";
import type { Kind, MachineState } from "../../machines/kind.ts";
import { settle } from "../support/clock.ts";
import { tallyKind, type TallyContext } from "../support/tally.ts";
import { World } from "../support/world.ts";

const OTHER_CHART = setup({}).createMachine({
  id: "tally",
  initial: "elsewhere",
  states: { elsewhere: {} },
});

function doubled({ context, ...state }: MachineState): MachineState {
  return { ...state, context: times(context, 2) };
}

function negated({ context, ...state }: MachineState): MachineState {
  return { ...state, context: times(context, -1) };
}

function times(context: TallyContext, by: number): TallyContext {
  return { ...context, sum: context.sum * by };
}

function kinds(kind: Kind): ReadonlyMap<KindName, Kind> {
  return new Map([["session", kind]]);
}

/** A tally with the sum 3, stored by one kind, found by the next daemon with another. */
async function handedOver(from: Kind, to: Kind): Promise<World> {
  const world = new World({ kinds: kinds(from) });
  await world.open("a");
  await world.ask("session/a", "tally.add", { n: 3 });
  await world.crash();
  world.kinds = kinds(to);
  world.start();
  await settle();
  return world;
}

describe("R9: a snapshot", () => {
  it.each([
    {
      title: "of another machine",
      from: { ...tallyKind(), name: "terminal" as const },
      to: tallyKind(),
      seen: "of machine terminal",
    },
    {
      title: "of a newer version",
      from: { ...tallyKind(), version: 2 },
      to: tallyKind(),
      seen: "written by a newer ao",
    },
    {
      title: "of an older version without a migration",
      from: tallyKind(),
      to: { ...tallyKind(), version: 2 },
      seen: "no migration from version 1",
    },
    {
      title: "of an older version with a gap in its migrations",
      from: tallyKind(),
      to: { ...tallyKind(), version: 3, migrations: { 1: doubled } },
      seen: "no migration from version 2",
    },
    {
      title: "of a chart that changed without a new version",
      from: tallyKind(),
      to: { ...tallyKind(), machine: OTHER_CHART },
      seen: "changed without a new version",
    },
  ] satisfies { title: string; from: Kind; to: Kind; seen: string }[])(
    "$title is refused loudly, again and again, and stays as it is",
    async ({ from, to, seen }) => {
      const world = await handedOver(from, to);
      const before = world.store.snapshot("session/a");
      const outcomes = [
        await world.ask("session/a", "tally.add", { n: 1 }),
        await world.ask("session/a", "tally.open"),
      ];
      expect(outcomes).toMatchObject([
        { type: "dead", code: "SNAPSHOT_REFUSED" },
        { type: "dead", code: "SNAPSHOT_REFUSED" },
      ]);
      expect(outcomes[0]).toHaveProperty("message", world.store.deadLetter(1)?.message);
      expect(world.store.deadLetter(1)?.message).toContain(seen);
      expect(world.store.snapshot("session/a")).toEqual(before);
      expect(() => world.system.stateAt("session/a", 2)).toThrow(seen);
      expect(() => world.system.enabled("session/a")).toThrow(seen);
    },
  );

  it("of an older version goes through every migration to today's, once", async () => {
    const to = { ...tallyKind(), version: 3, migrations: { 1: doubled, 2: negated } };
    const world = await handedOver(tallyKind(), to);
    await world.ask("session/a", "tally.add", { n: 1 });
    await world.restart();
    await world.ask("session/a", "tally.add", { n: 1 });
    expect(world.tally("a").sum).toBe(-4);
    expect(world.store.snapshot("session/a")).toMatchObject({ version: 3 });
  });

  it("that is refused costs nobody else anything, and its timer fires into a letter once", async () => {
    const world = new World();
    await world.open("a");
    await world.open("b");
    await world.ask("session/a", "tally.arm", { name: "wake", dueAt: world.clock.now() + 1_000 });
    await world.crash();
    const row = world.kinds;
    world.kinds = kinds({ ...tallyKind(), version: 2, migrations: {} });
    world.start();
    await world.clock.advance(60_000);
    expect(world.system.report()).toMatchObject({ dead: 1, duplicate: 0, timers: 0 });
    await world.crash();
    world.kinds = row;
    world.start();
    expect(await world.ask("session/b", "tally.add", { n: 1 })).toMatchObject({ type: "applied" });
  });
});

describe("the hash of a chart", () => {
  it("is the same for the same chart and differs for another", () => {
    const one = definitionHashOf(tallyKind());
    expect(definitionHashOf({ ...tallyKind() })).toBe(one);
    expect(definitionHashOf({ ...tallyKind(), machine: OTHER_CHART })).not.toBe(one);
  });
});

describe("the store", () => {
  it("that a newer chart has had is refused whole, and one of today's charts is not", async () => {
    const { store } = new World();
    const newer = { ...tallyKind(), version: 2 };
    await admitCharts(store, [tallyKind()]);
    await admitCharts(store, [newer]);
    await admitCharts(store, [newer]);
    await expect(admitCharts(store, [tallyKind()])).rejects.toThrow(
      /^open the store: chart session version 2 has had it, this program has version 1/,
    );
  });
});
