/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { served, withProject, withSession } from "../support/http.ts";
import { pullFacts } from "../support/pulls.ts";

it.each([
  { title: "that nobody has seen yet", isDirty: async () => Promise.resolve(true), is: "skipped" },
  { title: "of which there is none", isDirty: async () => Promise.resolve(false), is: "cleaned" },
  {
    title: "in a worktree that cannot be looked at",
    isDirty: async () => Promise.reject(new Failure("REPOSITORY_INVALID", "it is gone")),
    is: "cleaned",
  },
])("the cleanup looks for uncommitted work $title (C2)", async ({ isDirty, is }) => {
  const looked: string[] = [];
  const server = await served({
    isDirty: async (path) => {
      looked.push(path);
      return isDirty();
    },
  });
  await withProject(server);
  await withSession(server);
  await withSession(server);
  await server.request("POST", "/sessions/demo-1/report", { summary: "Done." });
  expect(await server.request("POST", "/sessions/cleanup")).toMatchObject({
    body: { [is]: [is === "cleaned" ? "demo-1" : { id: "demo-1" }] },
  });
  expect(looked).toEqual(["/worktrees/demo-1"]);
});

it("the cleanup leaves who is still needed, and says for what (C6)", async () => {
  const server = await served();
  await withProject(server);
  const prs = [pullFacts({ number: 7, url: "https://forge.test/7" })];
  await withSession(server);
  await server.request("POST", "/observations/scm/demo-1", { fetched: true, prs });
  await server.request("POST", "/objectives", { projectId: "demo", prompt: "Build it." });
  const { body: worker } = await server.request("POST", "/objectives/demo-o1/workers", {
    title: "One",
    prompt: "Do it.",
  });
  expect(worker.id).toBe("demo-o1-w1");
  for (const id of ["demo-1", "demo-o1-w1"]) {
    await expect
      .poll(async () => (await server.request("GET", `/sessions/${id}/terminal`)).body.state)
      .toBe("live");
    await server.request("POST", `/sessions/${id}/report`, { summary: "Done." });
  }
  const cleanup = async () => (await server.request("POST", "/sessions/cleanup")).body;
  await expect
    .poll(async () => (await server.request("GET", "/objectives/demo-o1")).body.workers[0].state)
    .toBe("succeeded");
  expect(await cleanup()).toMatchObject({
    cleaned: [],
    skipped: [
      {
        id: "demo-1",
        reason: "claimed",
        message: expect.stringMatching(/^pull request #7 is open/),
      },
      {
        id: "demo-o1-w1",
        message: expect.stringMatching(/^its manager may publish it; .*ao kill/),
      },
    ],
  });
  await server.request("POST", "/objectives/demo-o1/cancel");
  const closed = [{ ...prs[0], state: "closed" }];
  await server.request("POST", "/observations/scm/demo-1", { fetched: true, prs: closed });
  await expect.poll(async () => (await cleanup()).cleaned).toEqual(["demo-1"]);
});
