import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { deadline } from "../../adapters/deadline.ts";
import { Failure } from "../../machines/failures.ts";
import { addressOf, Token } from "../../machines/ids.ts";
import type { Reviewing } from "../../machines/review/worker.ts";
import { namedReviewer, programOf } from "../../machines/review/reviewers.ts";
import { ActivityObservation } from "../../machines/observations.ts";
import { Submission } from "../../machines/review/protocol.ts";
import { MOST_BODY, shapesRefusal } from "../../machines/review/shapes.ts";
import type { ReviewerTokenClaim } from "../tokens.ts";
import { ANSWER_WITHIN_MS, askActor, toJson } from "../commands.ts";
import type { App, Edge } from "../edge.ts";
import {
  bodyFailure,
  contextIn,
  passedOn,
  reviewingOf,
  sessionOf,
  SessionFacts,
  viewed,
  viewOf,
} from "./asking.ts";
import { reviewWishRoutes } from "./wishes.ts";
import { ReviewRunView, ReviewsView } from "./view.ts";
import { Empty, Id } from "../schemas.ts";

// Reviews
//
// Asking for reviews, reading them, and taking what reviewers say.
//
//   RV1. A trigger is answered when the review has decided; the launch goes on without its caller.
//   RV2. A submission is believed for the token in its body, whoever carries it.
//   RV3. What cannot be launched for want of a program is refused before anything changes.
//   RV4. What a submission lacks is told before whose it is: of a wrong shape nobody's token makes a right one.
//   RV5. Who submits without a reviewer's token is refused, and who tried stands in the journal of the review.

const tags = ["reviews"];

const TriggerBody = z
  .strictObject({
    harness: z.string().max(64).optional(),
    /** Also where the same head was asked to change often enough. */
    force: z.boolean().optional(),
  })
  .nullish();

const Result = {
  runId: z.string().max(256).optional(),
  verdict: z.string().max(64).optional(),
  body: z.string().max(MOST_BODY).optional(),
  providerReviewId: z.string().max(256).optional(),
  /** An older name of `providerReviewId`. */
  githubReviewId: z.string().max(256).optional(),
};
const SubmitBody = z.strictObject({
  ...Result,
  reviews: z.array(z.strictObject(Result)).max(100).optional(),
  token: z.string().max(1_024).optional(),
});

const Triggered = ReviewsView.extend({
  created: z.boolean(),
  batchId: z.string().nullable(),
  /** Pull requests for which no run was made, and why. */
  skipped: z.array(z.object({ prUrl: z.string(), reason: z.string() })),
});
const Changed = ReviewsView.extend({
  /** Runs that this changed. */
  runIds: z.array(z.string()),
});
const Submitted = z.object({
  review: ReviewRunView,
  reviews: z.array(ReviewRunView),
  reviewerHandleId: z.string(),
});
const TriggerReply = z.object({
  created: z.boolean(),
  batchId: z.string().nullable(),
  runIds: z.array(z.string()),
  skipped: z.array(z.object({ prUrl: z.string(), reason: z.string() })),
});

/** The reviews of sessions. */
export function reviewRoutes(app: App, edge: Edge): void {
  readRoutes(app, edge);
  triggerRoutes(app, edge);
  submitRoute(app, edge);
  cancelRoute(app, edge);
  reviewWishRoutes(app, edge);
  activityRoute(app, edge);
}

function readRoutes(app: App, edge: Edge): void {
  app.get(
    "/sessions/:id/reviews",
    {
      schema: {
        tags,
        summary: "What each pull request needs, and every run",
        params: Id,
        response: { 200: ReviewsView },
      },
    },
    async ({ params: { id } }, reply) => {
      unchecked(reply);
      return viewOf(edge, id);
    },
  );
}

/** Checking a thousand runs once more on their way out would take longer than all the rest. */
function unchecked(reply: FastifyReply): FastifyReply {
  return reply.type("application/json").serializer(JSON.stringify);
}

