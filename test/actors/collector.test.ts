import { describe, expect, it } from "vitest";
import { projectsWith } from "../../actors/survey.ts";
import type { Directory } from "../../machines/collector/collection.ts";
import type { CollectorContext } from "../../machines/collector/collector.ts";
import { Failure } from "../../machines/failures.ts";
import { MINUTE, Objectives, pull } from "../support/objectives.ts";

const EVERY = 5 * MINUTE;
const SLOW_TICK = { supervisor: { tickMs: 20 * MINUTE } };

/** An objective with a worker that runs, and a collector that has been woken. */
async function collecting(settings: object = {}) {
  const w = new Objectives({ settings: { ...SLOW_TICK, ...settings } });
  await w.project();
  const id = await w.driven();
  const worker = await w.worker(id);
  await w.must("collector/local", "collector.wake");
  return { w, id, worker };
}

function collector(w: Objectives): CollectorContext & { readonly state: unknown } {
  const row = w.system.store.snapshot("collector/local");
  if (row === undefined) throw new Error("the collector was never woken");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot of the collector
  const { context, value } = row.snapshot as unknown as {
    context: CollectorContext;
    value: unknown;
  };
  return { ...context, state: value };
}

function stray(name: string, more: Partial<Directory> = {}): Directory {
  const path = `/worktrees/demo/${name}`;
  return { area: "worktree", projectId: "demo", name, path, isLocked: false, ...more };
}

const isThere = (w: Objectives, session: string): boolean => w.outside.trees.has(session);

describe("a pass of the collector", () => {
  it("comes at the start and every gc.everyMs from then on", async () => {
    const { w } = await collecting();
    expect(collector(w)).toMatchObject({ state: "resting", passes: 1 });
    await w.pass(EVERY - 1);
    expect(collector(w).passes).toBe(1);
    await w.pass(1);
    expect(collector(w).passes).toBe(2);
    await w.pass(10 * EVERY);
    expect(collector(w).passes).toBe(12);
  });

  it("comes at once when the daemon starts again, and the one that was due does not come twice", async () => {
    const { w } = await collecting();
    await w.pass(EVERY - MINUTE);
    await w.restart();
    await w.must("collector/local", "collector.wake");
    expect(collector(w).passes).toBe(2);
    await w.pass(EVERY - 1);
    expect(collector(w).passes).toBe(2);
  });

  it("is one at a time; another that is asked for meanwhile follows it (C1)", async () => {
    const { w } = await collecting();
    w.outside.strays.set("a", stray("lost-1"));
    const release = w.outside.hold("sweepDirectory");
    await w.must("collector/local", "collector.pass");
    await w.must("collector/local", "collector.pass");
    await w.must("collector/local", "collector.pass");
    expect(collector(w)).toMatchObject({ state: "collecting", passes: 1, open: 1 });
    release();
    await w.pass(1_000);
    expect(collector(w)).toMatchObject({ state: "resting", passes: 3 });
  });

  it("keeps everything that somebody holds, also over many of them, and writes nothing of it (C3)", async () => {
    const { w, worker } = await collecting();
    await w.reports(worker);
    const before = w.session(worker);
    await w.pass(10 * EVERY);
    expect(isThere(w, worker)).toBe(true);
    expect(w.session(worker)).toEqual(before);
    expect(collector(w).last).toMatchObject({ seen: 2, kept: 2, due: 0 });
  });

  it("takes up to 64 directories, and the rest at once in the next ones (C6)", async () => {
    const { w } = await collecting();
    for (let n = 0; n < 150; n += 1) {
      const each = stray(`lost-${n}`);
      w.outside.strays.set(each.path, each);
    }
    await w.must("collector/local", "collector.pass");
    await expect.poll(() => w.outside.strays.size).toBe(150 - 64);
    for (const left of [22, 0]) {
      // oxlint-disable-next-line no-await-in-loop -- one pass after the other
      await w.pass(1_000);
      // oxlint-disable-next-line no-await-in-loop
      await expect.poll(() => w.outside.strays.size).toBe(left);
    }
    expect(collector(w).removed).toBe(150);
  });

  it("goes on over a kill of the daemon at any of its steps (C3)", async () => {
    const { w } = await collecting();
    const each = stray("lost-1");
    w.outside.strays.set(each.path, each);
    w.outside.hold("sweepDirectory");
    await w.must("collector/local", "collector.pass");
    w.outside.free("sweepDirectory");
    await w.restart();
    await w.pass(1_000);
    expect([w.outside.strays.size, collector(w).state]).toEqual([0, "resting"]);
  });
});

