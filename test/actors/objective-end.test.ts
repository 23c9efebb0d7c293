import { describe, expect, it } from "vitest";
import { IDLE_MS, MINUTE, Objectives, pull } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;

async function driven(): Promise<{ w: Objectives; id: string }> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 20 * MINUTE } } });
  await w.project();
  return { w, id: await w.driven() };
}

describe("done", () => {
  it("orcha-059, orcha-060: is refused while a pull request is open, naming it, and accepted when it is merged", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.pulls(worker, pull({ number: 7 }));
    await w.reports(worker);
    const refused = await w.does(id, "done", { summary: "All there." });
    expect(refused).toMatchObject({
      type: "refused",
      code: "WORK_IS_OPEN",
    });
    expect(JSON.stringify(refused)).toContain("#7");
    await w.pulls(worker, pull({ number: 7, state: "merged" }));
    expect(await w.does(id, "done", { summary: "All there." })).toMatchObject({ type: "applied" });
    expect([w.phase(id), w.context(id).end?.summary]).toEqual(["done", "All there."]);
  });

  it("orcha-331, S22: is refused while a worker runs, naming it", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    expect(await w.does(id, "done", { summary: "s" })).toMatchObject({
      code: "WORK_IS_OPEN",
    });
    await w.does(id, "stop", { worker });
    expect(await w.does(id, "done", { summary: "s" })).toMatchObject({ type: "applied" });
  });

  it("orcha-132: is final", async () => {
    const { w, id } = await driven();
    await w.does(id, "done", { summary: "s" });
    for (const type of ["worker", "send", "ask", "note", "plan"])
      expect(
        await w.ask(`objective/${id}`, `objective.${type}`, {
          title: "T",
          prompt: "P",
          text: "t",
          question: "q",
          items: [],
        }),
      ).toMatchObject({ code: "OBJECTIVE_ENDED" });
    await w.pass(HOUR);
    expect([w.phase(id), w.managers(id).length]).toEqual(["done", 1]);
  });

  it("ends everything that it ran, and gives every slot back", async () => {
    const { w, id } = await driven();
    const worker = await w.worker(id);
    await w.reports(worker);
    await w.does(id, "done", { summary: "s" });
    await w.pass(MINUTE);
    for (const session of [worker, `${id}-m1`]) expect(w.session(session).wanted).toBe("closed");
    expect([w.root.held, w.context(id).lives, w.root.repairs]).toEqual([[], [], {}]);
    expect(w.context(id)).toMatchObject({
      supervisor: { phase: "stopped", children: [{ state: "absent" }] },
      manager: { stopping: null },
    });
  });

  it.each([
    { title: "done", type: "objective.done", data: { summary: "s" }, outcome: "progress" },
    { title: "canceled", type: "objective.cancel", data: {}, outcome: "none" },
  ])("says what followed the poke before it was $title", async ({ type, data, outcome }) => {
    const { w, id } = await driven();
    await w.pass(IDLE_MS);
    await w.must(`objective/${id}`, type, data);
    expect(w.context(id).pokes).toMatchObject([{ state: "delivered", outcome }]);
  });

  it("leaves no poke open that was being typed", async () => {
    const { w, id } = await driven();
    const release = w.outside.hold("typeText", "after");
    await w.pass(IDLE_MS);
    expect(w.context(id).pokes).toMatchObject([{ state: "sending", outcome: "open" }]);
    await w.does(id, "done", { summary: "s" });
    release();
    await w.pass(MINUTE);
    expect(w.context(id).pokes).toMatchObject([{ state: "failed", outcome: "none" }]);
  });

  it("lets its supervisor stop while it waits to replace a manager", async () => {
    const { w, id } = await driven();
    await w.exits(w.managerId(id), 1);
    expect(w.context(id).supervisor.dueAt).not.toBeNull();
    await w.must(`objective/${id}`, "objective.done", { summary: "s" });
    expect(w.context(id).supervisor).toMatchObject({ phase: "stopped", dueAt: null });
    await w.pass(HOUR);
    expect([w.phase(id), w.managers(id).length]).toEqual(["done", 1]);
  });

  it("ends a manager whose session begins only after it", async () => {
    const w = new Objectives();
    await w.project();
    const release = w.outside.hold("prepareWorkspace");
    const id = await w.objective();
    await w.must(`objective/${id}`, "objective.cancel");
    release();
    await w.pass(HOUR);
    expect(w.session(`${id}-m1`).wanted).toBe("closed");
    expect([...w.outside.panes.keys(), ...w.outside.trees.keys()]).toEqual([]);
    expect(w.context(id).supervisor.phase).toBe("stopped");
  });
});
