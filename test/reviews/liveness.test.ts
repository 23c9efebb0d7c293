import { describe, expect, it, vi } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";

const R1 = "demo-1-r1";

async function running(options: Parameters<typeof ReviewWorld.with>[0] = {}): Promise<ReviewWorld> {
  const world = await ReviewWorld.with(options);
  await world.trigger();
  await world.settle();
  return world;
}

function launches(world: ReviewWorld): string[] {
  return world.actsOn().filter((act) => act.startsWith("launch"));
}

describe("a reviewer's process", () => {
  it.each([
    { title: "F06 R318 that is killed", how: { signal: "KILL" }, detail: "was ended by KILL" },
    { title: "that fails", how: { exitCode: 3 }, detail: "exit code 3" },
    { title: "that ends without a result", how: { exitCode: 0 }, detail: "exit code 0" },
    { title: "F03 that was lost with its terminal", how: {}, detail: "its terminal was lost" },
  ])(
    "$title leaves no run running, and a new one takes it within the budget",
    async ({ how, detail }) => {
      const world = await running();
      await world.exits(how);
      expect(await world.run(R1)).toMatchObject({
        status: "queued",
        retryReason: "reviewer_exited",
      });
      expect((await world.run(R1)).detail).toContain(detail);
      await world.advance(1_000);
      expect(await world.run(R1)).toMatchObject({ status: "running", attempt: 2, epoch: 2 });
      await world.exits(how);
      await world.advance(1_000);
      await world.exits(how);
      await world.advance(60_000);
      expect(await world.run(R1)).toMatchObject({
        status: "failed",
        failReason: "reviewer_exited",
        attempt: 3,
      });
      expect(launches(world)).toEqual(["launch 1", "launch 2", "launch 3"]);
      expect((await world.list()).reviews[0]?.status).toBe("needs_review");
    },
  );

  it("F21 that cannot be started is waited for longer each time, and never exactly as long as another (S5)", async () => {
    const world = await ReviewWorld.with({ settings: { reviews: { backoffMs: 10_000 } } });
    world.outside.refuse("launchTerminal", new Failure("LAUNCH_FAILED", "no such program"));
    await world.trigger();
    await world.settle();
    await world.trigger({ harness: "codex" });
    await world.settle();
    const waits = (): number[] =>
      world.review.seats.map(({ restartAt }) => (restartAt ?? 0) - world.world.clock.now());
    const [first = 0, second = 0] = waits();
    for (const wait of [first, second]) {
      expect(wait).toBeGreaterThanOrEqual(10_000);
      expect(wait).toBeLessThan(12_500);
    }
    expect(first).not.toBe(second);
    await world.advance(12_500);
    for (const wait of waits()) expect(wait).toBeGreaterThan(15_000);
    expect(launches(world)).toHaveLength(2);
  });

  it("is cleared away with all that it started before the next one begins (W2)", async () => {
    const world = await running();
    const release = world.outside.hold("destroyTerminal");
    await world.exits({ exitCode: 3 });
    await world.advance(30_000);
    expect(launches(world)).toEqual(["launch 1"]);
    release();
    await world.settle();
    await world.advance(1_000);
    const [first, ...rest] = world.actsOn();
    expect([first, new Set(rest.slice(0, -1)), rest.at(-1)]).toEqual([
      "launch 1",
      new Set(["destroy 1"]),
      "launch 2",
    ]);
  });

  it("that ends after its work is no trouble to anybody (C2)", async () => {
    const world = await running();
    await world.submit({ runId: R1, verdict: "approved" });
    await world.exits({ exitCode: 1 });
    await world.advance(60_000);
    expect(launches(world)).toEqual(["launch 1"]);
    expect(await world.run(R1)).toMatchObject({ status: "complete", verdict: "approved" });
  });

  it("F32 still gets its result taken when it has ended before that was read", async () => {
    const world = await running();
    await world.exits({ exitCode: 0 });
    const { status } = await world.submit({ runId: R1, verdict: "approved" }, { epoch: 1 });
    expect(status).toBe(200);
    await world.advance(60_000);
    expect(launches(world)).toEqual(["launch 1"]);
    expect(await world.run(R1)).toMatchObject({ status: "complete", attempt: 1 });
  });

  it("that gives no sign of life for as long as its lease is ended, and its run tried again (I2)", async () => {
    const world = await running({ settings: { reviews: { leaseMs: 60_000 } } });
    await world.advance(59_000);
    expect(await world.run(R1)).toMatchObject({ status: "running", attempt: 1 });
    await world.advance(2_000);
    expect(await world.run(R1)).toMatchObject({ retryReason: "lease_expired" });
    await world.advance(1_000);
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
  });

  it("keeps its lease while its hooks say that it works, and not while it waits for somebody", async () => {
    const world = await running({ settings: { reviews: { leaseMs: 60_000 } } });
    const say = async (state: string, epoch = 1): Promise<number> => {
      const token = world.token(HANDLE, epoch);
      const answer = await world.request("POST", `/reviews/${HANDLE}/activity`, { state, token });
      return answer.status;
    };
    await world.advance(50_000);
    expect(await say("active")).toBe(202);
    await world.advance(50_000);
    expect(await world.run(R1)).toMatchObject({ status: "running", attempt: 1 });
    expect(await say("blocked")).toBe(202);
    expect((await world.list()).reviewers[0]?.activity).toBe("blocked");
    await world.advance(11_000);
    expect(await world.run(R1)).toMatchObject({ retryReason: "lease_expired" });
  });

  it("R192 R275 speaks for itself only, with its own token", async () => {
    const world = await running();
    const path = `/reviews/${HANDLE}/activity`;
    const body = { state: "active" };
    expect((await world.request("POST", path, body)).status).toBe(401);
    const bearer = (epoch: number) => ({ authorization: `Bearer ${world.token(HANDLE, epoch)}` });
    expect((await world.request("POST", path, body, bearer(1))).status).toBe(202);
    expect(
      (await world.request("POST", "/reviews/review-other/activity", body, bearer(1))).status,
    ).toBe(403);
    expect((await world.request("POST", path, body, bearer(9))).body["accepted"]).toBe(false);
  });
});

