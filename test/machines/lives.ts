import { array, constantFrom, tuple, type Arbitrary } from "fast-check";
import type { Kind } from "../../machines/kind.ts";
import type { Told } from "../support/step.ts";
import { reviewBegun } from "./review/lives.ts";
import * as samples from "./samples.ts";

const { done, failed, pullRequest } = samples;
const epochs = [1, 2, 3];
const bools = [true, false];

/** Messages of which lives are made, per kind. */
export const terminalTold: Told[] = [
  ...epochs.flatMap((n) => [
    samples.startTerminal(n),
    samples.stopChild(n),
    samples.deliver(`d${n}`, n),
  ]),
  ...epochs.flatMap((epoch) =>
    ["alive", "dead", "failed"].map((process) => ({
      type: "terminal.observed",
      data: { process, epoch, quietMs: 5 },
    })),
  ),
  samples.launched,
  samples.destroyed,
  samples.typedText,
  ...["launchTerminal", "destroyTerminal", "typeText"].map((name) => failed(name)),
  { ...samples.launched, epoch: 1 },
  { type: "timer.retry" },
  { type: "timer.tell" },
  samples.died("session/mer-1", "child.exited"),
];

export const workspaceTold: Told[] = [
  ...epochs.flatMap((n) => [samples.startWorkspace(n), samples.stopChild(n)]),
  ...bools.map((dirty) => ({
    type: "workspace.seen",
    data: { dirty, unpushed: 1, headSha: null, branch: null },
  })),
  done("prepareWorkspace", { path: "/t", branch: "b", headSha: "a", baseSha: "a", adopted: false }),
  failed("prepareWorkspace"),
  done("reclaimWorkspace", { removed: true }),
  ...["dirty", "unpushed"].map((reason) =>
    done("reclaimWorkspace", { removed: false, reason, detail: "" }),
  ),
  failed("reclaimWorkspace"),
];

const config = { worker: { harness: "command", command: "work" } };
export const projectTold: Told[] = [
  ...["none", "local", "github"].map((scm) => ({
    type: "project.register",
    data: { root: "/r", scm, defaultBranch: "main", config },
  })),
  { type: "project.configure", data: { config } },
  ...["pause", "resume", "remove"].map((verb) => ({ type: `project.${verb}` })),
  ...["command", "nobody"].map((harness) => ({
    type: "project.spawn",
    data: { prompt: "p", harness },
  })),
  { type: "session.ended", from: "session/mer-1-1" },
  { type: "session.ended" },
  samples.died("session/mer-1-1", "session.start"),
];

const forgeTold: Told[] = [
  {
    type: "forge.open",
    data: {
      projectId: "mer",
      root: "/r",
      defaultBranch: "main",
      checks: [{ name: "t", command: "true" }],
    },
  },
  { type: "forge.close" },
  ...["a", "b"].map((headRef) => ({
    type: "pull.open",
    data: { title: "T", headRef, session: "mer-1" },
  })),
  ...[1, 2].flatMap((number) => [
    ...["ready", "close", "merge", "check"].map((verb) => ({
      type: `pull.${verb}`,
      data: { number },
    })),
    { type: "pull.comment", data: { number, body: "why?" } },
    ...["approved", "changes_requested"].map((verdict) => ({
      type: "pull.review",
      data: { number, headSha: "h1", verdict, body: "b", runId: `r-${verdict}`, author: "codex" },
    })),
    { type: "pull.resolve", data: { number, commentId: `${number}-1` } },
    ...["h1", "h2"].map((headSha) =>
      done("inspectBranches", {
        pulls: [{ number, headSha, baseSha: "b1", mergeable: true, contained: number === 2 }],
      }),
    ),
  ]),
  { type: "refs.observed", data: { heads: { a: "h1", b: "h2", main: "b1" } } },
  { type: "refs.observed", data: { heads: { a: null } } },
  { type: "timer.inspect" },
  { type: "timer.checks" },
  ...["h1", "h2"].map((headSha) =>
    done("runChecks", {
      headSha,
      checks: [{ name: "t", passed: headSha === "h1", exitCode: 1, durationMs: 1, logTail: "x" }],
    }),
  ),
  done("mergePullRequest", { mergeSha: "m", repeated: false }),
  ...["inspectBranches", "runChecks", "mergePullRequest"].map((name) => failed(name)),
];

const FOLLOWED = {
  url: "https://github.com/acme/app/pull/1",
  number: 1,
  title: "T",
  state: "open",
  headSha: "h1",
  headRef: "a",
  baseRef: "main",
  ci: { state: "none" },
  reviewDecision: "none",
  comments: [],
  mergeable: true,
  updatedAt: 1,
  author: "rita",
  mergeSha: null,
};
/** With GitHub, which may be given up for a forge here at any time. */
export const followingTold: Told[] = [
  ...["acme/app", "acme/other"].map((github) => ({
    type: "forge.open",
    data: { projectId: "mer", root: "/r", defaultBranch: "main", github },
  })),
  ...forgeTold,
  ...["open", "closed", "merged"].map((state) => ({
    type: "pulls.observed",
    data: { fetched: true, pulls: [{ ...FOLLOWED, state, session: "mer-1" }] },
  })),
  { type: "pulls.observed", data: { fetched: false, pulls: [], reason: "away" } },
  done("openPullRequest", FOLLOWED),
  failed("openPullRequest"),
];

