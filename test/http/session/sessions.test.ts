/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { Failure } from "../../../machines/failures.ts";
import type { JsonObject } from "../../../machines/json.ts";
import {
  coded,
  served,
  withOrder,
  withProject,
  withSession,
  type Answer,
  type Served,
} from "../../support/http.ts";
import { pullFacts } from "../../support/pulls.ts";
import { outside } from "../../support/outside.ts";

/** Reads a session, for polling. */
function view(server: Served, id = "demo-1"): () => Promise<unknown> {
  return async () => (await server.request("GET", `/sessions/${id}`)).body;
}

async function withLive(): Promise<Served> {
  const server = await served({ attach: (terminal) => ["show", terminal] });
  await withProject(server);
  await withSession(server);
  return server;
}

async function ended(server: Served, exit: { exitCode?: number; signal?: string }): Promise<void> {
  const seen = { process: "dead", epoch: 1, ...exit };
  server.outside.end("demo-1");
  await server.system.observe("terminal", "demo-1", seen);
}

async function pullRequest(
  server: Served,
  change: Parameters<typeof pullFacts>[0],
  id = "demo-1",
): Promise<void> {
  await server.system.observe("scm", id, { fetched: true, prs: [pullFacts(change)] });
}

describe("a session", () => {
  it("can be read at once after it was ordered", async () => {
    const world = outside();
    world.hold("prepareWorkspace");
    const server = await served({ outside: world });
    await withProject(server);
    const body = { projectId: "demo", prompt: "Do it.", title: "It", branch: "topic" };
    const { status, body: made } = await server.request("POST", "/sessions", body);
    expect([status, made]).toMatchObject([
      201,
      {
        id: "demo-1",
        projectId: "demo",
        title: "It",
        branch: "topic",
        status: "spawning",
        statusReason: "spawn_requested",
        workspace: { state: "preparing" },
        terminal: { state: "absent", epoch: 0, attach: [] },
        revision: 1,
      },
    ]);
    const { explanation, ...read } = (await server.request("GET", "/sessions/demo-1")).body;
    expect(read).toEqual(made);
    expect(explanation.waitsFor).toEqual(["its worktree to be made"]);
  });

  it("shows its worktree and its terminal once they are there", async () => {
    const server = await withLive();
    expect((await server.request("GET", "/sessions/demo-1")).body).toMatchObject({
      status: "spawning",
      runtime: { state: "alive", reason: "process_running" },
      workspace: { state: "ready", path: "/worktrees/demo-1", branch: "ao/demo-1", dirty: false },
      terminal: { id: "demo-1", epoch: 1, state: "live", attach: ["show", "demo-1"] },
    });
  });

  it.each([
    { state: "active", status: "working", reason: "task_in_progress" },
    { state: "ready", status: "idle", reason: "research_complete" },
    { state: "waiting_input", status: "needs_input", reason: "awaiting_user_input" },
    { state: "blocked", status: "stuck", reason: "awaiting_user_input" },
    { state: "exited", status: "spawning", reason: "spawn_requested" },
  ])("is $status when its agent says $state", async ({ state, status, reason }) => {
    const server = await withLive();
    const said = { state, source: "hook" };
    expect((await server.request("POST", "/sessions/demo-1/activity", said)).status).toBe(202);
    await expect.poll(view(server)).toMatchObject({
      status,
      statusReason: reason,
      activity: { state, source: "hook", lastActivityAt: expect.any(Number) },
    });
  });

  it.each([
    { title: "an open pull request", change: {}, status: "mergeable" },
    { title: "a draft", change: { state: "draft" }, status: "draft" },
    { title: "failing checks", change: { ci: { state: "failing" } }, status: "ci_failed" },
    {
      title: "changes that were requested",
      change: { reviewDecision: "changes_requested" },
      status: "changes_requested",
    },
    {
      title: "a review to come",
      change: { reviewDecision: "required" },
      status: "review_pending",
    },
    { title: "a merge", change: { state: "merged" }, status: "merged" },
  ] as const)("is $status with $title", async ({ change, status }) => {
    const server = await withLive();
    await server.request("POST", "/sessions/demo-1/activity", { state: "active" });
    await pullRequest(server, change);
    await expect
      .poll(view(server))
      .toMatchObject({ status, pr: { number: 1, url: "https://forge.test/1" } });
    const { body } = await server.request("GET", "/sessions/demo-1/pr");
    expect(body).toMatchObject({ reason: body.reason, prs: [{ number: 1, ...change }] });
  });

  it.each([
    { exit: { exitCode: 3 }, runtime: "exited", lifecycle: "agent_process_exited" },
    { exit: { exitCode: 0 }, runtime: "exited", lifecycle: "agent_process_exited" },
    { exit: { signal: "SIGKILL" }, runtime: "exited", lifecycle: "agent_process_exited" },
    { exit: {}, runtime: "missing", lifecycle: "runtime_lost" },
  ])("is killed for $lifecycle when its program ends with $exit", async (row) => {
    const server = await withLive();
    await ended(server, row.exit);
    await expect.poll(view(server)).toMatchObject({
      status: "killed",
      statusReason: row.lifecycle,
      runtime: { state: row.runtime },
      activity: { state: "exited" },
      wanted: "running",
      terminal: { state: "exited", ...row.exit },
    });
  });

  it("is in doubt while its witnesses disagree, and says how long", async () => {
    const server = await withLive();
    const doubt = { runtime: "failed", process: "failed" };
    await server.system.observe("runtime", "demo-1", doubt);
    await expect.poll(view(server)).toMatchObject({
      status: "detecting",
      detecting: { attempts: 1, startedAt: expect.any(Number), evidenceHash: expect.any(String) },
    });
    await server.system.observe("runtime", "demo-1", { runtime: "alive", process: "alive" });
    await expect.poll(view(server)).toMatchObject({ status: "working", detecting: null });
  });

  it.each([
    { name: "prepareWorkspace", workspace: "failed", terminal: "absent" },
    { name: "launchTerminal", workspace: "archived", terminal: "stopped" },
  ] as const)("is errored when $name cannot be done", async ({ name, workspace, terminal }) => {
    const world = outside();
    world.refuse(name, new Failure("BRANCH_CHECKED_OUT", "somebody has it"));
    const server = await served({ outside: world });
    await withProject(server);
    await withOrder(server);
    await expect.poll(view(server)).toMatchObject({
      status: "errored",
      statusReason: "error_in_process",
      workspace: { state: workspace, reason: workspace === "failed" ? "somebody has it" : null },
      terminal: { state: terminal, attach: [] },
    });
  });
});

