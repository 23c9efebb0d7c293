import { describe, expect, it } from "vitest";
import { forge } from "../../../machines/forge/forge.ts";
import { githubRepositoryOf } from "../../../machines/forge/github.ts";
import type { ForgeContext } from "../../../machines/forge/jobs.ts";
import { livePullsOf, type Pull } from "../../../machines/forge/pulls.ts";
import { machineUnderTest, namesOf, type MachineUnderTest, type Told } from "../../support/step.ts";
import { done, failed } from "../samples.ts";

const OPEN = "effect:openPullRequest";
const MERGE = "effect:mergePullRequest";
const SCM = "observation:scm";

function opened(more: Record<string, unknown> = {}): Told {
  const data = { projectId: "mer", root: "/srv/repo", defaultBranch: "main", ...more };
  return { type: "forge.open", from: "project/mer", data: { github: "acme/app", ...data } };
}

function facts(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    url: "https://github.com/acme/app/pull/7",
    number: 7,
    title: "Mend it",
    state: "open",
    headSha: "h1",
    headRef: "ao/mer-1",
    baseRef: "main",
    ci: { state: "passing" },
    reviewDecision: "none",
    comments: [],
    mergeable: true,
    updatedAt: 5,
    author: "rita",
    mergeSha: null,
    session: "mer-1",
    ...more,
  };
}

function seen(more: Record<string, unknown> = {}): Told {
  return { type: "pulls.observed", data: { fetched: true, pulls: [facts(more)] } };
}
const unseen: Told = {
  type: "pulls.observed",
  data: { fetched: false, pulls: [], reason: "GitHub is away" },
};
const on = (type: string, more: Record<string, unknown> = {}): Told => ({
  type,
  data: { number: 7, ...more },
});
const ask: Told = {
  type: "pull.open",
  data: { title: "Mend it", headRef: "ao/mer-1", session: "mer-1" },
};
function review(verdict: string, more: Record<string, unknown> = {}): Told {
  return on("pull.review", {
    headSha: "h1",
    verdict,
    body: "",
    runId: "r1",
    author: "claude",
    ...more,
  });
}

function forgeUnderTest(...told: readonly Told[]): MachineUnderTest<ForgeContext> {
  const machine = machineUnderTest<ForgeContext>(forge, "mer");
  machine.all(opened(), ...told);
  return machine;
}

function pullOf(machine: MachineUnderTest<ForgeContext>): Pull | undefined {
  return machine.now.context.pulls[7];
}

