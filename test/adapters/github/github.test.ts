import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { github, type Github } from "../../../adapters/github/github.ts";
import { FollowedPull } from "../../../machines/observations.ts";
import { tempFolder } from "../../support/folder.ts";
import { checkRun, fakeGithub, said, type FakeGithub } from "../../support/github.ts";

const until = new AbortController().signal;
const ATTEMPT = { effectId: "forge/app#1.0", attempt: 1, signal: until } as const;

async function scene(
  env: Record<string, string> = {},
): Promise<{ there: FakeGithub; here: Github }> {
  const there = await fakeGithub();
  const here = github({ GITHUB_API_URL: there.url, GH_TOKEN: there.token, PATH: "", ...env }, "1");
  return { there, here };
}

async function lookAt(here: Github, ...names: string[]): Promise<FollowedPull[]> {
  const branches = names.map((name) => ({ name, since: 0 }));
  const { pulls } = await here.look("acme/app", { branches, numbers: [] }, until);
  return [...pulls];
}

describe("a look at GitHub", () => {
  it("asks for the wanted pull requests alone, by branch and by number, each once (G1)", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "ao/app-1" });
    there.open({ headRefName: "ao/app-2", isDraft: true });
    there.open({ headRefName: "somebody-else" });
    const branches = [
      { name: "ao/app-1", since: 0 },
      { name: "ao/app-2", since: 0 },
    ];
    const { pulls: seen } = await here.look("acme/app", { branches, numbers: [2, 404] }, until);
    expect(seen.map(({ number, state, headRef }) => [number, state, headRef])).toEqual([
      [1, "open", "ao/app-1"],
      [2, "draft", "ao/app-2"],
    ]);
    expect(seen.map((pull) => FollowedPull.parse(pull))).toEqual(seen);
    expect(there.asked).toEqual(["POST /graphql"]);
  });

  it("asks again for so many that one question would be too large", async () => {
    const { there, here } = await scene();
    const names = Array.from({ length: 21 }, (_, n) => `ao/app-${n}`);
    for (const headRefName of names) there.open({ headRefName });
    expect(await lookAt(here, ...names)).toHaveLength(21);
    expect(there.asked).toHaveLength(3);
  });

  it("takes no more than half of what is left until the limit is reset (G5)", async () => {
    const { there, here } = await scene();
    const branches = Array.from({ length: 20 }, (_, n) => ({ name: `ao/app-${n}`, since: 0 }));
    const rest = async (): Promise<number> =>
      (await here.look("acme/app", { branches, numbers: [] }, until)).restMs;
    Object.assign(there.limit, { cost: 5, remaining: 5_000 });
    // Two questions of 5 each, 2,500 to be spent within the hour.
    expect(await rest()).toBeCloseTo((3_600_000 * 10) / 2_500, -2);
    Object.assign(there.limit, { remaining: 0 });
    expect(await rest()).toBeGreaterThan(3_600_000);
  });

  it("leaves out a branch of a fork, and what ended before the branch began", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "ao/app-1", isCrossRepository: true });
    there.open({ headRefName: "ao/app-1", state: "MERGED", createdAt: "2025-01-01T00:00:00Z" });
    there.open({ headRefName: "ao/app-1", state: "CLOSED", createdAt: "2026-06-01T00:00:00Z" });
    const since = Date.parse("2026-01-01T00:00:00Z");
    const branches = [{ name: "ao/app-1", since }];
    const { pulls: seen } = await here.look("acme/app", { branches, numbers: [] }, until);
    expect(seen.map(({ number, state }) => [number, state])).toEqual([[3, "closed"]]);
  });

  it.each([
    { title: "no checks", checks: null, rollup: "", ci: { state: "none" } },
    {
      title: "one runs",
      checks: [checkRun("a", "SUCCESS"), checkRun("b", null)],
      rollup: "PENDING",
      ci: { state: "pending" },
    },
    {
      title: "all passed or were skipped",
      checks: [checkRun("a", "SUCCESS"), checkRun("b", "SKIPPED"), checkRun("c", "NEUTRAL")],
      rollup: "SUCCESS",
      ci: { state: "passing" },
    },
    {
      title: "one failed while another runs",
      checks: [checkRun("a", "FAILURE"), checkRun("b", null)],
      rollup: "PENDING",
      ci: { state: "failing" },
    },
    {
      title: "one was cut short",
      checks: [checkRun("a", "TIMED_OUT")],
      rollup: "FAILURE",
      ci: { state: "failing" },
    },
    {
      title: "one beyond the first hundred failed",
      checks: [checkRun("a", "SUCCESS")],
      rollup: "FAILURE",
      ci: { state: "failing" },
    },
    {
      title: "a status of old is awaited",
      checks: [
        {
          __typename: "StatusContext",
          context: "ci",
          state: "EXPECTED",
          targetUrl: null,
          description: null,
        },
      ],
      rollup: "EXPECTED",
      ci: { state: "pending" },
    },
    {
      title: "a status of old is an error",
      checks: [
        {
          __typename: "StatusContext",
          context: "ci",
          state: "ERROR",
          targetUrl: "https://ci.example/1",
          description: "out of disk",
        },
      ],
      rollup: "ERROR",
      ci: {
        state: "failing",
        failing: [{ name: "ci", url: "https://ci.example/1", logTail: "out of disk" }],
      },
    },
  ])("says how the checks stand: $title", async ({ checks, rollup, ci }) => {
    const { there, here } = await scene();
    there.open({ headRefName: "x", checks, rollup });
    expect((await lookAt(here, "x"))[0]?.ci).toMatchObject(ci);
  });

  it.each([
    { there: { mergeable: "CONFLICTING" as const }, facts: { mergeable: false } },
    { there: { mergeable: "UNKNOWN" as const }, facts: { mergeable: null } },
    {
      there: { reviewDecision: "REVIEW_REQUIRED" as const },
      facts: { reviewDecision: "required" },
    },
    { there: { reviewDecision: "APPROVED" as const }, facts: { reviewDecision: "approved" } },
    {
      there: { state: "MERGED" as const, mergeCommit: { oid: "abc" } },
      facts: { state: "merged", mergeSha: "abc" },
    },
    { there: { author: null }, facts: { author: "ghost" } },
  ])("takes $there for $facts", async ({ there: given, facts }) => {
    const { there, here } = await scene();
    there.open({ headRefName: "x", ...given });
    expect((await lookAt(here, "x"))[0]).toMatchObject(facts);
  });

  it("gives the end of a failed job's log, without times and tokens, and reads it once (G4)", async () => {
    const { there, here } = await scene();
    const long = "2026-01-01T00:00:00.1234567Z line\n".repeat(5_000);
    there.logs.set(7, `${long}2026-01-01T00:00:01.5Z Error: expected 1 to be 2\n`);
    there.open({
      headRefName: "x",
      checks: [checkRun("test", "FAILURE", 7), checkRun("gone", "FAILURE", 8)],
      rollup: "FAILURE",
    });
    const [pull] = await lookAt(here, "x");
    const [test, gone] = pull?.ci.failing ?? [];
    expect(test?.logTail?.endsWith("line\nline\nError: expected 1 to be 2")).toBe(true);
    expect(test?.logTail?.length).toBeLessThanOrEqual(4_096);
    expect(gone).toEqual({ name: "gone", url: "https://github.com/acme/app/actions/8" });
    expect(await lookAt(here, "x")).toEqual([pull]);
    expect(there.asked.filter((asked) => asked.includes("/logs"))).toHaveLength(2);
  });

  it("tells open threads, reviews and comments of others, people and programs apart", async () => {
    const { there, here } = await scene();
    const thread = {
      isResolved: false,
      path: "a.ts",
      line: 3,
      comments: { nodes: [said("t1", "Why?")] },
    };
    const settled = {
      isResolved: true,
      path: "b.ts",
      line: null,
      comments: { nodes: [said("t2", "Done")] },
    };
    there.open({
      headRefName: "x",
      comments: {
        nodes: [
          said("c1", "Nice"),
          said("c2", "my own", "agent"),
          said("c3", "lint", "linter", "Bot"),
        ],
      },
      reviews: { nodes: [said("r1", "Please split"), said("r2", "")] },
      reviewThreads: { nodes: [thread, settled] },
    });
    const [pull] = await lookAt(here, "x");
    expect(
      pull?.comments.map(({ id, isBot, resolved, path, line }) => [
        id,
        isBot,
        resolved,
        path,
        line,
      ]),
    ).toEqual([
      ["c1", false, false, undefined, undefined],
      ["c3", true, false, undefined, undefined],
      ["r1", false, false, undefined, undefined],
      ["t1", false, false, "a.ts", 3],
      ["t2", false, true, "b.ts", undefined],
    ]);
  });
});

