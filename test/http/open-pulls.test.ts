/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { linesOf, type KnownPull } from "../../http/open-pulls.ts";
import { served, withProject, withSession } from "../support/http.ts";
import { outside } from "../support/outside.ts";
import { pullFacts } from "../support/pulls.ts";

function known(change: Partial<KnownPull> = {}): KnownPull {
  return {
    ...pullFacts(),
    projectId: "demo",
    session: { id: "demo-1", status: "working" },
    isMerging: false,
    trouble: "",
    isReviewed: false,
    ...change,
  };
}

const failing = { state: "failing" as const, failing: [{ name: "lint" }, { name: "unit" }] };

describe("what is in the way of an open pull request", () => {
  it.each([
    { title: "nothing", is: {}, says: "ready mergeable: no review is owed" },
    {
      title: "nothing, with a yes",
      is: { reviewDecision: "approved" },
      says: "ready mergeable: approved",
    },
    {
      title: "a conflict",
      is: { mergeable: false, ci: failing },
      says: "blocked conflict: with main",
    },
    { title: "checks", is: { ci: failing }, says: "blocked ci_failed: lint, unit" },
    {
      title: "a no of its review",
      is: { reviewDecision: "changes_requested" },
      says: "blocked changes_requested: ",
    },
    {
      title: "what could not be done",
      is: { trouble: "git broke" },
      says: "blocked failed: git broke",
    },
    {
      title: "a merge under way",
      is: { isMerging: true, mergeable: false },
      says: "waits merging: ",
    },
    { title: "that it is a draft", is: { state: "draft" }, says: "waits draft: " },
    { title: "checks that run", is: { ci: { state: "pending" } }, says: "waits ci_running: " },
    {
      title: "a reviewer at work",
      is: { isReviewed: true, reviewDecision: "required" },
      says: "waits in_review: a reviewer reads it",
    },
    {
      title: "a review that is owed",
      is: { reviewDecision: "required" },
      says: "waits review_pending: nobody reviewed its head",
    },
    {
      title: "what nobody knows yet",
      is: { mergeable: null },
      says: "waits unknown: whether it conflicts is not known yet",
    },
  ] satisfies { title: string; is: Partial<KnownPull>; says: string }[])(
    "$title",
    ({ is, says }) => {
      const told = linesOf([known(is)]).map(
        ({ stage, status, reason }) => `${stage} ${status}: ${reason}`,
      );
      expect(told).toEqual([says]);
    },
  );

  it("is the one that it is built on, of the same project (L2)", () => {
    const lower = known({ number: 1, headRef: "a" });
    const upper = known({ number: 2, url: "https://forge.test/2", headRef: "b", baseRef: "a" });
    const other = { ...upper, projectId: "elsewhere", url: "https://forge.test/3" };
    expect(linesOf([lower, upper, other])).toMatchObject([
      { status: "mergeable", stackedOn: null },
      { status: "stacked", stackedOn: 1, reason: "#1 comes first" },
      { status: "mergeable", stackedOn: null },
    ]);
  });
});

describe("open pull requests", () => {
  it("are those of forges and of sessions, each once, with who works on them (L1)", async () => {
    const world = outside();
    world.hold("prepareReview");
    const server = await served({ outside: world });
    await withProject(server);
    const id = await withSession(server);
    const local = { id: "local", path: "/repositories/local", scm: "local" };
    await server.request("POST", "/projects", local);
    const body = { title: "A change", headRef: "topic", session: id };
    expect((await server.request("POST", "/projects/local/pulls", body)).status).toBe(201);
    const other = { title: "Nobody's", headRef: "other" };
    await server.request("POST", "/projects/local/pulls", other);
    const elsewhere = pullFacts({ number: 7, url: "https://forge.test/7", title: "Elsewhere" });
    const over = pullFacts({ number: 8, url: "https://forge.test/8", state: "merged" });
    await server.system.observe("scm", id, { fetched: true, prs: [elsewhere, over] });
    const pulls = async () => (await server.request("GET", "/pulls")).body.pulls;
    const { status } = (await server.request("GET", `/sessions/${id}`)).body;
    const worker = { id, status };
    await expect.poll(pulls).toMatchObject([
      { number: 1, title: "A change", session: worker, projectId: "local" },
      { number: 2, title: "Nobody's", session: null },
      { number: 7, title: "Elsewhere", session: worker, projectId: "demo" },
    ]);
    expect(await pulls()).toHaveLength(3);
    await server.request("POST", `/sessions/${id}/reviews/trigger`, {});
    await expect
      .poll(async () => (await pulls())[2])
      .toMatchObject({ stage: "waits", status: "in_review" });
  });

  it("are none where there is no work", async () => {
    const server = await served();
    expect((await server.request("GET", "/pulls")).body).toEqual({ pulls: [] });
  });
});
