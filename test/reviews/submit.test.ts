import { describe, expect, it } from "vitest";
import { sha } from "../support/outside.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";

const R1 = "demo-1-r1";
const R2 = "demo-1-r2";
const asks = { verdict: "changes_requested", body: "Mend the loop." };

async function reviewed(pulls: readonly number[] = [1]): Promise<ReviewWorld> {
  const world = await ReviewWorld.with({ pulls });
  await world.trigger();
  await world.settle();
  return world;
}

describe("a submission", () => {
  it("R135 R123 records verdict and body, types them to the worker, and says when", async () => {
    const world = await reviewed();
    const { status, body } = await world.submit({ runId: R1, ...asks, providerReviewId: "rev-7" });
    expect([status, body.review.status, body.review.verdict]).toEqual([
      200,
      "complete",
      "changes_requested",
    ]);
    await world.settle();
    const run = await world.run(R1);
    expect(run).toMatchObject({
      status: "delivered",
      body: asks.body,
      delivery: { state: "delivered" },
    });
    expect(run.deliveredAt).toBeTypeOf("number");
    expect(world.inbox).toHaveLength(1);
    expect(world.inbox[0]).toContain("changes_requested");
    expect(world.inbox[0]).toContain(asks.body);
    expect(world.inbox[0]).toContain("rev-7");
  });

  it("R127 delivers one run of a batch without waiting for the others", async () => {
    const world = await reviewed([1, 2]);
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    expect((await world.run(R1)).status).toBe("delivered");
    expect((await world.run(R2)).status).toBe("running");
  });

  it("R137 is refused for a run that nobody knows", async () => {
    const world = await reviewed();
    const { status, body } = await world.submit({ runId: "demo-1-r9", verdict: "approved" });
    expect([status, body.code]).toEqual([404, "REVIEW_NOT_FOUND"]);
  });

  it("is refused for a run of another worker", async () => {
    const world = await reviewed();
    const { status, body } = await world.submit({ runId: "other-1-r1", verdict: "approved" });
    expect([status, body.code]).toEqual([422, "REVIEW_INVALID"]);
  });

  it("R139 is refused with a verdict that is none", async () => {
    const world = await reviewed();
    const { status, body } = await world.submit({ runId: R1, verdict: "lgtm" });
    expect([status, body.message]).toEqual([
      422,
      expect.stringContaining('reviews[0]: verdict "lgtm"'),
    ]);
  });

  it("is refused when it asks for changes and does not say which", async () => {
    const world = await reviewed();
    const { status } = await world.submit({ runId: R1, verdict: "changes_requested", body: " \n" });
    expect(status).toBe(422);
  });

  it("R141 F28 may approve without a word; that nothing was posted shows", async () => {
    const world = await reviewed();
    expect((await world.submit({ runId: R1, verdict: "approved" })).status).toBe(200);
    expect(await world.run(R1)).toMatchObject({ posted: false, providerReviewId: "" });
  });

  it("R143 returns a delivered run as it is, and delivers nothing again", async () => {
    const world = await reviewed();
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    const again = await world.submit({ runId: R1, verdict: "approved", body: "other" });
    expect([again.status, again.body.review.verdict]).toEqual([200, "changes_requested"]);
    await world.settle();
    expect(world.inbox).toHaveLength(1);
  });

  it("R144 R145 says the same again with less, and nothing else", async () => {
    const world = await reviewed();
    await world.submit({ runId: R1, verdict: "approved", body: "fine", providerReviewId: "rev-1" });
    const less = await world.submit({ runId: R1, verdict: "approved" });
    expect([less.status, less.body.review.body]).toEqual([200, "fine"]);
    const other = await world.submit({ runId: R1, ...asks });
    expect([other.status, other.body.code]).toEqual([422, "REVIEW_INVALID"]);
    const body = await world.submit({ runId: R1, verdict: "approved", body: "another" });
    expect(body.status).toBe(422);
    expect(await world.run(R1)).toMatchObject({ verdict: "approved", body: "fine" });
  });

  it("R146 F31 is recorded for a head that has moved, and says why it is not told", async () => {
    const world = await reviewed();
    await world.push(1, sha(2));
    expect((await world.submit({ runId: R1, ...asks })).status).toBe(200);
    await world.settle();
    expect(await world.run(R1)).toMatchObject({
      status: "complete",
      delivery: { state: "skipped", reason: "stale_head" },
    });
    expect(world.inbox).toEqual([]);
  });

  it("F31 is carried into the next review when its head has moved, so that nothing found is lost", async () => {
    const world = await reviewed();
    await world.push(1, sha(2));
    await world.submit({ runId: R1, ...asks });
    await world.trigger();
    await world.settle();
    expect(world.outside.launches.get(HANDLE)?.launch.prompt).toContain(`> ${asks.body}`);
    expect((await world.list()).reviews[0]?.previousRun?.id).toBe(R1);
  });

  it("R147 needs a run", async () => {
    const world = await reviewed();
    for (const results of [[], {}]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, body } = await world.submit(results);
      expect([status, body.code]).toEqual([422, "REVIEW_INVALID"]);
    }
  });

  it("F15 takes nothing when one of several is wrong, and all of them once it is mended", async () => {
    const world = await reviewed([1, 2]);
    const wrong = await world.submit([
      { runId: R1, ...asks },
      { runId: R2, verdict: "maybe" },
    ]);
    expect([wrong.status, wrong.body.message]).toEqual([
      422,
      expect.stringContaining("reviews[1]"),
    ]);
    expect((await world.runs()).map(({ status }) => status)).toEqual(["running", "running"]);
    const right = await world.submit([
      { runId: R1, ...asks },
      { runId: R2, ...asks },
    ]);
    expect(right.status).toBe(200);
    await world.settle();
    expect(world.inbox).toHaveLength(1);
    expect(world.inbox[0]).toContain("2 reviews ask for changes");
  });

  it("F16 is refused when it names a run twice", async () => {
    const world = await reviewed();
    for (const verdict of ["approved", "changes_requested"]) {
      const twice = [
        { runId: R1, verdict: "approved" },
        { runId: R1, verdict, body: "b" },
      ];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await world.submit(twice)).status).toBe(422);
    }
    expect(await world.run(R1)).toMatchObject({ status: "running", verdict: "" });
  });

  it("F17 takes runs of different batches together, and tells each once", async () => {
    const world = await reviewed();
    world.pull(2, { headSha: sha(2) });
    await world.tellPulls();
    await world.trigger();
    await world.request("POST", "/sessions/demo-1/reviews/restart", {});
    await world.settle();
    const { status } = await world.submit([
      { runId: R2, ...asks },
      { runId: R1, ...asks },
    ]);
    expect(status).toBe(200);
    await world.settle();
    const runs = await world.runs();
    expect(new Set(runs.map(({ batchId }) => batchId)).size).toBe(2);
    expect(world.inbox).toHaveLength(1);
    expect(world.inbox[0]).toMatch(/forge\.test\/1[\s\S]*forge\.test\/2/);
  });

  it("is refused in both shapes at once, and in none, whoever says it (RV4)", async () => {
    const world = await reviewed();
    for (const token of [world.token(), "", "nobody's"]) {
      for (const shape of [{ runId: R1, verdict: "approved", reviews: [] }, { verdict: "x" }, []]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { status, body } = await world.submit(shape, { token });
        expect([status, body.code]).toEqual([422, "REVIEW_INVALID"]);
      }
    }
  });

  it("takes the id of what was posted under its older name, too", async () => {
    const world = await reviewed();
    await world.submit({ runId: R1, verdict: "approved", githubReviewId: "7" });
    expect(await world.run(R1)).toMatchObject({ providerReviewId: "7", posted: true });
  });

  it("with nothing in it, or with what no submission has, is refused as malformed", async () => {
    const world = await reviewed();
    const path = "/sessions/demo-1/reviews/submit";
    for (const body of [undefined, { runId: R1, verdict: "approved", verdicts: 1 }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await world.request("POST", path, body);
      expect([answer.status, answer.body.code]).toEqual([400, "INVALID_BODY"]);
    }
  });

  it("F26 is refused without its reviewer's token, and with that of another session or process", async () => {
    const world = await reviewed();
    const result = { runId: R1, verdict: "approved" };
    const refusals = [
      await world.submit(result, { token: "" }),
      await world.submit(result, { token: "aor1.demo-1.review-demo-1.1.x" }),
      await world.submit(result, { terminal: "review-other" }),
      await world.submit(result, { epoch: 7 }),
      await world.submit(result, {
        token: world.token(HANDLE, 1).replace("demo-1.review", "demo-2.review"),
      }),
    ];
    expect(refusals.map(({ status }) => status)).toEqual([401, 401, 403, 403, 401]);
    expect(await world.run(R1)).toMatchObject({ status: "running", verdict: "" });
    // Every try is on record: by the edge, or as what the review itself refused (RV5).
    const journal = world.world.store.journal("review/demo-1", { after: 0, limit: 1_000 });
    const tries = [...journal].flatMap(({ message: { type, data } }) =>
      type === "review.refused" || type === "review.submit" ? [{ type, data }] : [],
    );
    expect(tries.map(({ type }) => type)).toEqual([
      "review.refused",
      "review.refused",
      "review.submit",
      "review.submit",
      "review.refused",
    ]);
    expect(tries[0]?.data).toEqual({ code: "SUBMIT_TOKEN_INVALID", runIds: [R1], by: "owner" });
  });

  it("may be said again under the key of a try that was refused for its token", async () => {
    const world = await reviewed();
    const result = { runId: R1, verdict: "approved" };
    const headers = { "idempotency-key": "try" };
    const path = "/sessions/demo-1/reviews/submit";
    const wrong = await world.request("POST", path, { ...result, token: "no" }, headers);
    const right = await world.request("POST", path, { ...result, token: world.token() }, headers);
    expect([wrong.status, right.status]).toEqual([401, 200]);
    expect(await world.run(R1)).toMatchObject({ verdict: "approved" });
  });

  it("F35 is refused when it is too large", async () => {
    const world = await reviewed();
    const { status } = await world.submit({ runId: R1, ...asks, body: "x".repeat(1_100_000) });
    expect(status).toBe(413);
    expect(await world.run(R1)).toMatchObject({ status: "running" });
  });

  it("F27 counts for nothing when its worktree was not the commit any more", async () => {
    const world = await reviewed();
    world.outside.spoilTrees();
    await world.submit({ runId: R1, ...asks });
    await world.settle();
    expect(await world.run(R1)).toMatchObject({
      tree: "changed",
      delivery: { state: "skipped", reason: "tree_changed" },
    });
    expect((await world.list()).reviews[0]?.status).toBe("needs_review");
    expect(world.inbox).toEqual([]);
  });
});
