/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it, vi } from "vitest";
import type { Bus } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { coded, served, withProject, withSession, type Answer } from "../support/http.ts";

describe("projects", () => {
  it("are registered, read, configured, paused, resumed and removed", async () => {
    const server = await served();
    const made = await server.request("POST", "/projects", {
      path: "/repositories/My App",
      scm: "none",
    });
    expect([made.status, made.body.id, made.body.state]).toEqual([201, "My-App", "registered"]);
    const config = { worker: { harness: "command", command: ["agent"] } };
    const configured = await server.request("PUT", "/projects/My-App/config", config);
    expect(configured.body.config.worker.command).toEqual(["agent"]);
    expect((await server.request("POST", "/projects/My-App/pause")).body.state).toBe("paused");
    expect((await server.request("POST", "/projects/My-App/resume")).body.state).toBe("registered");
    expect((await server.request("GET", "/projects")).body.projects).toHaveLength(1);
    expect((await server.request("DELETE", "/projects/My-App")).body.state).toBe("removed");
    expect((await server.request("GET", "/projects")).body).toEqual({ projects: [], next: null });
  });

  it("of GitHub take no checks of their own, neither at first nor later", async () => {
    const server = await served({
      inspectRepository: async (root) =>
        Promise.resolve({ root, defaultBranch: "main", origin: "https://github.com/acme/app" }),
    });
    const config = { worker: { harness: "command", command: ["true"] } };
    const checks = [{ name: "test", command: "npm test" }];
    const body = { id: "demo", path: "/repositories/demo", scm: "github", config };
    const first = { ...body, config: { ...config, checks } };
    const refused = [422, "SCM_UNSUPPORTED"];
    expect(coded(await server.request("POST", "/projects", first))).toEqual(refused);
    expect((await server.request("POST", "/projects", body)).status).toBe(201);
    const later = await server.request("PUT", "/projects/demo/config", { ...config, checks });
    expect(coded(later)).toEqual(refused);
    expect(later.body.message).toContain("run it there in a workflow");
    expect((await server.request("PUT", "/projects/demo/config", config)).status).toBe(200);
  });

  it("are not there when they were refused, and their name is free", async () => {
    const server = await served();
    const body = { id: "demo", path: "/repositories/demo", scm: "github" };
    expect(coded(await server.request("POST", "/projects", body))).toEqual([
      422,
      "SCM_UNSUPPORTED",
    ]);
    expect((await server.request("GET", "/projects")).body.projects).toEqual([]);
    const answers = [
      await server.request("GET", "/projects/demo"),
      await server.request("POST", "/projects/demo/pause"),
      await server.request("DELETE", "/projects/demo"),
      await server.request("POST", "/sessions", { projectId: "demo", prompt: "x" }),
    ];
    expect(answers.map(coded)).toEqual(answers.map(() => [404, "ACTOR_UNKNOWN"]));
    expect((await server.request("POST", "/projects", { ...body, scm: "none" })).status).toBe(201);
  });

  it("are listed a page at a time", async () => {
    const server = await served();
    for (const id of ["a", "b", "c"]) await server.request("POST", "/projects", { id, path: "/x" });
    const pages = [
      (await server.request("GET", "/projects?limit=2")).body,
      (await server.request("GET", "/projects?limit=2&after=b")).body,
    ];
    expect(
      pages.map(({ projects, next }) => [projects.map(({ id }: { id: string }) => id), next]),
    ).toEqual([
      [["a", "b"], "b"],
      [["c"], null],
    ]);
  });

  it("stay while one of their sessions is active", async () => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    expect(coded(await server.request("DELETE", "/projects/demo"))).toEqual([409, "PROJECT_BUSY"]);
  });

  it.each([
    {
      title: "a second one of a name",
      body: { id: "demo", path: "/x" },
      is: [409, "ALREADY_EXISTS"],
    },
    { title: "no repository", body: { path: "/missing" }, is: [422, "REPOSITORY_INVALID"] },
    { title: "no path", body: {}, is: [400, "MALFORMED"] },
    { title: "an odd id", body: { id: "a b", path: "/x" }, is: [400, "MALFORMED"] },
    { title: "an unknown scm", body: { path: "/x", scm: "svn" }, is: [400, "MALFORMED"] },
    {
      title: "an unknown key of config",
      body: { path: "/x", config: { a: 1 } },
      is: [400, "MALFORMED"],
    },
    {
      title: "a worker that nothing can launch",
      body: { path: "/x", config: { worker: { harness: "hal" } } },
      is: [422, "HARNESS_UNKNOWN"],
    },
    {
      title: "such a manager",
      body: {
        path: "/x",
        config: { worker: { harness: "codex" }, manager: { harness: "hal" } },
      },
      is: [422, "HARNESS_UNKNOWN"],
    },
    {
      title: "a worker without a program or a command",
      body: { path: "/x", config: { worker: { harness: "command" } } },
      is: [422, "HARNESS_UNKNOWN"],
    },
    {
      title: "such a reviewer",
      body: { path: "/x", config: { reviewers: [{ harness: "command" }] } },
      is: [422, "HARNESS_UNKNOWN"],
    },
    {
      title: "a reviewer of a harness that only works",
      body: { path: "/x", config: { reviewers: [{ harness: "aider", command: "aider" }] } },
      is: [422, "HARNESS_UNKNOWN"],
    },
  ])("are refused for $title", async ({ body, is }) => {
    const server = await served();
    await withProject(server);
    expect(coded(await server.request("POST", "/projects", body))).toEqual(is);
  });

  it("keep their config when the one that is to replace it can launch nothing", async () => {
    const server = await served();
    await withProject(server);
    const before = (await server.request("GET", "/projects/demo")).body.config;
    const agent = { harness: "claude-cod" };
    for (const config of [{ worker: agent }, { reviewers: [agent] }]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const refused = await server.request("PUT", "/projects/demo/config", config);
      expect([coded(refused), refused.body.message]).toEqual([
        [422, "HARNESS_UNKNOWN"],
        expect.stringContaining("did you mean claude-code?"),
      ]);
    }
    expect((await server.request("GET", "/projects/demo")).body.config).toEqual(before);
  });
});

