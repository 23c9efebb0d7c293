import { describe, expect, it } from "vitest";
import type { Settings } from "../../machines/settings.ts";
import { IDLE_MS, MINUTE, Objectives, pull } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;

async function driven(
  scheduling: Partial<Settings["scheduling"]> = {},
): Promise<{ w: Objectives; id: string }> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 20 * MINUTE }, scheduling } });
  await w.project();
  return { w, id: await w.driven() };
}

function states(w: Objectives, id: string): string[] {
  return w.context(id).workers.map(({ state }) => state);
}

describe("a worker", () => {
  it("orcha-064, orcha-092, orcha-135, orcha-145: is a session of its objective, on a branch of its own", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    expect(w.session(worker)).toMatchObject({ kind: "worker", objectiveId: id });
    expect(w.worked(id, worker)).toMatchObject({
      state: "running",
      facts: { workspace: { branch: `ao/${worker}` } },
    });
  });

  it("orcha-042: whose work succeeded is named to the manager, with how to publish it", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.reports(worker, "It is built.");
    const told = w.typed(w.managerId(id));
    expect(told).toHaveLength(1);
    for (const text of [worker, "It is built.", `ao pr open --head ao/${worker}`])
      expect(told[0]).toContain(text);
  });

  it("orcha-044: is not to be published while another one depends on it", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const next = await w.worker(id, { dependsOn: [worker] });
    await w.reports(worker);
    expect(w.typed(w.managerId(id))[0]).toContain("Do not publish it yet");
    expect(w.typed(w.managerId(id))[0]).toContain(next);
  });

  it("orcha-090, orcha-141: that depends on another starts when that has succeeded, from its branch", async () => {
    const { w, id } = await driven();
    const first = await w.worker(id);
    const second = await w.worker(id, { dependsOn: [first] });
    expect(w.worked(id, second)).toMatchObject({
      state: "waiting",
      reason: `waiting for ${first}`,
    });
    await w.reports(first);
    expect(states(w, id)).toEqual(["succeeded", "running"]);
    expect(w.session(second)).toMatchObject({ baseRef: `ao/${first}` });
  });

  it("orcha-142: that depends on one that failed is canceled, and so on down, and the manager is told", async () => {
    const { w, id } = await driven();
    const first = await w.worker(id);
    const second = await w.worker(id, { dependsOn: [first] });
    await w.worker(id, { dependsOn: [second] });
    await w.exits(first, 1);
    expect(states(w, id)).toEqual(["failed", "canceled", "canceled"]);
    expect(w.typed(w.managerId(id)).join("\n")).toContain(second);
  });

  it("S8: cannot depend on one that is not there, nor on itself; both are errors at once", async () => {
    const { w, id } = await driven();
    const order = { title: "T", prompt: "P" };
    expect(await w.does(id, "worker", { ...order, dependsOn: ["nobody"] })).toMatchObject({
      code: "DEPENDENCY_UNKNOWN",
    });
    expect(await w.does(id, "worker", { ...order, dependsOn: [`${id}-w1`] })).toMatchObject({
      code: "DEPENDENCY_CIRCULAR",
    });
    expect(w.context(id).workers).toEqual([]);
  });

  it.each([
    {
      title: "orcha-096: a result of its own",
      end: "report",
      evidence: ["result"],
      state: "succeeded",
    },
    { title: "an exit code of zero", end: 0, evidence: ["exit code 0"], state: "succeeded" },
    {
      title: "orcha-316, S3: nothing, when its program failed",
      end: 3,
      evidence: [],
      state: "failed",
    },
    {
      title: "S3: nothing, when its terminal was lost",
      end: undefined,
      evidence: [],
      state: "failed",
    },
    {
      title: "S4: nothing, when it says so without a result",
      end: "blank",
      evidence: [],
      state: "failed",
    },
  ])("has as evidence $title", async ({ end, evidence, state }) => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    if (end === "report") await w.reports(worker);
    else if (end === "blank") await w.reports(worker, " ");
    else await w.exits(worker, typeof end === "number" ? end : undefined);
    await w.pass(MINUTE);
    expect(w.worked(id, worker)).toMatchObject({ state, evidence });
  });

  it.each([
    { word: "Done", state: "succeeded" },
    { word: "success", state: "succeeded" },
    { word: "blocked", state: "failed" },
  ])("that reports $word in a word of its own has $state (V1)", async ({ word, state }) => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.reports(worker, "It works.", word);
    expect(w.worked(id, worker).state).toBe(state);
  });

  it("orcha-056, orcha-057: whose head moved has that as evidence", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const data = { headSha: "f".repeat(40), branch: `ao/${worker}`, dirty: false, unpushed: 1 };
    await w.system.observe("workspace", worker, data);
    await w.reports(worker, "Done.");
    expect(w.worked(id, worker).evidence).toEqual(["result", "head moved"]);
  });

  it("orcha-316: is not lost by one probe that failed", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.system.observe("runtime", worker, { runtime: "failed", process: "failed" });
    await w.pass(1_000);
    expect(w.worked(id, worker)).toMatchObject({ state: "running", endedAt: null });
  });

  it("orcha-052, orcha-287, S14: that fails is told to whoever manages, with its name", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.pulls(worker, pull({ number: 9 }));
    await w.exits(w.managerId(id), 1);
    await w.exits(worker, 1);
    await w.pass(2 * MINUTE);
    expect(w.session(w.managerId(id)).prompt).toContain(`Worker ${worker} "A task" has failed`);
  });

  it("S18: that rests without a result is told to the manager, once, and holds nothing up for ever", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.says(worker, "idle");
    await w.pass(2 * IDLE_MS);
    expect(
      w.typed(w.managerId(id)).filter((text) => text.includes("ended its turn without a result")),
    ).toHaveLength(1);
    await w.says(w.managerId(id), "idle");
    await w.pass(3 * HOUR);
    expect(w.pokes(id)).toBeGreaterThan(0);
  });

  it("that waits for one that rests makes nothing wait longer than that one does", async () => {
    const { w, id } = await driven();
    const first = await w.worker(id);
    await w.worker(id, { dependsOn: [first] });
    await w.says(first, "idle");
    await w.pass(2 * IDLE_MS);
    await w.says(w.managerId(id), "idle");
    await w.pass(w.settings.supervisor.restMs - HOUR);
    expect(w.pokes(id)).toBe(0);
    await w.pass(2 * HOUR);
    expect(w.pokes(id)).toBeGreaterThan(0);
  });

  it("orcha-074, orcha-112: takes a word of the manager and goes on as the same", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.does(id, "send", { text: "Mind the gap.", to: worker });
    await w.pass(0);
    expect(w.typed(worker)).toEqual(["Mind the gap."]);
    expect(w.session(worker).terminal.epoch).toBe(1);
  });

  it("orcha-332, S10: of another objective cannot be stopped, nor a manager by itself", async () => {
    const { w, id } = await driven();
    const other = await w.driven();
    const worker = await w.worker(other);
    for (const target of [worker, w.managerId(id)])
      expect(await w.does(id, "stop", { worker: target })).toMatchObject({ code: "ACTOR_UNKNOWN" });
    const by = w.by(id);
    expect(await w.ask(`objective/${other}`, "objective.stop", { worker, by })).toMatchObject({
      code: "FORBIDDEN",
    });
    expect(w.session(worker).wanted).toBe("running");
  });

  it("orcha-081: may note and ask, and has none of the manager's tools", async () => {
    const { w, id } = await driven();
    const by = { session: await w.worker(id), epoch: 1 };
    const give = async (type: string, data: object): Promise<unknown> =>
      w.ask(`objective/${id}`, `objective.${type}`, { ...data, by });
    expect(await give("note", { text: "n" })).toMatchObject({ type: "applied" });
    expect(await give("ask", { question: "q" })).toMatchObject({ type: "applied" });
    for (const [type, data] of [
      ["worker", { title: "T", prompt: "P" }],
      ["done", { summary: "s" }],
      ["send", { text: "t" }],
      ["stop", { worker: "x" }],
      ["plan", { items: [] }],
    ] as const)
      expect(await give(type, data)).toMatchObject({ code: "FORBIDDEN" });
  });

  it("orcha-104, orcha-274: that was stopped stays so, whatever it says later", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.does(id, "stop", { worker });
    await w.ask(`session/${worker}`, "session.report", {
      summary: "It works.",
      outcome: "succeeded",
    });
    await w.pass(MINUTE);
    expect(states(w, id)).toEqual(["canceled"]);
    expect(w.session(worker).wanted).toBe("closed");
  });
});

