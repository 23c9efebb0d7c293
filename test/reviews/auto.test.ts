import { describe, expect, it } from "vitest";
import type { ReviewContext } from "../../machines/review/record.ts";
import { reviewKind } from "../../machines/review/review.ts";
import { Settings } from "../../machines/settings.ts";
import { pull, reviewing, seen } from "../machines/review/lives.ts";
import { Failure } from "../../machines/failures.ts";
import { sha } from "../support/outside.ts";
import { HANDLE, ReviewWorld } from "../support/review-world.ts";
import { machineUnderTest } from "../support/step.ts";

const URL = "https://forge.test/1";

async function auto(options: Parameters<typeof ReviewWorld.with>[0] = {}): Promise<ReviewWorld> {
  return ReviewWorld.with({ ...options, config: { autoReview: true } });
}

async function decisions(world: ReviewWorld): Promise<Record<string, string | undefined>> {
  const { reviews } = await world.list();
  return Object.fromEntries(reviews.map(({ prUrl, autoReview }) => [prUrl, autoReview?.decision]));
}

describe("auto-review decides", () => {
  const review = reviewKind(Settings.parse({ reviews: { idleMs: 60_000 } }));
  const rested = { idleSince: 0 };
  it.each([
    {
      title: "R074 to review a new head of a worker that rests",
      worker: rested,
      decision: "looking_for_reviewer",
    },
    {
      title: "R076 against one that is no worker",
      worker: { ...rested, kind: "orchestrator" },
      decision: "not_worker",
    },
    {
      title: "R077 R079 R080 against one that works, asks or waits",
      worker: { idleSince: null },
      decision: "not_idle",
    },
    {
      title: "R078 against one that has not rested for long enough",
      worker: { idleSince: 1_000 },
      decision: "idle_threshold_not_met",
    },
    {
      title: "R081 against one that has ended",
      worker: { ...rested, ended: "agent_process_exited" },
      decision: "terminated",
    },
    {
      title: "R082 to review a draft",
      worker: { ...rested, prs: [pull(1, "a1", { state: "draft" })] },
      decision: "looking_for_reviewer",
    },
    {
      title: "R083 against a closed pull request",
      worker: { ...rested, prs: [pull(1, "a1", { state: "closed" })] },
      decision: "closed_pr",
    },
    {
      title: "R084 against a merged pull request",
      worker: { ...rested, prs: [pull(1, "a1", { state: "merged" })] },
      decision: "merged_pr",
    },
    {
      title: "R085 against one without a head",
      worker: { ...rested, prs: [pull(1, "")] },
      decision: "missing_head_sha",
    },
  ])("$title", ({ worker, decision }) => {
    const machine = machineUnderTest<ReviewContext>(review);
    const { context } = machine.send({
      ...seen({ revision: 2, ...worker }, reviewing(true)),
      at: 60_000,
    });
    expect(context.decisions.map((one) => one.decision)).toEqual([decision]);
  });

  it("nothing where nobody wants it", () => {
    const machine = machineUnderTest<ReviewContext>(review);
    const { context } = machine.send({
      ...seen({ revision: 2, ...rested }, reviewing(false)),
      at: 60_000,
    });
    expect([context.decisions, context.runs]).toEqual([[], []]);
  });
});

