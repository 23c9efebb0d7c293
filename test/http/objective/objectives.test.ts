/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { memoryBus } from "../../../bus/memory-bus.ts";
import { memoryStream } from "../../../bus/memory-stream.ts";
import { served, withProject, type Answer, type Served } from "../../support/http.ts";
import { pullFacts } from "../../support/pulls.ts";

type Body = Parameters<Served["request"]>[2];
interface Driven {
  readonly server: Served;
  readonly id: string;
  readonly manager: string;
  /** What it is answered with, as `<status> <code>`, in the name of the owner or of the session that is named. */
  readonly says: (path: string, body?: Body, session?: string) => Promise<string>;
}

const GOAL = { projectId: "demo", prompt: "Build it." };
const TASK = { title: "A task", prompt: "Do it." };
/** What a manager may be told to do, each with a body that is taken. */
const TOOLS = [
  ["workers", TASK],
  ["note", { text: "x" }],
  ["plan", { items: [] }],
  ["ask", { question: "x" }],
  ["send", { text: "x" }],
  ["done", { summary: "x" }],
] as const;

/** A system with an objective of `demo` whose manager runs. */
async function driven(options: Parameters<typeof served>[0] = {}): Promise<Driven> {
  const server = await served(options);
  await withProject(server);
  const { body } = await server.request("POST", "/objectives", GOAL);
  const manager = `${body.id}-m1`;
  await isLive(server, manager);
  return {
    server,
    id: body.id,
    manager,
    says: async (path, asked, session) => {
      const headers = session === undefined ? {} : by(server, session);
      const way = asked === undefined ? "GET" : "POST";
      return told(await server.request(way, path, asked, headers));
    },
  };
}

function told({ status, body }: Answer): string {
  return status < 400 ? String(status) : `${status} ${body.code}`;
}

function by(server: Served, session: string, epoch = 1): { readonly authorization: string } {
  return { authorization: `Bearer ${server.tokens.mint(session, epoch)}` };
}

async function isLive(server: Served, session: string): Promise<void> {
  await expect
    .poll(async () => (await server.request("GET", `/sessions/${session}/terminal`)).body.state)
    .toBe("live");
}

const BLANK = " \n\u0007";
const bad = "400 MALFORMED";

describe("an objective", () => {
  it.each([
    { title: "without a project", body: {}, is: "400 MALFORMED" },
    { title: "without a goal", body: { projectId: "demo" }, is: "400 MALFORMED" },
    { title: "with a blank goal", body: { ...GOAL, prompt: BLANK }, is: "400 MALFORMED" },
    {
      title: "for a project with no name",
      body: { ...GOAL, projectId: "two words" },
      is: "400 MALFORMED",
    },
    { title: "with an empty command", body: { ...GOAL, command: [] }, is: "400 MALFORMED" },
    {
      title: "orcha-093: for an unknown project",
      body: { ...GOAL, projectId: "unknown" },
      is: "404 ACTOR_UNKNOWN",
    },
    {
      title: "with an unknown agent",
      body: { ...GOAL, harness: "unknown" },
      is: "422 HARNESS_UNKNOWN",
    },
  ])("is not made $title: $is", async ({ body, is }) => {
    const server = await served();
    await withProject(server);
    expect(told(await server.request("POST", "/objectives", body))).toBe(is);
    expect((await server.request("GET", "/objectives")).body.objectives).toEqual([]);
  });

  it("is not made for an agent whose program is not there", async () => {
    const server = await served({ hasProgram: async () => Promise.resolve(false) });
    await withProject(server);
    const answer = await server.request("POST", "/objectives", { ...GOAL, harness: "codex" });
    expect(told(answer)).toBe("422 AGENT_BINARY_NOT_FOUND");
  });

  it("that nobody made is unknown to every route", async () => {
    const { says } = await driven();
    for (const [tool, body] of [...TOOLS, ["cancel", {}] as const]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect([tool, await says(`/objectives/none/${tool}`, body)]).toEqual([
        tool,
        "404 ACTOR_UNKNOWN",
      ]);
    }
    expect(await says("/objectives/none")).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/objectives/none/workers")).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/objectives?project=none")).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/questions?objective=none")).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/questions?project=none")).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/questions/none/answer", { answer: "x" })).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/directories?project=none")).toBe("404 ACTOR_UNKNOWN");
    expect(await says("/objectives?state=none")).toBe("400 MALFORMED");
  });

  it("that has ended takes no command, and a second cancel changes nothing", async () => {
    const { says, id, manager, server } = await driven();
    expect(await says(`/objectives/${id}/cancel`, {})).toBe("200");
    const before = (await server.request("GET", `/objectives/${id}`)).body.revision;
    for (const [tool, body] of TOOLS) {
      const path = `/objectives/${id}/${tool}`;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const both = [await says(path, body), await says(path, body, manager)];
      expect([tool, ...both]).toEqual([tool, "409 OBJECTIVE_ENDED", "403 EPOCH_STALE"]);
    }
    expect(await says(`/objectives/${id}/cancel`, {})).toBe("200");
    const ended = (await server.request("GET", `/objectives/${id}`)).body;
    expect([ended.status, ended.manager.state, ended.manager.turn]).toEqual([
      "canceled",
      "ended",
      "none",
    ]);
    expect((await server.request("GET", `/actors/objective/${id}`)).body.offers).toEqual([]);
    expect(before).toBeGreaterThan(0);
  });
});