describe("a cancel", () => {
  it("R174 F19 ends the runs and the process, and refuses what comes late", async () => {
    const world = await running();
    const { status, body } = await world.cancel();
    expect([status, body.runIds, body.reviewerHandleId]).toEqual([200, [R1], HANDLE]);
    await world.settle();
    expect(await world.run(R1)).toMatchObject({
      status: "cancelled",
      failReason: "user_cancelled",
    });
    expect(world.outside.panes.has(HANDLE)).toBe(false);
    const late = await world.submit({ runId: R1, verdict: "approved" }, { epoch: 1 });
    expect(late.status).toBe(422);
  });

  it("R103 ends the reviewer that works, and nobody else", async () => {
    const world = await running();
    await world.submit({ runId: R1, verdict: "approved" });
    await world.trigger({ harness: "codex" });
    await world.settle();
    await world.cancel();
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1"]);
    expect(world.actsOn(`${HANDLE}-codex`)).toEqual(["launch 2", "destroy 2"]);
  });

  it("R104 does nothing while nothing is open", async () => {
    const world = await running();
    await world.submit({ runId: R1, verdict: "approved" });
    const { status, body } = await world.cancel();
    expect([status, body.runIds, body.reviewerHandleId]).toEqual([200, [], HANDLE]);
    expect(world.actsOn()).toEqual(["launch 1"]);
  });

  it("R105 succeeds when the process is gone already", async () => {
    const world = await running();
    await world.exits({ exitCode: 1 });
    expect((await world.cancel()).status).toBe(200);
    await world.advance(60_000);
    expect(await world.run(R1)).toMatchObject({ status: "cancelled" });
    expect(launches(world)).toEqual(["launch 1"]);
  });

  it("R108 is refused for a worker that nobody knows", async () => {
    const world = await running();
    for (const [method, path] of [
      ["POST", "cancel"],
      ["POST", "trigger"],
      ["POST", "restart"],
      ["GET", ""],
    ] as const) {
      const at = `/sessions/nobody-1/reviews${path === "" ? "" : `/${path}`}`;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, body } = await world.request(method, at, method === "GET" ? undefined : {});
      expect([path, status, body.code]).toEqual([path, 404, "REVIEW_NOT_FOUND"]);
    }
  });

  it("R305 F18 in the middle of a launch leaves no process behind", async () => {
    const world = await ReviewWorld.with();
    const release = world.outside.hold("launchTerminal");
    await world.trigger();
    await world.cancel();
    release();
    await world.settle();
    await world.advance(10_000);
    expect(await world.run(R1)).toMatchObject({ status: "cancelled" });
    expect(world.outside.panes.has(HANDLE)).toBe(false);
  });

  it("R304 F18 and a submission at the same moment agree with what is stored", async () => {
    for (let round = 0; round < 20; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- rounds
      const world = await running();
      // oxlint-disable-next-line no-await-in-loop
      const [cancelled, submitted] = await Promise.all(
        round % 2 === 0
          ? [world.cancel(), world.submit({ runId: R1, verdict: "approved" })]
          : [world.cancel(), world.submit({ runId: R1, verdict: "approved" })].toReversed(),
      );
      // oxlint-disable-next-line no-await-in-loop
      const { status } = await world.run(R1);
      const [cancel, submit] = round % 2 === 0 ? [cancelled, submitted] : [submitted, cancelled];
      expect(submit?.status).toBe(status === "complete" ? 200 : 422);
      expect(cancel?.body).toHaveProperty("runIds", status === "complete" ? [] : [R1]);
    }
  });

  it("R297 ends a process that does not listen", async () => {
    const world = await running();
    world.outside.refuse("destroyTerminal", new Failure("TMUX_UNREACHABLE", "no answer"));
    await world.cancel();
    expect(await world.run(R1)).toMatchObject({ status: "cancelled" });
    world.outside.allow("destroyTerminal");
    await world.advance(120_000);
    expect(world.outside.panes.has(HANDLE)).toBe(false);
  });
});

