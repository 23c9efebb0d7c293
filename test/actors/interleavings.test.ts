import { describe, expect, it } from "vitest";
import type { Address } from "../../machines/ids.ts";
import { settle } from "../support/clock.ts";
import { tallyKind } from "../support/tally.ts";
import { World, type WorldOptions } from "../support/world.ts";

// What one batch does to one actor twice, and what comes while an actor takes nothing.

const A: Address = "session/a";
const DONE = { repeated: false };

async function worldWith(act?: WorldOptions["act"]): Promise<World> {
  const world = new World(act === undefined ? {} : { act });
  await world.open("a");
  await world.open("b");
  return world;
}

/** Commands that are stepped in one batch, whatever becomes of them. */
async function together(world: World, types: readonly [string, object][]): Promise<void> {
  for (const [type, data] of types) {
    // oxlint-disable-next-line no-await-in-loop -- in this order
    await world.publish("ao.cmd.session.a", { type, data });
  }
  await settle();
}

async function quarantine(world: World): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- three in a row
    await world.ask(A, "tally.throw");
  }
}

/** An effect under way, its actor quarantined, then the result. */
async function unheard(): Promise<World> {
  const gates: PromiseWithResolvers<void>[] = [];
  const world = await worldWith(async () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    if (gates.length > 1) gate.resolve();
    await gate.promise;
    return DONE;
  });
  await world.ask(A, "tally.work", { text: "x" });
  await settle();
  await quarantine(world);
  gates[0]?.resolve();
  await settle();
  return world;
}

const THROWS: [string, object][] = [
  ["tally.throw", {}],
  ["tally.throw", {}],
  ["tally.throw", {}],
];

describe("R8: in one batch", () => {
  it("a step that was too large leaves nothing of it to the actor, who goes on", async () => {
    const world = await worldWith();
    await together(world, [
      ["tally.add", { n: 1 }],
      ["tally.bigadd", { n: 2 }],
      ["tally.add", { n: 3 }],
    ]);
    expect(world.tally("a").sum).toBe(4);
    await world.restart();
    expect((await world.ask(A, "tally.ask")).type).toBe("applied");
    expect(world.tally("a").sum).toBe(4);
  });

  it("a timer armed before the quarantine is not due until the release", async () => {
    const world = await worldWith();
    const dueAt = world.clock.now() + 1_000;
    await together(world, [["tally.arm", { name: "wake", dueAt }], ...THROWS]);
    expect(world.system.report().timers).toBe(0);
    await world.system.release(A);
    await world.clock.advance(1_000);
    expect(world.tally("a").fired).toEqual(["wake"]);
  });

  it("a release and a new quarantine leave its timers waiting", async () => {
    const world = await worldWith();
    await world.ask(A, "tally.arm", { name: "wake", dueAt: world.clock.now() + 1_000 });
    await quarantine(world);
    world.disk.hold();
    const released = world.system.release(A);
    await together(world, THROWS);
    world.disk.release();
    await released;
    await settle();
    await world.clock.advance(5_000);
    expect([world.tally("a").fired, world.system.report().timers]).toEqual([[], 0]);
  });
});