describe("a tool", () => {
  it.each([
    { title: "a worker without a prompt", tool: "workers", body: { title: "A task" } },
    { title: "a worker with a blank title", tool: "workers", body: { ...TASK, title: BLANK } },
    { title: "a worker with a blank prompt", tool: "workers", body: { ...TASK, prompt: BLANK } },
    {
      title: "a worker that depends on a word",
      tool: "workers",
      body: { ...TASK, dependsOn: "one" },
    },
    { title: "a blank note", tool: "note", body: { text: BLANK } },
    { title: "a plan with a blank slice", tool: "plan", body: { items: [{ title: BLANK }] } },
    { title: "a blank question", tool: "ask", body: { question: BLANK } },
    {
      title: "a question with a blank option",
      tool: "ask",
      body: { question: "Which?", options: [BLANK] },
    },
    { title: "a blank message", tool: "send", body: { text: BLANK } },
    { title: "an empty message", tool: "send", body: { text: "" } },
    { title: "an end without a summary", tool: "done", body: {} },
    { title: "an end with a blank summary", tool: "done", body: { summary: BLANK } },
    { title: "an end with an odd outcome", tool: "done", body: { summary: "x", outcome: "odd" } },
  ])("does not take $title, and nothing is changed", async ({ tool, body }) => {
    const { server, says, id } = await driven();
    const before = await server.request("GET", `/objectives/${id}`);
    expect(await says(`/objectives/${id}/${tool}`, body)).toBe("400 MALFORMED");
    const { workers, notes, plan, questions, messages, status } = before.body;
    expect((await server.request("GET", `/objectives/${id}`)).body).toMatchObject({
      workers,
      notes,
      plan,
      questions,
      messages,
      status,
    });
  });

  it("is confined to the objective of its agent, and some are not an agent's at all", async () => {
    const { server, says, id, manager } = await driven();
    const { body: other } = await server.request("POST", "/objectives", GOAL);
    await isLive(server, `${other.id}-m1`);
    expect(await says(`/objectives/${other.id}/workers`, TASK, manager)).toBe("403 FORBIDDEN");
    expect(await says(`/objectives/${other.id}`, undefined, manager)).toBe("403 FORBIDDEN");
    expect(await says(`/sessions/${other.id}-m1`, undefined, manager)).toBe("403 FORBIDDEN");
    expect(await says(`/objectives/${id}/cancel`, {}, manager)).toBe("403 FORBIDDEN");
    expect(await says(`/objectives/${id}/workers`, TASK, manager)).toBe("201");
    expect(await says(`/objectives/${id}/workers/${other.id}-m1/stop`, {}, manager)).toBe(
      "404 ACTOR_UNKNOWN",
    );
  });

  it("of an older epoch is refused, whichever it is", async () => {
    const { server, id, manager } = await driven();
    for (const [tool, body] of TOOLS) {
      const path = `/objectives/${id}/${tool}`;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await server.request("POST", path, body, by(server, manager, 0));
      expect([tool, told(answer)]).toEqual([tool, "403 EPOCH_STALE"]);
    }
  });

  it("of a manager is none of its workers', who may note and ask", async () => {
    const { server, says, id, manager } = await driven();
    await says(`/objectives/${id}/workers`, TASK, manager);
    const worker = `${id}-w1`;
    await isLive(server, worker);
    expect(await says(`/objectives/${id}/note`, { text: "Noted." }, worker)).toBe("200");
    expect(await says(`/objectives/${id}/ask`, { question: "Which?" }, worker)).toBe("201");
    for (const [tool, body] of TOOLS.filter(([name]) => name !== "note" && name !== "ask")) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await says(`/objectives/${id}/${tool}`, body, worker);
      expect([tool, answer]).toEqual([tool, "403 FORBIDDEN"]);
    }
  });
});

