import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { github, type Github } from "../../../adapters/github/github.ts";
import { FollowedPull } from "../../../machines/observations.ts";
import { tempFolder } from "../../support/folder.ts";
import {
  checkRun,
  fakeGithub,
  said,
  type FakeGithub,
  type GithubThread,
} from "../../support/github.ts";

const until = new AbortController().signal;

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

function threadOf(n: number): GithubThread {
  const comments = { nodes: [said(`t${n}`, "Why?")] };
  return { isResolved: n > 0, path: "a.ts", line: n, comments };
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

  it("takes half of what was left when it was seen first, and no more, whoever looks how often (K3)", async () => {
    const { there, here } = await scene();
    const resetAt = new Date(Date.now() + 3_600_000).toISOString();
    const wanted = { branches: [{ name: "x", since: 0 }], numbers: [] };
    const rest = async (remaining: number): Promise<number> => {
      Object.assign(there.limit, { cost: 10, remaining, resetAt });
      return (await here.look("acme/app", wanted, until)).restMs;
    };
    // 4,990 and the 10 of this one: 2,500 of them are ours, 2,490 still.
    expect((await rest(4_990)) / 1_000).toBeCloseTo(36_000 / 2_490, 0);
    expect((await rest(2_600)) / 1_000).toBeCloseTo(360, -1);
    expect(await rest(2_500)).toBeGreaterThan(3_500_000);
  });

  it("asks nothing of a host before its limit is over, whatever for (K2)", async () => {
    const { there, here } = await scene();
    there.refuse({ status: 429, headers: { "retry-after": "900" }, message: "slow down" });
    await expect(lookAt(here, "x")).rejects.toMatchObject({ code: "FORGE_LIMITED" });
    there.refuse(undefined);
    await expect(lookAt(here, "x")).rejects.toMatchObject({ code: "FORGE_LIMITED" });
    expect(there.asked).toHaveLength(1);
  });

  it("finds ours though forks have branches of its name, and one whose branch is gone", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "x", title: "ours" });
    for (let n = 0; n < 6; n += 1) there.open({ headRefName: "x", isCrossRepository: true });
    expect((await lookAt(here, "x")).map(({ title }) => title)).toEqual(["ours"]);
  });

  it("finds an open thread before any number of settled ones", async () => {
    const { there, here } = await scene();
    const nodes = Array.from({ length: 130 }, (_, n) => threadOf(n));
    there.open({ headRefName: "x", reviewThreads: { nodes } });
    const [pull] = await lookAt(here, "x");
    expect(pull?.comments.filter(({ resolved }) => !resolved).map(({ id }) => id)).toEqual(["t0"]);
    expect(pull?.comments).toHaveLength(50);
  });

  it("asks again for a log that could not be read", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const { there, here } = await scene();
    there.open({ headRefName: "x", checks: [checkRun("test", "FAILURE", 7)], rollup: "FAILURE" });
    expect((await lookAt(here, "x"))[0]?.ci.failing?.[0]).not.toHaveProperty("logTail");
    there.logs.set(7, "expected 1 to be 2");
    vi.advanceTimersByTime(61_000);
    expect((await lookAt(here, "x"))[0]?.ci.failing?.[0]?.logTail).toBe("expected 1 to be 2");
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
    expect(there.asked.filter((asked) => asked.includes("jobs/7"))).toHaveLength(1);
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
          said("c3", "lint", "linter", { type: "Bot" }),
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
      ["t2", false, true, "b.ts", undefined],
      ["c3", true, false, undefined, undefined],
      ["c1", false, false, undefined, undefined],
      ["r1", false, false, undefined, undefined],
      ["t1", false, false, "a.ts", 3],
    ]);
  });
});

describe("whom GitHub knows us as", () => {
  it("is what gh is signed in with when no token is given, and again after that was revoked (K1)", async () => {
    const folder = tempFolder();
    const says = async (token: string): Promise<void> =>
      writeFile(
        join(folder, "gh"),
        `#!/bin/sh\n[ "$*" = "auth token --hostname github.com" ] && echo ${token}\n`,
        { mode: 0o755 },
      );
    await says("revoked");
    const { there, here } = await scene({ GH_TOKEN: "", PATH: folder });
    there.open({ headRefName: "x" });
    await expect(lookAt(here, "x")).rejects.toMatchObject({
      code: "FORGE_UNAUTHORIZED",
      message: "look at pull requests at acme/app: Bad credentials (401); run gh auth login",
    });
    await says("gh-token");
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
