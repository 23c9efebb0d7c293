import { describe, expect, it } from "vitest";
import { github, type Github } from "../../../adapters/github/github.ts";
import { fakeGithub, type FakeGithub, type GithubPull } from "../../support/github.ts";

const until = new AbortController().signal;
const ATTEMPT = { effectId: "forge/app#1.0", orderedAt: 0, attempt: 1, signal: until } as const;

async function scene(): Promise<{ there: FakeGithub; here: Github }> {
  const there = await fakeGithub();
  const here = github({ GITHUB_API_URL: there.url, GH_TOKEN: there.token, PATH: "" }, "1");
  return { there, here };
}

describe("opening at GitHub", () => {
  const data = {
    github: "acme/app",
    title: "Say hello",
    headRef: "ao/app-1",
    baseRef: "main",
    body: "b",
    draft: false,
  };

  it("opens once, and finds what is open already (G2)", async () => {
    const { there, here } = await scene();
    const first = await here.openPullRequest(data, ATTEMPT);
    expect(first).toMatchObject({
      number: 1,
      title: "Say hello",
      headRef: "ao/app-1",
      state: "open",
    });
    expect(await here.openPullRequest(data, ATTEMPT)).toEqual(first);
    expect(there.pulls.size).toBe(1);
  });

  it.each([
    { title: "is open", became: {} },
    { title: "was closed", became: { state: "CLOSED" } },
    { title: "was merged under another name", became: { state: "MERGED", title: "Hello" } },
  ] satisfies { title: string; became: Partial<GithubPull> }[])(
    "opens nothing twice though it was killed before the answer came, and the first $title since (G7)",
    async ({ became }) => {
      const { there, here } = await scene();
      const kill = new AbortController();
      there.beforeAnswer = () => kill.abort();
      const killed = here.openPullRequest(data, { ...ATTEMPT, signal: kill.signal });
      await expect(killed).rejects.toMatchObject({ code: "REMOTE_UNREACHABLE" });
      Object.assign(there.pulls.get(1) ?? {}, became);
      const again = await here.openPullRequest(data, { ...ATTEMPT, attempt: 2 });
      expect(again).toMatchObject({ number: 1, state: (became.state ?? "open").toLowerCase() });
      expect(there.pulls.size).toBe(1);
    },
  );

  it.each([
    { title: "another order", of: { effectId: "forge/app#2.0" } },
    { title: "the same order of a daemon that began anew", of: { orderedAt: 1 } },
  ])("opens another where the one there was closed and is of $title (G7)", async ({ of }) => {
    const { there, here } = await scene();
    await here.openPullRequest(data, { ...ATTEMPT, ...of });
    Object.assign(there.pulls.get(1) ?? {}, { state: "CLOSED" });
    there.open({ headRefName: data.headRef, isCrossRepository: true });
    expect(await here.openPullRequest(data, ATTEMPT)).toMatchObject({ number: 3, state: "open" });
  });

  it.each([
    { body: "", is: /^<!-- opened by ao: [0-9a-f]{32} -->$/ },
    { body: "Why.", is: /^Why\.\n\n<!-- opened by ao: [0-9a-f]{32} -->$/ },
    { body: "x".repeat(65_536), is: /^x{64900,65000}\n\n<!-- opened by ao: [0-9a-f]{32} -->$/ },
  ])(
    "marks what it opens out of sight, below $body.length characters (G7)",
    async ({ body, is }) => {
      const { there, here } = await scene();
      await here.openPullRequest({ ...data, body }, ATTEMPT);
      expect(there.pulls.get(1)?.body).toMatch(is);
    },
  );

  it("takes what somebody opened meanwhile (G2)", async () => {
    const { there, here } = await scene();
    there.refuseOpening = "A pull request already exists for acme:ao/app-1.";
    expect(await here.openPullRequest(data, ATTEMPT)).toMatchObject({ number: 1 });
    expect(there.pulls.size).toBe(1);
  });

  it("tells why not", async () => {
    const { here } = await scene();
    const never = { ...data, headRef: "never-pushed" };
    await expect(here.openPullRequest(never, ATTEMPT)).rejects.toMatchObject({
      code: "FORGE_REFUSED",
      message: expect.stringContaining(
        "open a pull request of never-pushed at acme/app: Validation Failed",
      ) as unknown,
    });
  });
});

describe("merging at GitHub", () => {
  const sha = "a".repeat(40);
  const data = {
    repo: "/r",
    projectId: "app",
    number: 1,
    title: "t",
    headRef: "x",
    headSha: sha,
    baseRef: "main",
    github: "acme/app",
    review: "given" as const,
  };

  it.each(["MERGE", "SQUASH", "REBASE"] as const)(
    "merges in the repository's own way: %s (G3)",
    async (mergeMethod) => {
      const { there, here } = await scene();
      there.open({ headRefName: "x" });
      there.mergeMethod = mergeMethod;
      expect(await here.mergePullRequest(data, until)).toEqual({
        mergeSha: "f".repeat(40),
        repeated: false,
      });
      expect(there.merged).toEqual([{ number: 1, method: mergeMethod.toLowerCase(), sha }]);
    },
  );

  it("finds what is merged already, and merges nothing twice (G2)", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "x" });
    await here.mergePullRequest(data, until);
    expect(await here.mergePullRequest(data, until)).toEqual({
      mergeSha: "f".repeat(40),
      repeated: true,
    });
    expect(there.merged).toHaveLength(1);
  });

  it("merges nothing twice though it was killed before the answer came (G2)", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "x" });
    const kill = new AbortController();
    there.beforeAnswer = () => kill.abort();
    await expect(here.mergePullRequest(data, kill.signal)).rejects.toMatchObject({
      code: "REMOTE_UNREACHABLE",
    });
    expect(await here.mergePullRequest(data, until)).toMatchObject({ repeated: true });
    expect(there.merged).toHaveLength(1);
  });

  it("merges no other head than the one that was asked for (G3)", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "x", headRefOid: "b".repeat(40) });
    await expect(here.mergePullRequest(data, until)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
    });
    expect(there.merged).toEqual([]);
  });

  it.each([
    { there: { isDraft: true }, review: "given", why: "it is a draft" },
    {
      there: { checks: [], rollup: "FAILURE" },
      review: "given",
      why: "its checks are not passing: failure",
    },
    {
      there: { checks: [], rollup: "PENDING" },
      review: "waived",
      why: "its checks are not passing: pending",
    },
    {
      there: { reviewDecision: "CHANGES_REQUESTED" },
      review: "waived",
      why: "its review asks for changes",
    },
    {
      there: { reviewDecision: "REVIEW_REQUIRED" },
      review: "given",
      why: "its head was not reviewed yet",
    },
    { there: { reviewDecision: null }, review: "owed", why: "its head was not reviewed yet" },
  ] satisfies { there: Partial<GithubPull>; review: "waived" | "given" | "owed"; why: string }[])(
    "asks GitHub itself, whatever was observed: $why (G6)",
    async ({ there: given, review, why }) => {
      const { there, here } = await scene();
      there.open({ headRefName: "x", ...given });
      const refused = here.mergePullRequest({ ...data, review }, until);
      await expect(refused).rejects.toMatchObject({
        code: "NOT_MERGEABLE",
        message: `merge #1 at acme/app: ${why}`,
      });
      expect(there.merged).toEqual([]);
    },
  );
});
