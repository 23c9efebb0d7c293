/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { coded, served, withProject, withSession } from "../support/http.ts";

// What stands in a body, as the routes take it: nothing that they do not know, and no words that say nothing.

const NOTHING = " \u0007\n";

it.each([
  { path: "/projects", body: { path: "/x" } },
  { path: "/projects/demo/pause", body: {} },
  { path: "/sessions", body: { projectId: "demo", prompt: "x" } },
  { path: "/sessions/demo-1/kill", body: {} },
  { path: "/sessions/demo-1/restore", body: {} },
  { path: "/sessions/demo-1/send", body: { text: "x" } },
  { path: "/sessions/demo-1/activity", body: { state: "idle" } },
  { path: "/sessions/demo-1/report", body: { summary: "x" } },
  { path: "/sessions/demo-1/pr/claim", body: { number: 1 } },
  { path: "/sessions/demo-1/reviews/cancel", body: {} },
  { path: "/sessions/cleanup", body: {} },
  { path: "/orchestrators", body: { projectId: "demo" } },
  { path: "/objectives", body: { projectId: "demo", prompt: "x" } },
  { path: "/objectives/demo-o1/workers", body: { title: "x", prompt: "x" } },
  { path: "/objectives/demo-o1/note", body: { text: "x" } },
  { path: "/objectives/demo-o1/note", body: { text: "x", by: { session: "demo-1", epoch: 1 } } },
  { path: "/objectives/demo-o1/plan", body: { items: [] } },
  { path: "/objectives/demo-o1/ask", body: { question: "x" } },
  { path: "/objectives/demo-o1/send", body: { text: "x" } },
  { path: "/objectives/demo-o1/done", body: { summary: "x" } },
  { path: "/objectives/demo-o1/cancel", body: {} },
  { path: "/projects/demo/pulls", body: { title: "A", headRef: "b" } },
  { path: "/projects/demo/pulls/1/comment", body: { body: "x" } },
  { path: "/projects/demo/pulls/1/merge", body: {} },
  { path: "/observations/activity/demo-1", body: { state: "idle" } },
  { path: "/observations/scm/demo-1", body: { fetched: true, prs: [] } },
  { path: "/backup", body: { folder: "/x" } },
  { path: "/web/codes", body: {} },
])("a key that nobody knows is refused by its name: POST $path", async ({ path, body }) => {
  const server = await served();
  const answer = await server.request("POST", path, { ...body, odd: 1 });
  expect([...coded(answer), answer.body.message]).toEqual([
    400,
    "MALFORMED",
    expect.stringMatching(/^body\b.*odd/),
  ]);
});

it.each([
  { path: "/sessions", body: { projectId: "demo", prompt: NOTHING }, at: "prompt" },
  { path: "/orchestrators", body: { projectId: "demo", prompt: NOTHING }, at: "prompt" },
  { path: "/objectives", body: { projectId: "demo", prompt: NOTHING }, at: "prompt" },
  { path: "/sessions/demo-1/send", body: { text: NOTHING }, at: "text" },
  { path: "/sessions/demo-1/report", body: { summary: NOTHING }, at: "summary" },
  { path: "/sessions/demo-1/report", body: { summary: "x", outcome: NOTHING }, at: "outcome" },
  { path: "/objectives/demo-o1/note", body: { text: NOTHING }, at: "text" },
  { path: "/projects/demo/pulls", body: { title: NOTHING, headRef: "b" }, at: "title" },
  { path: "/projects/demo/pulls/1/comment", body: { body: NOTHING }, at: "body" },
  { path: "/projects/demo/pulls/1/comment", body: { body: "x", line: 0 }, at: "line" },
  { path: "/questions/demo-q1/answer", body: { answer: NOTHING }, at: "answer" },
])("words that say nothing are refused: $at of POST $path", async ({ path, body, at }) => {
  const answer = await (await served()).request("POST", path, body);
  expect([...coded(answer), answer.body.message]).toEqual([
    400,
    "MALFORMED",
    expect.stringContaining(`body/${at}`),
  ]);
});

describe("what a body names", () => {
  it("is there: no session is started for an objective that its project does not have", async () => {
    const server = await served();
    await withProject(server);
    await server.request("POST", "/objectives", { projectId: "demo", prompt: "Reach it." });
    await server.request("POST", "/projects", { id: "other", path: "/repositories/other" });
    const spawn = async (projectId: string, objectiveId: string): Promise<unknown> =>
      coded(
        await server.request("POST", "/sessions", {
          projectId,
          objectiveId,
          prompt: "x",
          command: ["true"],
        }),
      );
    expect(await spawn("demo", "nope")).toEqual([404, "ACTOR_UNKNOWN"]);
    expect(await spawn("other", "demo-o1")).toEqual([404, "ACTOR_UNKNOWN"]);
    expect(await spawn("demo", "demo-o1")).toEqual([201, undefined]);
  });

  it("is in quarantine: a healthy actor is not released from one", async () => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    const answer = await server.request("POST", "/actors/session/demo-1/release");
    expect(coded(answer)).toEqual([409, "NOT_QUARANTINED"]);
  });
});

it("a body that was left out is none, also of a request that calls it JSON", async () => {
  const server = await served();
  await withProject(server);
  const id = await withSession(server);
  const json = { "content-type": "application/json" };
  const missing = await server.request("POST", "/sessions", undefined, json);
  expect([...coded(missing), missing.body.message]).toEqual([
    400,
    "MALFORMED",
    "body: expected an object",
  ]);
  const killed = await server.request("POST", `/sessions/${id}/kill`, undefined, json);
  expect([killed.status, killed.body.status]).toEqual([200, "killed"]);
});

it("a body that is too large is refused with the limit", async () => {
  const server = await served({ settings: { limits: { bodyBytes: 1_000 } } });
  const answer = await server.request("POST", "/sessions", { prompt: "x".repeat(1_001) });
  expect([...coded(answer), answer.body.message]).toEqual([
    413,
    "BODY_TOO_LARGE",
    "the request body is over limits.bodyBytes, which is 1000 bytes",
  ]);
});

it.each([
  { path: "/sessions", body: { projectId: "demo", prompt: "x", branch: "a\u0000b" }, at: "branch" },
  {
    path: "/sessions",
    body: { projectId: "demo", prompt: "x", command: ["a\u0000"] },
    at: "command",
  },
  { path: "/backup", body: { folder: "/x\u0000" }, at: "folder" },
  { path: "/backup", body: { folder: "x" }, at: "folder" },
])("what no program can be given is refused: $at of POST $path", async ({ path, body, at }) => {
  const server = await served();
  const answer = await server.request("POST", path, body);
  expect([...coded(answer), answer.body.message]).toEqual([
    400,
    "MALFORMED",
    expect.stringContaining(at),
  ]);
});

it.each([
  { checks: [{ name: "a\u0000", command: "true" }] },
  { checks: [{ name: "a", command: "true\u0000" }] },
  { env: { A: "\u0000" } },
  { worker: { harness: "command", command: "a\u0000" } },
])("a configuration that no program can be given is refused: %j", async (config) => {
  const server = await served();
  await withProject(server);
  const { status } = await server.request("PUT", "/projects/demo/config", config);
  expect(status).toBe(400);
});