describe("actors", () => {
  it("are listed by kind and state, and shown with timers, outbox and what they understand", async () => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    const { actors } = (await server.request("GET", "/actors?kind=session&state=not_started")).body;
    expect(actors).toMatchObject([
      {
        address: "session/demo-1",
        machine: "session",
        version: server.system.kinds.get("session")?.version,
        value: { lifecycle: "not_started", wanted: "running" },
        states: [
          "lifecycle.not_started",
          "runtime.alive",
          "activity.none",
          "pr.none",
          "wanted.running",
        ],
        facts: { projectId: "demo", kind: "worker" },
      },
    ]);
    const { body } = await server.request("GET", "/actors/session/demo-1");
    expect(body).toMatchObject({
      address: "session/demo-1",
      machine: "session",
      version: server.system.kinds.get("session")?.version,
      timers: [{ name: "watch" }],
      outbox: [],
    });
    expect(body.enabled).toContain("session.kill");
  });

  it("tell what mail is under way to them, until it is taken", async () => {
    const stream = memoryBus({
      stream: memoryStream({ now: () => Date.now() }),
      now: () => Date.now(),
    });
    const gate = Promise.withResolvers<void>();
    let isHeld = false;
    const bus: Bus = {
      ...stream,
      publish: async (publication) => {
        if (isHeld && publication.subject.startsWith("ao.msg.terminal.")) await gate.promise;
        return stream.publish(publication);
      },
    };
    const server = await served({ bus });
    await withProject(server);
    const id = await withSession(server);
    const mailbox = async (): Promise<unknown> =>
      (await server.request("GET", `/actors/terminal/${id}`)).body.mailbox;
    await expect.poll(mailbox).toEqual([]);
    isHeld = true;
    const read = vi.spyOn(server.system.store, "outbox");
    await server.request("POST", `/sessions/${id}/kill`);
    await expect
      .poll(mailbox)
      .toMatchObject([{ from: `session/${id}`, name: "child.stop", attempts: 0 }]);
    // However much is open of others, it is not looked through.
    expect(read.mock.calls.filter(([{ from }]) => from === undefined)).toEqual([]);
    gate.resolve();
    await expect.poll(mailbox).toEqual([]);
  });

  it("tell their journal and what they were", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    await server.request("POST", `/sessions/${id}/kill`);
    const journal = (await server.request("GET", `/actors/session/${id}/journal?limit=1`)).body;
    expect([journal.entries[0].message.type, journal.next]).toEqual(["session.start", 1]);
    const rest = (await server.request("GET", `/actors/session/${id}/journal?after=3`)).body;
    expect([rest.entries[0].message.type, rest.next]).toEqual(["session.kill", null]);
    expect(rest.entries[0]).toMatchObject({
      was: { wanted: "running" },
      value: { wanted: { stopped: "closing" } },
    });
    const was = (await server.request("GET", `/actors/session/${id}/at/1`)).body;
    expect(was.value.lifecycle).toBe("not_started");
    expect(coded(await server.request("GET", `/actors/session/${id}/at/99`))).toEqual([
      404,
      "SEQ_UNKNOWN",
    ]);
  });

  it("explain themselves back to the command that began it", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    const journal = (await server.request("GET", `/actors/session/${id}/journal`)).body;
    const cause = encodeURIComponent(journal.entries[0].message.id);
    const { causes } = (await server.request("GET", `/causes/${cause}`)).body;
    expect(causes.map(({ name }: { name: string }) => name)).toContain("project.spawn");
    expect(coded(await server.request("GET", "/causes/never"))).toEqual([404, "CAUSE_UNKNOWN"]);
  });
});

