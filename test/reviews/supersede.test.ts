import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Failure } from "../../machines/failures.ts";
import { sha } from "../support/outside.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";

const Chart = z.object({ reviewer: z.string(), run: z.string() });

// Seed 000, and what it left open.

describe("a newer head", () => {
  it("R039 F08 fails the old run, destroys its reviewer and spawns a fresh one on the same handle, never notified", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.push(1, sha(11));
    const { status, body } = await world.trigger();
    expect([status, body.created]).toEqual([201, true]);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
    const [now, old] = await world.runs();
    expect(old).toMatchObject({ status: "failed", failReason: "superseded", epoch: 1 });
    expect(now).toMatchObject({ status: "running", targetSha: sha(11), epoch: 2 });
    expect((await world.list()).reviewerHandleId).toBe(HANDLE);
  });

  it("R031 fails the older run with the reason", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.push(1, sha(11));
    await world.trigger();
    expect(await world.run("demo-1-r1")).toMatchObject({
      status: "failed",
      failReason: "superseded",
    });
  });

  it("refuses what the old reviewer submits late, whichever token it has (seed 000)", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.push(1, sha(11));
    await world.trigger();
    const late = await world.submit({ runId: "demo-1-r1", verdict: "approved" }, { epoch: 1 });
    expect([late.status, late.body.code]).toEqual([422, "REVIEW_INVALID"]);
    expect(late.body.message).toContain("not running any more");
    expect(await world.run("demo-1-r1")).toMatchObject({ status: "failed", verdict: "" });
  });

  it("restarts one reviewer once for several pull requests, and re-queues those that are current", async () => {
    const world = await ReviewWorld.with({ pulls: [1, 2] });
    await world.trigger();
    await world.push(1, sha(11));
    await world.trigger();
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
    const [fresh, second, first] = await world.runs();
    expect(first).toMatchObject({ id: "demo-1-r1", status: "failed" });
    expect(second).toMatchObject({ id: "demo-1-r2", status: "running", attempt: 2, epoch: 2 });
    expect(fresh).toMatchObject({ id: "demo-1-r3", status: "running", attempt: 1, epoch: 2 });
    const { launch } = world.outside.launches.get(HANDLE) ?? {};
    expect(launch?.prompt).toContain("2 review tasks");
    expect(launch?.prompt).not.toContain("demo-1-r1");
  });

  it("is a story that the chart tells, whichever pull request moved (seed 000, W3)", async () => {
    const world = await ReviewWorld.with({ pulls: [1, 2] });
    await world.trigger();
    const seq = (): number => world.world.store.snapshot("review/demo-1")?.seq ?? 0;
    const from = seq();
    await world.push(1, sha(11));
    await world.trigger();
    await world.settle();
    // As a rewind shows it.
    const charts = Array.from({ length: seq() - from + 1 }, (_, n) =>
      Chart.parse(world.world.system.stateAt("review/demo-1", from + n)?.value),
    );
    const moves = charts.map(({ reviewer, run }) => `${reviewer} ${run}`);
    expect(moves.filter((move, n) => move !== moves[n - 1])).toEqual([
      "live running",
      "destroying superseded",
      "launching failed",
      "launching launching",
      "live running",
    ]);
  });

  it("costs no run its tries that only shared the reviewer of an older one", async () => {
    const world = await ReviewWorld.with({ pulls: [1, 2] });
    await world.trigger();
    for (const n of [11, 12, 13]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await world.push(1, sha(n));
      // oxlint-disable-next-line no-await-in-loop
      await world.trigger();
    }
    await world.settle();
    expect(await world.run("demo-1-r2")).toMatchObject({ status: "running", attempt: 4 });
    await world.exits({ signal: "KILL" });
    await world.advance(1_000);
    expect(await world.run("demo-1-r2")).toMatchObject({ status: "running", attempt: 5 });
  });

  it("R042 fails the runs that were just made when the old reviewer cannot be destroyed", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    world.outside.refuse("destroyTerminal", new Failure("PANE_FOREIGN", "it is not ours"));
    await world.push(1, sha(11));
    await world.trigger();
    await world.settle();
    expect(world.actsOn().filter((act) => act.startsWith("launch"))).toEqual(["launch 1"]);
    expect(await world.run("demo-1-r2")).toMatchObject({
      status: "failed",
      failReason: "destroy_failed",
    });
    expect((await world.list()).reviewers).toMatchObject([
      { state: "destroying", trouble: { code: "PANE_FOREIGN" } },
    ]);
    world.outside.allow("destroyTerminal");
    await world.advance(5_000);
    await world.trigger();
    await world.settle();
    expect(world.actsOn().at(-1)).toBe("launch 2");
  });

  it("R040 R030 leaves a run of the same head alone", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    const { status, body } = await world.trigger();
    expect([status, body.created, body.skipped[0]?.reason]).toEqual([200, false, "review_running"]);
    expect(world.actsOn()).toEqual(["launch 1"]);
    expect(await world.runs()).toHaveLength(1);
  });

  it("F09 supersedes nothing when the reviewer's program is not there", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.push(1, sha(11));
    world.missing.add("review");
    const { status, body } = await world.trigger();
    expect([status, body.code]).toEqual([422, "REVIEWER_BINARY_NOT_FOUND"]);
    expect(world.actsOn()).toEqual(["launch 1"]);
    const taken = await world.submit({ runId: "demo-1-r1", verdict: "approved" });
    expect(taken.status).toBe(200);
  });

  it("F09 tries a launch again that failed after the old reviewer was destroyed", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    world.outside.refuse("launchTerminal", new Failure("LAUNCH_FAILED", "no such program"));
    await world.push(1, sha(11));
    await world.trigger();
    await world.settle();
    expect(await world.run("demo-1-r2")).toMatchObject({
      status: "queued",
      retryReason: "launch_failed",
      detail: "no such program",
    });
    world.outside.allow("launchTerminal");
    await world.advance(1_000);
    expect(await world.run("demo-1-r2")).toMatchObject({ status: "running", attempt: 2 });
    expect(await world.run("demo-1-r1")).toMatchObject({
      status: "failed",
      failReason: "superseded",
    });
  });

  it("F36 F26 refuses an older process that answers for the new run", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.push(1, sha(11));
    await world.trigger();
    await world.settle();
    const forged = await world.submit({ runId: "demo-1-r2", verdict: "approved" }, { epoch: 1 });
    expect([forged.status, forged.body.code]).toEqual([403, "EPOCH_STALE"]);
    expect(await world.run("demo-1-r2")).toMatchObject({ status: "running" });
    const own = await world.submit({ runId: "demo-1-r2", verdict: "approved" }, { epoch: 2 });
    expect(own.status).toBe(200);
  });
});
