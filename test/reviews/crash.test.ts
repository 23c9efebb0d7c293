import { describe, expect, it } from "vitest";
import { sha } from "../support/outside.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";

const R1 = "demo-1-r1";

function launches(world: ReviewWorld): string[] {
  return world.actsOn().filter((act) => act.startsWith("launch"));
}

describe("a daemon that is killed", () => {
  it("F01 before the reviewer is launched drives the same run to one process", async () => {
    const world = await ReviewWorld.with();
    world.outside.hold("prepareReview");
    await world.trigger();
    await world.crash();
    world.outside.free("prepareReview");
    await world.start();
    expect(await world.run(R1)).toMatchObject({ status: "running", attempt: 1, epoch: 1 });
    expect(new Set(launches(world))).toEqual(new Set(["launch 1"]));
  });

  it("F02 after the reviewer was launched, before that was recorded, adopts it", async () => {
    const world = await ReviewWorld.with();
    world.outside.hold("launchTerminal", "after");
    await world.trigger();
    expect(world.outside.panes.get(HANDLE)?.epoch).toBe(1);
    await world.crash();
    world.outside.free("launchTerminal");
    await world.start();
    const { pid } = world.outside.panes.get(HANDLE) ?? {};
    expect(await world.run(R1)).toMatchObject({ status: "running", attempt: 1, epoch: 1 });
    expect((await world.list()).reviewers[0]?.pid).toBe(pid);
    expect((await world.submit({ runId: R1, verdict: "approved" })).status).toBe(200);
  });

  it("F03 with every process resumes the same run in one new process", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.crash();
    world.outside.panes.clear();
    await world.start();
    await world.exits({});
    await world.advance(5_000);
    expect(await world.run(R1)).toMatchObject({ status: "running", attempt: 2, epoch: 2 });
    expect(world.outside.panes.get(HANDLE)?.epoch).toBe(2);
    expect((await world.submit({ runId: R1, verdict: "approved" })).status).toBe(200);
  });

  it("F38 in the middle of a cancel finishes it", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.settle();
    world.outside.hold("destroyTerminal");
    await world.cancel();
    await world.crash();
    world.outside.free("destroyTerminal");
    await world.start();
    expect(await world.run(R1)).toMatchObject({ status: "cancelled" });
    expect(world.outside.panes.has(HANDLE)).toBe(false);
  });

  it("F08 in the middle of a supersede ends with one process, of the newest epoch", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.settle();
    world.outside.hold("destroyTerminal");
    await world.push(1, sha(2));
    await world.trigger();
    await world.crash();
    world.outside.free("destroyTerminal");
    await world.start();
    expect(world.outside.panes.get(HANDLE)?.epoch).toBe(2);
    expect((await world.runs()).map(({ status }) => status)).toEqual(["running", "failed"]);
  });
});

it("F39 of a newer version takes over what an older one left: the newest of two open runs, and none in a state it does not know", async () => {
  const world = await ReviewWorld.with();
  await world.trigger();
  await world.settle();
  const [run] = world.review.runs;
  if (run === undefined) throw new Error("there is no run");
  const { freshFrom: _, ...older } = world.review;
  const rest = { ...run, epoch: null, attempt: 0 };
  await world.rewrite(1, {
    ...older,
    nextRun: 4,
    runs: [
      { ...rest, id: "demo-1-r0", state: "queued" },
      run,
      { ...rest, id: "demo-1-r3", targetSha: sha(7), state: "pending" },
    ],
  });
  await world.restart();
  const states = async (): Promise<string[]> =>
    (await world.runs()).map(({ id, status, failReason }) => `${id} ${status} ${failReason ?? ""}`);
  const told = [
    "demo-1-r3 failed unknown_status",
    "demo-1-r1 running ",
    "demo-1-r0 failed duplicate",
  ];
  expect(await states()).toEqual(told);
  expect((await world.submit({ runId: R1, verdict: "approved" })).status).toBe(200);
  expect((await world.list()).reviews[0]?.status).toBe("up_to_date");
});

describe("a trigger that the store cannot take", () => {
  it("F04 makes all of its runs or none, and starts nothing before all of it is durable", async () => {
    const world = await ReviewWorld.with({ pulls: [1, 2] });
    world.world.disk.hold();
    const answering = world.trigger();
    await world.settle();
    expect(world.actsOn()).toEqual([]);
    world.world.disk.release();
    expect((await answering).status).toBe(201);
    world.pull(1, { headSha: sha(11) });
    world.pull(2, { headSha: sha(12) });
    await world.tellPulls();
    world.world.disk.hold();
    const dying = world.trigger();
    dying.catch(() => undefined);
    await world.settle();
    await world.crash();
    world.world.disk.release();
    await world.start();
    const batches = (await world.runs()).map(({ batchId }) => batchId);
    expect([2, 4]).toContain(batches.length);
    expect(batches.filter((id) => id === "demo-1-b1")).toHaveLength(2);
  });
});

it("F40 R193 tells every change of a run once and in order, to whoever reads on from a list", async () => {
  const world = await ReviewWorld.with();
  await world.trigger();
  await world.push(1, sha(2));
  await world.trigger();
  await world.settle();
  const entries = world.world.store.journal("review/demo-1", { after: 0, limit: 1_000 });
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  const states = entries.map(({ value }) => JSON.stringify(value ?? null)).join(" ");
  const story = ["launching", "running", "superseded", "failed"].map((state) =>
    states.indexOf(`"run":"${state}"`),
  );
  expect(story).toEqual(story.toSorted((a, b) => a - b));
  expect(story).not.toContain(-1);
});
