import { describe, expect, it } from "vitest";
import { EFFECTS } from "../../machines/effects.ts";
import { MINUTE, Objectives } from "../support/objectives.ts";

describe("a request for a slot", () => {
  const one = { scheduling: { workers: 1 } };

  async function waiting(): Promise<{ w: Objectives; id: string; first: string; second: string }> {
    const w = new Objectives({ settings: one });
    await w.project();
    const id = await w.driven();
    const first = await w.worker(id);
    return { w, id, first, second: await w.worker(id) };
  }

  it("that was lost is asked again, also after a crash (W6)", async () => {
    const { w, id, first, second } = await waiting();
    await w.must("supervisor/root", "slot.released", { worker: second });
    await w.restart();
    await w.reports(first);
    expect(w.worked(id, second).state).toBe("waiting");
    await w.pass(6 * MINUTE);
    expect(w.worked(id, second).state).toBe("running");
  });

  it("whose answer was lost is answered again, and held once (W6, K3)", async () => {
    const { w, id, first, second } = await waiting();
    const asked = { worker: first, host: "local", harness: "", projectId: "demo" };
    await w.must("supervisor/root", "slot.wanted", asked);
    await w.pass(MINUTE);
    const given = w.system.store
      .journal(`objective/${id}`, { after: 0, limit: 1_000 })
      .filter(({ message }) => message.type === "slot.granted");
    expect(given).toHaveLength(2);
    expect(w.root.held.map(({ worker }) => worker)).toEqual([first]);
    expect(w.worked(id, second).state).toBe("waiting");
    await w.pass(30 * MINUTE);
    expect(w.root.queue.map(({ worker }) => worker)).toEqual([second]);
  });
});

it("orcha-198, S19: a start that hangs holds up no other repository, and its own until its deadline", async () => {
  const w = new Objectives();
  await w.project();
  const id = await w.driven();
  const config = { worker: { harness: "command", command: ["true"] } };
  await w.must("project/other", "project.register", {
    root: "/srv/other",
    scm: "none",
    defaultBranch: "main",
    config,
  });
  w.outside.hold("prepareWorkspace");
  const first = await w.worker(id);
  w.outside.free("prepareWorkspace");
  await w.must("project/other", "project.objective", { prompt: "Build it." });
  const second = await w.worker(id);
  await w.pass(1_000);
  expect([w.phase("other-o1"), w.worked(id, second).state]).toEqual(["turn_running", "starting"]);
  await w.pass(EFFECTS.prepareWorkspace.deadlineMs + 10_000);
  expect([w.worked(id, first).state, w.worked(id, second).state]).toEqual(["running", "running"]);
});