function triggerRoutes(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/reviews/trigger",
    {
      schema: {
        tags,
        summary: "Review what needs it: 201 when runs were made, 200 when none was needed",
        params: Id,
        body: TriggerBody,
        response: { 200: Triggered, 201: Triggered },
      },
      errorHandler: bodyFailure("INVALID_JSON", true),
    },
    async (request, reply) => {
      const { harness, force } = request.body ?? {};
      const answer = await trigger(edge, request, {
        ...(harness !== undefined && harness !== "" && { harness }),
        force: force ?? false,
        restart: false,
      });
      return unchecked(reply)
        .code(answer.created ? 201 : 200)
        .send(answer);
    },
  );
  app.post(
    "/sessions/:id/reviews/restart",
    {
      schema: {
        tags,
        summary: "End the reviewer and begin its open runs anew; with none open, review again",
        params: Id,
        body: Empty,
        response: { 200: Triggered, 201: Triggered },
      },
    },
    async (request, reply) => {
      const answer = await trigger(edge, request, { force: true, restart: true });
      return unchecked(reply)
        .code(answer.created ? 201 : 200)
        .send(answer);
    },
  );
}

type Wish = { readonly harness?: string; readonly force: boolean; readonly restart: boolean };

async function trigger(
  edge: Edge,
  request: FastifyRequest,
  wish: Wish,
): Promise<z.infer<typeof Triggered>> {
  const { id } = Id.parse(request.params);
  const reviewing = reviewingOf(edge, id);
  const missing = await missingPrograms(edge, id, { reviewing, harness: wish.harness });
  const reply = await passedOn(edge, request, {
    id,
    type: "session.review",
    mail: "review.trigger",
    data: { ...wish, reviewing, missing },
  });
  const { created, batchId, skipped } = TriggerReply.parse(reply);
  return { ...(await viewOf(edge, id)), created, batchId, skipped };
}

const ReviewFacts = z.object({ preferences: z.object({ harness: z.string().nullable() }) });

/** Programs of every reviewer that the trigger may come to, and that are not there (RV3). */
async function missingPrograms(
  edge: Edge,
  id: string,
  { reviewing, harness }: { reviewing: z.infer<typeof Reviewing>; harness: string | undefined },
): Promise<string[]> {
  const { hasProgram } = edge;
  if (hasProgram === undefined) return [];
  const review = edge.reviews.of(id);
  const preference =
    review === undefined ? null : contextIn(review, ReviewFacts).preferences.harness;
  const own = viewed(edge, sessionOf(edge, id), SessionFacts).harness;
  const names = [harness, preference ?? undefined, own, "claude-code"];
  const wishes = [
    ...reviewing.reviewers,
    ...names.flatMap((name) => (name === undefined ? [] : [namedReviewer(name, reviewing)])),
  ];
  const programs = [...new Set(wishes.flatMap((wish) => programOf(wish) ?? []))];
  const looked = await Promise.all(
    programs.map(async (program) => ({ program, isThere: await hasProgram(program) })),
  );
  return looked.flatMap(({ program, isThere }) => (isThere ? [] : [program]));
}

function submitRoute(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/reviews/submit",
    {
      schema: {
        tags,
        summary: "Record results: one, or several at once; all of them or none",
        params: Id,
        body: SubmitBody,
        response: { 200: Submitted },
      },
      errorHandler: bodyFailure("INVALID_BODY"),
    },
    async (request, _reply) => {
      const { id } = request.params;
      sessionOf(edge, id);
      const reviews = resultsOf(id, request.body);
      const claim = await claimOf(edge, request, { id, reviews });
      const to = addressOf("review", id);
      const { terminal, epoch } = claim;
      const data = toJson({ reviews, claim: { terminal, epoch } });
      await askActor(edge, request, { to, type: "review.submit", data });
      return submittedView(
        edge,
        id,
        reviews.map(({ runId }) => runId),
      );
    },
  );
}

/** Whom the token speaks for (RV2). Fails with SUBMIT_TOKEN_INVALID, or FORBIDDEN for another session's. */
async function claimOf(
  edge: Edge,
  request: FastifyRequest<{ Body: { token?: string | undefined } }>,
  { id, reviews }: { id: string; reviews: readonly Submission[] },
): Promise<ReviewerTokenClaim> {
  const { token = "" } = request.body;
  const claim = edge.reviewerTokens?.verify(token);
  if (claim?.sessionId === id) return claim;
  const refusal = tokenRefusal(id, token, claim);
  await recorded(edge, request, {
    id,
    code: refusal.code,
    runIds: reviews.map(({ runId }) => runId),
  });
  throw refusal;
}

function tokenRefusal(id: string, token: string, claim: ReviewerTokenClaim | undefined): Failure {
  const tried = `submit to the review of ${id}`;
  if (claim !== undefined) {
    return new Failure("FORBIDDEN", `${tried}: the token is for session ${claim.sessionId}`);
  }
  const seen =
    token === "" ? "the token of its reviewer is required" : "the token is no reviewer's";
  return new Failure("SUBMIT_TOKEN_INVALID", `${tried}: ${seen}`);
}

