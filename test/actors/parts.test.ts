import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { superviseParts } from "../../actors/parts.ts";
import { Failure } from "../../machines/failures.ts";
import { manualClock } from "../support/clock.ts";
import {
  fakePart,
  memoryNotes,
  NOW,
  partsWorld,
  slowNotes,
  type Given,
  type PartsWorld,
} from "../support/parts.ts";

const worlds: PartsWorld[] = [];
afterEach(async () => {
  for (const { parts, clock } of worlds.splice(0)) {
    const stopped = parts.stop();
    await clock.advance(10_000);
    await stopped;
  }
});

async function given(changes: Given = {}): Promise<PartsWorld> {
  const world = await partsWorld(changes);
  worlds.push(world);
  return world;
}

/** The log from here on. */
function fresh({ log }: PartsWorld): void {
  log.length = 0;
}

/** Uses up the budget of c. */
async function crashTwice(world: PartsWorld): Promise<void> {
  world.part("c").die("crash");
  await world.clock.advance(100);
  world.part("c").die("crash");
  await world.clock.advance(200);
}

describe("order", () => {
  it("starts each part when the one before is up, and is ready when the last one is", async () => {
    const world = await given({ manners: { b: { start: "slow" } } });
    expect(world.log).toEqual(["start a1", "start b1"]);
    world.part("b").comeUp();
    await world.parts.ready;
    expect(world.log).toEqual(["start a1", "start b1", "start c1"]);
    expect(world.parts.tree().phase).toBe("running");
  });

  it("stops the parts in reverse, politely for half of their time", async () => {
    const world = await given();
    fresh(world);
    await world.parts.stop();
    expect(world.log).toEqual(["stop c1 within 200", "stop b1 within 200", "stop a1 within 200"]);
    expect(world.clock.pending).toBe(0);
  });

  it("aborts the start in hand when it is stopped, and is never ready", async () => {
    const world = await given({ manners: { b: { start: "slow" } } });
    fresh(world);
    await world.parts.stop();
    expect(world.log).toEqual(["abort b1", "stop a1 within 200"]);
    await expect(world.parts.ready).rejects.toMatchObject({ code: "NOT_READY" });
  });

  it("cancels the back-off when it is stopped during it", async () => {
    const world = await given();
    world.part("c").die("crash");
    await world.clock.advance(50);
    fresh(world);
    await world.parts.stop();
    expect(world.clock.pending).toBe(0);
    await world.clock.advance(1_000);
    expect(world.log).toEqual(["stop b1 within 200", "stop a1 within 200"]);
  });

  it("refuses parts that the spec does not name", () => {
    const spec = { intensity: 1, periodMs: 1, backoff: { minMs: 0, maxMs: 0 }, children: [] };
    const options = {
      name: "daemon",
      clock: manualClock(),
      notes: memoryNotes(),
      onEvent: () => {},
    };
    expect(() =>
      superviseParts({
        ...options,
        parts: [fakePart("a", [])],
        spec: { strategy: "one_for_one", ...spec },
      }),
    ).toThrow("daemon: parts a but specs of ");
  });
});