describe("what GitHub refuses", () => {
  const reset = Math.ceil(Date.now() / 1_000) + 900;
  it.each([
    { status: 401, headers: {}, code: "FORGE_UNAUTHORIZED", isRetryable: false },
    { status: 404, headers: {}, code: "FORGE_REFUSED", isRetryable: false },
    { status: 403, headers: {}, code: "FORGE_REFUSED", isRetryable: false },
    { status: 502, headers: {}, code: "REMOTE_UNREACHABLE", isRetryable: true },
    {
      status: 403,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
      code: "FORGE_LIMITED",
      isRetryable: true,
    },
    { status: 429, headers: { "retry-after": "30" }, code: "FORGE_LIMITED", isRetryable: true },
  ])("$status with $headers is $code", async ({ status, headers, code, isRetryable }) => {
    const { there, here } = await scene();
    there.refuse({ status, headers, message: "no" });
    await expect(lookAt(here, "x")).rejects.toMatchObject({ code, isRetryable });
  });

  it("is told with the time at which a limit is over", async () => {
    const { there, here } = await scene();
    there.refuse({
      status: 403,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
      message: "API rate limit exceeded",
    });
    await expect(lookAt(here, "x")).rejects.toMatchObject({ details: { retryAt: reset * 1_000 } });
  });

  it("is told when a repository is registered that is not there, or nobody is signed in", async () => {
    const { there, here } = await scene();
    await here.check("acme/app", until);
    const nowhere = here.check("acme/other", until);
    await expect(nowhere).rejects.toMatchObject({ code: "FORGE_REFUSED" });
    there.refuse({ status: 401, message: "Bad credentials" });
    const stranger = here.check("acme/app", until);
    await expect(stranger).rejects.toMatchObject({ code: "FORGE_UNAUTHORIZED" });
  });

  it("is named when there is no such repository, or nobody listens", async () => {
    const { here } = await scene();
    const wanted = { branches: [{ name: "x", since: 0 }], numbers: [] };
    await expect(here.look("acme/other", wanted, until)).rejects.toMatchObject({
      code: "FORGE_REFUSED",
      message: "look at pull requests at acme/other: Could not resolve to a Repository",
    });
    const nowhere = github({ GITHUB_API_URL: "http://127.0.0.1:9", GH_TOKEN: "x", PATH: "" }, "1");
    await expect(lookAt(nowhere, "x")).rejects.toMatchObject({ code: "REMOTE_UNREACHABLE" });
  });
});

