import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { type Address, addressOf, Token } from "../machines/ids.ts";
import { Reviewing, type ReviewWishes } from "../machines/review-worker.ts";
import { namedReviewer, programOf } from "../machines/reviewers.ts";
import { ActivityObservation } from "../machines/observations.ts";
import type { ReviewerTokenClaim } from "./tokens.ts";
import { ANSWER_WITHIN_MS, applied, askActor, knownActor, toJson } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { reviewsView, ReviewRunView, ReviewsView } from "./review-view.ts";
import { Empty, Id } from "./schemas.ts";

// Reviews
//
// Asking for reviews, reading them, and taking what reviewers say.
//
//   RV1. A trigger is answered when the review has decided; the launch goes on without its caller.
//   RV2. A submission is believed for the token in its body, whoever carries it.
//   RV3. What cannot be launched for want of a program is refused before anything changes.

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
  body: z.string().max(1_000_000).optional(),
  providerReviewId: z.string().max(256).optional(),
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
  wishRoutes(app, edge);
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
    // Checking a thousand runs once more on their way out would take longer than all the rest.
    ({ params: { id } }, reply) => {
      reply.type("application/json").serializer(JSON.stringify);
      return viewOf(edge, id);
    },
  );
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
    },
    async (request, reply) => {
      const { harness, force } = request.body ?? {};
      const answer = await trigger(edge, request, {
        ...(harness !== undefined && harness !== "" && { harness }),
        force: force ?? false,
        restart: false,
      });
      return reply.code(answer.created ? 201 : 200).send(answer);
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
      return reply.code(answer.created ? 201 : 200).send(answer);
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
  return { ...viewOf(edge, id), created, batchId, skipped };
}

/** What the review makes of a wish that its session passes on. Fails with what it was refused with. */
async function passedOn(
  edge: Edge,
  request: FastifyRequest,
  asked: { id: string; type: string; mail: string; data: object },
): Promise<unknown> {
  const { id, type, mail, data } = asked;
  const to = sessionOf(edge, id);
  const outcome = await askActor(edge, request, { to, type, data: toJson(data) });
  const order = outcome.orders.find(({ name }) => name === mail);
  if (order === undefined) throw new Error(`session ${id} passed no ${mail} on`);
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return applied(await edge.system.settled(order.id, signal)).reply;
}

/** How the project wants it now: newer than what the session was told when it began. */
function reviewingOf(edge: Edge, id: string): z.infer<typeof Reviewing> {
  const { projectId } = viewed(edge, sessionOf(edge, id), SessionFacts);
  const project = edge.system.store.snapshot(addressOf("project", projectId));
  if (project === undefined) return { reviewers: [], autoReview: false };
  const { config } = viewed(edge, project.address, ProjectFacts);
  const { reviewers, autoReview } = config ?? { reviewers: [], autoReview: undefined };
  return Reviewing.parse({ reviewers, autoReview: autoReview ?? false });
}

const SessionFacts = z.object({ projectId: z.string(), harness: z.string() });
const ReviewFacts = z.object({ preferences: z.object({ harness: z.string().nullable() }) });
const ProjectFacts = z.object({
  config: z
    .object({ reviewers: z.array(z.unknown()), autoReview: z.boolean().nullish() })
    .nullable(),
});

function viewed<Shape extends z.ZodType>(
  edge: Edge,
  address: Address,
  shape: Shape,
): z.infer<Shape> {
  const { snapshot } = knownActor(edge, address);
  return shape.parse(z.object({ context: z.unknown() }).parse(snapshot).context);
}

/** Programs of every reviewer that the trigger may come to, and that are not there (RV3). */
async function missingPrograms(
  edge: Edge,
  id: string,
  { reviewing, harness }: { reviewing: z.infer<typeof Reviewing>; harness: string | undefined },
): Promise<string[]> {
  const { hasProgram } = edge;
  if (hasProgram === undefined) return [];
  const review = edge.system.store.snapshot(addressOf("review", id));
  const preference =
    review === undefined ? null : viewed(edge, review.address, ReviewFacts).preferences.harness;
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
    },
    async (request, _reply) => {
      const { id } = request.params;
      sessionOf(edge, id);
      const claim = claimOf(edge, id, request.body.token);
      const reviews = resultsOf(id, request.body);
      const to = addressOf("review", id);
      const { terminal, epoch } = claim;
      const data = toJson({ reviews, claim: { terminal, epoch } });
      await askActor(edge, request, { to, type: "review.submit", data });
      return submittedView(
        edge,
        id,
        reviews.map(({ runId = "" }) => runId),
      );
    },
  );
}