describe("pull requests", () => {
  it("orcha-049: that were merged are told once, however often that is seen", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.pulls(worker, pull());
    await w.reports(worker);
    for (let n = 0; n < 3; n += 1)
      await w.pulls(worker, pull({ state: "merged", updatedAt: n + 2 }));
    expect(
      w
        .typed(w.managerId(id))
        .join("\n")
        .match(/was merged/g),
    ).toHaveLength(1);
  });

  it("orcha-050: that were merged while others are open say to go on", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    const other = pull({ number: 2, url: "https://forge.test/demo/pull/2" });
    await w.pulls(worker, pull(), other);
    await w.reports(worker);
    await w.pulls(worker, pull({ state: "merged" }), other);
    expect(w.typed(w.managerId(id)).at(-1)).toContain(
      "Go on, and finish only when everything has shipped",
    );
  });

  it("orcha-206: of two workers are two, and neither ends the objective", async () => {
    const { w, id } = await driven();
    for (const number of [1, 2]) {
      const worker = await w.worker(id);
      await w.pulls(worker, pull({ number, url: `https://forge.test/demo/pull/${number}` }));
    }
    expect(
      w.context(id).workers.flatMap(({ facts }) => facts?.pulls.map(({ number }) => number)),
    ).toEqual([1, 2]);
    expect(w.context(id).end).toBeNull();
  });
});