describe("whom GitHub knows us as", () => {
  it("is what gh is signed in with when no token is given", async () => {
    const folder = tempFolder();
    await writeFile(
      join(folder, "gh"),
      '#!/bin/sh\n[ "$*" = "auth token --hostname github.com" ] && echo gh-token\n',
    );
    await chmod(join(folder, "gh"), 0o755);
    const { there, here } = await scene({ GH_TOKEN: "", PATH: folder });
    there.open({ headRefName: "x" });
    expect(await lookAt(here, "x")).toHaveLength(1);
  });

  it("is nobody when there is neither, and the next step is told", async () => {
    const { there, here } = await scene({ GH_TOKEN: "" });
    await expect(lookAt(here, "x")).rejects.toMatchObject({
      code: "FORGE_UNAUTHORIZED",
      message:
        "sign in at github.com: nobody is; run gh auth login, or start the daemon with GH_TOKEN",
    });
    expect(there.asked).toEqual([]);
  });
});

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

  it("merges no other head than the one that was asked for (G3)", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "x", headRefOid: "b".repeat(40) });
    await expect(here.mergePullRequest(data, until)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
    });
    expect(there.merged).toEqual([]);
  });

  it.each([405, 409, 422])("tells what GitHub says when it refuses with %s", async (status) => {
    const { there, here } = await scene();
    there.open({ headRefName: "x" });
    there.mergeRefusal = { status, message: "Required status check is expected" };
    await expect(here.mergePullRequest(data, until)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: "merge #1 at acme/app: Required status check is expected",
    });
  });
});