describe("R5: a result for an actor in quarantine", () => {
  it("leaves its order open, is told once, and the release begins that again", async () => {
    const world = await unheard();
    await world.clock.advance(120_000);
    const letters = world.store.deadLetters({ after: 3, limit: 9 });
    expect(letters).toMatchObject([{ code: "ACTOR_QUARANTINED", to: A }]);
    expect([world.deeds.length, world.system.report().outbox]).toEqual([1, 1]);
    await world.system.release(A);
    await settle();
    expect(world.deeds.map(({ effectId }) => effectId)).toEqual(["session/a#2.0", "session/a#2.0"]);
    expect(world.tally("a").done).toEqual(["session/a#2.0"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("leaves its order open also when it comes twice at once", async () => {
    const world = await worldWith(async () => DONE);
    await world.ask(A, "tally.raise");
    world.fateOf = ({ id = "" }) => (id.startsWith("result:") ? "held" : "stored");
    await world.ask(A, "tally.work", { text: "x" });
    await settle();
    await quarantine(world);
    world.fateOf = () => "twice";
    world.stream.release();
    await settle();
    world.fateOf = () => "stored";
    expect(world.system.report()).toMatchObject({ outbox: 1, isBalanced: true });
    await world.system.release(A);
    await world.clock.advance(120_000);
    expect(world.tally("a").done).toHaveLength(1);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("is begun again by the release also after a restart", async () => {
    const world = await unheard();
    await world.restart();
    await world.system.release(A);
    await world.clock.advance(120_000);
    expect(world.tally("a").done).toEqual(["session/a#2.0"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("is not taken from its letter while its order is open, nor twice after", async () => {
    const world = await unheard();
    await expect(world.system.retry(4)).rejects.toMatchObject({ code: "NOT_READY" });
    await world.system.release(A);
    await settle();
    const later = await world.system.retry(4);
    expect(later).toMatchObject({ type: "applied", address: A });
    expect(world.tally("a").done).toEqual(["session/a#2.0"]);
  });

  it("waits for the program that can wake it when its chart is refused", async () => {
    let isStuck = true;
    const world = await worldWith(async () =>
      isStuck ? Promise.withResolvers<never>().promise : Promise.resolve(DONE),
    );
    await world.ask(A, "tally.work", { text: "x" });
    await settle();
    await world.crash();
    isStuck = false;
    world.kinds = new Map([["session", { ...tallyKind(), version: 2 }]]);
    world.start();
    await world.clock.advance(120_000);
    expect(world.store.deadLetters({ after: 0, limit: 9 })).toMatchObject([
      { code: "SNAPSHOT_REFUSED" },
    ]);
    expect(world.system.report().outbox).toBe(1);
    world.kinds = new Map([["session", tallyKind()]]);
    await world.restart();
    await world.clock.advance(180_000);
    expect(world.tally("a").done).toEqual(["session/a#2.0"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });
});

describe("X5: a result that the bus could never carry", () => {
  it("is a failed effect: its order closes, and its actor is told", async () => {
    const logTail = "x".repeat(1_200_000);
    const checks = [{ name: "all", passed: true, exitCode: 0, durationMs: 1, logTail }];
    const world = await worldWith(async () => Promise.resolve({ headSha: "f", checks }));
    const data = { repo: "/r", projectId: "p", number: 1, headSha: "f", checks: [], env: {} };
    const order = { type: "effect", name: "runChecks", lane: "checks:p", data };
    await world.ask(A, "tally.order", { order });
    await settle();
    expect(world.tally("a").failed).toEqual(["MESSAGE_TOO_LARGE"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });
});

describe("a letter that is tried again", () => {
  it("says what its message said: its time and its cause", async () => {
    const world = await worldWith();
    const headers = { "Ao-At": String(world.clock.now() - 5_000), "Ao-Cause": "probe-1" };
    await world.publish("ao.obs.activity.late", { state: "idle" }, headers);
    await settle();
    await world.open("late");
    await world.system.retry(1);
    const [, entry] = world.store.journal("session/late", { after: 0, limit: 9 });
    expect(entry?.message).toMatchObject({
      at: Number(headers["Ao-At"]),
      cause: "probe-1",
      type: "activity.observed",
    });
  });

  it("R7: is stale as the firing of a timer that fires by itself", async () => {
    const world = await worldWith();
    await world.ask(A, "tally.arm", { name: "throw", dueAt: world.clock.now() + 1_000 });
    await world.clock.advance(1_000);
    await world.ask(A, "tally.arm", { name: "throw", dueAt: world.clock.now() + 1_000 });
    expect(await world.system.retry(1)).toMatchObject({ type: "stale", code: "TIMER_STALE" });
  });

  it("fires a timer whose row went with its letter, and disarms it", async () => {
    const world = await worldWith();
    await world.ask(A, "tally.arm", { name: "wake", dueAt: world.clock.now() + 1_000 });
    await world.crash();
    world.kinds = new Map([["session", { ...tallyKind(), version: 2 }]]);
    world.start();
    await world.clock.advance(2_000);
    world.kinds = new Map([["session", tallyKind()]]);
    await world.restart();
    expect(await world.system.retry(1)).toMatchObject({ type: "applied" });
    expect(world.tally("a").fired).toEqual(["wake"]);
    expect(world.store.snapshot(A)?.timers).toEqual({});
  });
});

describe("R11: the chain of causes", () => {
  it("leads from a quarantine to the message that threw", async () => {
    const world = await worldWith();
    await world.ask("session/c", "tally.open", { parent: "a" }, "cmd:c");
    await world.ask("session/c", "tally.throw", {}, "cmd:t0");
    await world.ask("session/c", "tally.throw", {}, "cmd:t1");
    await world.ask("session/c", "tally.throw", {}, "cmd:t2");
    await settle();
    const chain = world.system.causes("session/c#2.0").map(({ id, name }) => `${id} ${name}`);
    expect(chain).toEqual([
      "cmd:t2 STEP_THREW",
      "quarantine:session/c:2 actor.quarantined",
      "session/c#2.0 child.quarantined",
    ]);
  });
});

describe("H1: a batch that lands while a later one is on its way", () => {
  it("supersedes effects by the epoch that is durable, not by that of the later one", async () => {
    const signals: AbortSignal[] = [];
    const world = await worldWith(async (_deed, { signal }) => {
      signals.push(signal);
      return Promise.withResolvers<never>().promise;
    });
    await world.ask(A, "tally.raise");
    await world.ask(A, "tally.work", { text: "x" });
    await settle();
    world.disk.hold();
    await together(world, [["tally.add", { n: 1 }]]);
    await together(world, [["tally.raise", {}]]);
    world.disk.release();
    world.disk.hold();
    await settle();
    const first = [world.tally("a").sum, signals[0]?.aborted];
    world.disk.release();
    await settle();
    expect([first, [world.tally("a").epoch, signals[0]?.aborted]]).toEqual([
      [1, false],
      [2, true],
    ]);
  });
});
