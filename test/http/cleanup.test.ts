import { expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { served, withProject, withSession } from "../support/http.ts";

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