/**
 * RV5. Where nobody reviews yet there is no journal, and no run that could be taken. Under an id of its own: the caller's
 * key still stands for what it asked. What cannot be recorded now is refused all the same.
 */
async function recorded(
  edge: Edge,
  request: FastifyRequest,
  { id, ...refused }: { id: string; code: string; runIds: readonly string[] },
): Promise<void> {
  if (edge.reviews.of(id) === undefined) return;
  const caller = edge.principalOf(request);
  const by = "sessionId" in caller ? `${caller.type} ${caller.sessionId}` : caller.type;
  const to = addressOf("review", id);
  const command = { to, type: "review.refused", data: toJson({ ...refused, by }) };
  using due = deadline(ANSWER_WITHIN_MS);
  await edge.system.ask(command, due.signal).catch(() => undefined);
}

/** The results of a body, each whole in itself (RV4). Fails with REVIEW_INVALID. */
function resultsOf(id: string, body: z.infer<typeof SubmitBody>): Submission[] {
  const { reviews, token: _, ...single } = body;
  const tried = `submit to the review of ${id}`;
  const hasSingle = Object.values(single).some((value) => value !== undefined);
  if (reviews !== undefined && hasSingle) {
    throw new Failure("REVIEW_INVALID", `${tried}: give one result, or reviews, not both`);
  }
  const results = (reviews ?? [single]).map(({ githubReviewId, ...result }) =>
    Submission.parse({ providerReviewId: githubReviewId, ...result }),
  );
  const wrong = shapesRefusal(results, tried);
  if (wrong !== undefined) throw new Failure(wrong.code, wrong.message);
  return results;
}

async function submittedView(
  edge: Edge,
  id: string,
  ids: readonly string[],
): Promise<z.infer<typeof Submitted>> {
  const { runs, reviewerHandleId } = await viewOf(edge, id);
  const reviews = ids.flatMap((runId) => runs.find((run) => run.id === runId) ?? []);
  const [review] = reviews;
  if (review === undefined) throw new Error(`review ${id} forgot what was submitted just now`);
  return { review, reviews, reviewerHandleId };
}

function cancelRoute(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/reviews/cancel",
    {
      schema: {
        tags,
        summary: "End every open run and the reviewers that have them; with none open, nothing",
        params: Id,
        body: Empty,
        response: { 200: Changed },
      },
    },
    async (request, _reply) => {
      const { id } = request.params;
      sessionOf(edge, id);
      const to = addressOf("review", id);
      if (edge.reviews.of(id) === undefined) return { ...(await viewOf(edge, id)), runIds: [] };
      const { reply } = await askActor(edge, request, { to, type: "review.cancel", data: {} });
      const { runIds } = z.object({ runIds: z.array(z.string()) }).parse(reply);
      return { ...(await viewOf(edge, id)), runIds };
    },
  );
}

/** What hooks of a reviewer say; `:id` is the handle of its terminal. */
function activityRoute(app: App, edge: Edge): void {
  app.post(
    "/reviews/:id/activity",
    {
      schema: {
        tags,
        summary: "Say what a reviewer is doing: a sign of life",
        params: z.object({ id: Token }),
        body: ActivityObservation.extend({ token: z.string().max(1_024).optional() }).strict(),
        response: { 202: z.object({ accepted: z.boolean() }) },
      },
      errorHandler: bodyFailure("INVALID_JSON", true),
    },
    async (request, reply) => {
      const caller = edge.principalOf(request);
      const claim =
        caller.type === "reviewer" ? caller : edge.reviewerTokens?.verify(request.body.token ?? "");
      if (claim === undefined) {
        const message = `activity of ${request.params.id}: the token of the reviewer is required`;
        throw new Failure("SUBMIT_TOKEN_INVALID", message);
      }
      const { sessionId, terminal, epoch } = claim;
      const { state, agentSessionId } = request.body;
      const to = addressOf("review", sessionId);
      const data = toJson({ claim: { terminal, epoch }, state, agentSessionId });
      const outcome = await askActor(edge, request, { to, type: "review.activity", data });
      return reply.code(202).send(z.object({ accepted: z.boolean() }).parse(outcome.reply));
    },
  );
}
