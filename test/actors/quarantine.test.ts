import { describe, expect, it } from "vitest";
import { brittle } from "../support/brittle.ts";
import { settle } from "../support/clock.ts";
import { MINUTE, Objectives } from "../support/objectives.ts";
import { unlucky } from "../support/unlucky.ts";
import { World } from "../support/world.ts";

// Who learns that an actor is quarantined (R8): whose own course depends on it, and a person, at once.

async function breaks(w: Objectives, session: string): Promise<void> {
  const data = { noticeId: `${session}-n1` };
  for (let n = 0; n < 3; n += 1) await w.ask(`session/${session}`, "session.acknowledge", data);
}

/** Actors that people were told of as quarantined. */
function told(w: Objectives, as = "actor-quarantined"): string[] {
  return [...w.outside.notices.values()]
    .filter(({ type }) => type === as)
    .map(({ about }) => about);
}

async function staged(): Promise<Objectives> {
  const w = new Objectives({ kinds: (real) => brittle(real) });
  await w.project();
  return w;
}

describe("a quarantined session", () => {
  it("of a manager is the manager's end: the objective says so, and starts another one", async () => {
    const w = await staged();
    const id = await w.driven();
    const manager = w.managerId(id);
    await breaks(w, manager);
    expect(w.phase(id)).toBe("recovering");
    expect(w.context(id).standing.reason).toBe("its manager ended (crash, attempt 1)");
    expect(told(w)).toEqual([`session/${manager}`]);
    await w.pass(MINUTE);
    expect(w.managers(id)).toEqual([`${id}-m1`, `${id}-m2`]);
  });

  it("of a manager has its agent ended before another one is started, whose launch waits for that (G5)", async () => {
    const w = await staged();
    const id = await w.driven();
    const manager = w.managerId(id);
    const release = w.outside.hold("destroyTerminal");
    await breaks(w, manager);
    await w.pass(MINUTE);
    expect([w.managers(id), w.outside.panes.has(manager)]).toEqual([[manager], true]);
    expect(w.context(id).standing.reason).toBe("its manager is being ended");
    // Silence is never taken for an end (G4).
    await w.pass(10 * MINUTE);
    expect([w.managers(id), w.outside.panes.has(manager)]).toEqual([[manager], true]);
    expect(w.context(id).standing.reason).toMatch(/^its manager is being ended, and was told so/);
    release();
    await w.pass(3 * MINUTE);
    expect([w.managers(id).length, w.outside.panes.has(manager)]).toEqual([2, false]);
    expect(w.context(id).lives.map(({ cause }) => cause)).toEqual(["crash"]);
  });

  it("of a manager that has no terminal yet is replaced all the same", async () => {
    const w = await staged();
    const release = w.outside.hold("prepareWorkspace");
    const id = await w.objective();
    await breaks(w, w.managerId(id));
    expect(w.context(id).lives).toHaveLength(1);
    release();
    await w.pass(MINUTE);
    expect([w.managers(id), [...w.outside.panes.keys()]]).toEqual([
      [`${id}-m1`, `${id}-m2`],
      [`${id}-m2`],
    ]);
  });

  it("has its agent ended with its objective", async () => {
    const w = await staged();
    const id = await w.driven();
    const worker = await w.worker(id);
    for (const session of [w.managerId(id), worker]) {
      expect(w.outside.panes.has(session)).toBe(true);
    }
    const release = w.outside.hold("destroyTerminal");
    await breaks(w, worker);
    await breaks(w, w.managerId(id));
    await w.must(`objective/${id}`, "objective.cancel");
    expect(w.context(id).supervisor.phase).toBe("stopping");
    release();
    await w.pass(MINUTE);
    expect([...w.outside.panes.keys(), ...w.managers(id)]).toEqual([`${id}-m1`]);
    expect(w.context(id).supervisor.phase).toBe("stopped");
  });

  it("of a manager that was replaced is ended once it is released and speaks", async () => {
    const w = await staged();
    const id = await w.driven();
    const manager = w.managerId(id);
    await breaks(w, manager);
    await w.pass(MINUTE);
    await w.says(manager, "active");
    expect([w.session(manager).wanted, w.outside.panes.has(manager)]).toEqual(["running", false]);
    await w.system.release(`session/${manager}`);
    await settle();
    await w.pass(MINUTE);
    expect([w.session(manager).wanted, w.outside.panes.has(manager)]).toEqual(["closed", false]);
  });

  it("of a worker is the worker's failure: its slot is free, and its manager is told", async () => {
    const w = await staged();
    const id = await w.driven();
    const worker = await w.worker(id);
    await breaks(w, worker);
    expect(w.worked(id, worker)).toMatchObject({
      state: "failed",
      reason: "its actor is quarantined",
    });
    expect([w.root.held, w.outside.panes.has(worker)]).toEqual([[], false]);
    await w.pass(MINUTE);
    expect(w.typed(w.managerId(id)).join()).toContain("its actor is quarantined");
    expect(told(w)).toEqual([`session/${worker}`]);
  });

  it("of a worker that was closed meanwhile is closed once it is released and speaks, and not when it is restored", async () => {
    const w = await staged();
    const id = await w.driven();
    const worker = await w.worker(id);
    await breaks(w, worker);
    await w.pass(600 * MINUTE);
    await w.system.release(`session/${worker}`);
    await w.says(worker, "active");
    await w.pass(MINUTE);
    expect([w.session(worker).wanted, w.outside.panes.has(worker)]).toEqual(["closed", false]);
    await w.must(`session/${worker}`, "session.restore");
    await w.says(worker, "active");
    await w.pass(MINUTE);
    expect(w.session(worker).wanted).toBe("running");
  });

  it("of no objective is told to a person, and again after its release only when it breaks again", async () => {
    const w = await staged();
    await w.must("project/demo", "project.spawn", { prompt: "mend it" });
    await breaks(w, "demo-1");
    expect(told(w)).toEqual(["session/demo-1"]);
    await w.system.release("session/demo-1");
    await w.pass(MINUTE);
    expect(told(w)).toHaveLength(1);
    await breaks(w, "demo-1");
    await w.pass(MINUTE);
    expect(told(w)).toHaveLength(2);
  });
});

