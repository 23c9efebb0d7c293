import { describe, expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import type { SessionContext } from "../../machines/session/record.ts";
import { settle } from "../support/clock.ts";
import { MINUTE, Objectives } from "../support/objectives.ts";
import { World } from "../support/world.ts";

// The clock of the machine goes back an hour: nothing is lost, done twice or held up for that hour but what waits for a
// time of day.

const HOUR = 60 * MINUTE;

describe("a clock that goes back an hour", () => {
  it("makes a timer late by as much, and it fires once", async () => {
    const world = new World();
    await world.open("a");
    const dueAt = world.clock.now() + 5_000;
    await world.ask("session/a", "tally.arm", { name: "wake", dueAt });
    world.clock.jump(-HOUR);
    await world.clock.advance(HOUR);
    const early = world.tally("a").fired;
    await world.clock.advance(5_000);
    await world.clock.advance(HOUR);
    expect([early, world.tally("a").fired]).toEqual([[], ["wake"]]);
    expect(world.system.report()).toMatchObject({ timers: 0, duplicate: 0, isBalanced: true });
  });

  it("holds up no mail that got lost before", async () => {
    const world = new World({ settings: { mail: { republishMs: 1_000 } } });
    await world.open("a");
    await world.open("b");
    world.fateOf = ({ subject }) => {
      if (!subject.startsWith("ao.msg.")) return "stored";
      world.fateOf = () => "stored";
      return "refused";
    };
    await world.ask("session/a", "tally.tell", { to: "session/b", n: 5 });
    await settle();
    world.clock.jump(-HOUR);
    await world.clock.advance(2_000);
    expect(world.tally("b").sum).toBe(5);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("holds up no order that waits to be tried again, also over a restart", async () => {
    let tries = 0;
    const world = new World({
      settings: { effects: { retryMs: 100, retryMaxMs: 1_000 } },
      act: async () => {
        tries += 1;
        if (tries < 3) throw new Failure("TMUX_UNREACHABLE", "not yet");
        return Promise.resolve({ repeated: false });
      },
    });
    await world.open("a");
    await world.ask("session/a", "tally.work", { text: "x" });
    await settle();
    world.clock.jump(-HOUR);
    await world.restart();
    await world.clock.advance(4_000);
    expect([tries, world.system.report().outbox]).toEqual([3, 0]);
  });

  it("takes a silent agent for nothing else, and no command waits for it", async () => {
    const w = new Objectives();
    await w.project();
    await w.must("project/demo", "project.spawn", { prompt: "p" });
    const id = "demo-1";
    const record = (): SessionContext => {
      const row = w.system.store.snapshot(`session/${id}`);
      if (row === undefined) throw new Error(`no session ${id}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the session's own machine
      return (row.snapshot as unknown as { context: SessionContext }).context;
    };
    await w.says(id, "active");
    w.clock.jump(-HOUR);
    await w.pass(50 * MINUTE);
    expect(record().axes.lifecycle).toMatchObject({ state: "working" });
    await w.must(`session/${id}`, "session.send", { text: "still heard" });
    await w.pass(1_000);
    expect(w.typed(id)).toContain("still heard");
    // Its lease is over an hour later, its screen is looked at, and it goes on.
    await w.pass(30 * MINUTE);
    expect(record().watch?.lookedAt).toBeGreaterThan(0);
    expect(record().axes.lifecycle).toMatchObject({ state: "working" });
    await w.must(`session/${id}`, "session.kill");
    await w.pass(1_000);
    expect(record()).toMatchObject({
      wanted: "closed",
      axes: { lifecycle: { state: "terminated" } },
    });
  });
});
