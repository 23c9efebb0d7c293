import { fingerprint } from "../../../machines/fingerprint.ts";
import type { Told } from "../../support/step.ts";
import { died, done, failed } from "../samples.ts";

/** What a review is told of its worker. */
export function workerFacts(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    revision: 1,
    projectId: "mer",
    root: "/srv/repo",
    scm: "local",
    kind: "worker",
    harness: "command",
    baseRef: "main",
    env: {},
    prs: [pull(1, "a1")],
    workspace: { path: "/srv/tree", branch: "ao/mer-1", headSha: "a1", baseSha: "b0" },
    idleSince: null,
    over: null,
    ended: null,
    ...more,
  };
}

export function pull(
  number: number,
  headSha: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    url: `ao://mer/pull/${number}`,
    number,
    title: `Change ${number}`,
    state: "open",
    headSha,
    headRef: `topic-${number}`,
    baseRef: "main",
    ...more,
  };
}

/** How a project wants its work reviewed. */
export function reviewing(autoReview: boolean): Record<string, unknown> {
  return { ...REVIEWERS, autoReview };
}

const REVIEWERS = { reviewers: [{ harness: "command", command: ["review"] }] };

function trigger(worker: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Told {
  return {
    type: "review.trigger",
    from: "session/mer-1",
    data: { worker: workerFacts(worker), reviewing: REVIEWERS, ...more },
  };
}

export function seen(worker: Record<string, unknown>, wish?: Record<string, unknown>): Told {
  return {
    type: "worker.seen",
    from: "session/mer-1",
    data: { worker: workerFacts(worker), ...(wish && { reviewing: wish }) },
  };
}

const HANDLE = "review-mer-1";

function treesMade(epoch: number, ...runIds: string[]): Told {
  const trees = runIds.map((runId) => ({
    runId,
    path: `/reviews/${epoch}/${runId}`,
    isPinned: true,
    baseSha: "b0",
  }));
  return done("prepareReview", { epoch, trees }, { epoch });
}

function reviewerSays(
  type: "child.started" | "child.exited" | "child.stopped" | "child.unstoppable",
  epoch: number,
  more: Record<string, unknown> = {},
  handle: string = HANDLE,
): Told {
  return { type, from: `terminal/${handle}`, data: { epoch, ...more } };
}

function submit(
  epoch: number,
  reviews: readonly Record<string, unknown>[],
  terminal: string = HANDLE,
): Told {
  return { type: "review.submit", data: { reviews, claim: { terminal, epoch } } };
}

/** A reviewer that works on two pull requests. */
export const reviewBegun: Told[] = [
  trigger({ prs: [pull(1, "a1"), pull(2, "c1")] }),
  treesMade(1, "mer-1-r1", "mer-1-r2"),
  reviewerSays("child.started", 1, { pid: 7 }),
];

const runIds = [1, 2, 3, 4].map((n) => `mer-1-r${n}`);
const epochs = [1, 2, 3, 4];
const FIRST = `review:mer-1:${fingerprint(JSON.stringify(["mer-1-r1"]))}`;
const two = { prs: [pull(1, "a1"), pull(2, "c1")] };
const moved = { revision: 3, prs: [pull(1, "a2"), pull(2, "c1")] };

/** Messages of which lives of a review are made. */
export const reviewTold: Told[] = [
  trigger(),
  trigger(two),
  trigger({ revision: 2, prs: [pull(1, "a2")] }),
  trigger(moved),
  trigger(moved, { force: true }),
  trigger(moved, { restart: true }),
  trigger(two, { harness: "codex" }),
  trigger(two, { missing: ["review"] }),
  trigger({ prs: [] }),
  trigger({ prs: [pull(1, "a1", { state: "merged" })] }),
  seen({ revision: 2, prs: [pull(1, "a2")], idleSince: 0 }, { ...REVIEWERS, autoReview: true }),
  seen({ ...moved, idleSince: 0 }, { ...REVIEWERS, autoReview: true }),
  seen({ revision: 4, prs: [pull(1, "a3")], idleSince: 0 }, { ...REVIEWERS, autoReview: false }),
  seen({ revision: 9, over: "manually_killed" }),
  { type: "review.cancel" },
  ...runIds.flatMap((runId) =>
    [true, false, null].map((isPinned) => {
      const deliveryId = `review:mer-1:${fingerprint(JSON.stringify([runId]))}`;
      return done("verifyReview", { deliveryId, trees: [{ runId, isPinned }] });
    }),
  ),
  ...epochs.flatMap((epoch) => [
    treesMade(epoch, ...runIds),
    failed("prepareReview", { epoch }),
    reviewerSays("child.started", epoch, { pid: 7 }),
    reviewerSays("child.started", epoch, { pid: 8 }, `${HANDLE}-codex`),
    reviewerSays("child.exited", epoch, { cause: "clean", exitCode: 0 }),
    reviewerSays("child.exited", epoch, { cause: "crash", signal: "KILL" }),
    reviewerSays("child.exited", epoch, { cause: "launch", message: "no" }),
    reviewerSays("child.stopped", epoch),
    reviewerSays("child.stopped", epoch, {}, `${HANDLE}-codex`),
    reviewerSays("child.unstoppable", epoch, { code: "TMUX_UNREACHABLE", message: "no" }),
    ...runIds.map((runId) => submit(epoch, [{ runId, verdict: "approved" }])),
    ...runIds.map((runId) => submit(epoch, [{ runId, verdict: "changes_requested", body: "b" }])),
    {
      type: "review.activity",
      data: { claim: { terminal: HANDLE, epoch }, state: epoch % 2 ? "active" : "blocked" },
    },
    failed("verifyReview", { epoch }),
  ]),
  submit(1, []),
  { type: "review.refused", data: { code: "FORBIDDEN", runIds: [], by: "owner" } },
  ...[true, false].map((autoInjectReview) => ({
    type: "review.configure",
    data: { worker: workerFacts(), autoInjectReview },
  })),
  { type: "review.configure", data: { worker: workerFacts(), harness: "nobody" } },
  { type: "review.configure", data: { worker: workerFacts({ idleSince: 0 }), autoReview: true } },
  ...(["delivered", "expired", "undeliverable"] as const).map((state) => ({
    type: "feedback.receipt",
    data: { deliveryId: FIRST, state, reason: "stale_head" },
  })),
  ...["child.start", "child.stop"].flatMap((name) => [
    died(`terminal/${HANDLE}`, name),
    died(`terminal/${HANDLE}`, name, "ACTOR_UNKNOWN"),
  ]),
  died("session/mer-1", "review.feedback"),
  done("findReviewer", { program: "review", isThere: true }),
  done("findReviewer", { program: "review", isThere: false }),
  failed("findReviewer"),
  done("releaseReview", {}),
  failed("releaseReview"),
  { type: "child.quarantined", from: `terminal/${HANDLE}`, data: { strikes: 3 } },
  { type: "timer.due", at: 999_999 },
  { type: "timer.due", at: 9_999_999 },
];