describe("restart", () => {
  it("restarts a part that dies when its back-off is over, and not before", async () => {
    const world = await given();
    fresh(world);
    world.part("c").die("crash");
    await world.clock.advance(99);
    expect(world.log).toEqual([]);
    await world.clock.advance(1);
    expect(world.log).toEqual(["start c2"]);
    expect(world.parts.tree().phase).toBe("running");
  });

  it("stops the parts behind the dead one in reverse and starts them again in order", async () => {
    const world = await given();
    fresh(world);
    world.part("a").die("infra");
    await world.clock.advance(100);
    expect(world.log).toEqual([
      "stop c1 within 200",
      "stop b1 within 200",
      "start a2",
      "start b2",
      "start c2",
    ]);
  });

  it("restarts a part whose timer fires a little before its time", async () => {
    const world = await given({ earlyMs: 1 });
    world.part("c").die("crash");
    await world.clock.advance(99);
    expect(world.log.at(-1)).toBe("start c2");
  });

  it("moves the one alarm when a second part dies during a back-off", async () => {
    const world = await given({ spec: { strategy: "one_for_one" } });
    world.part("b").die("crash");
    await world.clock.advance(50);
    world.part("a").die("crash");
    await world.clock.advance(0);
    expect(world.clock.pending).toBe(1);
    fresh(world);
    await world.clock.advance(199);
    expect(world.log).toEqual([]);
    await world.clock.advance(1);
    expect(world.log).toEqual(["start a2", "start b2"]);
  });

  it("leaves the others alone under one_for_one", async () => {
    const world = await given({ spec: { strategy: "one_for_one" } });
    fresh(world);
    world.part("a").die("crash");
    await world.clock.advance(100);
    expect(world.log).toEqual(["start a2"]);
  });

  it.each([
    { title: "an error of its own", start: new Error("bad file"), cause: "launch", throws: false },
    {
      title: "a lasting Failure",
      start: new Failure("STORE_DAMAGED", "open store"),
      cause: "launch",
      throws: false,
    },
    { title: "an error before its promise", start: new Error("no"), cause: "launch", throws: true },
    {
      title: "a retryable Failure",
      start: new Failure("BUS_DOWN", "connect"),
      cause: "infra",
      throws: false,
    },
  ] satisfies { title: string; start: Error; cause: string; throws: boolean }[])(
    "takes a start that fails with $title as $cause and tries again",
    async ({ start, cause, throws }) => {
      const world = await given({ manners: { b: { start, throws } } });
      expect(world.parts.tree().parts[1]).toEqual({
        id: "b",
        epoch: 1,
        state: "waiting",
        lastCause: cause,
        error: start.message,
      });
      world.part("b").manners.start = "prompt";
      await world.clock.advance(100);
      await world.parts.ready;
      expect(world.log).toEqual(["start a1", "start b1", "start b2", "start c1"]);
    },
  );

  it("takes a part whose end cannot be learned as crashed", async () => {
    const world = await given();
    world.part("c").breakOff(new Error("lost sight"));
    await world.clock.advance(0);
    expect(world.parts.tree().parts[2]).toMatchObject({ lastCause: "crash", error: "lost sight" });
  });

  it("goes on without a temporary part that ended", async () => {
    const world = await given({ restart: "temporary" });
    fresh(world);
    world.part("a").die("crash");
    await world.clock.advance(5_000);
    expect(world.log).toEqual([]);
    expect(world.events).toContainEqual({ type: "part.ended", id: "a", cause: "crash" });
  });

  it("does not charge a part that dies while it is being stopped", async () => {
    const world = await given({ manners: { c: { stop: "stubborn" } } });
    world.part("a").die("crash");
    await world.clock.advance(0);
    world.part("c").die("crash");
    await world.clock.advance(400);
    expect(world.parts.tree().restarts).toEqual({ crash: 1 });
    expect(world.events.filter(({ type }) => type === "part.exited")).toHaveLength(1);
  });
});

describe("deadlines", () => {
  it("aborts a start at its deadline and tries again after the back-off", async () => {
    const world = await given({ manners: { b: { start: "slow" } } });
    fresh(world);
    await world.clock.advance(999);
    expect(world.log).toEqual([]);
    await world.clock.advance(1);
    expect(world.log).toEqual(["abort b1"]);
    expect(world.parts.tree().parts[1]?.error).toBe("start part b: not up after 1000 ms");
    await world.clock.advance(100);
    expect(world.log).toEqual(["abort b1", "start b2"]);
  });

  it("abandons a start that ignores its abort, and stops what it brings up too late", async () => {
    const world = await given({ manners: { c: { start: "stubborn" } } });
    fresh(world);
    await world.clock.advance(1_399);
    expect(world.events.map(({ type }) => type)).not.toContain("part.abandoned");
    await world.clock.advance(1);
    expect(world.events.map(({ type }) => type)).toContain("part.abandoned");
    const before = world.parts.tree();
    world.part("c").comeUp();
    await world.clock.advance(0);
    expect(world.log).toEqual(["abort c1", "stop c1 within 200"]);
    expect(world.parts.tree()).toEqual(before);
    expect(world.events).not.toContainEqual({ type: "part.started", id: "c", epoch: 1 });
    world.part("c").manners.start = "prompt";
    await world.clock.advance(100);
    expect(world.log.at(-1)).toBe("start c2");
  });

  it("waits for a stop until its deadline before it stops the next part", async () => {
    const world = await given({ manners: { c: { stop: "stubborn" } } });
    fresh(world);
    const stopped = world.parts.stop();
    await world.clock.advance(399);
    expect(world.log).toEqual(["stop c1 within 200"]);
    await world.clock.advance(1);
    await stopped;
    expect(world.log).toEqual(["stop c1 within 200", "stop b1 within 200", "stop a1 within 200"]);
    expect(world.events).toContainEqual(
      expect.objectContaining({ type: "part.abandoned", id: "c", epoch: 1 }),
    );
  });

  it("reports a stop that fails and goes on with the next part", async () => {
    const error = new Error("will not die");
    const world = await given({ manners: { c: { stop: error } } });
    fresh(world);
    await world.parts.stop();
    expect(world.log).toHaveLength(3);
    expect(world.events).toContainEqual({ type: "part.abandoned", id: "c", epoch: 1, error });
  });
});

