/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { System } from "../../actors/system.ts";
import { Failure, type FailureCode } from "../../machines/failures.ts";
import { served, withProject, withSession } from "../support/http.ts";

it("answers a repeat of a key with the first outcome, and does nothing twice (D2)", async () => {
  const server = await served();
  await withProject(server);
  const headers = { "idempotency-key": "spawn-1" };
  const body = { projectId: "demo", prompt: "Do it." };
  const first = await server.request("POST", "/sessions", body, headers);
  const again = await server.request("POST", "/sessions", body, headers);
  expect([first.status, again.status, again.body.id]).toEqual([201, 201, first.body.id]);
  expect((await server.request("GET", "/sessions")).body.sessions).toHaveLength(1);
});

it("knows a key until the journal is pruned of what it did; then it is a new one (D2)", async () => {
  const server = await served();
  await withProject(server);
  const spawn = async (): Promise<string> => {
    const headers = { "idempotency-key": "spawn-1" };
    return (await server.request("POST", "/sessions", { projectId: "demo", prompt: "x" }, headers))
      .body.id;
  };
  const before = [await spawn(), await spawn()];
  // Every 64th entry is a checkpoint, and what was before one can be pruned.
  const data = { config: {} };
  for (let n = 0; n < 64; n += 1)
    await server.system.ask({ to: "project/demo", type: "project.configure", data });
  await server.system.store.prune({ before: Date.now() + 60_000, limit: 1_000 });
  expect([before, await spawn(), await spawn()]).toEqual([
    ["demo-1", "demo-1"],
    "demo-2",
    "demo-2",
  ]);
});