describe("machines", () => {
  it("are told as data, as a diagram and as XState config", async () => {
    const server = await served();
    const { machines } = (await server.request("GET", "/machines")).body;
    expect(machines.map(({ kind }: { kind: string }) => kind)).toEqual([
      "project",
      "session",
      "terminal",
      "workspace",
      "forge",
      "review",
      "objective",
      "question",
      "supervisor",
      "collector",
    ]);
    const told = (await server.request("GET", "/machines/project")).body;
    expect(told.accepts["project.register"]).toMatchObject({ type: "object" });
    expect(told.chart.states.map(({ name }: { name: string }) => name)).toEqual([
      "vacant",
      "registered",
      "paused",
      "removed",
    ]);
    const diagram = (await server.request("GET", "/machines/project?format=mermaid")).body;
    expect(diagram.split("\n")).toEqual(
      expect.arrayContaining([
        "stateDiagram-v2",
        "  [*] --> project_vacant",
        "  project_vacant --> project_registered: project.register [isPossible]",
      ]),
    );
    const config = (await server.request("GET", "/machines/project?format=xstate")).body;
    expect([config.id, config.initial]).toEqual(["project", "vacant"]);
  });

  it("are unknown when this daemon does not run them, and have no other format", async () => {
    const server = await served({
      kinds: (real) => new Map([...real].filter(([name]) => name !== "collector")),
    });
    expect(coded(await server.request("GET", "/machines/collector"))).toEqual([
      404,
      "KIND_UNKNOWN",
    ]);
    expect(coded(await server.request("GET", "/machines/nothing"))).toEqual([400, "MALFORMED"]);
    expect(coded(await server.request("GET", "/machines/project?format=png"))).toEqual([
      400,
      "MALFORMED",
    ]);
  });
});

describe("intake", () => {
  it("keeps balanced books and gives dead letters another try", async () => {
    const server = await served();
    await withProject(server);
    await server.system.bus.publish({
      subject: "ao.cmd.session.nobody",
      id: "lost",
      body: new TextEncoder().encode(
        JSON.stringify({ type: "session.send", data: { text: "hello" } }),
      ),
    });
    await expect.poll(() => server.system.report().dead).toBe(1);
    expect((await server.request("GET", "/intake")).body).toMatchObject({
      dead: 1,
      isBalanced: true,
    });
    const { letters } = (await server.request("GET", "/dead-letters")).body;
    expect(letters).toMatchObject([{ code: "ACTOR_UNKNOWN", messageId: "lost" }]);
    expect(coded(await server.request("POST", `/dead-letters/${letters[0].id}/retry`))).toEqual([
      404,
      "ACTOR_UNKNOWN",
    ]);
    expect(coded(await server.request("POST", "/dead-letters/99/retry"))).toEqual([
      404,
      "LETTER_UNKNOWN",
    ]);
  });

  it("takes an observation as if a probe had published it, once for its key", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    const headers = { "idempotency-key": "one" };
    const tell = async (): Promise<Answer> =>
      server.request("POST", `/observations/activity/${id}`, { state: "active" }, headers);
    expect([(await tell()).body, await tell()]).toMatchObject([
      { messageId: "http:owner:one" },
      { status: 202, body: { messageId: "http:owner:one" } },
    ]);
    await expect
      .poll(async () => (await server.request("GET", `/sessions/${id}`)).body.revision)
      .toBe(4);
    expect(
      coded(await server.request("POST", `/observations/activity/${id}`, { state: "odd" })),
    ).toEqual([400, "MALFORMED"]);
    expect(coded(await server.request("POST", `/observations/odd/${id}`, {}))).toEqual([
      404,
      "ROUTE_UNKNOWN",
    ]);
  });
});