describe("a person", () => {
  it("is told of a step that threw, once until one does not, and of the quarantine (K5)", async () => {
    const w = await staged();
    await w.must("project/demo", "project.spawn", { prompt: "mend it" });
    const throws = async (): Promise<unknown> =>
      w.ask("session/demo-1", "session.acknowledge", { noticeId: "x" });
    await throws();
    await throws();
    expect(told(w, "actor-threw")).toEqual(["session/demo-1"]);
    await w.says("demo-1", "active");
    await throws();
    expect(told(w, "actor-threw")).toEqual(["session/demo-1", "session/demo-1"]);
    expect(told(w)).toEqual([]);
    await throws();
    await throws();
    expect([told(w, "actor-threw").length, told(w)]).toEqual([2, ["session/demo-1"]]);
  });

  it("is told by the root of its own step that threw, and the root goes on however often it does", async () => {
    let isBroken = true;
    const w = new Objectives({
      kinds: (real) => unlucky(real, "supervisor", () => isBroken),
    });
    await w.project();
    const id = await w.driven();
    expect(w.has("supervisor/root")).toBe(false);
    isBroken = false;
    await w.pass(MINUTE);
    isBroken = true;
    await w.worker(id);
    for (let n = 0; n < 10; n += 1) await w.pass(MINUTE);
    expect(told(w, "actor-threw")).toContain("supervisor/root");
    expect(w.system.store.snapshot("supervisor/root")).toMatchObject({ isQuarantined: false });
    const { ticks } = w.root;
    isBroken = false;
    await w.pass(5 * MINUTE);
    expect(w.root.ticks).toBeGreaterThan(ticks);
    expect(told(w)).toEqual([]);
  });
});

describe("a released actor", () => {
  it("hears what probes said of it meanwhile, in that order, and nothing else (M1, M2)", async () => {
    const world = new World();
    await world.open("a");
    for (let n = 0; n < 3; n += 1) await world.ask("session/a", "tally.throw");
    for (const state of ["active", "idle"] as const) {
      await world.system.observe("activity", "a", { state, source: "hook" });
    }
    await world.ask("session/a", "tally.add", { n: 1 });
    await settle();
    expect(world.tally("a")).toMatchObject({ activity: [], sum: 0 });
    await world.system.release("session/a");
    await settle();
    expect(world.tally("a")).toMatchObject({ activity: ["active", "idle"], sum: 0 });
    await world.system.release("session/a");
    await settle();
    expect(world.tally("a").activity).toHaveLength(2);
  });

  it("hears that its mail died while it was quarantined, once (M1)", async () => {
    const world = new World();
    await world.open("a");
    await Promise.all([
      world.ask("session/a", "tally.tell", { to: "session/ghost", n: 1 }),
      ...[1, 2, 3].map(async () => world.ask("session/a", "tally.throw")),
    ]);
    await settle();
    expect(world.store.snapshot("session/a")).toMatchObject({ isQuarantined: true });
    expect([world.tally("a").undeliverable, world.system.report().outbox]).toEqual([[], 0]);
    await world.system.release("session/a");
    await settle();
    await world.system.release("session/a");
    await settle();
    expect(world.tally("a").undeliverable).toEqual(["ACTOR_UNKNOWN"]);
  });

  it("learns that its process died while it was quarantined, and so does its session", async () => {
    const w = new Objectives({
      kinds: (real) => brittle(real, { name: "terminal", action: "takeDelivery" }),
    });
    await w.project();
    const id = await w.driven();
    const manager = w.managerId(id);
    for (let n = 0; n < 3; n += 1) {
      const data = { deliveryId: `d${n}`, text: "x", epoch: 1 };
      await w.ask(`terminal/${manager}`, "terminal.deliver", data);
    }
    await w.exits(manager, 1);
    expect(w.phase(id)).not.toBe("recovering");
    await w.system.release(`terminal/${manager}`);
    await settle();
    expect(w.phase(id)).toBe("recovering");
  });
});