describe("a worker", () => {
  it.each([
    {
      title: "after one that is not there",
      more: { dependsOn: ["unknown"] },
      is: "422 DEPENDENCY_UNKNOWN",
    },
    { title: "after itself", more: { dependsOn: ["demo-o1-w1"] }, is: "422 DEPENDENCY_CIRCULAR" },
    { title: "for an unknown agent", more: { harness: "unknown" }, is: "422 HARNESS_UNKNOWN" },
  ])("is not planned $title: $is", async ({ more, is }) => {
    const { server, says, id } = await driven();
    expect(await says(`/objectives/${id}/workers`, { ...TASK, ...more })).toBe(is);
    expect((await server.request("GET", `/objectives/${id}/workers`)).body.workers).toEqual([]);
  });

  it("that names another one twice waits for it once", async () => {
    const { server, says, id } = await driven();
    await says(`/objectives/${id}/workers`, TASK);
    const twice = [`${id}-w1`, `${id}-w1`];
    const { body } = await server.request("POST", `/objectives/${id}/workers`, {
      ...TASK,
      dependsOn: twice,
    });
    expect(body).toMatchObject({ dependsOn: [`${id}-w1`], reason: `waiting for ${id}-w1` });
  });

  it("that is not there cannot be stopped or told anything", async () => {
    const { says, id } = await driven();
    expect(await says(`/objectives/${id}/workers/none/stop`, {})).toBe("404 ACTOR_UNKNOWN");
    expect(await says(`/objectives/${id}/send`, { text: "x", to: "none" })).toBe(
      "404 ACTOR_UNKNOWN",
    );
  });
});

function holdingQuestions({ subject }: { readonly subject: string }): "held" | "stored" {
  return subject.startsWith("ao.msg.question.") ? "held" : "stored";
}

it("a question is there when its asker is answered", async () => {
  const stream = memoryStream({ now: Date.now, fateOf: holdingQuestions });
  const { server, id } = await driven({ bus: memoryBus({ stream, now: Date.now }) });
  const answers: number[] = [];
  const asked = server
    .request("POST", `/objectives/${id}/ask`, { question: "Which?" })
    .then(({ status }) => answers.push(status));
  await expect.poll(() => stream.held).toBe(1);
  expect((await server.request("GET", "/questions")).body.questions).toEqual([]);
  expect(answers).toEqual([]);
  stream.release();
  await asked;
  expect((await server.request("GET", "/questions")).body.questions).toHaveLength(1);
});