describe("slots", () => {
  it("orcha-136, orcha-148: are as many as the cap; the next one starts when one ends", async () => {
    const { w, id } = await driven({ workers: 1 });
    const first = await w.worker(id);
    const second = await w.worker(id);
    expect(w.worked(id, second)).toMatchObject({
      state: "waiting",
      reason: "waiting for one of 1 workers to end",
    });
    await w.reports(first);
    expect(states(w, id)).toEqual(["succeeded", "running"]);
  });

  it("orcha-137, orcha-151, orcha-152: are not for managers", async () => {
    const { w, id } = await driven({ workers: 1, slotsPerHost: 1 });
    await w.worker(id);
    const other = await w.objective();
    expect([w.phase(other), w.root.held.length]).toEqual(["turn_running", 1]);
  });

  it("orcha-139, orcha-169: are as many as the host has, and the reason is told", async () => {
    const { w, id } = await driven({ slotsPerHost: 1 });
    await w.worker(id);
    expect(w.worked(id, await w.worker(id)).reason).toBe(
      "waiting for one of 1 slots of host local",
    );
  });

  it("orcha-138: that wait hold nobody up who needs none", async () => {
    const { w, id } = await driven({ workers: 1 });
    const first = await w.worker(id);
    await w.worker(id, { dependsOn: [first] });
    await w.reports(first);
    await w.worker(id);
    expect(states(w, id)).toEqual(["succeeded", "running", "waiting"]);
  });

  it.each([
    {
      title: "orcha-154: load",
      host: { loadPerCore: 9, freeBytes: 2 ** 40 },
      reason: "waiting for the load of host local",
    },
    {
      title: "orcha-161: a full disk",
      host: { loadPerCore: 0, freeBytes: 1 },
      reason: "waiting for space on host local",
    },
  ])("wait for $title, and are given when that is over", async ({ host, reason }) => {
    const { w, id } = await driven();
    await w.worker(id);
    Object.assign(w.outside.host, host);
    await w.pass(2 * MINUTE);
    await w.worker(id, { title: "Looks at the host" });
    const third = await w.worker(id);
    await w.pass(1_000);
    const waiting = w.worked(id, third);
    expect(waiting.state).toBe("waiting");
    expect(waiting.reason).toContain(reason);
    Object.assign(w.outside.host, { loadPerCore: 0, freeBytes: 2 ** 40 });
    await w.pass(MINUTE);
    expect(states(w, id)).toEqual(["running", "running", "running"]);
  });

  it("orcha-156, orcha-157, orcha-163: are given where nothing was measured, or long ago", async () => {
    const { w, id } = await driven();
    Object.assign(w.outside.host, { loadPerCore: 99, freeBytes: 0 });
    await w.worker(id);
    const { Failure } = await import("../../machines/failures.ts");
    w.outside.refuse("inspectHost", new Failure("GIT_FAILED", "it cannot be asked"));
    await w.pass(10 * MINUTE);
    await w.worker(id);
    expect(states(w, id)).toEqual(["running", "running"]);
  });

  it("orcha-359, S17: are as many at rest as before, whatever happened to the workers", async () => {
    const { w, id } = await driven({ workers: 2 });
    for (let n = 0; n < 5; n += 1) await w.worker(id);
    for (const { id: worker, state } of w.context(id).workers) {
      if (state === "running") await w.exits(worker, 1);
    }
    for (let n = 0; n < 3; n += 1) {
      for (const { id: worker, state } of w.context(id).workers) {
        expect(w.root.held.length).toBeLessThanOrEqual(2);
        if (state === "running") await w.reports(worker);
      }
    }
    expect([
      states(w, id).every((state) => state === "succeeded" || state === "failed"),
      w.root.held,
      w.root.queue,
    ]).toEqual([true, [], []]);
  });

  it("orcha-147: are given once, however long the start takes", async () => {
    const { w, id } = await driven();
    const release = w.outside.hold("prepareWorkspace");
    const worker = await w.worker(id);
    await w.pass(90_000);
    release();
    await w.pass(MINUTE);
    expect([w.root.held.map((slot) => slot.worker), w.worked(id, worker).state]).toEqual([
      [worker],
      "running",
    ]);
  });
});
