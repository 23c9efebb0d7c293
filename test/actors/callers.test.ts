import { describe, expect, it } from "vitest";
import { callers } from "../../actors/callers.ts";
import type { Outcome } from "../../storage/store.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

const OUTCOME: Outcome = { type: "stale", code: "EPOCH_STALE", message: "late" };

describe("callers", () => {
  it("all learn the outcome of the message they wait for, and nobody else does", async () => {
    const waiting = callers(9);
    const both = Promise.all([waiting.wait("x"), waiting.wait("x")]);
    const other = waiting.wait("y");
    waiting.answer("x", OUTCOME);
    expect(await both).toEqual([OUTCOME, OUTCOME]);
    expect(waiting.size).toBe(1);
    waiting.answer("y", OUTCOME);
    await other;
    expect(waiting.size).toBe(0);
  });

  it("over the bound are refused and take no place", async () => {
    const waiting = callers(1);
    const first = waiting.wait("x");
    await expect(waiting.wait("y")).rejects.toMatchObject({ code: "MAILBOX_FULL" });
    expect(() => waiting.throwIfFull("z")).toThrow("1 callers are waiting");
    waiting.answer("x", OUTCOME);
    await first;
    await expect(Promise.race([waiting.wait("y"), settle()])).resolves.toBeUndefined();
  });

  it("that give up free their place", async () => {
    const waiting = callers(1);
    const leaving = new AbortController();
    const first = waiting.wait("x", leaving.signal);
    leaving.abort();
    await expect(first).rejects.toMatchObject({ code: "NOT_READY" });
    expect(waiting.size).toBe(0);
  });
});

describe("R2: a caller", () => {
  it("is not answered before the flush of what was done for it", async () => {
    const world = new World();
    await world.open("a");
    world.disk.hold();
    const asked = world.ask("session/a", "tally.add", { n: 1 });
    const early = await Promise.race([asked, settle()]);
    world.disk.release();
    expect([early, await asked]).toMatchObject([undefined, { type: "applied" }]);
  });

  it("who is refused for want of room has caused nothing", async () => {
    const world = new World({ settings: { limits: { callers: 1 } } });
    await world.open("a");
    const asked = await Promise.allSettled([
      world.ask("session/a", "tally.add", { n: 1 }),
      world.ask("session/a", "tally.add", { n: 1 }),
    ]);
    await settle();
    expect(asked).toMatchObject([{ status: "fulfilled" }, { reason: { code: "MAILBOX_FULL" } }]);
    expect(world.tally("a").sum).toBe(1);
  });

  it.each(["tally.add", "tally.throw"])(
    "whose answer to %s was lost learns it when it asks again",
    async (type) => {
      const world = new World();
      await world.open("a");
      world.onBoundary = (boundary) => {
        if (boundary !== "flushed") return;
        world.onBoundary = () => {};
        world.kill();
        throw new Error("killed");
      };
      void world.ask("session/a", type, { n: 1 }, "cmd:1");
      await settle();
      await world.restart();
      const again = await Promise.race([
        world.ask("session/a", type, { n: 1 }, "cmd:1"),
        world.clock.advance(60_000),
      ]);
      expect(again).toMatchObject({ type: type === "tally.add" ? "applied" : "dead" });
      expect(world.system.report()).toMatchObject({ received: 2, duplicate: 0 });
    },
  );

  it("of a stale command learns so again, also from after a crash", async () => {
    const world = new World();
    await world.open("a");
    await world.ask("session/a", "tally.raise");
    const command = {
      to: "session/a",
      type: "tally.ask",
      data: {},
      epoch: 0,
      id: "cmd:1",
    } as const;
    const first = await world.system.ask(command);
    await world.restart();
    const again = await Promise.race([world.system.ask(command), settle()]);
    expect([first, again]).toMatchObject([{ code: "EPOCH_STALE" }, { code: "EPOCH_STALE" }]);
  });

  it("whose command could not be published holds no place", async () => {
    const world = new World({ settings: { limits: { callers: 1 } } });
    await world.open("a");
    await world.publish("ao.cmd.session.ghost", { type: "tally.ask" });
    await settle();
    world.stream.fail("gone");
    await expect(world.ask("session/a", "tally.ask")).rejects.toMatchObject({ code: "BUS_DOWN" });
    await expect(world.system.retry(1)).rejects.toMatchObject({ code: "BUS_DOWN" });
    world.stream.restore();
    expect(await world.ask("session/a", "tally.ask")).toMatchObject({ type: "applied" });
  });
});