describe("the end of a worker", () => {
  it("R109 R279 R110 destroys its reviewer and cancels its runs, and shows no handle any more", async () => {
    const world = await running();
    await world.request("POST", "/sessions/demo-1/kill", {});
    await world.settle();
    expect(await world.run(R1)).toMatchObject({ status: "cancelled", failReason: "worker_ended" });
    expect(world.outside.panes.has(HANDLE)).toBe(false);
    expect((await world.list()).reviewerHandleId).toBe("");
    expect((await world.trigger()).status).toBe(422);
  });

  it("R111 F29 cancels the runs though the reviewer cannot be destroyed, and goes on trying", async () => {
    const world = await running();
    world.outside.refuse("destroyTerminal", new Failure("TMUX_UNREACHABLE", "no answer"));
    await world.request("POST", "/sessions/demo-1/kill", {});
    await world.settle();
    expect(await world.run(R1)).toMatchObject({ status: "cancelled" });
    world.outside.allow("destroyTerminal");
    await world.advance(240_000);
    expect(world.outside.panes.size).toBe(0);
  });

  it("R112 has nothing to do when nothing was reviewed", async () => {
    const world = await ReviewWorld.with();
    expect((await world.request("POST", "/sessions/demo-1/kill", {})).status).toBe(200);
    expect(world.actsOn()).toEqual([]);
  });
});

describe("a list", () => {
  it("R118 R169 R170 has the handle, the reviewer, every row and every run, and no list that is null", async () => {
    const world = await ReviewWorld.with({ pulls: [1, 2] });
    const before = await world.list();
    expect(before).toMatchObject({
      reviewerHandleId: "",
      harness: "command",
      reviewerHarness: "command",
      runs: [],
      reviewers: [],
    });
    expect(before.reviews.map(({ status }) => status)).toEqual(["needs_review", "needs_review"]);
    await world.trigger();
    const after = await world.list();
    expect(after.reviewerHandleId).toBe(HANDLE);
    expect(after.runs.map(({ id }) => id)).toEqual(["demo-1-r2", "demo-1-r1"]);
  });

  it("reads a review from the store once, and shows each of its steps all the same (C1)", async () => {
    const world = await running();
    await world.list();
    await world.submit({ runId: R1, verdict: "approved" });
    const read = vi.spyOn(world.world.store, "snapshot");
    expect((await world.list()).reviews[0]?.status).toBe("up_to_date");
    const rows = read.mock.calls.map(([address]) => address);
    read.mockRestore();
    expect(rows).toEqual(["session/demo-1"]);
    expect((await world.trigger({ harness: "codex" })).body.runs).toHaveLength(2);
    expect((await world.list()).runs).toHaveLength(2);
    await world.restart();
    expect((await world.list()).runs).toHaveLength(2);
  });

  it("R119 names the reviewer that works", async () => {
    const world = await running();
    await world.submit({ runId: R1, verdict: "approved" });
    await world.trigger({ harness: "opencode" });
    await world.settle();
    expect(await world.list()).toMatchObject({
      reviewerHandleId: `${HANDLE}-opencode`,
      harness: "opencode",
    });
  });

  it.each([
    { title: "R180 a trigger that", path: "sessions/demo-1/reviews/trigger", code: "INVALID_JSON" },
    {
      title: "a word of a reviewer that",
      path: `reviews/${HANDLE}/activity`,
      code: "INVALID_JSON",
    },
    { title: "a submission that", path: "sessions/demo-1/reviews/submit", code: "INVALID_BODY" },
  ])("$title is no JSON is refused as such", async ({ path, code }) => {
    const world = await running();
    const app = await world.app();
    const { statusCode, body } = await app.inject({
      method: "POST",
      url: `/api/v1/${path}`,
      headers: { authorization: "Bearer owner-token", "content-type": "application/json" },
      payload: "{",
    });
    expect([statusCode, body]).toEqual([400, expect.stringContaining(code)]);
  });
});