describe("the end of a session", () => {
  it.each([
    { body: {}, status: "killed", reason: "manually_killed", runtime: "manual_kill_requested" },
    {
      body: { kind: "cleanup" },
      status: "cleanup",
      reason: "auto_cleanup",
      runtime: "auto_cleanup",
    },
    {
      body: { kind: "error" },
      status: "errored",
      reason: "error_in_process",
      runtime: "probe_error",
    },
  ])("by $body is $status, and leaves nothing behind", async ({ body, ...row }) => {
    const server = await withLive();
    const killed = await server.request("POST", "/sessions/demo-1/kill", body);
    expect([killed.status, killed.body]).toMatchObject([
      200,
      {
        status: row.status,
        statusReason: row.reason,
        runtime: { state: "exited", reason: row.runtime },
        wanted: "stopped",
      },
    ]);
    await expect.poll(view(server)).toMatchObject({
      terminal: { state: "stopped", attach: [] },
      workspace: { state: "archived", path: null },
    });
    expect([server.outside.panes.size, server.outside.trees.size]).toEqual([0, 0]);
    const again = await server.request("POST", "/sessions/demo-1/kill");
    expect([again.status, again.body.statusReason]).toEqual([200, row.reason]);
    await expect
      .poll(async () => (await server.request("DELETE", "/projects/demo")).status)
      .toBe(200);
  });

  it.each(["dirty", "unpushed"] as const)("keeps a worktree that is %s", async (loss) => {
    const server = await withLive();
    server.outside.trees.set("demo-1", { branch: "ao/demo-1", loss });
    await server.request("POST", "/sessions/demo-1/kill");
    await expect.poll(view(server)).toMatchObject({
      wanted: "stopped",
      workspace: { path: "/worktrees/demo-1", reason: `${loss}: /worktrees/demo-1 is ${loss}` },
    });
    expect((await server.request("GET", "/sessions/demo-1/workspace")).body.path).toBe(
      "/worktrees/demo-1",
    );
  });

  it("takes no more messages and no report", async () => {
    const server = await withLive();
    await server.request("POST", "/sessions/demo-1/kill");
    const answers = [
      await server.request("POST", "/sessions/demo-1/send", { text: "more" }),
      await server.request("POST", "/sessions/demo-1/report", { summary: "late" }),
    ];
    expect(answers.map(coded)).toEqual([
      [409, "SESSION_TERMINATED"],
      [409, "SESSION_TERMINATED"],
    ]);
  });
});

