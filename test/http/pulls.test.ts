/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import { coded, served, withProject, withSession } from "../support/http.ts";
import { sha } from "../support/outside.ts";

/** Of a repository in which these branches are published. */
function checkPublishedIn(there: ReadonlySet<string>) {
  return async (_root: string, branches: readonly string[]): Promise<void> => {
    const missing = branches.find((branch) => !there.has(branch));
    if (missing === undefined) return Promise.resolve();
    return Promise.reject(new Failure("BRANCH_UNKNOWN", `${missing} was not pushed`));
  };
}

describe("pull requests of the local forge", () => {
  it("are not opened for a session that there is not", async () => {
    const server = await served();
    await withProject(server, "local");
    const body = { title: "A change", headRef: "topic", session: "nope" };
    expect(coded(await server.request("POST", "/projects/demo/pulls", body))).toEqual([
      404,
      "ACTOR_UNKNOWN",
    ]);
    expect((await server.request("GET", "/projects/demo/pulls")).body.pulls).toEqual([]);
  });

  it.each([
    { title: "an unpublished head", body: { headRef: "nope" }, is: [422, "BRANCH_UNKNOWN"] },
    {
      title: "an unpublished base",
      body: { headRef: "topic", baseRef: "nope" },
      is: [422, "BRANCH_UNKNOWN"],
    },
    { title: "a head that is the base", body: { headRef: "main" }, is: [422, "BRANCH_INVALID"] },
  ])("are not opened of $title", async ({ body, is }) => {
    const server = await served({ checkPublished: checkPublishedIn(new Set(["main", "topic"])) });
    await withProject(server, "local");
    const asked = { title: "A", ...body };
    expect(coded(await server.request("POST", "/projects/demo/pulls", asked))).toEqual(is);
    expect((await server.request("GET", "/projects/demo/pulls")).body.pulls).toEqual([]);
  });

  it("are answered as at first when the request is repeated after the branch is gone", async () => {
    const branches = new Set(["main", "topic"]);
    const server = await served({ checkPublished: checkPublishedIn(branches) });
    await withProject(server, "local");
    const open = async () =>
      server.request(
        "POST",
        "/projects/demo/pulls",
        { title: "A", headRef: "topic" },
        { "idempotency-key": "once" },
      );
    const first = await open();
    branches.delete("topic");
    const again = await open();
    expect([first, again].map(({ status, body }) => [status, body.number])).toEqual([
      [201, 1],
      [201, 1],
    ]);
  });

  it("are opened, listed, commented, readied and closed", async () => {
    const server = await served();
    await withProject(server, "local");
    const body = { title: "A change", headRef: "topic", draft: true };
    const opened = await server.request("POST", "/projects/demo/pulls", body);
    expect([opened.status, opened.body.number]).toEqual([201, 1]);
    expect((await server.request("POST", "/projects/demo/pulls", body)).status).toBe(200);
    const comment = await server.request("POST", "/projects/demo/pulls/1/comment", {
      body: "Nice.",
    });
    expect([comment.status, typeof comment.body.id]).toEqual([201, "string"]);
    expect((await server.request("POST", "/projects/demo/pulls/1/ready")).body.state).toBe("open");
    expect((await server.request("GET", "/projects/demo/pulls")).body.pulls).toMatchObject([
      { number: 1, headRef: "topic", comments: [{ body: "Nice.", author: "owner" }] },
    ]);
    expect((await server.request("POST", "/projects/demo/pulls/1/close")).body.state).toBe(
      "closed",
    );
    expect(coded(await server.request("POST", "/projects/demo/pulls/1/merge"))).toEqual([
      409,
      "PULL_REQUEST_ENDED",
    ]);
  });

  it.each([
    { path: "/projects/demo/pulls/7", is: [404, "PULL_REQUEST_UNKNOWN"] },
    { path: "/projects/other/pulls", is: [404, "ACTOR_UNKNOWN"] },
    { path: "/projects/demo/pulls/zero", is: [400, "MALFORMED"] },
  ])("answer $path with $is", async ({ path, is }) => {
    const server = await served();
    await withProject(server, "local");
    expect(coded(await server.request("GET", path))).toEqual(is);
  });

  it("are checked and merged, and their session learns of it", async () => {
    const server = await served();
    await withProject(server, "local");
    const checks = [{ name: "unit", command: "true" }];
    const worker = { harness: "command", command: ["true"] };
    await server.request("PUT", "/projects/demo/config", { worker, checks });
    const session = await withSession(server);
    const { heads, failing } = server.outside;
    const pull = async (): Promise<unknown> =>
      (await server.request("GET", "/projects/demo/pulls/1")).body;
    const status = async (): Promise<unknown> =>
      (await server.request("GET", `/sessions/${session}`)).body.status;
    await server.request("POST", `/sessions/${session}/activity`, { state: "active" });
    failing.add("unit");
    heads.set("ao/demo-1", sha(2));
    const body = { title: "A change", headRef: "ao/demo-1", session };
    await server.request("POST", "/projects/demo/pulls", body);
    await expect.poll(pull).toMatchObject({
      headSha: sha(2),
      ci: { state: "failing", failing: [{ name: "unit", logTail: "unit is broken" }] },
    });
    await expect.poll(status).toBe("ci_failed");
    failing.clear();
    heads.set("ao/demo-1", sha(3));
    await server.system.observe("refs", "demo", { heads: { "ao/demo-1": sha(3) } });
    await expect.poll(status).toBe("mergeable");
    expect((await server.request("POST", "/projects/demo/pulls/1/merge")).status).toBe(202);
    await expect.poll(pull).toMatchObject({ state: "merged", merging: false, trouble: null });
    expect(await pull()).toMatchObject({ mergeSha: heads.get("main") });
    await expect.poll(status).toBe("merged");
  });

  it("have their checks run again when asked", async () => {
    const server = await served();
    await withProject(server, "local");
    const checks = [{ name: "unit", command: "true" }];
    const worker = { harness: "command", command: ["true"] };
    await server.request("PUT", "/projects/demo/config", { worker, checks });
    const { heads, failing } = server.outside;
    failing.add("unit");
    heads.set("topic", sha(2));
    await server.request("POST", "/projects/demo/pulls", { title: "A", headRef: "topic" });
    const ci = async (): Promise<unknown> =>
      (await server.request("GET", "/projects/demo/pulls/1")).body.ci.state;
    await expect.poll(ci).toBe("failing");
    failing.clear();
    expect((await server.request("POST", "/projects/demo/pulls/1/check")).status).toBe(200);
    await expect.poll(ci).toBe("passing");
  });

  it("say why they could not be merged", async () => {
    const server = await served();
    server.outside.refuse("mergePullRequest", new Failure("GIT_FAILED", "the push was refused"));
    server.outside.heads.set("topic", sha(2));
    await withProject(server, "local");
    const pull = async (): Promise<unknown> =>
      (await server.request("GET", "/projects/demo/pulls/1")).body;
    await server.request("POST", "/projects/demo/pulls", { title: "A", headRef: "topic" });
    await expect.poll(pull).toMatchObject({ headSha: sha(2), merging: false, trouble: null });
    server.outside.hold("inspectBranches");
    await server.request("POST", "/projects/demo/pulls/1/merge");
    await expect.poll(pull).toMatchObject({
      state: "open",
      merging: false,
      trouble: { code: "GIT_FAILED", message: "the push was refused" },
    });
  });

  it("are not kept for a project without a local forge", async () => {
    const server = await served();
    await withProject(server);
    expect(coded(await server.request("GET", "/projects/demo/pulls"))).toEqual([
      422,
      "SCM_UNSUPPORTED",
    ]);
  });
});