it("answers many callers with one key with one and the same session (D2)", async () => {
  const server = await served();
  await withProject(server);
  const headers = { "idempotency-key": "spawn-1" };
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () =>
      server.request("POST", "/sessions", { projectId: "demo", prompt: "Do it." }, headers),
    ),
  );
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`))).toEqual(
    new Set(["201 demo-1"]),
  );
});

it.each([
  { title: "another route", path: "/sessions/demo-1/send", body: { text: "hello" } },
  { title: "another actor", path: "/sessions/demo-2/kill", body: {} },
  { title: "another body", path: "/sessions/demo-1/kill", body: { kind: "error" } },
])("refuses a key that was used for $title (D2)", async ({ path, body }) => {
  const server = await served();
  await withProject(server);
  await withSession(server);
  await withSession(server);
  const headers = { "idempotency-key": "one" };
  expect((await server.request("POST", "/sessions/demo-1/kill", {}, headers)).status).toBe(200);
  const { status, body: said } = await server.request("POST", path, body, headers);
  expect([status, said.code]).toEqual([422, "KEY_REUSED"]);
});

it("takes an observation once for a key, and refuses the key for another one (D2)", async () => {
  const server = await served();
  await withProject(server);
  await withSession(server);
  const headers = { "idempotency-key": "seen-1" };
  const observe = async (state: string, path = "/observations/activity/demo-1") =>
    server.request("POST", path, { state }, headers);
  const first = await observe("idle");
  await expect
    .poll(async () => (await server.request("GET", "/sessions/demo-1")).body.activity.state)
    .toBe("idle");
  const answers = [
    await observe("idle"),
    await observe("idle", "/sessions/demo-1/activity"),
    await observe("active"),
    await observe("idle", "/observations/activity/demo-2"),
    await server.request("POST", "/sessions/demo-1/kill", {}, headers),
  ];
  expect(answers.map(({ status, body }) => [status, body.messageId ?? body.code])).toEqual([
    [202, first.body.messageId],
    [202, first.body.messageId],
    [422, "KEY_REUSED"],
    [422, "KEY_REUSED"],
    [422, "KEY_REUSED"],
  ]);
});

it("answers a repeated registration though the repository is gone by now (D2)", async () => {
  let isThere = true;
  const server = await served({
    inspectRepository: async (path) => {
      if (!isThere) throw new Failure("REPOSITORY_INVALID", `look at ${path}: it is gone`);
      return Promise.resolve({ root: path, defaultBranch: "main" });
    },
  });
  const headers = { "idempotency-key": "project-1" };
  const register = async (extra: object) =>
    server.request("POST", "/projects", { path: "/r/demo", scm: "none", ...extra }, headers);
  const first = await register({});
  isThere = false;
  const answers = [
    await register({}),
    await register({ scm: "local" }),
    await register({ path: "/r/other" }),
  ];
  expect([first, ...answers].map(({ status, body }) => [status, body.code ?? body.id])).toEqual([
    [201, "demo"],
    [201, "demo"],
    [422, "KEY_REUSED"],
    [422, "REPOSITORY_INVALID"],
  ]);
});

it("starts no session on a branch that cannot be worked on, and answers a repeat of one that was", async () => {
  const asked: string[] = [];
  const server = await served({
    checkBranch: async (root, branch) => {
      asked.push(`${root} ${branch}`);
      if (asked.length > 1)
        throw new Failure("BRANCH_CHECKED_OUT", `work on ${branch}: it is taken`);
      return Promise.resolve();
    },
  });
  await withProject(server);
  const order = { projectId: "demo", prompt: "Do it.", branch: "topic" };
  const headers = { "idempotency-key": "spawn-1" };
  const first = await server.request("POST", "/sessions", order, headers);
  const answers = [
    await server.request("POST", "/sessions", order, headers),
    await server.request("POST", "/sessions", order),
    await server.request("POST", "/sessions", { ...order, branch: undefined }),
  ];
  expect([first, ...answers].map(({ status, body }) => [status, body.code ?? body.id])).toEqual([
    [201, "demo-1"],
    [201, "demo-1"],
    [409, "BRANCH_CHECKED_OUT"],
    [201, "demo-2"],
  ]);
  expect(asked).toEqual(Array.from({ length: 2 }, () => "/repositories/demo topic"));
});

it("keeps the keys of an agent apart from those of the owner (D2)", async () => {
  const server = await served();
  await withProject(server);
  const id = await withSession(server);
  const key = { "idempotency-key": "one" };
  await server.request("POST", `/sessions/${id}/send`, { text: "hello" }, key);
  const agent = { authorization: `Bearer ${server.tokens.mint(id, 1)}`, ...key };
  const report = { summary: "Done.", outcome: "done" };
  expect((await server.request("POST", `/sessions/${id}/report`, report, agent)).status).toBe(200);
});

it.each([{ key: "" }, { key: "a b" }, { key: "x".repeat(129) }])(
  "refuses '$key' as a key",
  async ({ key }) => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    const headers = { "idempotency-key": key };
    expect((await server.request("POST", "/sessions/demo-1/kill", {}, headers)).body.code).toBe(
      "MALFORMED",
    );
  },
);

it.each([
  { code: "MAILBOX_FULL", status: 429, retryAfter: "1" },
  { code: "BUS_DOWN", status: 503, retryAfter: "1" },
  { code: "NOT_READY", status: 503, retryAfter: "1" },
  { code: "BUS_REFUSED", status: 503, retryAfter: "1" },
  { code: "ALREADY_EXISTS", status: 409, retryAfter: undefined },
] satisfies { code: FailureCode; status: number; retryAfter: string | undefined }[])(
  "answers $code with $status and says when to try again",
  async ({ code, status, retryAfter }) => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    const refuse: System["ask"] = async () => Promise.reject(new Failure(code, "not now"));
    Object.defineProperty(server.system, "ask", { value: refuse });
    const answer = await server.request("POST", "/sessions/demo-1/kill");
    expect([answer.status, answer.body.code, answer.headers["retry-after"]]).toEqual([
      status,
      code,
      retryAfter,
    ]);
  },
);

it("says nothing of a defect to the caller, and all of it to the daemon's log", async () => {
  const reported: unknown[] = [];
  const bug = new Error("a secret path");
  const server = await served({
    report: (error) => reported.push(error),
    inspectRepository: async () => Promise.reject(bug),
  });
  const { status, body } = await server.request("POST", "/projects", { path: "/x" });
  expect([status, body.code, JSON.stringify(body).includes("secret")]).toEqual([
    500,
    "DEFECT",
    false,
  ]);
  expect(reported).toEqual([bug]);
});

describe("two observations with one key at once", () => {
  const key = { "idempotency-key": "seen-1" };

  it.each([
    { title: "to one daemon", lives: 1 },
    { title: "to two lives of a daemon, which share nothing but stream and store", lives: 2 },
  ])("are one when they are equal, and else the second is refused, $title (D2)", async (row) => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    const other = row.lives === 1 ? server : await served({ system: server.system });
    const tell = async (on: typeof server, state: string, headers: Record<string, string>) =>
      on.request("POST", `/observations/activity/${id}`, { state }, headers);
    const answers = await Promise.all([
      tell(server, "waiting_input", key),
      tell(server, "waiting_input", key),
      tell(other, "active", key),
    ]);
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [202, undefined],
      [202, undefined],
      [422, "KEY_REUSED"],
    ]);
    // Durable with the answer, and said once.
    const entries = server.system.store.journal(`session/${id}`, { after: 0, limit: 500 });
    const told = entries.filter(({ message }) => message.type === "activity.observed");
    expect(told.map(({ message }) => message.data)).toMatchObject([{ state: "waiting_input" }]);
  });

  it("are told apart though the first could not be applied (D2)", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    const tell = async (on: typeof server, to: string): Promise<unknown[]> => {
      const path = `/observations/activity/${to}`;
      const { status, body } = await on.request("POST", path, { state: "active" }, key);
      return [status, body.code];
    };
    const later = await served({ system: server.system });
    expect([
      await tell(server, "nobody"),
      await tell(server, "nobody"),
      await tell(server, id),
      await tell(later, id),
      await tell(later, "nobody"),
    ]).toEqual([
      [202, undefined],
      [202, undefined],
      [422, "KEY_REUSED"],
      [422, "KEY_REUSED"],
      [202, undefined],
    ]);
  });

  it("are told apart though the first was stale, and left nothing behind (D2)", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    const tell = async (body: object): Promise<unknown[]> => {
      const answer = await server.request("POST", `/observations/activity/${id}`, body, key);
      return [answer.status, answer.body.code];
    };
    const old = { state: "active", epoch: 0 };
    expect([await tell(old), await tell(old), await tell({ state: "active" })]).toEqual([
      [202, undefined],
      [202, undefined],
      [422, "KEY_REUSED"],
    ]);
  });
});

it("leaves no timer behind a command that was answered, nor behind what it was told with a key", async () => {
  const server = await served();
  await withProject(server);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const created = await server.request("POST", "/projects", { id: "other", path: "/y" });
  const activity = { state: "idle" };
  const headers = { "idempotency-key": "one" };
  await server.request("POST", "/observations/activity/demo-9", activity, headers);
  expect([created.status, vi.getTimerCount()]).toEqual([201, 0]);
});

it("a kill of a session that nobody knows is quietly nothing; over HTTP whoever asked is told", async () => {
  const server = await served();
  await withProject(server);
  const kill = { to: "session/nobody", type: "session.kill", data: {} } as const;
  expect(await server.system.ask(kill)).toMatchObject({ type: "applied" });
  const asked = await server.request("POST", "/sessions/nobody/kill");
  expect([asked.status, asked.body.code]).toEqual([404, "ACTOR_UNKNOWN"]);
  expect(server.system.snapshot("session/nobody")).toBeUndefined();
  expect((await server.request("GET", "/sessions")).body.sessions).toEqual([]);
  expect(server.system.report()).toMatchObject({ isBalanced: true });
  expect((await server.request("GET", "/dead-letters")).body.letters).toEqual([]);
});