describe("messages to a session", () => {
  it("are typed into its terminal, and say so", async () => {
    const server = await withLive();
    const sent = await server.request("POST", "/sessions/demo-1/send", { text: "hello" });
    expect(sent.status).toBe(202);
    const { messageId } = sent.body;
    await expect
      .poll(async () => (await server.request("GET", "/sessions/demo-1/messages")).body)
      .toEqual({
        messages: [
          {
            id: messageId,
            text: "hello",
            state: "delivered",
            at: expect.any(Number),
            deliveredAt: expect.any(Number),
          },
        ],
      });
    expect([...(server.outside.panes.get("demo-1")?.typed ?? [])]).toEqual([[messageId, "hello"]]);
  });

  it("wait behind a permission prompt, and are told when nobody will read them", async () => {
    const server = await withLive();
    await server.request("POST", "/sessions/demo-1/activity", { state: "blocked" });
    await expect.poll(view(server)).toMatchObject({ status: "stuck" });
    await server.request("POST", "/sessions/demo-1/send", { text: "hello" });
    const messages = async (): Promise<unknown> =>
      (await server.request("GET", "/sessions/demo-1/messages")).body.messages;
    expect(await messages()).toMatchObject([{ state: "queued" }]);
    await server.request("POST", "/sessions/demo-1/kill");
    expect(await messages()).toMatchObject([
      { state: "undeliverable", reason: "the session has ended" },
    ]);
  });

  it("tell the agent of failing checks by themselves", async () => {
    const server = await withLive();
    await pullRequest(server, { ci: { state: "failing", failing: [{ name: "unit" }] } });
    await expect
      .poll(async () => (await server.request("GET", "/sessions/demo-1/messages")).body.messages)
      .toMatchObject([{ state: "delivered", text: expect.stringContaining("unit") }]);
  });

  it("are refused when too many wait", async () => {
    const server = await withLive();
    await server.request("POST", "/sessions/demo-1/activity", { state: "blocked" });
    await expect.poll(view(server)).toMatchObject({ status: "stuck" });
    const send = async (): Promise<Answer> =>
      server.request("POST", "/sessions/demo-1/send", { text: "hello" });
    await Promise.all(Array.from({ length: 64 }, send));
    const refused = await send();
    expect([...coded(refused), refused.headers["retry-after"]]).toEqual([429, "QUEUE_FULL", "1"]);
  });
});

describe("the report of an agent", () => {
  it("ends its work with its own token, and stays", async () => {
    const server = await withLive();
    const headers = { authorization: `Bearer ${server.tokens.mint("demo-1", 1)}` };
    const report = { summary: "All done.", outcome: "succeeded" };
    const told = await server.request("POST", "/sessions/demo-1/report", report, headers);
    expect([told.status, told.body]).toMatchObject([200, { status: "done", report }]);
    await ended(server, { exitCode: 0 });
    await expect
      .poll(view(server))
      .toMatchObject({ status: "done", report, terminal: { state: "exited" } });
  });
});

async function cleanup(server: Served, body: object = {}, headers = {}): Promise<JsonObject> {
  return (await server.request("POST", "/sessions/cleanup", body, headers)).body;
}

