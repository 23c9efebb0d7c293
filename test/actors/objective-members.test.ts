import { describe, expect, it } from "vitest";
import { COOLDOWN_MS, IDLE_MS, MINUTE, Objectives } from "../support/objectives.ts";

// Managers and workers as sessions: what each has for itself, what each is told, and when it is over.

const HOUR = 60 * MINUTE;

async function driven(prompt?: string): Promise<{ w: Objectives; id: string }> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 20 * MINUTE } } });
  await w.project();
  return { w, id: await w.driven(prompt) };
}

/** What the poke says that comes when nothing else happens. */
async function poke(w: Objectives, id: string): Promise<string> {
  await w.says(w.managerId(id), "idle");
  await w.pass(IDLE_MS + COOLDOWN_MS);
  return w.typed(w.managerId(id)).at(-1) ?? "";
}

describe("a worker", () => {
  it("orcha-043: is over with its result, gives its slot back, and is closed when nothing of it is wanted", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.reports(worker);
    expect([w.worked(id, worker).state, w.root.held]).toEqual(["succeeded", []]);
    await w.does(id, "done", { summary: "All there." });
    await w.pass(MINUTE);
    expect([w.session(worker).wanted, w.outside.panes.has(worker)]).toEqual(["closed", false]);
  });

  it("orcha-117: that asked is not taken for finished, however still it is, until it reports", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const by = { session: worker, epoch: 1 };
    await w.must(`objective/${id}`, "objective.ask", { question: "Which one?", by });
    await w.says(worker, "idle");
    await w.pass(12 * HOUR);
    expect(w.worked(id, worker)).toMatchObject({ state: "asking", endedAt: null });
    await w.reports(worker);
    expect(w.worked(id, worker).state).toBe("succeeded");
  });

  it("orcha-118: that is still while something it began runs is not taken for finished; its report ends it at once", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.says(worker, "active");
    await w.pass(90 * MINUTE);
    expect(w.worked(id, worker)).toMatchObject({ state: "running", endedAt: null });
    const at = w.clock.now();
    await w.reports(worker);
    expect(w.worked(id, worker)).toMatchObject({ state: "succeeded", endedAt: at });
  });

  it("orcha-329: that only looks something up ends with what it found, which its manager is told", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id, { title: "Research", prompt: "Which API is the newer one?" });
    await w.reports(worker, "The second one.");
    await w.pass(HOUR);
    expect(w.typed(w.managerId(id))[0]).toContain("The second one.");
    expect([w.worked(id, worker).state, w.root.held]).toEqual(["succeeded", []]);
    expect(w.pokes(id)).toBeGreaterThan(0);
  });

  it("orcha-143: that waits for a person is neither started again nor given a second slot", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.says(worker, "waiting_input");
    for (let n = 0; n < 5; n += 1) {
      await w.ask(`objective/${id}`, "objective.audit");
      await w.pass(10 * MINUTE);
    }
    expect([w.worked(id, worker).state, w.session(worker).terminal.epoch]).toEqual(["asking", 1]);
    expect(w.root.held.map((slot) => slot.worker)).toEqual([worker]);
  });

  it("orcha-091: cannot go on from its manager's worktree", async () => {
    const { w, id } = await driven();
    const order = { title: "T", prompt: "P", dependsOn: [w.managerId(id)] };
    expect(await w.does(id, "worker", order)).toMatchObject({ code: "DEPENDENCY_UNKNOWN" });
    const worker = await w.worker(id);
    expect(w.session(worker)).toMatchObject({ baseRef: "main" });
  });

  it("orcha-171, orcha-172: has a worktree and a branch that nobody else has", async () => {
    const { w, id } = await driven();
    const other = await w.driven();
    for (const each of [id, id, other]) await w.worker(each);
    const trees = [...w.outside.trees.entries()];
    expect(trees).toHaveLength(5);
    expect(new Set(trees.map(([, { branch }]) => branch)).size).toBe(5);
  });

  it("G5: runs in the worktree that was made for it, also when that took long and the daemon was killed meanwhile", async () => {
    const { w, id } = await driven();
    w.outside.hold("prepareWorkspace", "after");
    const worker = await w.worker(id);
    await w.pass(MINUTE);
    w.outside.free("prepareWorkspace");
    await w.restart();
    await w.pass(5 * MINUTE);
    const { path } = w.session(worker).workspace;
    expect([path, w.outside.launches.get(worker)?.launch.cwd]).toEqual([
      `/worktrees/${worker}`,
      `/worktrees/${worker}`,
    ]);
  });

  it("orcha-168: of a paused project is not started, and says why; whoever runs goes on", async () => {
    const { w, id } = await driven();
    const first = await w.worker(id);
    await w.must("project/demo", "project.pause");
    const second = await w.worker(id);
    await w.pass(MINUTE);
    expect(w.worked(id, second)).toMatchObject({ state: "failed" });
    expect(w.worked(id, second).reason).toContain("the project is paused");
    expect([w.worked(id, first).state, w.root.held.map((slot) => slot.worker)]).toEqual([
      "running",
      [first],
    ]);
  });
});

