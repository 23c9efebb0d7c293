import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

describe("at boot", () => {
  it("what was said while the daemon was down comes before what fell due meanwhile", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.arm", { name: "wake", dueAt: world.clock.now() + 1_000 });
    await world.crash();
    const data = { name: "wake" };
    const body = new TextEncoder().encode(JSON.stringify({ type: "tally.cancel", data }));
    await world.stream.publish({ subject: "ao.cmd.session.a", body });
    world.clock.jump(60_000);
    world.start();
    await settle();
    await world.clock.advance(10_000);
    expect(world.tally("a").fired).toEqual([]);
    expect(world.system.report()).toMatchObject({ timers: 0, isBalanced: true });
  });

  it("what was under way is begun in the order of its steps, whatever time its messages told", async () => {
    let isAlive = true;
    const world = new World({
      act: async () => (isAlive ? Promise.withResolvers<never>().promise : { repeated: false }),
    });
    await world.open("a");
    const now = world.clock.now();
    for (const [n, at] of [now, now - 10, now + 10, now - 20].entries()) {
      const data = { text: `${n}` };
      await world.publish("ao.cmd.session.a", { type: "tally.work", at, data });
    }
    await settle();
    isAlive = false;
    world.deeds.length = 0;
    await world.restart();
    await world.clock.advance(10_000);
    expect(world.deeds.map(({ data }) => data)).toMatchObject(
      [0, 1, 2, 3].map((n) => ({ text: `${n}` })),
    );
  });

  it("waits for all that was said, however long the reading of it takes", async () => {
    const world = new World({ settings: { limits: { batch: 1 } } });
    await world.open("a");
    await world.ask("session/a", "tally.arm", { name: "wake", dueAt: world.clock.now() + 1_000 });
    await world.crash();
    const said = (type: string, data: object): Promise<unknown> =>
      world.stream.publish({
        subject: "ao.cmd.session.a",
        body: new TextEncoder().encode(JSON.stringify({ type, data })),
      });
    for (let n = 0; n < 10; n += 1) await said("tally.add", { n: 0 });
    await said("tally.cancel", { name: "wake" });
    world.clock.jump(60_000);
    world.start();
    world.disk.hold();
    await world.clock.advance(20_000);
    world.disk.release();
    await world.clock.advance(20_000);
    expect(world.tally("a").fired).toEqual([]);
    expect(world.system.report()).toMatchObject({ timers: 0, isBalanced: true });
  });

  it("goes on without a bus after a while", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.arm", { name: "wake", dueAt: world.clock.now() + 1_000 });
    await world.crash();
    world.stream.fail("no server");
    world.clock.jump(60_000);
    world.start();
    await world.clock.advance(6_000);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });
});

describe("a refusal that passes", () => {
  it("that an actor itself gives is not kept either, and one that stands is", async () => {
    const world = new World();
    await world.open("a");
    const refusing = async (code: string, id: string): Promise<string> => {
      const order = { type: "refuse", code, message: "not now" };
      return (await world.ask("session/a", "tally.order", { order }, id)).type;
    };
    const adding = async (id: string): Promise<string> =>
      (await world.ask("session/a", "tally.add", { n: 1 }, id)).type;
    expect([await refusing("MAILBOX_FULL", "cmd:1"), await adding("cmd:1")]).toEqual([
      "refused",
      "applied",
    ]);
    expect([await refusing("NOT_MERGEABLE", "cmd:2"), await adding("cmd:2")]).toEqual([
      "refused",
      "refused",
    ]);
  });

  it("is not kept: the same command asked again fares as things are then", async () => {
    const gate = Promise.withResolvers<void>();
    const world = new World({
      settings: { limits: { outbox: 1 } },
      act: async () => {
        await gate.promise;
        return { repeated: false };
      },
    });
    await world.open("a");
    // Commands have twice the room of the bound.
    for (const text of ["1", "2"]) await world.ask("session/a", "tally.work", { text });
    const full = await world.ask("session/a", "tally.add", { n: 1 }, "cmd:again");
    gate.resolve();
    await settle();
    const later = await world.ask("session/a", "tally.add", { n: 1 }, "cmd:again");
    const repeated = await world.ask("session/a", "tally.add", { n: 1 }, "cmd:again");
    expect([full.type, later.type]).toEqual(["dead", "applied"]);
    expect(repeated).toEqual(later);
    expect(world.tally("a").sum).toBe(1);
  });
});

describe("letting out what is durable", () => {
  it("that throws undoes nothing: the host ends, and the next one goes on from the store", async () => {
    const world = new World();
    await world.open("a");
    await world.open("b");
    let isArmed = true;
    world.onBoundary = (boundary) => {
      if (boundary !== "answered" || !isArmed) return;
      isArmed = false;
      throw new Error("broken");
    };
    void world.ask("session/a", "tally.tell", { to: "session/b", n: 1 }, "cmd:1").catch(() => {});
    for (let n = 0; n < 5; n += 1)
      await world.publish("ao.cmd.session.a", { id: `x${n}`, type: "tally.add", data: { n: 1 } });
    await settle();
    await world.restart();
    await world.clock.advance(60_000);
    expect([world.tally("a").sum, world.tally("b").sum]).toEqual([5, 1]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });
});
