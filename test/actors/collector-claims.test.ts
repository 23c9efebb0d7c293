import { describe, expect, it } from "vitest";
import { MINUTE, Objectives, pull } from "../support/objectives.ts";

const HOUR = 60 * MINUTE;

/** An objective with one worker that runs. */
async function working(): Promise<{ w: Objectives; id: string; worker: string }> {
  const w = new Objectives({ settings: { supervisor: { tickMs: 20 * MINUTE } } });
  await w.project();
  const id = await w.driven();
  return { w, id, worker: await w.worker(id) };
}

const isThere = (w: Objectives, session: string): boolean => w.outside.trees.has(session);

describe("the directory of a worker", () => {
  it("orcha-182, G1: is kept while its manager may publish it, also while a person is asked", async () => {
    const { w, id, worker } = await working();
    await w.reports(worker);
    await w.does(id, "ask", { question: "Publish it?" });
    await w.pass(4 * HOUR);
    expect([isThere(w, worker), w.session(worker).wanted]).toEqual([true, "running"]);
  });

  it("orcha-191, orcha-338, G7: is kept while its pull request is open", async () => {
    const { w, worker } = await working();
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.pass(4 * HOUR);
    expect(isThere(w, worker)).toBe(true);
  });

  it.each([
    { title: "orcha-190: was merged", state: "merged" },
    { title: "orcha-189, orcha-340, G3: was closed", state: "closed" },
  ])("goes by itself after its pull request $title", async ({ state }) => {
    const { w, worker } = await working();
    await w.pulls(worker, pull());
    await w.reports(worker);
    await w.pulls(worker, pull({ state }));
    await w.pass(10 * MINUTE);
    expect([isThere(w, worker), w.session(worker).wanted]).toEqual([false, "closed"]);
  });

  it("orcha-186, G11: is kept while another one will go on from it", async () => {
    const { w, id, worker } = await working();
    await w.pulls(worker, pull({ state: "merged" }));
    const heir = await w.worker(id, { dependsOn: [worker] });
    await w.reports(worker);
    await w.pass(HOUR);
    expect([isThere(w, worker), w.worked(id, heir).state]).toEqual([true, "running"]);
    await w.does(id, "stop", { worker: heir });
    await w.pass(10 * MINUTE);
    expect(isThere(w, worker)).toBe(false);
  });

  it("orcha-184, orcha-347: of one that failed goes after a while in which it can be looked at", async () => {
    const { w, worker } = await working();
    await w.exits(worker, 1);
    await w.pass(4 * MINUTE);
    expect(isThere(w, worker)).toBe(true);
    await w.pass(2 * MINUTE);
    expect(isThere(w, worker)).toBe(false);
  });

  it("orcha-187, orcha-346, W2: is kept when something would be lost that no ref can hold, and that is told", async () => {
    const { w, worker } = await working();
    w.outside.trees.set(worker, { branch: `ao/${worker}`, loss: "dirty" });
    await w.exits(worker, 1);
    await w.pass(10 * MINUTE);
    expect(isThere(w, worker)).toBe(true);
    expect(w.session(worker)).toMatchObject({
      wanted: "closed",
      workspace: { reason: expect.anything() as unknown },
    });
  });

  it("is let go once, also over a kill of the daemon", async () => {
    const { w, id, worker } = await working();
    await w.exits(worker, 1);
    await w.restart();
    await w.pass(10 * MINUTE);
    expect([isThere(w, worker), w.worked(id, worker).isReleased]).toEqual([false, true]);
  });
});

it("orcha-183, orcha-185: the directory of a manager stays while it lives, and goes when it died", async () => {
  const { w, id } = await working();
  const manager = w.managerId(id);
  await w.pass(HOUR);
  expect(isThere(w, manager)).toBe(true);
  await w.exits(manager, 1);
  await w.pass(MINUTE);
  expect(isThere(w, manager)).toBe(false);
});

it("orcha-180, G6: the end of one objective removes nothing of another", async () => {
  const { w, id, worker } = await working();
  const other = await w.driven();
  const kept = await w.worker(other);
  await w.must(`objective/${id}`, "objective.cancel");
  await w.pass(10 * MINUTE);
  expect([isThere(w, worker), isThere(w, kept), isThere(w, w.managerId(other))]).toEqual([
    false,
    true,
    true,
  ]);
});