describe("a manager", () => {
  it("orcha-072, orcha-073: is told running workers first, then the ended ones, and no managers", async () => {
    const { w, id } = await driven();
    const first = await w.worker(id, { title: "Old" });
    await w.reports(first, "Found it.");
    const second = await w.worker(id, { title: "New" });
    await w.says(second, "idle");
    await w.pass(3 * HOUR);
    const text = await poke(w, id);
    const lines = text.split("\n").filter((line) => line.startsWith(`- ${id}-`));
    expect(lines.map((line) => line.slice(2, 2 + first.length))).toEqual([second, first]);
    expect(text).not.toContain(`- ${w.managerId(id)}`);
  });

  it("orcha-040: is told a worker's own result where there is one, else what it does", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.says(worker, "idle");
    await w.pass(3 * HOUR);
    expect(await poke(w, id)).toContain("): idle, no summary reported");
    await w.reports(worker, "It works.");
    expect(await poke(w, id)).toContain("): It works.");
  });

  it("orcha-150: that is due is poked once, though a hundred looks come at once", async () => {
    const { w, id } = await driven();
    await w.pass(IDLE_MS - 1);
    const looks = Array.from({ length: 100 }, async () =>
      w.system.ask({ to: `objective/${id}`, type: "objective.audit", data: {} }),
    );
    await w.pass(1);
    await Promise.all(looks);
    expect([w.pokes(id), w.typed(w.managerId(id)).length]).toEqual([1, 1]);
  });

  it("orcha-102: that was lost with the daemon is replaced by exactly one, which goes on from there", async () => {
    const { w, id } = await driven("Build the bridge.");
    const worker = await w.worker(id);
    await w.reports(worker, "The piers stand.");
    w.outside.panes.clear();
    await w.restart();
    await w.exits(w.managerId(id), undefined);
    await w.restart();
    await w.pass(5 * MINUTE);
    expect(w.managers(id)).toEqual([`${id}-m1`, `${id}-m2`]);
    expect(w.session(`${id}-m2`).prompt).toContain("The piers stand.");
    expect(w.context(id).lives.map(({ cause }) => cause)).toEqual(["infra"]);
  });
});

describe("an objective", () => {
  it("orcha-153: holds slots for exactly those that run, after a restart and after another", async () => {
    const { w, id } = await driven();
    const [first, second] = [await w.worker(id), await w.worker(id)];
    await w.reports(await w.worker(id));
    for (let n = 0; n < 2; n += 1) {
      await w.restart();
      await w.pass(20 * MINUTE);
      expect(w.root.held.map((slot) => slot.worker)).toEqual([first, second]);
    }
  });
});
