import { describe, expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import type { Address } from "../../machines/ids.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

const A: Address = "session/a";

/** A world with one open tally. */
async function worldWithTally(): Promise<World> {
  const world = new World();
  await world.open("a");
  return world;
}

async function arm(world: World, name: string, inMs: number): Promise<void> {
  await world.ask(A, "tally.arm", { name, dueAt: world.clock.now() + inMs });
}

/** Data of the firings that were applied, oldest first. */
function firings(world: World): unknown[] {
  return world.store
    .journal(A, { after: 0, limit: 1_000 })
    .filter(({ message }) => message.type.startsWith("timer."))
    .map(({ message }) => message.data);
}

describe("R7: a timer", () => {
  it("fires once, at its time and not before", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 5_000);
    await world.clock.advance(4_999);
    const before = world.tally("a").fired;
    await world.clock.advance(1);
    await world.clock.advance(600_000);
    expect([before, world.tally("a").fired]).toEqual([[], ["wake"]]);
    expect(firings(world)).toMatchObject([{ lateMs: 0 }]);
    expect(world.system.report()).toMatchObject({ timers: 0, duplicate: 0, isBalanced: true });
  });

  it("that fell due while the daemon was down fires once at boot, with its lateness in the journal", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 5_000);
    await world.crash();
    await world.clock.advance(12_000);
    world.start();
    await world.clock.advance(60_000);
    expect(firings(world)).toMatchObject([{ lateMs: 7_000 }]);
  });

  it.each([
    { title: "was cancelled", change: { type: "tally.cancel", inMs: 0 }, fired: [] },
    { title: "was moved", change: { type: "tally.arm", inMs: 9_000 }, fired: [{ lateMs: 0 }] },
  ])("that $title before it was due does not fire at its old time", async ({ change, fired }) => {
    const world = await worldWithTally();
    await arm(world, "wake", 5_000);
    const dueAt = world.clock.now() + change.inMs;
    await world.ask(A, change.type, { name: "wake", dueAt });
    await world.clock.advance(5_000);
    expect(firings(world)).toEqual([]);
    await world.clock.advance(4_000);
    expect(firings(world)).toMatchObject(fired);
    expect(world.system.report()).toMatchObject({ timers: 0 });
  });

  it.each([{ type: "tally.cancel" }, { type: "tally.arm" }])(
    "whose firing is under way when $type comes first is counted stale",
    async ({ type }) => {
      const world = await worldWithTally();
      await arm(world, "wake", 5_000);
      // The change is stepped, and the timer falls due, while nothing reaches the disk.
      world.disk.hold();
      const changed = world.ask(A, type, { name: "wake", dueAt: world.clock.now() + 60_000 });
      await settle();
      await world.clock.advance(5_000);
      world.disk.release();
      await changed;
      await settle();
      expect(firings(world)).toEqual([]);
      expect(world.system.report()).toMatchObject({ stale: 1, isBalanced: true });
    },
  );

  it("armed again in the step that its firing caused fires again, and again", async () => {
    const world = await worldWithTally();
    await arm(world, "again", 1_000);
    await world.clock.advance(3_500);
    expect(world.tally("a").fired).toEqual(["again", "again", "again"]);
    expect(world.store.timersOf(A)).toMatchObject([{ name: "again" }]);
    expect(world.system.report()).toMatchObject({ duplicate: 0, stale: 0, timers: 1 });
  });

  it("fires although the commit of its firing failed, and still only once", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 5_000);
    world.disk.failNextWrite();
    await world.clock.advance(60_000);
    expect(world.troubles).toMatchObject([{ code: "STORE_FULL" }]);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("fires once when the daemon dies between the flush of its firing and the next step", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 5_000);
    world.onBoundary = (boundary) => {
      if (boundary !== "flushed") return;
      world.onBoundary = () => {};
      world.kill();
      throw new Error("killed");
    };
    await world.clock.advance(5_000);
    await world.restart();
    await world.clock.advance(60_000);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("fires within the longest sleep after the clock was set forward", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 3_600_000);
    world.clock.jump(3_600_000);
    await world.clock.advance(60_000);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("is one of 10,000 due at once, and every one of them fires once", async () => {
    const world = new World();
    const dueAt = world.clock.now() + 1_000;
    for (let n = 0; n < 100; n += 1) await world.open(`t${n}`);
    for (let n = 0; n < 100; n += 1) {
      for (let name = 0; name < 100; name += 1) {
        const body = { type: "tally.arm", data: { name: `n${name}`, dueAt } };
        await world.publish(`ao.cmd.session.t${n}`, body);
      }
    }
    await settle();
    const armed = world.system.report().timers;
    await world.clock.advance(1_000);
    // The tally knows no such timers: each firing is a letter, which is an end as well.
    expect([armed, world.system.report()]).toMatchObject([
      10_000,
      { timers: 0, dead: 10_000, duplicate: 0, isBalanced: true },
    ]);
  });
});

