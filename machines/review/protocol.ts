import { z } from "zod";
import {
  ChildExited,
  ChildQuarantined,
  ChildStarted,
  ChildStopped,
  ChildUnstoppable,
  MailUndeliverable,
} from "../children.ts";
import { EffectFailure, effectDone } from "../effects.ts";
import { Token } from "../ids.ts";
import type { EventOf } from "../message.ts";
import { MOST_BODY } from "./shapes.ts";
import { Reviewing, ReviewRequest, ReviewWishes, WorkerFacts } from "./worker.ts";

/** One result, as it came: what is wrong with it is said with its place in the submission. */
export const Submission = z.object({
  runId: z.string().max(256).default(""),
  verdict: z.string().max(64).default(""),
  body: z.string().max(MOST_BODY).default(""),
  providerReviewId: z.string().max(256).default(""),
});
export type Submission = z.infer<typeof Submission>;

/** Who submits: the process of one epoch in one reviewer's terminal. */
export const ReviewerClaim = z.object({
  terminal: Token,
  epoch: z.number().int().positive(),
});
export type ReviewerClaim = z.infer<typeof ReviewerClaim>;

/** What a review understands. */
export const accepts = {
  "review.trigger": ReviewRequest.extend({ worker: WorkerFacts }),
  "worker.seen": z.object({ worker: WorkerFacts, reviewing: Reviewing.optional() }),
  "review.submit": z.object({
    reviews: z.array(Submission).max(100),
    claim: ReviewerClaim,
  }),
  /** A submission that the edge refused: kept in the journal, for whoever asks who tried. */
  "review.refused": z.object({
    code: z.string().max(64),
    runIds: z.array(z.string().max(256)).max(100),
    by: z.string().max(256),
  }),
  "review.cancel": z.object({}),
  "review.configure": ReviewWishes.extend({
    worker: WorkerFacts,
    reviewing: Reviewing.optional(),
  }),
  "review.activity": z.object({
    claim: ReviewerClaim,
    state: z.enum(["active", "ready", "idle", "waiting_input", "blocked", "exited"]),
    agentSessionId: z.string().max(256).optional(),
  }),
  "feedback.receipt": z.object({
    deliveryId: z.string().max(256),
    state: z.enum(["delivered", "expired", "undeliverable"]),
    reason: z.string().max(2_000).optional(),
  }),
  "child.started": ChildStarted,
  "child.exited": ChildExited,
  "child.stopped": ChildStopped,
  "child.unstoppable": ChildUnstoppable,
  "child.quarantined": ChildQuarantined,
  "mail.undeliverable": MailUndeliverable,
  "prepareReview.done": effectDone("prepareReview"),
  "prepareReview.failed": EffectFailure,
  "verifyReview.done": effectDone("verifyReview"),
  "verifyReview.failed": EffectFailure,
  "findReviewer.done": effectDone("findReviewer"),
  "findReviewer.failed": EffectFailure,
  "releaseReview.done": effectDone("releaseReview"),
  "releaseReview.failed": EffectFailure,
  "timer.due": z.object({}),
};
export type ReviewEvent = EventOf<typeof accepts>;
export type ReviewEventNamed<Type extends ReviewEvent["type"]> = Extract<
  ReviewEvent,
  { type: Type }
>;
