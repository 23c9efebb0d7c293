import { describe, expect, it } from "vitest";
import { PullRequestFacts } from "../../machines/observations.ts";
import { sha } from "../support/outside.ts";
import { ReviewWorld } from "../support/review-world.ts";

const asks = { verdict: "changes_requested", body: "Mend the loop." };

/** A worker whose branch has a pull request in the project's own forge. */
async function gated(config: Record<string, unknown> = {}): Promise<ReviewWorld> {
  const world = await ReviewWorld.with({ scm: "local", pulls: [], config });
  await push(world, 1);
  const opening = { title: "A change", headRef: "ao/demo-1", session: "demo-1" };
  await world.request("POST", "/projects/demo/pulls", opening);
  await world.settle();
  return world;
}

/** The branch moves, and the forge sees it. */
async function push(world: ReviewWorld, n: number): Promise<void> {
  world.outside.heads.set("ao/demo-1", sha(100 + n));
  await world.observe("refs", { heads: { "ao/demo-1": sha(100 + n) } }, "demo");
}

async function pull(world: ReviewWorld): Promise<PullRequestFacts> {
  const { body } = await world.request("GET", "/projects/demo/pulls/1");
  return PullRequestFacts.parse(body);
}

/** The status and the words of a try to merge. */
async function merge(world: ReviewWorld, body: object = {}): Promise<string> {
  const answer = await world.request("POST", "/projects/demo/pulls/1/merge", body);
  await world.settle();
  return `${answer.status} ${answer.body.message ?? ""}`;
}

async function review(world: ReviewWorld, n: number, result: object): Promise<void> {
  await world.trigger();
  await world.submit({ runId: `demo-1-r${n}`, ...result });
  await world.settle();
}

describe("the merge of a pull request", () => {
  it("orcha-245: waits for a reviewer's approval of its present head (F7)", async () => {
    const world = await gated();
    expect((await pull(world)).reviewDecision).toBe("required");
    expect(await merge(world)).toMatch(/^409 .*its head was not reviewed yet/);

    await review(world, 1, asks);
    expect((await pull(world)).reviewDecision).toBe("changes_requested");
    expect(await merge(world)).toMatch(/^409 .*its review asks for changes/);
    expect(await merge(world, { unreviewed: true })).toMatch(/^409/);

    await push(world, 2);
    expect((await pull(world)).reviewDecision).toBe("required");
    expect(await merge(world)).toMatch(/^409 .*its head was not reviewed yet/);

    await review(world, 2, { verdict: "approved" });
    expect(await pull(world)).toMatchObject({
      reviewDecision: "approved",
      comments: [{ resolved: true }, { resolved: true, author: "command (review)" }],
    });
    expect(await merge(world)).toMatch(/^202/);
    expect((await pull(world)).state).toBe("merged");
  });

  it("is a person's to order without the review it owes, and no agent's", async () => {
    const world = await gated();
    const agent = { authorization: `Bearer ${world.agentToken()}` };
    const path = "/projects/demo/pulls/1/merge";
    const asked = await world.request("POST", path, { unreviewed: true }, agent);
    expect([asked.status, asked.body.code]).toEqual([403, "FORBIDDEN"]);
    expect(await merge(world, { unreviewed: true })).toMatch(/^202/);
    expect((await pull(world)).state).toBe("merged");
  });

  it("orcha-244: owes no review where nobody reviews, from the moment the project says so", async () => {
    const world = await gated({ reviewers: [] });
    expect((await pull(world)).reviewDecision).toBe("none");
    await world.configure({ autoReview: true });
    expect((await pull(world)).reviewDecision).toBe("required");
    await world.configure({ autoReview: false });
    expect((await pull(world)).reviewDecision).toBe("none");
    expect(await merge(world)).toMatch(/^202/);
  });

  it("orcha-246: comes by itself once an approved head is green, and not before", async () => {
    const world = await gated({ mergeOnGreen: true, autoReview: true });
    await world.says("idle");
    expect(await pull(world)).toMatchObject({ state: "open", reviewDecision: "required" });
    await world.advance(60_000);
    await world.submit({ runId: "demo-1-r1", ...asks });
    await world.settle();
    expect((await pull(world)).state).toBe("open");
    // The same head, once the reviewer was persuaded.
    await review(world, 2, { verdict: "approved" });
    expect((await pull(world)).state).toBe("merged");
  });
});
