import { AgentConfig } from "../harness/agent-config.ts";
import { z } from "zod";
import { PullState } from "../pull-state.ts";
import { Token } from "../ids.ts";

// Review worker
//
// What a review knows of the session that it reviews. The session tells it (`worker.seen`) when it changes, and with
// every trigger, so a plan never rests on less than what the session knew when it was asked.

const Sha = z.string().max(64);

/** A reviewer as the project's config names it. */
export const ReviewerWish = AgentConfig.omit({ permissions: true }).strip();
export type ReviewerWish = z.infer<typeof ReviewerWish>;

/** How a project wants its work reviewed. */
export const Reviewing = z.object({
  reviewers: z.array(ReviewerWish).max(16).default([]),
  autoReview: z.boolean().default(false),
});
export type Reviewing = z.infer<typeof Reviewing>;

/** What a session keeps of its reviews. */
export type ReviewLink = {
  /** Wishes passed on so far. */
  readonly asked: number;
  readonly reviewing: Reviewing;
  /** Ids that forges gave to reviews whose findings were told here, newest last. */
  readonly told: readonly string[];
};

export const NO_REVIEWS: ReviewLink = {
  asked: 0,
  reviewing: { reviewers: [], autoReview: false },
  told: [],
};

/** What a trigger asks for. */
export const ReviewRequest = z.object({
  /** An explicit reviewer: a second opinion where another has spoken. */
  harness: z.string().min(1).max(64).optional(),
  /** Past the limit of rounds on one head. */
  force: z.boolean().default(false),
  /** Ends the reviewer and begins its open runs anew. */
  restart: z.boolean().default(false),
  reviewing: Reviewing.optional(),
  /** Programs that were looked for and are not there. */
  missing: z.array(z.string().max(4_096)).max(32).default([]),
});
export type ReviewRequest = z.infer<typeof ReviewRequest>;

/** What a person may say of the reviews of one session; null gives the word back to the project. */
export const ReviewWishes = z.object({
  harness: z.string().max(64).nullish(),
  autoReview: z.boolean().nullish(),
  autoInjectReview: z.boolean().optional(),
});

/** `review.feedback`: results for the worker, as one message. */
export const ReviewFeedback = z.object({
  deliveryId: z.string().max(256),
  text: z.string().min(1).max(1_048_576),
  heads: z.array(z.object({ url: z.string(), number: z.number().int(), headSha: z.string() })),
  providerReviewIds: z.array(z.string()),
});

export const WorkerFacts = z.object({
  /** Grows with every change of the session; an older telling changes nothing. */
  revision: z.number().int().nonnegative(),
  projectId: Token,
  root: z.string(),
  scm: z.string(),
  kind: z.string(),
  harness: z.string(),
  baseRef: z.string(),
  env: z.record(z.string(), z.string()),
  prs: z
    .array(
      z.object({
        url: z.string(),
        number: z.number().int(),
        title: z.string(),
        state: PullState,
        headSha: Sha,
        headRef: z.string(),
        baseRef: z.string(),
      }),
    )
    .max(100),
  workspace: z.object({
    path: z.string().nullable(),
    branch: z.string().nullable(),
    headSha: Sha.nullable(),
    baseSha: Sha.nullable(),
  }),
  /** Since when it has nothing to do; null while it works. Milliseconds since 1970. */
  idleSince: z.number().nullable(),
  /** Why it is not wanted any more; null while it is. */
  over: z.string().nullable(),
  /** Why its agent has ended, though it is wanted; reviews under way go on. */
  ended: z.string().nullable(),
});
export type WorkerFacts = z.infer<typeof WorkerFacts>;

/** A worker of which nothing was told yet. */
export const UNKNOWN_WORKER: WorkerFacts = {
  revision: 0,
  projectId: "none",
  root: "",
  scm: "none",
  kind: "worker",
  harness: "",
  baseRef: "",
  env: {},
  prs: [],
  workspace: { path: null, branch: null, headSha: null, baseSha: null },
  idleSince: null,
  over: null,
  ended: null,
};
