import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { Token } from "../machines/ids.ts";
import { LANE_NAMES, LANES } from "../machines/observations.ts";
import { applied, tellActor, toJson } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { Empty, page, whole } from "./schemas.ts";

const tags = ["intake"];

const IntakeView = z.object({
  received: z.number(),
  applied: z.number(),
  duplicate: z.number(),
  stale: z.number(),
  dead: z.number(),
  lag: z.number(),
  outbox: z.number(),
  timers: z.number(),
  globalSeq: z.number(),
  isBalanced: z.boolean(),
});

const LetterView = z.object({
  id: z.number(),
  at: z.number(),
  code: z.string(),
  message: z.string(),
  subject: z.string(),
  messageId: z.string(),
  to: z.string().optional(),
  body: z.string(),
  isTruncated: z.boolean(),
  retries: z.number(),
  retriedAt: z.number().optional(),
});

/** What comes in, and what could not be applied. */
export function intakeRoutes(app: App, edge: Edge): void {
  bookRoutes(app, edge);
  letterRoutes(app, edge);
  observationRoutes(app, edge);
}

function bookRoutes(app: App, edge: Edge): void {
  app.get(
    "/intake",
    { schema: { tags, summary: "The books of intake", response: { 200: IntakeView } } },
    () => edge.system.report(),
  );
}

function letterRoutes(app: App, edge: Edge): void {
  app.get(
    "/dead-letters",
    {
      schema: {
        tags,
        summary: "Messages that could not be applied, oldest first",
        querystring: page(whole(0), 500),
        response: {
          200: z.object({ letters: z.array(LetterView), next: z.number().nullable() }),
        },
      },
    },
    ({ query: { after = 0, limit } }) => {
      const found = edge.system.store.deadLetters({ after, limit: limit + 1 });
      const letters = found.slice(0, limit);
      return { letters, next: found.length > limit ? (letters.at(-1)?.id ?? null) : null };
    },
  );

  app.post(
    "/dead-letters/:id/retry",
    {
      schema: {
        tags,
        summary: "Try a dead letter again",
        params: z.object({ id: whole(1) }),
        body: Empty,
        response: { 200: z.object({ address: z.string(), seq: z.number() }) },
      },
    },
    async ({ params: { id } }) => {
      if (edge.system.store.deadLetter(id) === undefined) {
        throw new Failure("LETTER_UNKNOWN", `there is no dead letter ${id}`);
      }
      const { address, seq } = applied(await edge.system.retry(id));
      return { address, seq };
    },
  );
}

function observationRoutes(app: App, edge: Edge): void {
  for (const lane of LANE_NAMES) {
    app.post(
      `/observations/${lane}/:session`,
      {
        schema: {
          tags,
          summary: `Publish an observation of ${lane}, as any probe may`,
          params: z.object({ session: Token }),
          body: LANES[lane].body.strict(),
          response: { 202: z.object({ messageId: z.string() }) },
        },
      },
      async (request, reply) => {
        const told = { lane, id: request.params.session, data: toJson(request.body) };
        return reply.code(202).send({ messageId: await tellActor(edge, request, told) });
      },
    );
  }
}
