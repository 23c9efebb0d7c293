import { describe, expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { sha } from "../support/outside.ts";
import { ReviewWorld } from "../support/review-world.ts";

const R1 = "demo-1-r1";
const R2 = "demo-1-r2";
const WORKED = { headSha: sha(9), branch: "ao/demo-1", dirty: false, unpushed: 1 };
const asks = { verdict: "changes_requested", body: "Mend the loop." };

async function reviewed(pulls: readonly number[] = [1]): Promise<ReviewWorld> {
  const world = await ReviewWorld.with({ pulls });
  await world.trigger();
  await world.settle();
  return world;
}

describe("feedback", () => {
  it("R151 R156 is one message for one submission, sorted, and once however often it is said", async () => {
    const world = await reviewed([1, 2]);
    const both = [
      { runId: R2, ...asks, providerReviewId: "rev-2" },
      { runId: R1, ...asks, providerReviewId: "rev-1" },
    ];
    await world.submit(both);
    await world.settle();
    await world.submit(both);
    await world.settle();
    expect(world.inbox).toHaveLength(1);
    const [text = ""] = world.inbox;
    expect(text).toContain("2 reviews ask for changes");
    for (const part of ["rev-1", "rev-2", asks.body]) expect(text).toContain(part);
    expect(text.indexOf("forge.test/1")).toBeLessThan(text.indexOf("forge.test/2"));
    expect((await world.runs()).map(({ status }) => status)).toEqual(["delivered", "delivered"]);
  });

  it("R152 is none when everything was approved", async () => {
    const world = await reviewed();
    await world.submit({ runId: R1, verdict: "approved", body: "fine" });
    await world.settle();
    expect(world.inbox).toEqual([]);
    expect((await world.run(R1)).delivery).toEqual({ state: "none", attempts: 0 });
  });

  it.each([
    { title: "R154 F11 waits while the worker asks a person", state: "waiting_input" },
    { title: "waits while the worker waits for a permission", state: "blocked" },
  ])("$title, and is typed once it may be", async ({ state }) => {
    const world = await reviewed();
    await world.says(state);
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    expect(world.inbox).toEqual([]);
    expect(await world.run(R1)).toMatchObject({ status: "complete", delivery: { state: "sent" } });
    await world.says("idle");
    expect(world.inbox).toHaveLength(1);
    expect(await world.run(R1)).toMatchObject({ status: "delivered" });
  });

  it("R155 says why when its worker has ended", async () => {
    const world = await reviewed();
    await world.exits({ exitCode: 1 }, "demo-1");
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    expect(await world.run(R1)).toMatchObject({
      status: "complete",
      delivery: { state: "skipped", reason: "worker_ended" },
    });
  });

  it("is not typed when its head has moved before its turn came", async () => {
    const world = await reviewed();
    await world.says("waiting_input");
    await world.submit({ runId: R1, ...asks });
    await world.push(1, sha(2));
    await world.says("idle");
    expect(world.inbox).toEqual([]);
    expect((await world.run(R1)).delivery).toMatchObject({
      state: "skipped",
      reason: "stale_head",
    });
  });

  it.each([
    { title: "reaches the worker when its branch has become a pull request", inbox: 1, head: 9 },
    { title: "is not typed when that pull request has moved on", inbox: 0, head: 10 },
  ])("of a branch $title", async ({ inbox, head }) => {
    const world = await reviewed([]);
    await world.observe("workspace", WORKED);
    await world.trigger();
    await world.settle();
    await world.says("waiting_input");
    world.pull(1, { headRef: "ao/demo-1", headSha: sha(9) });
    await world.tellPulls();
    await world.submit({ runId: R1, ...asks });
    await world.push(1, sha(head));
    await world.says("idle");
    expect(world.inbox).toHaveLength(inbox);
  });

  it("R203 is not typed while a person does not want that, though it was sent on already", async () => {
    const world = await reviewed();
    await world.says("waiting_input");
    await world.submit({ runId: R1, ...asks });
    await world.request("PUT", "/sessions/demo-1/auto-inject-review", { autoInjectReview: false });
    await world.says("idle");
    expect(world.inbox).toEqual([]);
    expect((await world.run(R1)).delivery).toMatchObject({
      state: "skipped",
      reason: "auto_inject_off",
    });
  });

  it("F12 F13 reaches the worker once when the daemon is killed between result, typing and receipt", async () => {
    const world = await reviewed([1, 2]);
    const release = world.outside.hold("typeText");
    await world.submit([
      { runId: R1, ...asks },
      { runId: R2, ...asks },
    ]);
    await world.settle();
    await world.crash();
    release();
    await world.start();
    await world.advance(20_000);
    expect(world.inbox).toHaveLength(1);
    await world.restart();
    await world.advance(20_000);
    expect(world.inbox).toHaveLength(1);
    expect((await world.runs()).map(({ status }) => status)).toEqual(["delivered", "delivered"]);
  });

  it("F14 is not called delivered when it could not be typed, and is tried anew when it is said again", async () => {
    const world = await reviewed();
    world.outside.refuse("typeText", new Failure("PANE_GONE", "there is no pane"));
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    const run = await world.run(R1);
    expect(run).toMatchObject({ status: "complete", delivery: { state: "failed", attempts: 1 } });
    expect(run.deliveredAt).toBeUndefined();
    world.outside.allow("typeText");
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    expect(await world.run(R1)).toMatchObject({ status: "delivered", delivery: { attempts: 2 } });
    expect(world.inbox).toHaveLength(1);
  });

  it("has no control characters but tabs and new lines", async () => {
    const world = await reviewed();
    await world.submit({
      runId: R1,
      verdict: "changes_requested",
      body: "a\u001b[31mb\u0007\tc\nd",
    });
    await world.settle();
    expect(world.inbox[0]).toContain("a[31mb\tc\nd");
  });

  it("is not told once more by the forge, under the id that it was given there", async () => {
    const world = await reviewed();
    await world.submit({ runId: R1, ...asks, providerReviewId: "rev-7" });
    const comment = { author: "bot", isBot: true, body: asks.body, resolved: false };
    world.pull(1, { comments: [{ id: "rev-7", ...comment }], reviewDecision: "changes_requested" });
    await world.tellPulls();
    expect(world.inbox).toHaveLength(1);
    world.pull(1, { comments: [{ id: "rev-8", ...comment }], reviewDecision: "none" });
    await world.tellPulls();
    expect(world.inbox).toHaveLength(2);
  });
});