it("what is due is looked at again after a look that failed, though nobody else comes", async () => {
  const world = await worldWithTally();
  await arm(world, "wake", 1_000);
  const timersDue = world.store.timersDue.bind(world.store);
  world.store.timersDue = () => {
    world.store.timersDue = timersDue;
    throw new Failure("STORE_DAMAGED", "read a row");
  };
  await world.clock.advance(1_000);
  const before = world.tally("a").fired;
  await world.clock.advance(5_000);
  expect([before, world.tally("a").fired]).toEqual([[], ["wake"]]);
  expect(world.troubles).toMatchObject([{ code: "STORE_DAMAGED" }]);
});

describe("T1: a firing that becomes a letter", () => {
  it("because its actor does not know it takes its timer with it", async () => {
    const world = await worldWithTally();
    await arm(world, "unheard", 1_000);
    await world.clock.advance(1_000);
    const letters = world.store.deadLetters({ after: 0, limit: 10 });
    expect(letters).toMatchObject([{ code: "TYPE_UNKNOWN", to: A }]);
    expect(world.system.report()).toMatchObject({ timers: 0, duplicate: 0, isBalanced: true });
    expect(world.store.snapshot(A)).toMatchObject({ timers: {} });
  });

  it("waits while its actor is quarantined, and fires when that is released", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 1_000);
    for (let n = 0; n < 3; n += 1) await world.ask(A, "tally.throw");
    await world.clock.advance(5_000);
    expect([world.tally("a").fired, world.system.report().timers]).toEqual([[], 0]);
    await world.restart();
    await world.system.release(A);
    await world.clock.advance(1);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("that quarantined its actor is due again after the release, and not before", async () => {
    const world = await worldWithTally();
    await arm(world, "throw", 1_000);
    for (let n = 0; n < 2; n += 1) await world.ask(A, "tally.throw");
    await world.clock.advance(60_000);
    expect(world.store.snapshot(A)).toMatchObject({ isQuarantined: true, strikes: 3 });
    expect(world.store.nextTimerAt()).toBeUndefined();
    await world.system.release(A);
    await world.clock.advance(1);
    expect(world.store.snapshot(A)).toMatchObject({ isQuarantined: false, strikes: 1 });
    await world.ask(A, "tally.cancel", { name: "throw" });
    expect(world.system.report()).toMatchObject({ timers: 0, duplicate: 0, isBalanced: true });
  });

  it("leaves the other timers of the actor armed", async () => {
    const world = await worldWithTally();
    await arm(world, "throw", 1_000);
    await arm(world, "wake", 2_000);
    await world.clock.advance(2_000);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("has no successor: an actor that ends takes its timers with it", async () => {
    const world = await worldWithTally();
    await arm(world, "wake", 1_000);
    await world.ask(A, "tally.end");
    await world.clock.advance(1_000);
    expect(world.system.report()).toMatchObject({ timers: 0, dead: 0 });
  });
});
