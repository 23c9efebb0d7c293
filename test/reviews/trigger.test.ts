import { describe, expect, it } from "vitest";
import { sha } from "../support/outside.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";

const CODEX = { harness: "codex" };

describe("a trigger", () => {
  it("R020 spawns one reviewer, never notified, and records a run of the head", async () => {
    const world = await ReviewWorld.with();
    const { status, body } = await world.trigger();
    expect([status, body.created, body.batchId]).toEqual([201, true, "demo-1-b1"]);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1"]);
    const [run] = await world.runs();
    expect(run).toMatchObject({ targetSha: sha(1), harness: "command", status: "running" });
    expect(body.reviewerHandleId).toBe(HANDLE);
    const { launch } = world.outside.launches.get(HANDLE) ?? {};
    expect(launch?.prompt).toContain(run?.id);
  });

  it("R022 is refused when there is neither a pull request nor anything on the branch", async () => {
    const world = await ReviewWorld.with({ pulls: [] });
    const { status, body } = await world.trigger();
    expect([status, body.code]).toEqual([422, "REVIEW_INVALID"]);
    expect(await world.runs()).toEqual([]);
  });

  it("R320 reviews the branch against its base while there is no pull request", async () => {
    const world = await ReviewWorld.with({ pulls: [] });
    await world.observe("workspace", {
      headSha: sha(9),
      branch: "ao/demo-1",
      dirty: false,
      unpushed: 1,
    });
    const { status, body } = await world.trigger();
    expect([status, body.reviews[0]?.prNumber, body.reviews[0]?.targetSha]).toEqual([
      201,
      0,
      sha(9),
    ]);
    const done = await world.submit({
      runId: "demo-1-r1",
      verdict: "changes_requested",
      body: "no",
    });
    expect(done.status).toBe(200);
    await world.settle();
    expect(world.inbox).toHaveLength(1);
    expect(world.inbox[0]).toContain("Branch ao/demo-1");
  });

  it("R024 R047 R048 makes no run for an approved head, also with the same reviewer named", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.submit({ runId: "demo-1-r1", verdict: "approved" });
    for (const wish of [{}, { harness: "command" }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, body } = await world.trigger(wish);
      expect([status, body.created, body.skipped[0]?.reason]).toEqual([
        200,
        false,
        "already_approved",
      ]);
    }
    expect(await world.runs()).toHaveLength(1);
    expect(world.actsOn()).toEqual(["launch 1"]);
  });

  it("R025 R053 R054 R055 F23 gives every new head a process of its own, and types nothing into any", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.submit({ runId: "demo-1-r1", verdict: "approved" });
    await world.push(1, sha(2));
    expect((await world.trigger()).status).toBe(201);
    await world.settle();
    await world.submit({ runId: "demo-1-r2", verdict: "approved" });
    await world.exits();
    await world.push(1, sha(3));
    expect((await world.trigger()).status).toBe(201);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2", "destroy 2", "launch 3"]);
  });

  it("R029 R008 makes a new run for a head whose run failed, and keeps both", async () => {
    const world = await ReviewWorld.with({ settings: { reviews: { maxAttempts: 1 } } });
    await world.trigger();
    await world.exits({ exitCode: 3 });
    expect(await world.run("demo-1-r1")).toMatchObject({
      status: "failed",
      failReason: "reviewer_exited",
    });
    expect((await world.trigger()).status).toBe(201);
    expect((await world.runs()).map(({ id }) => id)).toEqual(["demo-1-r2", "demo-1-r1"]);
  });

  it("R032 R033 F37 R195 starts one reviewer for fifty at the same moment, and answers all of them", async () => {
    const world = await ReviewWorld.with();
    const answers = await Promise.all(Array.from({ length: 50 }, async () => world.trigger()));
    const created = answers.filter(({ status }) => status === 201);
    expect(created).toHaveLength(1);
    expect(answers.every(({ body }) => body.runs[0]?.id === "demo-1-r1")).toBe(true);
    await world.settle();
    expect(await world.runs()).toHaveLength(1);
    expect(world.actsOn()).toEqual(["launch 1"]);
  });

  it("R035 gives two pull requests one reviewer, one batch and one queue in order", async () => {
    const world = await ReviewWorld.with({ pulls: [2, 1] });
    const { body } = await world.trigger();
    await world.settle();
    const runs = await world.runs();
    expect(new Set(runs.map(({ batchId }) => batchId))).toEqual(new Set([body.batchId]));
    expect(world.actsOn()).toEqual(["launch 1"]);
    const prompt = world.outside.launches.get(HANDLE)?.launch.prompt ?? "";
    expect(prompt.indexOf("https://forge.test/1")).toBeLessThan(
      prompt.indexOf("https://forge.test/2"),
    );
  });

  it("R037 R199 reviews a head again that was asked to change, with a new process", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.submit({ runId: "demo-1-r1", verdict: "changes_requested", body: "no" });
    const { status } = await world.trigger();
    expect(status).toBe(201);
    await world.settle();
    expect(await world.run("demo-1-r2")).toMatchObject({
      targetSha: sha(1),
      harness: "command",
      status: "running",
    });
  });

  it("F30 stops after three rounds on one head, unless it is forced", async () => {
    const world = await ReviewWorld.with();
    const round = async (n: number): Promise<boolean> => {
      const { body } = await world.trigger();
      await world.settle();
      if (body.created) {
        await world.submit({ runId: `demo-1-r${n}`, verdict: "changes_requested", body: "no" });
      }
      return body.created;
    };
    const made = [];
    // oxlint-disable-next-line no-await-in-loop -- rounds
    for (let n = 1; n <= 10; n += 1) made.push(await round(n));
    expect(made.filter(Boolean)).toHaveLength(3);
    const { body } = await world.trigger();
    expect(body.skipped).toEqual([
      { prUrl: "https://forge.test/1", reason: "same_head_changes_requested" },
    ]);
    expect((await world.trigger({ force: true })).status).toBe(201);
  });

  it("R044 keeps on the run whether its feedback is to be typed", async () => {
    const world = await ReviewWorld.with();
    await world.request("PUT", "/sessions/demo-1/auto-inject-review", { autoInjectReview: false });
    await world.trigger();
    expect((await world.runs())[0]?.autoInjectReview).toBe(false);
  });

  it("R045 R198 F24 R067 gives a second reviewer a run, a handle and a process of its own", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    const [first, second] = await Promise.all([world.trigger(CODEX), world.trigger(CODEX)]);
    expect([first.status, second.status].toSorted((a, b) => a - b)).toEqual([200, 201]);
    await world.settle();
    const runs = await world.runs();
    expect(runs.map(({ harness, status }) => `${harness} ${status}`)).toEqual([
      "codex running",
      "command running",
    ]);
    expect(world.actsOn()).toEqual(["launch 1"]);
    expect(world.actsOn(`${HANDLE}-codex`)).toEqual(["launch 2"]);
  });

  it("F25 keeps changes requested when another reviewer approves the same head later", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.trigger(CODEX);
    await world.settle();
    await world.submit({ runId: "demo-1-r1", verdict: "changes_requested", body: "no" });
    const codex = `${HANDLE}-codex`;
    await world.submit({ runId: "demo-1-r2", verdict: "approved" }, { terminal: codex, epoch: 2 });
    const { reviews, runs } = await world.list();
    expect(reviews[0]?.status).toBe("changes_requested");
    expect(runs.map(({ verdict }) => verdict)).toEqual(["approved", "changes_requested"]);
  });

  it("R057 R058 takes the old reviewer down when the project names another, and launches that one next", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.submit({ runId: "demo-1-r1", verdict: "approved" });
    await world.configure({ reviewers: [CODEX] });
    expect((await world.trigger()).status).toBe(200);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1"]);
    await world.push(1, sha(2));
    expect((await world.trigger()).status).toBe(201);
    await world.settle();
    expect((await world.runs())[0]).toMatchObject({ harness: "codex", status: "running" });
    expect(world.outside.launches.get(HANDLE)?.launch.argv).toContain("codex");
  });

  it("R059 R016 reviews a head again that a person cancelled, when a person asks", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.cancel();
    expect((await world.trigger()).status).toBe(201);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
  });

  it("R060 R202 asks the session's reviewer before the project's", async () => {
    const world = await ReviewWorld.with();
    await world.request("PUT", "/sessions/demo-1/reviewer", { harness: "opencode" });
    await world.trigger();
    expect((await world.runs())[0]?.harness).toBe("opencode");
    await world.request("PUT", "/sessions/demo-1/reviewer", { harness: "" });
    expect(world.review.preferences.harness).toBeNull();
    const wrong = await world.request("PUT", "/sessions/demo-1/reviewer", { harness: "nobody" });
    expect([wrong.status, wrong.body.code]).toEqual([400, "UNKNOWN_REVIEWER_HARNESS"]);
  });

  it("R061 R234 refuses a reviewer that nobody knows", async () => {
    const world = await ReviewWorld.with();
    const { status, body } = await world.trigger({ harness: "not-a-reviewer" });
    expect([status, body.code]).toEqual([422, "REVIEW_INVALID"]);
    expect(body.message).toContain("known are claude-code");
  });

  it("R063 R235 looks for the reviewer's program first, and then launches", async () => {
    const world = await ReviewWorld.with();
    expect((await world.trigger()).status).toBe(201);
    expect(world.lookedFor).toContain("review");
  });

  it("R167 F34 R238 refuses a reviewer whose program is not there, and leaves no run behind", async () => {
    const world = await ReviewWorld.with({ reviewers: [CODEX], missing: ["codex"] });
    for (let n = 0; n < 5; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { status, body } = await world.trigger();
      expect([status, body.code]).toEqual([422, "REVIEWER_BINARY_NOT_FOUND"]);
      expect(body.message).toContain("there is no program codex");
    }
    expect(await world.runs()).toEqual([]);
  });

  it("R065 is refused while the worker has no workspace", async () => {
    const world = await ReviewWorld.with({ heldWorkspace: true });
    const { status, body } = await world.trigger();
    expect([status, body.code]).toEqual([422, "REVIEW_INVALID"]);
    expect(body.message).toContain("no workspace");
  });

  it("R066 makes no run of a merged pull request, also with a reviewer named", async () => {
    const world = await ReviewWorld.with();
    world.pull(1, { state: "merged" });
    await world.tellPulls();
    const { status, body } = await world.trigger(CODEX);
    expect([status, body.created, body.reviews[0]?.status]).toEqual([200, false, "ineligible"]);
  });

  it("F10 lets a second pull request wait, and gives it the next process", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    world.pull(2, { headSha: sha(2) });
    await world.tellPulls();
    expect((await world.trigger()).status).toBe(201);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1"]);
    expect(await world.run("demo-1-r2")).toMatchObject({ status: "queued" });
    await world.submit({ runId: "demo-1-r1", verdict: "approved" });
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
    await world.submit({ runId: "demo-1-r2", verdict: "approved" });
    expect((await world.runs()).map(({ status }) => status)).toEqual(["complete", "complete"]);
  });

  it("F07 types no task anywhere: what is asked anew gets a new process", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    await world.exits({ exitCode: 0 });
    await world.advance(1_000);
    await world.trigger();
    await world.settle();
    expect(
      world.acts.filter(({ name, terminal }) => name === "type" && terminal === HANDLE),
    ).toEqual([]);
    expect(world.actsOn().filter((act) => act.startsWith("launch"))).toEqual([
      "launch 1",
      "launch 2",
    ]);
  });

  it("F05 lives on when its caller goes away before the launch is done", async () => {
    const world = await ReviewWorld.with();
    const release = world.outside.hold("launchTerminal");
    const { status } = await world.trigger();
    expect(status).toBe(201);
    release();
    await world.settle();
    expect(await world.run("demo-1-r1")).toMatchObject({ status: "running" });
    expect((await world.trigger()).status).toBe(200);
  });

  it("F33 R313 holds up neither reading nor killing while a launch hangs", async () => {
    const world = await ReviewWorld.with();
    world.outside.hold("prepareReview");
    await world.trigger();
    expect((await world.list()).reviews[0]?.status).toBe("running");
    const { status } = await world.request("POST", "/sessions/demo-1/kill", {});
    expect(status).toBe(200);
    await world.settle();
    expect(await world.run("demo-1-r1")).toMatchObject({
      status: "cancelled",
      failReason: "worker_ended",
    });
  });

  it("restarts the reviewer with the same runs, and with none open reviews anew", async () => {
    const world = await ReviewWorld.with();
    await world.trigger();
    const restarted = await world.request("POST", "/sessions/demo-1/reviews/restart", {});
    expect(restarted.status).toBe(200);
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
    expect(await world.run("demo-1-r1")).toMatchObject({ status: "running", attempt: 2, epoch: 2 });
    await world.cancel();
    expect((await world.request("POST", "/sessions/demo-1/reviews/restart", {})).status).toBe(201);
  });
});