describe("a directory that could not be removed", () => {
  it("for a passing reason is tried again with a later pass, and goes then (C3, D3)", async () => {
    const { w, worker } = await collecting();
    w.outside.refuse("reclaimWorkspace", new Failure("WORKSPACE_FOREIGN", "the disk hung"));
    await w.exits(worker, 1);
    await w.pass(6 * MINUTE);
    expect([isThere(w, worker), w.session(worker).wanted]).toEqual([true, "closed"]);
    w.outside.allow("reclaimWorkspace");
    await w.pass(3 * EVERY);
    expect(isThere(w, worker)).toBe(false);
    expect(w.session(worker)).toMatchObject({ workspace: { state: "archived", path: null } });
  });

  it("for what only it holds goes once that is committed", async () => {
    const { w, worker } = await collecting();
    const branch = `ao/${worker}`;
    w.outside.trees.set(worker, { branch, loss: "dirty" });
    await w.exits(worker, 1);
    await w.pass(30 * MINUTE);
    expect(isThere(w, worker)).toBe(true);
    w.outside.trees.set(worker, { branch });
    await w.pass(60 * MINUTE);
    expect(isThere(w, worker)).toBe(false);
  });

  it("is asked about ever more rarely while nothing changes (D3)", async () => {
    const { w, worker } = await collecting();
    w.outside.trees.set(worker, { branch: `ao/${worker}`, loss: "dirty" });
    await w.exits(worker, 1);
    await w.pass(24 * 60 * MINUTE);
    const asked = w.system.store
      .journal(`workspace/${worker}`, { after: 0, limit: 1_000 })
      .filter(({ message }) => message.type === "reclaimWorkspace.done");
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(12);
  });

  it("goes at once when its session is ended once more by a person", async () => {
    const { w, worker } = await collecting();
    w.outside.trees.set(worker, { branch: `ao/${worker}`, loss: "dirty" });
    await w.exits(worker, 1);
    await w.pass(6 * MINUTE);
    w.outside.trees.set(worker, { branch: `ao/${worker}` });
    await w.must(`session/${worker}`, "session.kill");
    expect(isThere(w, worker)).toBe(false);
  });
});

describe("rows and directories that do not agree", () => {
  it("a directory that nobody knows is swept", async () => {
    const { w } = await collecting();
    const each = stray("lost-1");
    w.outside.strays.set(each.path, each);
    await w.pass(EVERY);
    expect(w.outside.strays.size).toBe(0);
  });

  it("orcha-196: a workspace whose directory is gone is told while its session is open, and archived once it has ended", async () => {
    const { w, worker } = await collecting();
    w.outside.trees.delete(worker);
    await w.pass(EVERY);
    const path = `/worktrees/${worker}`;
    expect(collector(w).last?.missing).toEqual([{ workspace: worker, path }]);
    await w.exits(worker, 1);
    await w.pass(4 * EVERY);
    expect(w.session(worker)).toMatchObject({ workspace: { state: "archived" } });
    expect(collector(w).last?.missing).toEqual([]);
  });

  it("orcha-196: a workspace without a directory that could not be ended is asked again, ever more rarely, and archived then (D6)", async () => {
    const { w, worker } = await collecting();
    w.outside.refuse(
      "reclaimWorkspace",
      new Failure("REPOSITORY_INVALID", "there is no such folder"),
    );
    await w.exits(worker, 1);
    w.outside.trees.delete(worker);
    await w.pass(24 * 60 * MINUTE);
    expect(w.session(worker)).toMatchObject({ wanted: "closed", workspace: { state: "ready" } });
    const asked = w.system.store
      .journal(`workspace/${worker}`, { after: 0, limit: 1_000 })
      .filter(({ message }) => message.type === "reclaimWorkspace.failed");
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(12);
    const { missing } = await w.system.survey({
      host: "local",
      at: w.clock.now(),
      signal: new AbortController().signal,
    });
    expect(missing).toMatchObject([
      { workspace: worker, projectId: "demo", judged: { verdict: "kept", act: null } },
    ]);
    expect(missing[0]?.judged.why).toMatch("there is no such folder");
    w.outside.allow("reclaimWorkspace");
    await w.pass(24 * 60 * MINUTE);
    expect(w.session(worker)).toMatchObject({ workspace: { state: "archived" } });
    expect(collector(w).last?.missing).toEqual([]);
  });

  it("orcha-350: a look that fails archives nothing, and is repeated sooner than a pass (C4)", async () => {
    const { w, worker } = await collecting();
    const { directories } = w.outside;
    const list = directories.list;
    let failures = 0;
    Object.assign(directories, {
      list: async () => {
        failures += 1;
        return Promise.reject(new Failure("GIT_FAILED", "the disk does not answer"));
      },
    });
    await w.pass(EVERY);
    expect(collector(w)).toMatchObject({
      failures: 1,
      left: [{ why: "the disk does not answer" }],
    });
    Object.assign(directories, { list });
    await w.pass(MINUTE);
    expect(collector(w)).toMatchObject({ failures: 0, last: { seen: 2 } });
    expect([failures > 0, isThere(w, worker), w.session(worker).wanted]).toEqual([
      true,
      true,
      "running",
    ]);
  });
});

