import { describe, expect, it } from "vitest";
import {
  decideLiveness,
  evidenceHashOf,
  doubted,
  type LivenessFacts,
} from "../../../machines/session/liveness.ts";
import { ciNudge, fenced } from "../../../machines/session/nudges.ts";
import { PullRequestFacts } from "../../../machines/observations.ts";
import { aggregate, decideOpen, openFactsOf } from "../../../machines/session/pull-requests.ts";
import { pullRequest } from "../samples.ts";

const limits = { maxAttempts: 3, maxMs: 300_000 };
const facts = (more: Record<string, unknown>): PullRequestFacts =>
  PullRequestFacts.parse(pullRequest(more));

describe("liveness", () => {
  const calm = { recentActivity: false, prior: null, at: 0 };
  it.each([
    {
      title: "a kill wins over everything (1)",
      given: { runtime: "alive", process: "alive", killRequested: true },
      state: "terminated",
      reason: "manually_killed",
    },
    {
      title: "a failed runtime probe is never a death (2)",
      given: { runtime: "missing", process: "dead", runtimeProbeFailed: true },
      state: "detecting",
      reason: "probe_failure",
    },
    {
      title: "a failed process probe is never a death (2)",
      given: { runtime: "missing", process: "failed" },
      state: "detecting",
      reason: "probe_failure",
    },
    {
      title: "a probe_failed runtime is never a death (2)",
      given: { runtime: "probe_failed", process: "dead" },
      state: "detecting",
      reason: "probe_failure",
    },
    {
      title: "a dead process in a live runtime is doubted (3)",
      given: { runtime: "alive", process: "dead" },
      state: "detecting",
      reason: "agent_process_exited",
    },
    {
      title: "an unknown process in a live runtime is taken for alive (4)",
      given: { runtime: "alive", process: "indeterminate" },
      state: "working",
      reason: "task_in_progress",
    },
    {
      title: "a live process without a runtime is doubted (5)",
      given: { runtime: "exited", process: "alive" },
      state: "detecting",
      reason: "runtime_lost",
    },
    {
      title: "recent activity puts a death in doubt (5)",
      given: { runtime: "missing", process: "dead", recentActivity: true },
      state: "detecting",
      reason: "runtime_lost",
    },
    {
      title: "exited, dead and quiet is a death (6)",
      given: { runtime: "exited", process: "dead" },
      state: "terminated",
      reason: "runtime_lost",
    },
    {
      title: "missing, dead and quiet is a death (6)",
      given: { runtime: "missing", process: "dead" },
      state: "terminated",
      reason: "runtime_lost",
    },
    {
      title: "an unknown process cannot confirm a death (7)",
      given: { runtime: "missing", process: "indeterminate" },
      state: "detecting",
      reason: "runtime_lost",
    },
    {
      title: "an unknown runtime is doubted (8)",
      given: { runtime: "unknown", process: "dead" },
      state: "detecting",
      reason: "runtime_lost",
    },
  ] satisfies {
    title: string;
    given: Omit<LivenessFacts, keyof typeof calm> & Partial<typeof calm>;
    state: string;
    reason: string;
  }[])("$title", ({ given, state, reason }) => {
    expect(decideLiveness({ ...calm, ...given }, limits)).toMatchObject({ state, reason });
  });

  const hash = evidenceHashOf("one");
  it.each([
    {
      title: "begins with one",
      prior: null,
      at: 5,
      verdict: { state: "detecting", memory: { attempts: 1, startedAt: 5 } },
    },
    {
      title: "counts equal evidence",
      prior: { attempts: 1, startedAt: 0, evidenceHash: hash },
      at: 5,
      verdict: { state: "detecting", memory: { attempts: 2, startedAt: 0 } },
    },
    {
      title: "gives up at the third",
      prior: { attempts: 2, startedAt: 0, evidenceHash: hash },
      at: 5,
      verdict: { state: "stuck", evidenceHash: hash },
    },
    {
      title: "counts other evidence from one, and keeps the start",
      prior: { attempts: 2, startedAt: 0, evidenceHash: "other" },
      at: 5,
      verdict: { state: "detecting", memory: { attempts: 1, startedAt: 0 } },
    },
    {
      title: "waits just before five minutes",
      prior: { attempts: 1, startedAt: 0, evidenceHash: "other" },
      at: 299_999,
      verdict: { state: "detecting" },
    },
    {
      title: "gives up at five minutes",
      prior: { attempts: 1, startedAt: 0, evidenceHash: "other" },
      at: 300_000,
      verdict: { state: "stuck" },
    },
  ])("a doubted $title (A3)", ({ prior, at, verdict }) => {
    expect(doubted({ evidence: "one", reason: "runtime_lost", prior, at }, limits)).toMatchObject(
      verdict,
    );
  });

  it.each([
    {
      a: "failed at 2026-05-26T12:00:00Z x",
      b: "failed at 2026-05-26T12:05:43.218+02:00 x",
      isSame: true,
    },
    { a: "idle since 12:00:00", b: "idle since 13:30:59", isSame: true },
    { a: "at 1716724800 x", b: "at 1716724800123 x", isSame: true },
    { a: "runtime=missing   process=dead", b: "runtime=missing process=dead", isSame: true },
    { a: "runtime_lost", b: "agent_process_exited", isSame: false },
    {
      a: "at 2026-05-26T12:00:00Z runtime=missing",
      b: "at 2026-05-26T12:00:00Z runtime=alive",
      isSame: false,
    },
  ])("'$a' and '$b' are the same evidence: $isSame", ({ a, b, isSame }) => {
    expect(evidenceHashOf(a) === evidenceHashOf(b)).toBe(isSame);
  });
});