it("a question takes one answer that says something", async () => {
  const { server, says, id } = await driven();
  const { body } = await server.request("POST", `/objectives/${id}/ask`, { question: "Which?" });
  const path = `/questions/${body.questionId}/answer`;
  const tries = [
    {},
    { answer: 1 },
    { answer: " " },
    { answer: "a" },
    { answer: "a" },
    { answer: "b" },
  ];
  const answers: string[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  for (const answer of tries) answers.push(await says(path, answer));
  expect(answers).toEqual([bad, bad, bad, "200", "200", "409 QUESTION_ENDED"]);
});

it("orcha-253: lists of nothing are empty, not absent", async () => {
  const server = await served();
  for (const name of ["projects", "objectives", "questions", "sessions", "orchestrators"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { status, body } = await server.request("GET", `/${name}`);
    expect([name, status, body[name]]).toEqual([name, 200, []]);
  }
});

it("orcha-254: the list of objectives tells no goals in full, however long they are", async () => {
  const server = await served();
  await withProject(server);
  for (let n = 0; n < 5; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await server.request("POST", "/objectives", { ...GOAL, prompt: "x".repeat(60_000) });
  }
  const { body } = await server.request("GET", "/objectives");
  expect(body.objectives).toHaveLength(5);
  expect(JSON.stringify(body).length).toBeLessThan(16_384);
});

it("its workers are seen by its manager, and not by one another (A3)", async () => {
  const { server, says, id, manager } = await driven();
  await says(`/objectives/${id}/workers`, TASK);
  await says(`/objectives/${id}/workers`, TASK);
  await isLive(server, `${id}-w1`);
  await isLive(server, `${id}-w2`);
  expect(await says(`/sessions/${id}-w2`, undefined, manager)).toBe("200");
  expect(await says(`/sessions/${id}-w2`, undefined, `${id}-w2`)).toBe("200");
  expect(await says(`/sessions/${id}-w2`, undefined, `${id}-w1`)).toBe("403 FORBIDDEN");
});

it("orcha-100: a report that says nothing is refused, and is no result", async () => {
  const { server, says, id } = await driven();
  await says(`/objectives/${id}/workers`, TASK);
  const worker = `${id}-w1`;
  await isLive(server, worker);
  expect(await says(`/sessions/${worker}/report`, { summary: BLANK }, worker)).toBe(bad);
  const { body } = await server.request("GET", `/objectives/${id}/workers`);
  expect(body.workers).toMatchObject([{ id: worker, endedAt: null }]);
  expect(await says(`/sessions/${worker}/report`, { summary: "It works." }, worker)).toBe("200");
});

it("orcha-341, G4: two sessions with pull request 12 of two repositories have directories of their own", async () => {
  const server = await served();
  await withProject(server);
  const config = { worker: { harness: "command", command: ["true"] } };
  await server.request("POST", "/projects", { id: "other", path: "/repositories/other", config });
  const paths: string[] = [];
  for (const projectId of ["demo", "other"]) {
    const order = { projectId, prompt: "Do it." };
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { body } = await server.request("POST", "/sessions", order);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await isLive(server, body.id);
    const prs = [pullFacts({ number: 12, url: `https://forge.test/${projectId}/12` })];
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await server.request("POST", `/observations/scm/${body.id}`, { fetched: true, prs });
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    paths.push((await server.request("GET", `/sessions/${body.id}/workspace`)).body.path);
  }
  expect(new Set(paths.filter((path) => typeof path === "string")).size).toBe(2);
  expect([...server.outside.trees.keys()]).toHaveLength(2);
});

it("S16: a restore goes on after its request was answered", async () => {
  const { server, id, manager } = await driven();
  await server.request("POST", `/objectives/${id}/workers`, TASK);
  const worker = `${id}-w1`;
  await isLive(server, worker);
  await server.request("POST", `/sessions/${worker}/kill`, {});
  await expect.poll(() => [...server.outside.panes.keys()]).toEqual([manager]);
  const release = server.outside.hold("launchTerminal");
  await expect
    .poll(async () => told(await server.request("POST", `/sessions/${worker}/restore`, {})))
    .toBe("200");
  expect([...server.outside.panes.keys()]).toEqual([manager]);
  release();
  await isLive(server, worker);
});