describe("auto-review", () => {
  it("R074 R285 begins once the worker has rested, and says so", async () => {
    const world = await auto();
    expect(await decisions(world)).toEqual({ [URL]: "not_idle" });
    await world.says("idle");
    expect(await decisions(world)).toEqual({ [URL]: "idle_threshold_not_met" });
    await world.advance(60_000);
    expect((await world.runs())[0]).toMatchObject({ triggerSource: "auto", status: "running" });
    expect(await decisions(world)).toEqual({ [URL]: "review_running" });
    await world.submit({ runId: "demo-1-r1", verdict: "approved" });
    expect(await decisions(world)).toEqual({ [URL]: "already_approved" });
  });

  it("R286 is switched for one session, against its project", async () => {
    const world = await ReviewWorld.with();
    await world.says("idle");
    await world.advance(60_000);
    expect(await world.runs()).toEqual([]);
    const on = await world.request("PUT", "/sessions/demo-1/auto-review", { enabled: true });
    expect([on.status, on.body["autoReviewEnabled"]]).toEqual([200, true]);
    expect(await world.runs()).toHaveLength(1);
    const mute = await world.request("PUT", "/sessions/demo-1/auto-review", {});
    expect([mute.status, mute.body.code]).toEqual([400, "AUTO_REVIEW_ENABLED_REQUIRED"]);
  });

  it("begins when its project wants it from now on", async () => {
    const world = await ReviewWorld.with();
    await world.says("idle");
    await world.advance(60_000);
    await world.configure({ autoReview: true });
    expect(await world.runs()).toHaveLength(1);
  });

  it("R071 does nothing when it was switched off before it began", async () => {
    const world = await auto();
    const release = world.outside.hold("findReviewer");
    await world.says("idle");
    await world.advance(60_000);
    await world.request("PUT", "/sessions/demo-1/auto-review", { enabled: false });
    release();
    await world.settle();
    expect(await world.runs()).toEqual([]);
  });

  it("R091 R092 R068 F20 waits for a new head after a person cancelled, and goes on with that", async () => {
    const world = await auto();
    await world.says("idle");
    await world.advance(60_000);
    await world.cancel();
    await world.advance(600_000);
    expect(await world.runs()).toHaveLength(1);
    expect(await decisions(world)).toEqual({ [URL]: "cancelled_same_sha" });
    await world.push(1, sha(2));
    expect((await world.runs())[0]).toMatchObject({ targetSha: sha(2), status: "running" });
  });

  it("F20 tries a head again whose reviewer crashed", async () => {
    const world = await auto();
    await world.says("idle");
    await world.advance(60_000);
    await world.exits({ signal: "KILL" });
    await world.advance(5_000);
    expect((await world.runs())[0]).toMatchObject({
      id: "demo-1-r1",
      attempt: 2,
      status: "running",
    });
  });

  it("F21 gives up after a budget, says so, and begins again with a new head", async () => {
    const world = await auto();
    world.outside.refuse("launchTerminal", new Failure("LAUNCH_FAILED", "no such program"));
    await world.says("idle");
    await world.advance(60_000);
    await world.advance(600_000);
    const launches = world.actsOn().filter((act) => act.startsWith("launch"));
    expect(launches).toHaveLength(3);
    expect(await world.runs()).toHaveLength(1);
    expect(await world.run("demo-1-r1")).toMatchObject({
      status: "failed",
      failReason: "launch_failed",
    });
    expect(await decisions(world)).toEqual({ [URL]: "retry_budget_exhausted" });
    world.outside.allow("launchTerminal");
    await world.push(1, sha(2));
    expect((await world.runs())[0]).toMatchObject({ targetSha: sha(2), status: "running" });
  });

  it("F21 gives what failed for good another budget when its project changes the reviewer", async () => {
    const world = await auto();
    world.outside.refuse("launchTerminal", new Failure("LAUNCH_FAILED", "no such program"));
    await world.says("idle");
    await world.advance(660_000);
    await world.configure({ autoReview: true });
    expect(await world.runs()).toHaveLength(1);
    world.outside.allow("launchTerminal");
    await world.configure({ reviewers: [{ harness: "command", command: ["review", "--better"] }] });
    expect((await world.runs())[0]).toMatchObject({ id: "demo-1-r2", status: "running" });
  });

  it("F22 supersedes the review of an older head once the worker rests", async () => {
    const world = await auto();
    await world.says("idle");
    await world.advance(60_000);
    await world.push(1, sha(2));
    await world.settle();
    expect(world.actsOn()).toEqual(["launch 1", "destroy 1", "launch 2"]);
    expect(await world.run("demo-1-r1")).toMatchObject({ failReason: "superseded" });
  });

  it("R096 R098 asks the project's reviewer, or claude-code where the worker's harness is none", async () => {
    const world = await auto({ reviewers: [{ harness: "opencode" }] });
    await world.says("idle");
    await world.advance(60_000);
    expect((await world.runs())[0]?.harness).toBe("opencode");
    const other = await auto({ reviewers: [] });
    await other.says("idle");
    await other.advance(60_000);
    expect((await other.runs())[0]?.harness).toBe("claude-code");
  });

  it("says that the reviewer's program is missing, and supersedes nothing", async () => {
    const world = await auto();
    world.outside.programs.delete("review");
    await world.says("idle");
    await world.advance(60_000);
    expect(await world.runs()).toEqual([]);
    expect(await decisions(world)).toEqual({ [URL]: "missing_reviewer_harness" });
    expect(world.actsOn(HANDLE)).toEqual([]);
  });
});
