/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import {
  coded,
  served,
  withProject,
  withSession,
  type Answer,
  type Served,
} from "../support/http.ts";

function view(server: Served): () => Promise<unknown> {
  return async () => (await server.request("GET", "/sessions/demo-1")).body;
}

describe("a pull request that is claimed", () => {
  it("is the session's from then on, and no session's that is over", async () => {
    const server = await served();
    await withProject(server, "local");
    await withSession(server);
    server.outside.heads.set("topic", "1".repeat(40));
    await server.request("POST", "/projects/demo/pulls", { title: "A", headRef: "topic" });
    const claim = async (number: number, id = "demo-1"): Promise<Answer> =>
      server.request("POST", `/sessions/${id}/pr/claim`, { number });
    expect(await claim(1)).toMatchObject({ status: 200, body: { number: 1, session: "demo-1" } });
    await expect.poll(view(server)).toMatchObject({ pr: { number: 1 }, prs: [{ number: 1 }] });
    expect(coded(await claim(9))).toEqual([404, "PULL_REQUEST_UNKNOWN"]);
    expect(coded(await claim(1, "nobody"))).toEqual([404, "ACTOR_UNKNOWN"]);
    expect(coded(await claim(0))).toEqual([400, "MALFORMED"]);
    await server.request("POST", "/sessions/demo-1/kill");
    expect(coded(await claim(1))).toEqual([409, "SESSION_TERMINATED"]);
  });

  it("needs a project that keeps its own", async () => {
    const server = await served();
    await withProject(server);
    await withSession(server);
    const answer = await server.request("POST", "/sessions/demo-1/pr/claim", { number: 1 });
    expect(coded(answer)).toEqual([422, "SCM_UNSUPPORTED"]);
  });
});
