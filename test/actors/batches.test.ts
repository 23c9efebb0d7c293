import { describe, expect, it } from "vitest";
import type { Kind } from "../../machines/kind.ts";
import { settle } from "../support/clock.ts";
import { tallyKind } from "../support/tally.ts";
import { World } from "../support/world.ts";

const encoder = new TextEncoder();

/** A world in which each observation takes so long to step. */
function slowWorld(stepMs: number): World {
  const tally = tallyKind();
  const observed = tally.accepts["activity.observed"];
  if (observed === undefined) throw new Error("a tally hears of no activity");
  const slow = observed.transform((data) => {
    world.clock.jump(stepMs);
    return data;
  });
  const kind: Kind = { ...tally, accepts: { ...tally.accepts, "activity.observed": slow } };
  const world = new World({
    kinds: new Map([["session", kind]]),
    settings: { limits: { batchMs: 8 } },
  });
  return world;
}

/** Ten observations that a daemon finds when it starts. */
async function tenWaiting(world: World): Promise<void> {
  await world.open("a");
  await world.system.stop();
  for (let n = 0; n < 10; n += 1) {
    const body = encoder.encode(JSON.stringify({ state: n % 2 === 0 ? "idle" : "active" }));
    await world.bus.publish({ subject: "ao.obs.activity.a", id: `o${n}`, body });
  }
  await world.crash();
}

/** How many entries each transaction had. */
function sizes(world: World): number[] {
  const seen: number[] = [];
  world.system.onCommitted(({ entries }) => {
    if (entries.length > 0) seen.push(entries.length);
  });
  return seen;
}

describe("H4: batches", () => {
  it("are stepped while those before are on their way to the disk, four at most", async () => {
    const world = new World({ settings: { limits: { batch: 1 } } });
    await world.open("a");
    const seen: string[] = [];
    world.onBoundary = (boundary) => seen.push(boundary);
    world.disk.hold();
    for (const state of ["idle", "active", "idle", "active", "idle", "active"]) {
      await world.publish("ao.obs.activity.a", { state });
    }
    await settle();
    expect(seen).toEqual(["stepped", "stepped", "stepped", "stepped"]);
    world.disk.release();
    await settle();
    expect(seen.filter((boundary) => boundary === "dispatched")).toHaveLength(6);
    expect(world.tally("a").activity).toEqual([
      "idle",
      "active",
      "idle",
      "active",
      "idle",
      "active",
    ]);
  });
});

describe("H5: a batch", () => {
  it.each([
    {
      title: "takes no more once its time is over, and the next goes on there",
      ms: 3,
      is: [3, 3, 3, 1],
    },
    { title: "takes one message, however long that takes", ms: 20, is: Array(10).fill(1) },
    { title: "is whole while there is time", ms: 0, is: [10] },
  ])("$title", async ({ ms, is }) => {
    const world = slowWorld(ms);
    await tenWaiting(world);
    world.start();
    const seen = sizes(world);
    for (let turn = 0; turn < 10; turn += 1) await settle();
    expect(seen).toEqual(is);
    const states = world.tally("a").activity;
    expect(states).toEqual(states.map((_, n) => (n % 2 === 0 ? "idle" : "active")));
    expect(world.system.report()).toMatchObject({ applied: 11, duplicate: 0, isBalanced: true });
  });

  it("that fails is stepped again with what was in it, before what it had no time for (H3)", async () => {
    const world = slowWorld(3);
    await tenWaiting(world);
    world.disk.failNextWrite();
    world.start();
    for (let turn = 0; turn < 10; turn += 1) {
      await settle();
      await world.clock.advance(1_000);
    }
    const states = world.tally("a").activity;
    expect(states).toHaveLength(10);
    expect(states).toEqual(states.map((_, n) => (n % 2 === 0 ? "idle" : "active")));
    expect(world.system.report()).toMatchObject({ applied: 11, duplicate: 0, isBalanced: true });
  });
});