describe("the cleanup of sessions", () => {
  it.each([
    {
      title: "a merged one",
      end: async (server: Served) => pullRequest(server, { state: "merged" }),
      was: "merged",
      is: "cleanup",
    },
    {
      title: "one that is done",
      end: async (server: Served) =>
        server.request("POST", "/sessions/demo-1/report", { summary: "Done." }),
      was: "done",
      is: "done",
    },
    {
      title: "one that ended by itself",
      end: async (server: Served) => ended(server, { exitCode: 0 }),
      was: "killed",
      is: "killed",
    },
  ])("closes $title, once, and no other", async ({ end, was, is }) => {
    const server = await withLive();
    await withSession(server);
    expect(await cleanup(server)).toEqual({ dryRun: false, cleaned: [], skipped: [], failed: [] });
    await end(server);
    await expect.poll(view(server)).toMatchObject({ status: was });
    await server.request("POST", "/projects", { id: "other", path: "/repositories/other" });
    expect((await cleanup(server, { projectId: "other" }))["cleaned"]).toEqual([]);
    expect(await cleanup(server, { dryRun: true })).toMatchObject({
      dryRun: true,
      cleaned: ["demo-1"],
    });
    const key = { "idempotency-key": "one" };
    expect((await cleanup(server, {}, key))["cleaned"]).toEqual(["demo-1"]);
    expect((await cleanup(server, {}, key))["cleaned"]).toEqual(["demo-1"]);
    expect((await cleanup(server))["cleaned"]).toEqual([]);
    await expect
      .poll(view(server))
      .toMatchObject({ status: is, wanted: "stopped", workspace: { state: "archived" } });
    await expect
      .poll(view(server, "demo-2"))
      .toMatchObject({ wanted: "running", terminal: { state: "live" } });
  });
});

it("the cleanup leaves uncommitted work alone, and says what can be done (C2)", async () => {
  const server = await withLive();
  const dirt = { headSha: null, branch: null, dirty: true, unpushed: 0 };
  await server.system.observe("workspace", "demo-1", dirt);
  await ended(server, { exitCode: 0 });
  await expect
    .poll(view(server))
    .toMatchObject({ status: "killed", workspace: { state: "dirty", dirty: true } });
  const left = {
    cleaned: [],
    skipped: [
      { id: "demo-1", reason: "dirty", message: expect.stringContaining("ao kill demo-1") },
    ],
  };
  expect(await cleanup(server, { dryRun: true })).toMatchObject(left);
  expect(await cleanup(server)).toMatchObject(left);
  expect((await server.request("GET", "/sessions/demo-1")).body.wanted).toBe("running");
});

function breakDown(): never {
  throw new Error("the machine is broken");
}

it("a session that is quarantined can still be read, and holds up no other", async () => {
  const server = await served({
    kinds: (real) => {
      const session = real.get("session");
      if (session === undefined) throw new Error("no session");
      const machine = session.machine.provide({ actions: { queueMessage: breakDown } });
      return new Map([...real, ["session", { ...session, machine }]]);
    },
  });
  await withProject(server);
  await withSession(server);
  await withSession(server);
  await pullRequest(server, { state: "merged" });
  await pullRequest(server, { state: "merged" }, "demo-2");
  await expect.poll(view(server, "demo-2")).toMatchObject({ status: "merged" });
  const send = async (): Promise<Answer> =>
    server.request("POST", "/sessions/demo-1/send", { text: "hello" });
  const answers = [await send(), await send(), await send(), await send()];
  expect(answers.map(coded)).toEqual([
    [500, "STEP_THREW"],
    [500, "STEP_THREW"],
    [500, "STEP_THREW"],
    [409, "ACTOR_QUARANTINED"],
  ]);
  await expect.poll(view(server)).toMatchObject({ status: "merged" });
  expect((await server.request("GET", "/actors/session/demo-1")).body).toMatchObject({
    isQuarantined: true,
    strikes: 3,
  });
  expect((await server.request("POST", "/sessions/cleanup")).body).toMatchObject({
    cleaned: ["demo-2"],
    failed: [{ id: "demo-1", code: "ACTOR_QUARANTINED" }],
  });
  expect((await server.request("POST", "/actors/session/demo-1/release")).status).toBe(200);
  expect((await server.request("POST", "/sessions/demo-1/kill")).body.status).toBe("killed");
});