describe("escalation", () => {
  it("stops all parts in reverse and says why when the budget is used up", async () => {
    const world = await given();
    await crashTwice(world);
    fresh(world);
    const error = new Error("third time");
    world.part("c").die("crash", error);
    expect(await world.parts.escalated).toEqual({ id: "c", cause: "crash", error });
    expect(world.log).toEqual(["stop b1 within 200", "stop a1 within 200"]);
    expect(world.clock.pending).toBe(0);
  });

  it("is never ready when a part cannot be started within the budget", async () => {
    const world = await given({ manners: { a: { start: new Error("bad file") } } });
    await world.clock.advance(1_000);
    await expect(world.parts.ready).rejects.toThrow("start daemon: given up: a ended with launch");
    expect(world.log).toEqual(["start a1", "start a2", "start a3"]);
  });

  it("can still be stopped afterwards", async () => {
    const world = await given({ spec: { intensity: 0 } });
    world.part("a").die("crash");
    await world.parts.escalated;
    await world.parts.stop();
    expect(world.parts.tree().phase).toBe("stopped");
  });

  it("forgives nothing over a restart of the daemon", async () => {
    const notes = memoryNotes();
    const before = await given({ notes });
    await crashTwice(before);
    const after = await given({ notes });
    await after.parts.ready;
    expect(after.log).toEqual(["start a2", "start b2", "start c4"]);
    expect(after.parts.tree().restarts).toEqual({ crash: 2 });
    after.part("c").die("crash");
    expect(await after.parts.escalated).toEqual({ id: "c", cause: "crash" });
  });

  it("forgives after the period, over a restart too", async () => {
    const notes = memoryNotes();
    await crashTwice(await given({ notes }));
    const after = await given({ notes });
    await after.clock.advance(10_300);
    expect(after.parts.tree().restarts).toEqual({});
    after.part("c").die("crash");
    await after.clock.advance(100);
    expect(after.parts.tree().phase).toBe("running");
  });
});

describe("notes", () => {
  it("hold a decision before it is carried out (P1)", async () => {
    const notes = slowNotes();
    const world = await given({ notes });
    expect(world.parts.tree().parts[0]).toEqual({ id: "a", epoch: 1, state: "starting" });
    expect(world.log).toEqual([]);
    notes.finish();
    await world.clock.advance(0);
    expect(world.log).toEqual(["start a1"]);
    notes.letGo();
  });

  it("hold one decision at a time, whatever happens meanwhile (P2)", async () => {
    const notes = slowNotes();
    const world = await given({ notes, manners: { a: { start: "slow" } } });
    notes.finish();
    await world.clock.advance(0);
    const stopped = world.parts.stop();
    world.part("a").comeUp();
    await world.clock.advance(0);
    world.part("a").die("crash");
    await world.clock.advance(0);
    expect(notes.waiting()).toBe(1);
    notes.letGo();
    await stopped;
    // It was gone before the order to stop it came.
    expect(world.log).toEqual(["start a1"]);
    expect(world.events.map(({ type }) => type).slice(1)).toEqual([
      "part.started",
      "part.exited",
      "part.stopping",
      "part.stopped",
      "parts.stopped",
    ]);
  });

  it("that cannot be written are reported and stop nothing (P3)", async () => {
    const error = new Error("disk full");
    const save = async (): Promise<void> => {
      throw error;
    };
    const world = await given({ notes: { load: () => undefined, save } });
    await world.parts.ready;
    expect(world.events).toContainEqual({ type: "notes.failed", error });
  });
});

it("shows the parts as they are, as plain JSON", async () => {
  const world = await given();
  world.part("b").die("crash", new Error("out of memory"));
  await world.clock.advance(0);
  const tree = world.parts.tree();
  expect(tree).toEqual({
    name: "daemon",
    phase: "restarting",
    strategy: "rest_for_one",
    intensity: 2,
    periodMs: 10_000,
    restarts: { crash: 1 },
    dueAt: NOW + 100,
    parts: [
      { id: "a", epoch: 1, state: "running" },
      { id: "b", epoch: 1, state: "waiting", lastCause: "crash", error: "out of memory" },
      { id: "c", epoch: 1, state: "waiting" },
    ],
  });
  expect(JSON.parse(JSON.stringify(tree))).toEqual(tree);
});

it("keeps a process alive that has nothing but a back-off to wait for, and lets it go when stopped", async () => {
  const script = `
    import { systemClock } from "${new URL("../../actors/clock.ts", import.meta.url).href}";
    import { superviseParts } from "${new URL("../../actors/parts.ts", import.meta.url).href}";
    const start = async (signal, epoch) => {
      console.log("start", epoch);
      if (epoch === 2) setImmediate(() => parts.stop());
      const exited = epoch === 1 ? Promise.resolve({ cause: "crash" }) : new Promise(() => {});
      return { exited, stop: async () => console.log("stop", epoch) };
    };
    const parts = superviseParts({
      name: "daemon",
      parts: [{ id: "a", start }],
      spec: {
        strategy: "one_for_one", intensity: 1, periodMs: 10_000, backoff: { minMs: 50, maxMs: 50 },
        children: [{ id: "a", restart: "permanent", shutdownMs: 1_000 }],
      },
      clock: systemClock(),
      notes: { load: () => undefined, save: async () => {} },
      onEvent: () => {},
    });`;
  const node = ["--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, node, { timeout: 20_000 });
  expect(stdout).toBe("start 1\nstart 2\nstop 2\n");
});
