import { describe, expect, it, onTestFinished, vi } from "vitest";
import { github, type Github } from "../../../adapters/github/github.ts";
import { fakeGithub, type FakeGithub, type Refusal } from "../../support/github.ts";

// What GitHub answers when something is in the way, in its own words, and what a person is told of it.

const until = new AbortController().signal;
const ATTEMPT = { effectId: "forge/app#1.0", orderedAt: 0, attempt: 1, signal: until } as const;
const NOW = Date.parse("2026-01-01T12:00:00Z");
const inMinutes = (minutes: number): string => String(NOW / 1_000 + minutes * 60);

async function scene(): Promise<{ there: FakeGithub; here: Github }> {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  onTestFinished(() => void vi.useRealTimers());
  const there = await fakeGithub();
  const here = github({ GITHUB_API_URL: there.url, GH_TOKEN: there.token, PATH: "" }, "1");
  return { there, here };
}

async function lookAt(here: Github, repository = "acme/app"): Promise<unknown> {
  const wanted = { branches: [{ name: "x", since: 0 }], numbers: [] };
  return here.look(repository, wanted, until);
}

const merging = {
  repo: "/r",
  projectId: "app",
  number: 1,
  title: "t",
  headRef: "x",
  headSha: "a".repeat(40),
  baseRef: "main",
  github: "acme/app",
  review: "given" as const,
};
const opening = {
  github: "acme/app",
  title: "Say hello",
  headRef: "x",
  baseRef: "main",
  body: "",
  draft: false,
};

const SECONDARY =
  "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
const GRAPHQL = { status: 200 } as const;
const errors = (message: string, type?: string): object => ({
  data: { viewer: { login: "agent" }, repository: null },
  errors: [{ message, ...(type !== undefined && { type }) }],
});

describe("a look that GitHub refuses", () => {
  it.each([
    {
      title: "a token that was revoked",
      answer: { status: 401, message: "Bad credentials" },
      code: "FORGE_UNAUTHORIZED",
      says: "Bad credentials (401); start the daemon with a new GH_TOKEN",
    },
    {
      title: "a repository that our token may not see",
      answer: { status: 404, message: "Not Found" },
      code: "FORGE_REFUSED",
      says: "Not Found (404); it is not there, or our token may not see or do that",
    },
    {
      title: "a token that may not read checks",
      answer: {
        ...GRAPHQL,
        body: errors("Resource not accessible by personal access token", "FORBIDDEN"),
      },
      code: "FORGE_REFUSED",
      says: "Resource not accessible by personal access token",
    },
    {
      title: "an organisation that wants single sign-on",
      answer: { status: 403, message: "Resource protected by organization SAML enforcement." },
      code: "FORGE_REFUSED",
      says: "Resource protected by organization SAML enforcement. (403)",
    },
    {
      title: "a storm of 502, with a page",
      answer: { status: 502, message: "<html><body>Unicorn!</body></html>" },
      code: "REMOTE_UNREACHABLE",
      says: "it answered with a page instead of data (502)",
    },
    {
      title: "a storm of 502, with data",
      answer: { status: 502, message: "Server Error" },
      code: "REMOTE_UNREACHABLE",
      says: "Server Error (502)",
    },
    {
      title: "a question that took too long",
      answer: { ...GRAPHQL, body: errors("Something went wrong while executing your query.") },
      code: "REMOTE_UNREACHABLE",
      says: "Something went wrong while executing your query.",
    },
    {
      title: "a question that it does not understand",
      answer: { ...GRAPHQL, body: errors("Field 'x' doesn't exist on type 'PullRequest'") },
      code: "FORGE_REFUSED",
      says: "Field 'x' doesn't exist on type 'PullRequest'",
    },
  ] satisfies { title: string; answer: Refusal; code: string; says: string }[])(
    "for $title fails with $code and says why",
    async ({ answer, code, says }) => {
      const { there, here } = await scene();
      there.refuse(answer);
      const isRetryable = code === "REMOTE_UNREACHABLE";
      const message = `look at pull requests at acme/app: ${says}`;
      await expect(lookAt(here)).rejects.toMatchObject({ code, message, isRetryable });
    },
  );

  it.each([
    {
      title: "the hour is spent",
      answer: {
        status: 403,
        headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": inMinutes(15) },
        message: "API rate limit exceeded for user ID 1.",
      },
      minutes: 15,
    },
    {
      title: "the hour of questions is spent",
      answer: {
        status: 200,
        headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": inMinutes(20) },
        body: errors("API rate limit exceeded for user ID 1.", "RATE_LIMITED"),
      },
      minutes: 20,
    },
    {
      title: "it was too much at once, and it says how long",
      answer: { status: 403, headers: { "retry-after": "120" }, message: SECONDARY },
      minutes: 2,
    },
    {
      title: "it was too much, and only how long says so",
      answer: { status: 403, headers: { "retry-after": "180" }, message: "Slow down." },
      minutes: 3,
    },
    {
      title: "it was too much at once, and only its words say so",
      answer: {
        status: 403,
        headers: { "x-ratelimit-remaining": "4000", "x-ratelimit-reset": inMinutes(50) },
        message: SECONDARY,
      },
      minutes: 1,
    },
    {
      title: "it calls it abuse, as it did of old",
      answer: { status: 403, message: "You have triggered an abuse detection mechanism." },
      minutes: 1,
    },
    {
      title: "it was too much at once, told as an answer",
      answer: { ...GRAPHQL, body: errors(SECONDARY) },
      minutes: 1,
    },
    {
      title: "it was too much, without a word of when",
      answer: { status: 429, message: "Too Many Requests" },
      minutes: 1,
    },
    {
      title: "somebody between says never",
      answer: { status: 429, headers: { "retry-after": "1e12" }, message: "Too Many Requests" },
      minutes: 60,
    },
  ] satisfies { title: string; answer: Refusal; minutes: number }[])(
    "because $title is told with the time at which that is over: $minutes min (K2)",
    async ({ answer, minutes }) => {
      const { there, here } = await scene();
      there.refuse(answer);
      const details = { retryAt: NOW + minutes * 60_000 };
      const over = new Date(NOW + minutes * 60_000).toISOString().replace(".000", "");
      const message = expect.stringMatching(new RegExp(`; not before ${over}$`)) as unknown;
      const limited = { code: "FORGE_LIMITED", isRetryable: true, details, message };
      await expect(lookAt(here)).rejects.toMatchObject(limited);
    },
  );

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
    await expect(lookAt(here, "acme/other")).rejects.toMatchObject({
      code: "FORGE_REFUSED",
      message: "look at pull requests at acme/other: Could not resolve to a Repository",
    });
    const nowhere = github({ GITHUB_API_URL: "http://127.0.0.1:9", GH_TOKEN: "x", PATH: "" }, "1");
    await expect(lookAt(nowhere)).rejects.toMatchObject({ code: "REMOTE_UNREACHABLE" });
  });
});