describe("a forge that GitHub keeps", () => {
  it("is what GitHub said last, and tells the session of what changed (H1)", () => {
    const machine = forgeUnderTest();
    const first = machine.send(seen());
    expect(machine.now.value).toBe("following");
    expect(namesOf(first.orders)).toEqual([SCM]);
    expect(first.orders[0]).toMatchObject({
      id: "mer-1",
      data: { fetched: true, prs: [{ number: 7, headSha: "h1" }] },
    });
    machine.send(seen({ headSha: "h2", ci: { state: "failing", failing: [{ name: "t" }] } }));
    expect(pullOf(machine)).toMatchObject({ headSha: "h2", ci: { state: "failing" } });
    machine.send(seen({ state: "closed" }));
    machine.send(seen());
    expect(pullOf(machine)?.state).toBe("open");
    machine.send(seen({ state: "merged", mergeSha: "m1" }));
    expect(pullOf(machine)).toMatchObject({ state: "merged", mergeSha: "m1" });
  });

  it("takes a failed look for no news of any pull request, and says why it failed until one succeeds (H2)", () => {
    const machine = forgeUnderTest(seen());
    const before = pullOf(machine);
    expect(machine.send(unseen).orders).toEqual([]);
    expect(pullOf(machine)).toBe(before);
    expect(machine.now.context.trouble).toMatchObject({ message: "GitHub is away" });
    machine.send({ type: "pulls.observed", data: { fetched: true, pulls: [] } });
    expect(machine.now.context.trouble).toBeNull();
    expect(pullOf(machine)).toBe(before);
  });

  it.each([
    { there: "none", ours: [], owes: false, is: "none" },
    { there: "none", ours: [], owes: true, is: "required" },
    { there: "none", ours: [review("approved")], owes: true, is: "approved" },
    { there: "none", ours: [review("approved", { headSha: "h0" })], owes: true, is: "required" },
    {
      there: "none",
      ours: [review("approved"), review("changes_requested", { author: "codex" })],
      owes: true,
      is: "changes_requested",
    },
    {
      there: "none",
      ours: [review("changes_requested"), review("approved")],
      owes: true,
      is: "approved",
    },
    { there: "required", ours: [review("approved")], owes: true, is: "required" },
    { there: "approved", ours: [], owes: true, is: "approved" },
    { there: "approved", ours: [review("changes_requested")], owes: true, is: "changes_requested" },
    { there: "changes_requested", ours: [review("approved")], owes: true, is: "changes_requested" },
  ])(
    "is decided by both: $there there, $ours.length verdicts here, owed: $owes → $is (H3)",
    ({ there, ours, owes, is }) => {
      const machine = machineUnderTest<ForgeContext>(forge, "mer");
      machine.all(opened({ owesReview: owes }), seen({ reviewDecision: there }), ...ours);
      expect(pullOf(machine)?.reviewDecision).toBe(is);
      // The same is said again by the next look.
      machine.send(seen({ reviewDecision: there, updatedAt: 9 }));
      expect(pullOf(machine)?.reviewDecision).toBe(is);
      machine.send(seen({ reviewDecision: there, headSha: "h2" }));
      expect(pullOf(machine)?.reviewDecision).toBe(there === "none" && owes ? "required" : there);
    },
  );

  it("owes reviews from the moment that its project says so", () => {
    const machine = forgeUnderTest(seen());
    machine.send({ ...opened({ owesReview: true }), type: "forge.configure" });
    expect(pullOf(machine)?.reviewDecision).toBe("required");
  });

  it("keeps a pull request with the session that claimed it (H4)", () => {
    const machine = forgeUnderTest(seen());
    const claimed = machine.send(on("pull.claim", { session: "mer-2" }));
    expect(namesOf(claimed.orders)).toEqual(["reply", SCM, SCM]);
    machine.send(seen({ updatedAt: 9 }));
    expect(pullOf(machine)?.session).toBe("mer-2");
  });

  it("merges there, and what stands in the way is what GitHub said", () => {
    const machine = forgeUnderTest(seen({ ci: { state: "pending" } }));
    expect(machine.send(on("pull.merge")).orders).toMatchObject([
      { type: "refuse", code: "NOT_MERGEABLE" },
    ]);
    machine.send(seen());
    const { orders } = machine.send(on("pull.merge"));
    expect(namesOf(orders)).toEqual(["reply", MERGE, SCM]);
    expect(orders[1]).toMatchObject({ data: { github: "acme/app", number: 7, headSha: "h1" } });
    machine.send(seen({ updatedAt: 9 }));
    expect(pullOf(machine)?.merging).toBe(true);
    machine.send(failed("mergePullRequest"));
    expect(pullOf(machine)).toMatchObject({
      merging: false,
      state: "open",
      trouble: { code: "GIT_FAILED" },
    });
    machine.send(on("pull.merge"));
    machine.send(done("mergePullRequest", { mergeSha: "m1", repeated: false }));
    expect(pullOf(machine)).toMatchObject({ state: "merged", mergeSha: "m1", merging: false });
    machine.send(seen());
    expect(pullOf(machine)?.state).toBe("merged");
  });

  it("opens one after the other there, each once", () => {
    const machine = forgeUnderTest();
    const other: Told = { type: "pull.open", data: { title: "Other", headRef: "ao/mer-2" } };
    const first = machine.send(ask);
    expect(namesOf(first.orders)).toEqual(["reply", OPEN]);
    expect(first.orders[1]).toMatchObject({
      data: { github: "acme/app", headRef: "ao/mer-1", baseRef: "main" },
    });
    expect(namesOf(machine.send(ask).orders)).toEqual(["reply"]);
    expect(namesOf(machine.send(other).orders)).toEqual(["reply"]);
    const { session: _, ...there } = facts();
    const told = machine.send(done("openPullRequest", there));
    expect(namesOf(told.orders)).toEqual([OPEN, SCM]);
    expect(pullOf(machine)?.session).toBe("mer-1");
    expect(machine.send(ask).orders).toMatchObject([{ data: { number: 7, created: false } }]);
    const refused = machine.send(failed("openPullRequest"));
    expect(refused.orders).toEqual([]);
    expect(machine.now.context.failedOpenings).toMatchObject([
      { headRef: "ao/mer-2", baseRef: "main", trouble: { code: "GIT_FAILED" } },
    ]);
    expect(namesOf(machine.send(other).orders)).toEqual(["reply", OPEN]);
    expect(machine.now.context.failedOpenings).toEqual([]);
  });

  it("tries a merge again that a session asked for, ever more rarely, while it may be merged (F9)", () => {
    const asked: Told = { ...on("pull.merge", { headSha: "h1" }), from: "session/mer-1", at: 0 };
    const machine = forgeUnderTest(seen());
    machine.send(asked);
    const first = machine.send({ ...failed("mergePullRequest"), at: 1_000 });
    expect(first.orders).toContainEqual({ type: "arm", name: "merge", dueAt: 61_000 });
    expect(namesOf(machine.send({ type: "timer.merge", at: 61_000 }).orders)).toContain(MERGE);
    const second = machine.send({ ...failed("mergePullRequest"), at: 62_000 });
    expect(second.orders).toContainEqual({ type: "arm", name: "merge", dueAt: 182_000 });
    machine.send(seen({ ci: { state: "pending" } }));
    expect(namesOf(machine.send({ type: "timer.merge", at: 182_000 }).orders)).not.toContain(MERGE);
    machine.send(seen());
    machine.send(on("pull.merge"));
    expect(namesOf(machine.send(failed("mergePullRequest")).orders)).not.toContain("arm:merge");
  });

  it.each([
    { owes: false, ours: [], more: {}, is: "given" },
    { owes: true, ours: [review("approved")], more: {}, is: "given" },
    { owes: true, ours: [], more: { unreviewed: true }, is: "waived" },
  ])("says with a merge whether it was reviewed: $is", ({ owes, ours, more, is }) => {
    const machine = machineUnderTest<ForgeContext>(forge, "mer");
    machine.all(opened({ owesReview: owes }), seen(), ...ours);
    const { orders } = machine.send(on("pull.merge", more));
    expect(orders[1]).toMatchObject({ name: "mergePullRequest", data: { review: is } });
  });

  it.each(["comment", "resolve", "ready", "close", "check"])("leaves %s to GitHub", (verb) => {
    const machine = forgeUnderTest(seen());
    const more = { body: "b", commentId: "c" };
    expect(machine.send(on(`pull.${verb}`, more)).orders).toMatchObject([
      { type: "refuse", code: "SCM_UNSUPPORTED" },
    ]);
    expect(
      machine.send({ type: `pull.${verb}`, data: { number: 9, ...more } }).orders,
    ).toMatchObject([{ type: "refuse", code: "PULL_REQUEST_UNKNOWN" }]);
  });

  it("forgets the numbers of another keeper when it is opened anew", () => {
    const machine = forgeUnderTest(seen(), ask, { type: "forge.close" });
    machine.send(opened({ github: undefined }));
    expect(machine.now).toMatchObject({
      value: "serving",
      context: { pulls: {}, github: null, jobs: { opening: [] } },
    });
  });

  it("takes no result that was meant for another keeper (F3)", () => {
    const machine = forgeUnderTest(seen({ number: 1 }), ask);
    machine.send({ type: "pull.merge", data: { number: 1 } });
    machine.send({ type: "forge.close" });
    machine.send(opened({ github: undefined }));
    machine.send({ type: "pull.open", data: { title: "Here", headRef: "topic" } });
    machine.send(done("mergePullRequest", { mergeSha: "m1", repeated: false }));
    const { session: _, ...there } = facts({ number: 2 });
    machine.send(done("openPullRequest", there));
    expect(machine.now.context.pulls).toMatchObject({ 1: { headRef: "topic", state: "open" } });
    expect(Object.keys(machine.now.context.pulls)).toEqual(["1"]);
    expect(machine.now.context.jobs).toMatchObject({ merging: null, isOpening: false });
  });

  it("closes one that is not there, whoever invented it", () => {
    const machine = forgeUnderTest(seen());
    const data = { fetched: true, pulls: [], gone: [7, 8] };
    expect(namesOf(machine.send({ type: "pulls.observed", data }).orders)).toEqual([SCM]);
    expect(pullOf(machine)?.state).toBe("closed");
  });

  it("says which are open", () => {
    const machine = forgeUnderTest(
      seen(),
      seen({ number: 8, state: "draft" }),
      seen({ number: 9, state: "closed" }),
    );
    expect(livePullsOf(machine.persisted())).toEqual([7, 8]);
    expect(livePullsOf(undefined)).toEqual([]);
  });
});

it.each([
  { url: "https://github.com/acme/app.git", is: "acme/app" },
  { url: "https://github.com/acme/app/", is: "acme/app" },
  { url: "https://token@github.com/acme/app", is: "acme/app" },
  { url: "git@github.com:acme/my.app.git", is: "acme/my.app" },
  { url: "ssh://git@github.com/acme/app.git", is: "acme/app" },
  { url: "ssh://git@ssh.github.com:443/acme/app.git", is: "acme/app" },
  { url: "https://git.firm.example/acme/app.git", is: "git.firm.example/acme/app" },
  { url: "git@git.firm.example:acme/app.git", is: "git.firm.example/acme/app" },
  { url: "/srv/acme/app.git", is: undefined },
  { url: "file:///srv/acme/app.git", is: undefined },
  { url: "https://github.com/acme", is: undefined },
  { url: "https://github.com/acme/app/pull", is: undefined },
  { url: "", is: undefined },
])("takes $url for the repository $is", ({ url, is }) => {
  expect(githubRepositoryOf(url)).toBe(is);
});