describe("while the disk is nearly full", () => {
  it("what only waits for its time goes at once, what somebody needs stays, and a person is told once (C5)", async () => {
    const { w, id, worker } = await collecting({ scheduling: { minFreeBytes: 1_000 } });
    const other = await w.worker(id);
    await w.pulls(other, pull());
    await w.reports(other);
    w.outside.host.freeBytes = 10;
    await w.exits(worker, 1);
    await w.must("collector/local", "collector.pass");
    expect([isThere(w, worker), isThere(w, other)]).toEqual([false, true]);
    await w.pass(9 * MINUTE);
    const told = [...w.outside.notices.values()].filter(({ type }) => type === "disk-full");
    expect(told).toHaveLength(1);
    expect(collector(w).passes).toBeGreaterThan(20);
    w.outside.host.freeBytes = 2 ** 40;
    await w.pass(MINUTE);
    const { passes } = collector(w);
    await w.pass(EVERY - 1);
    expect(collector(w).passes - passes).toBeLessThanOrEqual(1);
  });
});

it("a mirror is its projects' also in a home that was moved, and nobody else's", async () => {
  const { w } = await collecting();
  await w.must("project/far", "project.register", {
    root: "/old/mirrors/far-1.git",
    scm: "none",
    defaultBranch: "main",
    config: {},
  });
  const { store } = w.system;
  const of = (root: string): string[] => projectsWith({ store }, root);
  expect(of("/new/mirrors/far-1.git")).toEqual(["far"]);
  expect([of("/new/mirrors/far-2.git"), of("/new/far-1.git")]).toEqual([[], []]);
  expect(of("/srv/demo")).toEqual(["demo"]);
});

it("orcha-198, G8, S19: a removal that hangs holds up no start", async () => {
  const { w, id, worker } = await collecting();
  w.outside.hold("reclaimWorkspace");
  w.outside.hold("sweepDirectory");
  w.outside.strays.set("a", stray("lost-1"));
  await w.exits(worker, 1);
  await w.pass(EVERY + MINUTE);
  expect(w.session(worker).wanted).toBe("closing");
  const other = await w.worker(id);
  expect(w.worked(id, other).state).toBe("running");
});

it("orcha-199: the repository that all worktrees share stays, and is packed every gc.compactMs", async () => {
  const { w } = await collecting({ gc: { compactMs: 60 * MINUTE } });
  await w.pass(61 * MINUTE);
  expect(w.outside.compacted).toEqual(["/srv/demo"]);
  await w.pass(60 * MINUTE);
  expect(w.outside.compacted).toEqual(["/srv/demo", "/srv/demo"]);
});

it("orcha-360: a pass costs what directories there are, not what ever was", async () => {
  const { w, id } = await collecting();
  for (let n = 0; n < 5; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const other = await w.worker(id);
    // oxlint-disable-next-line no-await-in-loop
    await w.exits(other, 1);
  }
  await w.pass(2 * EVERY);
  const read: string[] = [];
  const { store } = w.system;
  const snapshot = store.snapshot.bind(store);
  store.snapshot = (address) => {
    read.push(address);
    return snapshot(address);
  };
  const { signal } = new AbortController();
  const { directories } = await w.system.survey({ host: "local", at: w.clock.now(), signal });
  expect(directories).toHaveLength(2);
  expect(read.filter((address) => address.startsWith("session/"))).toHaveLength(2);
});
