import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { type Address, addressOf, Token } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import {
  DoneOrder,
  NoteOrder,
  PlanOrder,
  QuestionOrder,
  said,
  SendOrder,
  WorkerOrder,
} from "../../machines/objective/protocol.ts";
import { Command } from "../../machines/argument.ts";
import { refuseAgent } from "../agents.ts";
import { askActor, knownActor, settleMail, toJson } from "../commands.ts";
import type { App, Edge } from "../edge.ts";
import { checkState } from "../filters.ts";
import { deathOf } from "../deaths.ts";
import { objectiveLine, ObjectiveLine, objectiveView, ObjectiveView, WorkerView } from "./view.ts";
import { knownProject } from "../projects.ts";
import { Empty, Id, page, StateName } from "../schemas.ts";

// Objectives
//
// Goals, and the tools with which managers drive them. An agent speaks for itself: who it is comes from its token.

const tags = ["objectives"];
const answer = { 200: ObjectiveView };

const ObjectiveBody = z.strictObject({
  projectId: Token,
  title: z.string().max(200).optional(),
  prompt: said(65_536),
  /** The kind of agent that manages it; the project's when absent. */
  harness: z.string().min(1).max(64).optional(),
  command: Command.optional(),
});
const WorkerId = z.object({ id: Token, worker: Token });

/** Objectives: creating, reading, and the tools of their managers. */
export function objectiveRoutes(app: App, edge: Edge): void {
  readRoutes(app, edge);
  createRoute(app, edge);
  workerRoutes(app, edge);
  toolRoutes(app, edge);
  endRoutes(app, edge);
}

