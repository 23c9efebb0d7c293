import type { FastifyError, FastifyRequest } from "fastify";
import { z } from "zod";
import { deadline } from "../../adapters/deadline.ts";
import { Failure, type FailureCode } from "../../machines/failures.ts";
import { type Address, addressOf } from "../../machines/ids.ts";
import { Reviewing } from "../../machines/review/worker.ts";
import { ANSWER_WITHIN_MS, applied, askActor, knownActor, toJson } from "../commands.ts";
import type { SnapshotRow } from "../../storage/store.ts";
import type { Edge } from "../edge.ts";
import { failureOf } from "../failures.ts";
import { reviewsView, type ReviewsView } from "./view.ts";

// What every route about reviews asks: whose they are, how they stand, and what becomes of a wish.

/** What the review makes of a wish that its session passes on. Fails with what it was refused with. */
export async function passedOn(
  edge: Edge,
  request: FastifyRequest,
  asked: { id: string; type: string; mail: string; data: object },
): Promise<unknown> {
  const { id, type, mail, data } = asked;
  const to = sessionOf(edge, id);
  const outcome = await askActor(edge, request, { to, type, data: toJson(data) });
  const order = outcome.orders.find(({ name }) => name === mail);
  if (order === undefined) throw new Error(`session ${id} passed no ${mail} on`);
  using due = deadline(ANSWER_WITHIN_MS);
  return applied(await edge.system.settled(order.id, due.signal)).reply;
}

/** How the project wants it now: newer than what the session was told when it began. */
export function reviewingOf(edge: Edge, id: string): z.infer<typeof Reviewing> {
  const { projectId } = viewed(edge, sessionOf(edge, id), SessionFacts);
  const project = edge.system.snapshot(addressOf("project", projectId));
  if (project === undefined) return { reviewers: [], autoReview: false };
  const { config } = viewed(edge, project.address, ProjectFacts);
  const { reviewers, autoReview } = config ?? { reviewers: [], autoReview: undefined };
  return Reviewing.parse({ reviewers, autoReview: autoReview ?? false });
}

/** What is read of a session here. */
export const SessionFacts = z.object({ projectId: z.string(), harness: z.string() });
const SessionPlace = z.object({ root: z.string() });
const ProjectFacts = z.object({
  config: z
    .object({ reviewers: z.array(z.unknown()), autoReview: z.boolean().nullish() })
    .nullable(),
});

/** What is read of an actor's row. Fails with ACTOR_UNKNOWN. */
export function viewed<Shape extends z.ZodType>(
  edge: Edge,
  address: Address,
  shape: Shape,
): z.infer<Shape> {
  return contextIn(knownActor(edge, address), shape);
}

/** What is read of a row. */
export function contextIn<Shape extends z.ZodType>(
  { snapshot }: SnapshotRow,
  shape: Shape,
): z.infer<Shape> {
  return shape.parse(z.object({ context: z.unknown() }).parse(snapshot).context);
}

/** The reviews of a session as they are now. Fails with REVIEW_NOT_FOUND for no session. */
export async function viewOf(edge: Edge, id: string): Promise<ReviewsView> {
  const row = rowOf(edge, id);
  const view = reviewsView(row, edge.reviews.of(id));
  const isolation = await edge.isolation?.(contextIn(row, SessionPlace).root);
  return isolation === undefined ? view : { ...view, isolation };
}

/** The session whose reviews are asked for. Fails with REVIEW_NOT_FOUND. */
export function sessionOf(edge: Edge, id: string): Address {
  return rowOf(edge, id).address;
}

function rowOf(edge: Edge, id: string): SnapshotRow {
  const row = edge.system.snapshot(addressOf("session", id));
  if (row === undefined) throw new Failure("REVIEW_NOT_FOUND", `there is no session ${id}`);
  return row;
}

/** For a route: what is malformed about its body is named by this code. */
export function bodyFailure(code: FailureCode, isJsonOnly = false): (error: FastifyError) => never {
  return (error) => {
    const failure = failureOf(error);
    const isJson = error.code === "FST_ERR_CTP_INVALID_JSON_BODY";
    const isOurs = failure.code === "MALFORMED" && (isJson || !isJsonOnly);
    throw isOurs ? new Failure(code, failure.message, { details: failure.details }) : error;
  };
}
