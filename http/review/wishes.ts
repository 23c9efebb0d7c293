import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Failure } from "../../machines/failures.ts";
import { addressOf } from "../../machines/ids.ts";
import type { ReviewWishes } from "../../machines/review/worker.ts";
import { isReviewer, REVIEWER_HARNESSES } from "../../machines/review/reviewers.ts";
import { knownActor } from "../commands.ts";
import type { App, Edge } from "../edge.ts";
import { passedOn, reviewingOf, viewOf } from "./asking.ts";
import { ReviewsView } from "./view.ts";
import { Id } from "../schemas.ts";

const tags = ["reviews"];

type Wished = (
  request: FastifyRequest,
  wishes: z.infer<typeof ReviewWishes>,
) => Promise<ReviewsView>;

/** How a person wants the reviews of one session. */
export function reviewWishRoutes(app: App, edge: Edge): void {
  const wished: Wished = async (request, wishes) => {
    const { id } = Id.parse(request.params);
    knownActor(edge, addressOf("session", id));
    const data = { ...wishes, reviewing: reviewingOf(edge, id) };
    const mail = "review.configure";
    await passedOn(edge, request, { id, type: "session.reviewing", mail, data });
    return viewOf(edge, id);
  };
  reviewerRoute(app, wished);
  switchRoutes(app, wished);
}

function reviewerRoute(app: App, wished: Wished): void {
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
    async (request, _reply) => {
      const { harness } = request.body;
      if (harness === null || harness === "") return wished(request, { harness: null });
      if (isReviewer(harness)) return wished(request, { harness });
      const known = REVIEWER_HARNESSES.join(", ");
      const message = `choose a reviewer: ${harness} is none; known are ${known}`;
      throw new Failure("UNKNOWN_REVIEWER_HARNESS", message);
    },
  );
}

function switchRoutes(app: App, wished: Wished): void {
  app.put(
    "/sessions/:id/auto-review",
    {
      schema: {
        tags,
        summary: "Whether new heads are reviewed once the worker rests; null is the project's word",
        params: Id,
        body: z.strictObject({ enabled: z.boolean().nullish() }),
        response: { 200: ReviewsView },
      },
    },
    async (request, _reply) => {
      const { enabled } = request.body;
      if (enabled !== undefined) return wished(request, { autoReview: enabled });
      const message = "switch auto-review: enabled is required; true, false, or null";
      throw new Failure("AUTO_REVIEW_ENABLED_REQUIRED", message);
    },
  );
  // PATCH is how the reference names it.
  for (const method of ["PUT", "PATCH"] as const) {
    app.route({
      method,
      url: "/sessions/:id/auto-inject-review",
      schema: {
        tags,
        summary: "Whether requested changes are typed into the worker's terminal",
        params: Id,
        body: z.strictObject({ autoInjectReview: z.boolean() }),
        response: { 200: ReviewsView },
      },
      handler: async (request, _reply) => wished(request, request.body),
    });
  }
}