describe("a merge that GitHub refuses", () => {
  it.each([
    { status: 405, message: "Pull Request is not mergeable" },
    { status: 405, message: 'Required status check "test" is expected.' },
    {
      status: 405,
      message: "At least 1 approving review is required by reviewers with write access.",
    },
    { status: 405, message: "Merge commits are not allowed on this repository." },
    { status: 405, message: "Changes must be made through the merge queue" },
    { status: 409, message: "Head branch was modified. Review and try the merge again." },
    { status: 409, message: "Base branch was modified. Review and try the merge again." },
    {
      status: 422,
      message: "Repository rule violations found\n\nCannot update this protected ref.",
    },
  ])("with $status is not mergeable, in its words: $message", async ({ status, message }) => {
    const { there, here } = await scene();
    there.open({ headRefName: "x" });
    there.mergeRefusal = { status, message };
    await expect(here.mergePullRequest(merging, until)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: `merge #1 at acme/app: ${message}`,
    });
  });

  it.each([
    { status: 403, message: "Repository was archived so is read-only.", code: "FORGE_REFUSED" },
    { status: 403, message: "Resource not accessible by integration", code: "FORGE_REFUSED" },
    { status: 401, message: "Bad credentials", code: "FORGE_UNAUTHORIZED" },
    { status: 502, message: "Server Error", code: "REMOTE_UNREACHABLE" },
    { status: 403, message: SECONDARY, code: "FORGE_LIMITED" },
  ])("with $status fails with $code: $message", async ({ status, message, code }) => {
    const { there, here } = await scene();
    there.open({ headRefName: "x" });
    there.refuse({ status, message, only: /^PUT / });
    await expect(here.mergePullRequest(merging, until)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`merge #1 at acme/app: ${message} (${status})`) as unknown,
    });
    expect(there.merged).toEqual([]);
  });

  it("was closed", async () => {
    const { there, here } = await scene();
    there.open({ headRefName: "x", state: "CLOSED" });
    await expect(here.mergePullRequest(merging, until)).rejects.toMatchObject({
      code: "NOT_MERGEABLE",
      message: "merge #1 at acme/app: it is closed",
    });
  });
});

describe("a pull request that GitHub does not open", () => {
  const custom = { resource: "PullRequest", code: "custom" };
  it.each([
    {
      title: "nothing is new on its branch",
      answer: {
        status: 422,
        body: {
          message: "Validation Failed",
          errors: [{ ...custom, message: "No commits between main and x" }],
        },
      },
      says: "Validation Failed: No commits between main and x (422)",
    },
    {
      title: "its branch is not there",
      answer: {
        status: 422,
        body: {
          message: "Validation Failed",
          errors: [{ resource: "PullRequest", field: "head", code: "invalid" }],
        },
      },
      says: "Validation Failed: head is invalid (422)",
    },
    {
      title: "its repository is archived",
      answer: { status: 403, message: "Repository was archived so is read-only." },
      says: "Repository was archived so is read-only. (403)",
    },
    {
      title: "our token may not write",
      answer: { status: 404, message: "Not Found" },
      says: "Not Found (404); it is not there, or our token may not see or do that",
    },
  ] satisfies { title: string; answer: Refusal; says: string }[])(
    "because $title says so in words",
    async ({ answer, says }) => {
      const { there, here } = await scene();
      there.refuse({ ...answer, only: /^POST .*\/pulls$/ });
      await expect(here.openPullRequest(opening, ATTEMPT)).rejects.toMatchObject({
        code: "FORGE_REFUSED",
        message: `open a pull request of x at acme/app: ${says}`,
      });
    },
  );
});

it("a repository that has another name by now is followed there, and what is written is written once", async () => {
  const { there, here } = await scene();
  there.isRenamed = true;
  await here.check("acme/app", until);
  expect(await here.openPullRequest(opening, ATTEMPT)).toMatchObject({ number: 1 });
  expect(await here.mergePullRequest(merging, until)).toMatchObject({ repeated: false });
  expect(there.pulls.size).toBe(1);
  expect(there.merged).toHaveLength(1);
});