/** Whom the token speaks for (RV2). Fails with SUBMIT_TOKEN_INVALID, or FORBIDDEN for another session's. */
function claimOf(edge: Edge, id: string, token: string | undefined): ReviewerTokenClaim {
  const tried = `submit to the review of ${id}`;
  if (token === undefined || token === "") {
    throw new Failure("SUBMIT_TOKEN_INVALID", `${tried}: the token of its reviewer is required`);
  }
  const claim = edge.reviewerTokens?.verify(token);
  if (claim === undefined) {
    throw new Failure("SUBMIT_TOKEN_INVALID", `${tried}: the token is no reviewer's`);
  }
  if (claim.sessionId === id) return claim;
  throw new Failure("FORBIDDEN", `${tried}: the token is for session ${claim.sessionId}`);
}

function resultsOf(
  id: string,
  body: z.infer<typeof SubmitBody>,
): z.infer<z.ZodObject<typeof Result>>[] {
  const { reviews, token: _, ...single } = body;
  const hasSingle = Object.values(single).some((value) => value !== undefined);
  if (reviews === undefined) return [single];
  if (!hasSingle) return reviews;
  throw new Failure(
    "REVIEW_INVALID",
    `submit to the review of ${id}: give one result, or reviews, not both`,
  );
}

function submittedView(edge: Edge, id: string, ids: readonly string[]): z.infer<typeof Submitted> {
  const { runs, reviewerHandleId } = viewOf(edge, id);
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
      if (edge.system.store.snapshot(to) === undefined) return { ...viewOf(edge, id), runIds: [] };
      const { reply } = await askActor(edge, request, { to, type: "review.cancel", data: {} });
      const { runIds } = z.object({ runIds: z.array(z.string()) }).parse(reply);
      return { ...viewOf(edge, id), runIds };
    },
  );
}

/** How a person wants the reviews of one session. */
function wishRoutes(app: App, edge: Edge): void {
  const wished = async (
    request: FastifyRequest,
    wishes: z.infer<typeof ReviewWishes>,
  ): Promise<ReviewsView> => {
    const { id } = Id.parse(request.params);
    const data = { ...wishes, reviewing: reviewingOf(edge, id) };
    await passedOn(edge, request, {
      id,
      type: "session.reviewing",
      mail: "review.configure",
      data,
    });
    return viewOf(edge, id);
  };
  app.put(
    "/sessions/:id/reviewer",
    {
      schema: {
        tags,
        summary: "Who reviews this session; empty gives the choice back to the project",
        params: Id,
        body: z.strictObject({ harness: z.string().max(64).nullable() }),
        response: { 200: ReviewsView },
      },
    },
    async (request, _reply) =>
      wished(request, { harness: request.body.harness === "" ? null : request.body.harness }),
  );
  app.put(
    "/sessions/:id/auto-review",
    {
      schema: {
        tags,
        summary: "Whether new heads are reviewed once the worker rests; null is the project's word",
        params: Id,
        body: z.strictObject({ enabled: z.boolean().nullable() }),
        response: { 200: ReviewsView },
      },
    },
    async (request, _reply) => wished(request, { autoReview: request.body.enabled }),
  );
  app.put(
    "/sessions/:id/auto-inject-review",
    {
      schema: {
        tags,
        summary: "Whether requested changes are typed into the worker's terminal",
        params: Id,
        body: z.strictObject({ autoInjectReview: z.boolean() }),
        response: { 200: ReviewsView },
      },
    },
    async (request, _reply) => wished(request, request.body),
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
        body: ActivityObservation.extend({ token: z.string().max(1_024).optional() }),
        response: { 202: z.object({ accepted: z.boolean() }) },
      },
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

function viewOf(edge: Edge, id: string): ReviewsView {
  const session = knownActor(edge, addressOf("session", id));
  return reviewsView(session, edge.system.store.snapshot(addressOf("review", id)));
}

function sessionOf(edge: Edge, id: string): Address {
  return knownActor(edge, addressOf("session", id)).address;
}
