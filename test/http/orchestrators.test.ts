/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-call, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { served, withProject, withSession, type Served } from "../support/http.ts";
import { outside } from "../support/outside.ts";

async function orchestrators(server: Served, path = "/orchestrators"): Promise<string[]> {
  const { body } = await server.request("GET", path);
  return body.orchestrators.map(
    ({ id, wanted }: { id: string; wanted: string }) => `${id} ${wanted}`,
  );
}

describe("orchestrators", () => {
  it("are started with a prompt of their own, and listed apart from workers", async () => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    const { status, body } = await server.request("POST", "/orchestrators", { projectId: "demo" });
    expect([status, body]).toMatchObject([
      201,
      {
        id: "demo-2",
        kind: "orchestrator",
        title: "Orchestrator of demo",
        prompt: expect.stringMatching(/orchestrate.* demo/),
      },
    ]);
    expect(await orchestrators(server)).toEqual(["demo-2 running"]);
    await server.request("POST", "/projects", { id: "other", path: "/repositories/other" });
    expect(await orchestrators(server, "/orchestrators?project=other")).toEqual([]);
    expect((await server.request("GET", "/orchestrators?project=odd")).status).toBe(404);
  });

  it("end for a clean one, which is answered when it began", async () => {
    const server = await served();
    await withProject(server);
    await server.request("POST", "/orchestrators", { projectId: "demo" });
    await server.request("POST", "/orchestrators", { projectId: "demo" });
    const { status, body } = await server.request("POST", "/orchestrators", {
      projectId: "demo",
      clean: true,
      command: ["lead"],
      title: "Next",
    });
    expect([status, body.id, body.title, body.harness]).toEqual([201, "demo-3", "Next", "command"]);
    expect(await orchestrators(server)).toEqual([
      "demo-1 stopped",
      "demo-2 stopped",
      "demo-3 running",
    ]);
    // Its own worktree is made behind the answer.
    await expect.poll(() => [...server.outside.trees.keys()]).toEqual(["demo-3"]);
  });

  it("tell whoever waits what they wait for, and begin once under the same id", async () => {
    const world = outside();
    const server = await served({ outside: world, patienceMs: 50 });
    await withProject(server);
    await server.request("POST", "/orchestrators", { projectId: "demo" });
    await expect.poll(() => world.panes.size).toBe(1);
    const release = world.hold("destroyTerminal");
    const clean = { projectId: "demo", clean: true };
    const key = { "idempotency-key": "once" };
    const waiting = { status: 202, body: { sessionId: "demo-2", ending: ["demo-1"] } };
    expect(await server.request("POST", "/orchestrators", clean, key)).toMatchObject(waiting);
    expect(await server.request("POST", "/orchestrators", clean, key)).toMatchObject(waiting);
    expect(await server.request("POST", "/orchestrators", clean)).toMatchObject(waiting);
    expect(await orchestrators(server)).toEqual(["demo-1 stopped"]);
    release();
    await expect
      .poll(async () => orchestrators(server))
      .toEqual(["demo-1 stopped", "demo-2 running"]);
    const { status, body } = await server.request("POST", "/orchestrators", clean, key);
    expect([status, body.id]).toEqual([201, "demo-2"]);
  });

  it.each([
    { title: "a project that is none", body: { projectId: "odd" }, code: "ACTOR_UNKNOWN" },
    {
      title: "a harness that is none",
      body: { projectId: "demo", harness: "odd" },
      code: "HARNESS_UNKNOWN",
    },
    { title: "a flag that is none", body: { projectId: "demo", clean: 1 }, code: "MALFORMED" },
    { title: "no project", body: {}, code: "MALFORMED" },
  ])("are refused for $title", async ({ body, code }) => {
    const server = await served();
    await withProject(server);
    expect((await server.request("POST", "/orchestrators", body)).body.code).toBe(code);
  });
});