function readRoutes(app: App, edge: Edge): void {
  app.get(
    "/objectives",
    {
      schema: {
        tags,
        summary: "Objectives in order of id: where each stands, why, and what happens next",
        querystring: page(z.string(), 1_000).extend({
          project: Token.optional(),
          state: StateName.optional(),
        }),
        response: {
          200: z.object({ objectives: z.array(ObjectiveLine), next: z.string().nullable() }),
        },
      },
    },
    ({ query: { after, limit, project, state } }) => {
      checkState(edge, { state, kind: "objective" });
      if (project !== undefined) knownProject(edge, project);
      const rows = edge.views.list({
        kind: "objective",
        state,
        after: after === undefined ? undefined : `objective/${after}`,
        limit: limit + 1,
        where: ({ facts }) => project === undefined || facts["projectId"] === project,
      });
      const shown = rows
        .slice(0, limit)
        .map(({ address }) => objectiveLine(knownActor(edge, address), edge.now()));
      return { objectives: shown, next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
    },
  );

  app.get(
    "/objectives/:id",
    {
      schema: {
        tags,
        summary: "One objective: manager, workers, pull requests, questions, and what happens next",
        params: Id,
        response: answer,
      },
    },
    ({ params: { id } }) => viewOf(edge, id),
  );
}

function createRoute(app: App, edge: Edge): void {
  app.post(
    "/objectives",
    {
      schema: {
        tags,
        summary: "Give a project a goal; its manager is ordered with it",
        body: ObjectiveBody,
        response: { 201: ObjectiveView },
      },
    },
    async (request, reply) => {
      const { projectId, ...order } = request.body;
      const to = addressOf("project", projectId);
      const project = knownActor(edge, to);
      const isBare = order.command !== undefined && order.harness === undefined;
      const asked = { ...order, ...(isBare && { harness: "command" }) };
      await refuseAgent(edge, project, { kind: "manager", ...asked });
      const data = toJson(asked);
      const outcome = await askActor(edge, request, { to, type: "project.objective", data });
      const { objectiveId } = z.object({ objectiveId: Token }).parse(outcome.reply);
      // A repeat of an old request finds the objective there, and its mail long forgotten.
      if (edge.system.snapshot(addressOf("objective", objectiveId)) === undefined)
        await settleMail(edge, outcome);
      return reply.code(201).send(viewOf(edge, objectiveId));
    },
  );
}

function workerRoutes(app: App, edge: Edge): void {
  app.post(
    "/objectives/:id/workers",
    {
      schema: {
        tags,
        summary:
          "Plan a worker; it starts when what it depends on has succeeded and a slot is free",
        params: Id,
        body: WorkerOrder.strict(),
        response: { 201: WorkerView },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { body } = request;
      const isBare = body.command !== undefined && body.harness === undefined;
      const order = { ...body, ...(isBare && { harness: "command" }) };
      const { projectId } = viewOf(edge, id);
      const project = knownActor(edge, addressOf("project", projectId));
      await refuseAgent(edge, project, { kind: "worker", ...order });
      const data = toJson(order);
      const outcome = await give(edge, request, { id, type: "objective.worker", data });
      const { workerId } = z.object({ workerId: Token }).parse(outcome.reply);
      return reply.code(201).send(workerOf(edge, id, workerId));
    },
  );

  app.get(
    "/objectives/:id/workers",
    {
      schema: {
        tags,
        summary: "Its workers, in the order in which they were planned",
        params: Id,
        response: { 200: z.object({ workers: z.array(WorkerView) }) },
      },
    },
    ({ params: { id } }) => ({ workers: viewOf(edge, id).workers }),
  );

  app.post(
    "/objectives/:id/workers/:worker/stop",
    {
      schema: {
        tags,
        summary: "End a worker; what depends on it is canceled",
        params: WorkerId,
        body: Empty,
        response: { 200: WorkerView },
      },
    },
    async (request, _reply) => {
      const { id, worker } = request.params;
      await give(edge, request, { id, type: "objective.stop", data: { worker } });
      return workerOf(edge, id, worker);
    },
  );
}

function toolRoutes(app: App, edge: Edge): void {
  const tools = [
    {
      name: "note",
      body: NoteOrder.strict(),
      summary: "Write something down for whoever reads it next",
    },
    {
      name: "plan",
      body: PlanOrder.strict(),
      summary: "Say what the slices are, and which are done",
    },
  ] as const;
  for (const { name, body, summary } of tools) {
    app.post(
      `/objectives/:id/${name}`,
      { schema: { tags, summary, params: Id, body, response: answer } },
      async (request, _reply) => {
        const { id } = request.params;
        await give(edge, request, { id, type: `objective.${name}`, data: toJson(request.body) });
        return viewOf(edge, id);
      },
    );
  }

  app.post(
    "/objectives/:id/send",
    {
      schema: {
        tags,
        summary: "Say something to its manager, whichever that is by then, or to a worker",
        params: Id,
        body: SendOrder.strict(),
        response: { 202: z.object({ objectiveId: z.string() }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await give(edge, request, { id, type: "objective.send", data: toJson(request.body) });
      return reply.code(202).send({ objectiveId: id });
    },
  );

  askRoute(app, edge);
}

function askRoute(app: App, edge: Edge): void {
  app.post(
    "/objectives/:id/ask",
    {
      schema: {
        tags,
        summary: "Ask a person; only the asker waits for the answer",
        params: Id,
        body: QuestionOrder.strict(),
        response: { 201: z.object({ questionId: z.string() }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const data = toJson(request.body);
      const outcome = await give(edge, request, { id, type: "objective.ask", data });
      const told = z.object({ questionId: Token }).parse(outcome.reply);
      if (edge.system.snapshot(addressOf("question", told.questionId)) === undefined)
        await settleMail(edge, outcome);
      return reply.code(201).send(told);
    },
  );
}

function endRoutes(app: App, edge: Edge): void {
  app.post(
    "/objectives/:id/done",
    {
      schema: {
        tags,
        summary: "The goal is reached; refused while a pull request or a worker is open",
        params: Id,
        body: DoneOrder.strict(),
        response: answer,
      },
    },
    async (request, _reply) => {
      const { id } = request.params;
      await give(edge, request, { id, type: "objective.done", data: toJson(request.body) });
      return viewOf(edge, id);
    },
  );

  app.post(
    "/objectives/:id/cancel",
    {
      schema: {
        tags,
        summary: "End it and all that it runs; doing so again changes nothing",
        params: Id,
        body: Empty,
        response: answer,
      },
    },
    async (request, _reply) => {
      const { id } = request.params;
      const to = objectiveOf(edge, id);
      await askActor(edge, request, { to, type: "objective.cancel", data: {} });
      return viewOf(edge, id);
    },
  );
}

/** A command in the name of whoever asks; what came of it. */
async function give(
  edge: Edge,
  request: FastifyRequest,
  { id, type, data }: { id: string; type: string; data: JsonObject },
): Promise<Awaited<ReturnType<typeof askActor>>> {
  const to = objectiveOf(edge, id);
  const caller = edge.principalOf(request);
  const by =
    caller.type === "agent" ? { session: caller.sessionId, epoch: caller.epoch } : undefined;
  return askActor(edge, request, {
    to,
    type,
    data: { ...data, ...(by !== undefined && { by }) },
  });
}

function objectiveOf(edge: Edge, id: string): Address {
  return knownActor(edge, addressOf("objective", id)).address;
}

function viewOf(edge: Edge, id: string): ObjectiveView {
  const row = knownActor(edge, addressOf("objective", id));
  return objectiveView(row, edge.now(), (session) =>
    deathOf(edge.system.snapshot(addressOf("session", session))),
  );
}

function workerOf(edge: Edge, id: string, worker: string): z.infer<typeof WorkerView> {
  const found = viewOf(edge, id).workers.find((each) => each.id === worker);
  if (found === undefined) throw new Error(`worker ${worker} of ${id} was just there`);
  return found;
}