describe("pull requests", () => {
  it.each([
    {
      given: { ciFailing: true, changesRequested: true, mergeable: true },
      state: "open",
      reason: "ci_failing",
    },
    { given: { draft: true, ciFailing: true }, state: "draft", reason: "ci_failing" },
    {
      given: { draft: true, changesRequested: true, approved: true, mergeable: true },
      state: "draft",
      reason: "in_progress",
    },
    {
      given: { changesRequested: true, approved: true, mergeable: true },
      state: "open",
      reason: "changes_requested",
    },
    {
      given: { botComments: true, approved: true, mergeable: true },
      state: "open",
      reason: "bot_comments",
    },
    { given: { mergeConflicts: true, approved: true }, state: "open", reason: "merge_conflicts" },
    { given: { approved: true, mergeable: true }, state: "open", reason: "merge_ready" },
    { given: { approved: true, reviewPending: true }, state: "open", reason: "approved" },
    { given: { reviewPending: true }, state: "open", reason: "review_pending" },
    { given: {}, state: "open", reason: "in_progress" },
  ])("$given is $state for $reason", ({ given, state, reason }) => {
    const verdict = decideOpen(given);
    expect([verdict.state, verdict.reason]).toEqual([state, reason]);
  });

  const comment = { id: "1", author: "eve", body: "why?", resolved: false };
  it.each([
    {
      title: "a comment of a person",
      more: { comments: [{ ...comment, isBot: false }] },
      reason: "changes_requested",
    },
    {
      title: "a comment of a bot",
      more: { comments: [{ ...comment, isBot: true }] },
      reason: "bot_comments",
    },
    {
      title: "a resolved comment",
      more: { comments: [{ ...comment, isBot: false, resolved: true }] },
      reason: "in_progress",
    },
    {
      title: "an answered comment",
      more: { comments: [{ ...comment, isBot: false, isAnswered: true }] },
      reason: "in_progress",
    },
    { title: "a conflict", more: { mergeable: false }, reason: "merge_conflicts" },
    {
      title: "a merge that waits for no review",
      more: { mergeable: true, ci: { state: "passing" } },
      reason: "merge_ready",
    },
    {
      title: "checks that still run",
      more: { mergeable: true, ci: { state: "pending" } },
      reason: "in_progress",
    },
    {
      title: "a review that is required",
      more: { mergeable: true, reviewDecision: "required" },
      reason: "review_pending",
    },
  ])("$title comes to $reason", ({ more, reason }) => {
    expect(decideOpen(openFactsOf(facts(more))).reason).toBe(reason);
  });

  const one = facts({});
  const two = { number: 2, url: "ao://mer/pull/2", headRef: "two" };
  it.each([
    {
      title: "the worst of two (Q1)",
      prs: [one, facts({ ...two, ci: { state: "failing" } })],
      verdict: { number: 2, reason: "ci_failing" },
    },
    {
      title: "the draft before the open one (Q1)",
      prs: [one, facts({ ...two, state: "draft" })],
      verdict: { number: 2, state: "draft" },
    },
    {
      title: "not the one that builds on another (Q2)",
      prs: [facts({ mergeable: true }), facts({ ...two, baseRef: "ao/mer-1" })],
      verdict: { number: 1, reason: "merge_ready" },
    },
    {
      title: "the one that builds on another when its author can mend it (Q2)",
      prs: [
        facts({ mergeable: true }),
        facts({ ...two, baseRef: "ao/mer-1", ci: { state: "failing" } }),
      ],
      verdict: { number: 2, reason: "ci_failing" },
    },
    {
      title: "the open one before the merged (Q3)",
      prs: [facts({ state: "merged" }), facts(two)],
      verdict: { number: 2, state: "open" },
    },
    {
      title: "the merged one before the closed (Q3)",
      prs: [facts({ state: "merged" }), facts({ ...two, state: "closed" })],
      verdict: { number: 1, state: "merged" },
    },
  ])("several show $title", ({ prs, verdict }) => {
    expect(aggregate(prs)).toMatchObject(verdict);
  });

  it("shows nothing for none", () => {
    expect(aggregate([])).toBeUndefined();
  });
});

describe("nudges", () => {
  const text = ciNudge(
    facts({
      title: "Mend\u001B[31m it",
      ci: { state: "failing", failing: [{ name: "test", logTail: "a\n```\nb\u0007" }] },
    }),
  );

  it("names the pull request, the check and what to do", () => {
    expect(text).toMatch(/#1 .*fails: test\.[\s\S]*commit and push/);
  });

  it("lets nothing in a log close its fence (N2)", () => {
    expect(text).toContain("````\na\n```\nb\n````");
    expect(fenced("``````")).toBe("```````\n``````\n```````");
  });

  it("types no control characters (N2)", () => {
    // oxlint-disable-next-line eslint/no-control-regex -- those are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F]/);
  });
});