const liveness = ["alive", "dead", "failed", "indeterminate"];
export const sessionTold: Told[] = [
  samples.startSession(),
  samples.startSession({ restart: { restart: "permanent", intensity: 1 }, mergeOnGreen: true }),
  samples.startSession({ harness: "claude-code" }),
  samples.workspaceStarted,
  ...epochs.flatMap((n) => [
    samples.terminalStarted(n),
    samples.terminalExited(n),
    samples.terminalExited(n, { cause: "crash" }),
  ]),
  samples.terminalExited(1, { cause: "launch" }),
  { type: "child.exited", from: "workspace/mer-1", data: { epoch: 1, cause: "launch" } },
  samples.childStopped("terminal"),
  samples.childStopped("workspace", { removed: true }),
  samples.childStopped("workspace", { removed: false, reason: "dirty" }),
  { type: "child.quarantined", from: "terminal/mer-1", data: { strikes: 3 } },
  { type: "timer.restart", at: 999_999 },
  { type: "timer.lease", at: 1_999_999 },
  { type: "timer.escalation", at: 1_999_999 },
  { type: "session.tick", at: 2_999_999 },
  { type: "session.lift", at: 2_999_999 },
  { type: "scm.observed", data: { fetched: true, prs: [], released: ["ao://mer/pull/1"] } },
  { type: "timer.lease", at: 9_999_999 },
  ...[3_999_999, 99_999_999, 199_999_999].map((at) => ({ type: "timer.watch", at })),
  ...liveness.map((runtime) =>
    done("inspectTerminal", { epoch: 1, runtime, process: "indeterminate" }),
  ),
  done("inspectTerminal", { epoch: 1, runtime: "dead", process: "dead" }, { at: 900_001 }),
  failed("inspectTerminal"),
  ...(["workspace/mer-1", "terminal/mer-1"] as const).flatMap((to) =>
    ["child.start", "child.stop", "terminal.deliver"].flatMap((name) => [
      samples.died(to, name),
      samples.died(to, name, "ACTOR_UNKNOWN"),
    ]),
  ),
  samples.died("project/mer", "session.ended"),
  ...["manual", "cleanup"].map((kind) => ({ type: "session.kill", data: { kind } })),
  ...["text", "nudge", "coordination"].map((kind) => ({
    type: "session.send",
    data: { text: "go on", kind },
  })),
  { type: "timer.confirm", at: 2_999_999 },
  ...["pre-tool-use", "permission-request", "post-tool-use", "stop", "user-prompt-submit"].map(
    (event) => ({
      type: "activity.observed",
      data: {
        state: event === "permission-request" ? "blocked" : event === "stop" ? "idle" : "active",
        event,
        toolName: "Bash",
        toolUseId: "t1",
        source: "hook",
      },
    }),
  ),
  { type: "session.report", data: { summary: "s" } },
  { type: "session.review" },
  { type: "session.reviewing", data: { autoReview: true } },
  { type: "project.reviewing", data: { reviewers: [{ harness: "codex" }], autoReview: true } },
  ...["aaa", "bbb"].map((headSha) => ({
    type: "review.feedback",
    from: "review/mer-1" as const,
    data: {
      deliveryId: `review:${headSha}`,
      text: "mend it",
      heads: [{ url: "ao://mer/pull/1", number: 1, headSha }],
      providerReviewIds: [],
    },
  })),
  { type: "review.withdraw", data: { deliveryId: "review:aaa", reason: "auto_inject_off" } },
  ...["review:aaa", "review:bbb"].map((deliveryId) => ({
    type: "terminal.delivered",
    data: { deliveryId },
  })),
  ...["mer-1-n1", "mer-1-n2"].map((noticeId) => ({
    type: "session.acknowledge",
    data: { noticeId },
  })),
  done("notifyPerson", {
    noticeId: "mer-1-n1",
    type: "agent-stuck",
    priority: "urgent",
    title: "mer-1 is stuck",
    ways: ["log"],
    failed: [],
    isHeld: false,
  }),
  failed("notifyPerson"),
  ...liveness.flatMap((runtime) =>
    liveness.map((process) => ({ type: "runtime.observed", data: { runtime, process } })),
  ),
  { type: "runtime.observed", data: { runtime: "dead", process: "dead" }, at: 900_000 },
  ...["active", "ready", "idle", "waiting_input", "blocked", "exited"].map((state) => ({
    type: "activity.observed",
    data: { state },
  })),
  ...["draft", "open", "merged", "closed"].map((state) => samples.scm(pullRequest({ state }))),
  samples.scm(pullRequest({ ci: { state: "failing", failing: [{ name: "t" }] } })),
  samples.scm(pullRequest({ reviewDecision: "changes_requested", mergeable: false })),
  samples.scm(pullRequest({ reviewDecision: "approved", mergeable: true })),
  ...bools.map((dirty) => ({
    type: "workspace.observed",
    data: { headSha: "b", branch: "x", dirty, unpushed: 0 },
  })),
  ...["m1", "m4", "m9"].flatMap((deliveryId) => [
    { type: "terminal.delivered", data: { deliveryId } },
    { type: "terminal.undeliverable", data: { deliveryId, reason: "not_live", detail: "" } },
  ]),
];

/** What brings a session, and a terminal, to life: without it few random lives get that far. */
const BEGINNINGS: Readonly<Record<string, readonly Told[]>> = {
  session: [samples.startSession(), samples.workspaceStarted, samples.terminalStarted(1)],
  terminal: [samples.startTerminal(1), samples.launched],
  review: reviewBegun,
};

/** Any life of an actor: it begins with the message that creates it, as in the host. */
export function lives(kind: Kind, told: readonly Told[]): Arbitrary<Told[]> {
  const births = told.filter(({ type }) => kind.creates.includes(type)).map((birth) => [birth]);
  const beginnings = [...births, ...births.map((birth) => BEGINNINGS[kind.name] ?? birth)];
  return tuple(constantFrom(...beginnings), array(constantFrom(...told), { maxLength: 50 })).map(
    ([beginning, rest]) => [...beginning, ...rest],
  );
}
