import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { printable } from "../../adapters/terminal/text.ts";
import { Failure } from "../../machines/failures.ts";
import { type Address, addressOf, Token } from "../../machines/ids.ts";
import { ActivityObservation, PullRequestFacts } from "../../machines/observations.ts";
import { said as readable } from "../../machines/objective/protocol.ts";
import { STATUSES } from "../../machines/session/status.ts";
import { checkAgentOf } from "../agents.ts";
import { askActor, firstDataOf, knownActor, settleMail, tellActor, toJson } from "../commands.ts";
import type { App, Edge } from "../edge.ts";
import { checkState } from "../filters.ts";
import { Cleaned, CleanupBody, cleanUp } from "../cleanup.ts";
import { knownProject } from "../projects.ts";
import { Empty, Id, page, SpawnBody, StateName, whole } from "../schemas.ts";
import { Explanation, explanationOf } from "./explanation.ts";
import { withKeptWork } from "./kept-work.ts";
import { LastWords, lastWordsOf } from "./last-words.ts";
import { screenOf, terminalRoutes } from "../terminals.ts";
import { messageViews, MessageView, SessionView, statusOf } from "./view.ts";
import { stateOf } from "../stored-state.ts";

const tags = ["sessions"];

const KillBody = z
  .strictObject({ kind: z.enum(["manual", "cleanup", "error"]).default("manual") })
  .nullish();
const SendBody = z.strictObject({ text: readable(1_000_000) });
const ReportBody = z.strictObject({
  summary: readable(65_536),
  outcome: readable(64).default("succeeded"),
});
const Listed = SessionView.extend({ lastWords: LastWords.nullable().optional() });
const MessageId = z.object({ messageId: z.string() });

/** Spawning sessions, steering them and reading them. */
export function sessionRoutes(app: App, edge: Edge): void {
  listRoutes(app, edge);
  spawnRoute(app, edge);
  commandRoutes(app, edge);
  restoreRoute(app, edge);
  signalRoutes(app, edge);
  factRoutes(app, edge);
  terminalRoute(app, edge);
  terminalRoutes(app, edge);
}

function listRoutes(app: App, edge: Edge): void {
  const Query = page(z.string(), 1_000).extend({
    project: Token.optional(),
    state: StateName.optional(),
    status: z.enum(STATUSES).optional(),
    /** Also what each agent wrote last: one look at all screens. */
    words: z.stringbool().default(false),
  });
  app.get(
    "/sessions",
    {
      schema: {
        tags,
        summary:
          "Sessions in order of id; `state` is any state of any axis, `words` adds what each agent wrote last",
        querystring: Query,
        response: {
          200: z.object({ sessions: z.array(Listed), next: z.string().nullable() }),
        },
      },
    },
    async ({ query: { after, limit, project, state, status, words } }) => {
      checkState(edge, { state, kind: "session" });
      if (project !== undefined) knownProject(edge, project);
      const rows = edge.views.list({
        kind: "session",
        state,
        after: after === undefined ? undefined : `session/${after}`,
        limit: limit + 1,
        where: (row) =>
          (project === undefined || row.facts["projectId"] === project) &&
          (status === undefined || statusOf(row, edge.now()) === status),
      });
      const views = await withKeptWork(edge, edge.sessions.all(rows.slice(0, limit)));
      const next = rows.length > limit ? (views.at(-1)?.id ?? null) : null;
      if (!words) return { sessions: views, next };
      const said = await lastWordsOf(edge, views);
      return {
        sessions: views.map((view) => ({ ...view, lastWords: said.get(view.id) ?? null })),
        next,
      };
    },
  );

  app.get(
    "/sessions/:id",
    {
      schema: {
        tags,
        summary: "One session, and why it is where it is",
        params: Id,
        response: { 200: SessionView.extend({ explanation: Explanation }) },
      },
    },
    async ({ params: { id } }) => {
      const row = knownActor(edge, addressOf("session", id));
      const stored = edge.sessions.one(row.address);
      const [view = stored] = await withKeptWork(edge, [stored]);
      return { ...view, explanation: await explanationOf(edge, row, view) };
    },
  );
}

function spawnRoute(app: App, edge: Edge): void {
  app.post(
    "/sessions",
    {
      schema: {
        tags,
        summary: "Start a session; answered when it can be read",
        body: SpawnBody,
        response: { 201: SessionView },
      },
    },
    async (request, reply) => reply.code(201).send(await spawn(edge, request, request.body)),
  );
}

function restoreRoute(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/restore",
    {
      schema: {
        tags,
        summary: "Bring a session that is over back to work: its conversation, else its prompt",
        params: Id,
        body: Empty,
        response: { 200: SessionView },
      },
    },
    async (request, _reply) => {
      const to = sessionOf(edge, request.params.id);
      await askActor(edge, request, { to, type: "session.restore", data: {} });
      return viewOf(edge, to);
    },
  );
}

function commandRoutes(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/kill",
    {
      schema: {
        tags,
        summary: "End a session; ending it again changes nothing",
        params: Id,
        body: KillBody,
        response: { 200: SessionView },
      },
    },
    async (request, _reply) => {
      const data = { kind: request.body?.kind ?? "manual" };
      const to = sessionOf(edge, request.params.id);
      await askActor(edge, request, { to, type: "session.kill", data });
      return viewOf(edge, to);
    },
  );

  app.post(
    "/sessions/:id/send",
    {
      schema: {
        tags,
        summary:
          "Queue a message for its terminal; of control characters only tab and newline stay",
        params: Id,
        body: SendBody,
        response: { 202: MessageId },
      },
    },
    async (request, reply) => {
      const to = sessionOf(edge, request.params.id);
      const text = printable(request.body.text);
      if (text === "") {
        throw new Failure("MALFORMED", "body/text: nothing is left of it but control characters");
      }
      const data = { text };
      const { reply: said } = await askActor(edge, request, { to, type: "session.send", data });
      return reply.code(202).send(MessageId.parse(said));
    },
  );

  app.post(
    "/sessions/cleanup",
    {
      schema: {
        tags,
        summary:
          "Close the sessions whose work is over: done, merged, or ended by itself; `dryRun` only tells which",
        body: CleanupBody.nullish(),
        response: { 200: Cleaned },
      },
    },
    async (request, _reply) => cleanUp(edge, request, request.body ?? {}),
  );
}

/** What an agent says of itself. */
function signalRoutes(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/activity",
    {
      schema: {
        tags,
        summary: "Say what the agent is doing; the same as publishing it",
        params: Id,
        body: ActivityObservation.strict(),
        response: { 202: MessageId },
      },
    },
    async (request, reply) => {
      sessionOf(edge, request.params.id);
      const data = toJson({ ...request.body, ...epochOfCaller(edge, request) });
      const told = { lane: "activity", id: request.params.id, data } as const;
      const messageId = await tellActor(edge, request, told);
      return reply.code(202).send({ messageId });
    },
  );

  app.post(
    "/sessions/:id/report",
    {
      schema: {
        tags,
        summary: "Say how the work ended",
        params: Id,
        body: ReportBody,
        response: { 200: SessionView },
      },
    },
    async (request, _reply) => {
      const to = sessionOf(edge, request.params.id);
      const data = request.body;
      const epoch = epochOfCaller(edge, request);
      await askActor(edge, request, { to, type: "session.report", data, ...epoch });
      return viewOf(edge, to);
    },
  );
}

function factRoutes(app: App, edge: Edge): void {
  const view = (id: string): SessionView => viewOf(edge, addressOf("session", id));
  app.get(
    "/sessions/:id/messages",
    {
      schema: {
        tags,
        summary: "Every message to a session and what became of it",
        params: Id,
        response: { 200: z.object({ messages: z.array(MessageView) }) },
      },
    },
    ({ params: { id } }) => ({
      messages: messageViews(knownActor(edge, addressOf("session", id))),
    }),
  );

  app.get(
    "/sessions/:id/pr",
    {
      schema: {
        tags,
        summary: "Its pull request axis and facts",
        params: Id,
        response: { 200: SessionView.shape.pr.extend({ prs: z.array(PullRequestFacts) }) },
      },
    },
    ({ params: { id } }) => {
      const { pr, prs } = view(id);
      return { ...pr, prs };
    },
  );

  app.get(
    "/sessions/:id/workspace",
    {
      schema: {
        tags,
        summary: "Its worktree",
        params: Id,
        response: { 200: SessionView.shape.workspace },
      },
    },
    ({ params: { id } }) => view(id).workspace,
  );
}

function terminalRoute(app: App, edge: Edge): void {
  app.get(
    "/sessions/:id/terminal",
    {
      schema: {
        tags,
        summary: "Its terminal; with `lines`, also the last lines of its screen",
        params: Id,
        querystring: z.strictObject({
          lines: whole(1, 10_000).optional(),
        }),
        response: { 200: SessionView.shape.terminal.extend({ screen: z.string().optional() }) },
      },
    },
    async ({ params: { id }, query: { lines } }) => {
      const { terminal } = viewOf(edge, addressOf("session", id));
      if (lines === undefined) return terminal;
      return { ...terminal, screen: await screenOf(edge, terminal.id, lines) };
    },
  );
}

async function spawn(
  edge: Edge,
  request: FastifyRequest,
  body: z.infer<typeof SpawnBody>,
): Promise<SessionView> {
  const { projectId, ...rest } = body;
  const to = addressOf("project", projectId);
  const project = knownActor(edge, to);
  if (rest.objectiveId !== undefined) knownObjective(edge, projectId, rest.objectiveId);
  const isBare = rest.command !== undefined && rest.harness === undefined;
  const asked = { ...rest, ...(isBare && { harness: "command" }) };
  await checkAgentOf(edge, project, asked);
  // A repeat of an old request finds its own session there.
  if (rest.branch !== undefined && firstDataOf(edge, request) === undefined) {
    const { root } = z.object({ root: z.string() }).parse(stateOf(project).context);
    await edge.checkBranch?.(root, rest.branch);
  }
  const data = toJson(asked);
  const outcome = await askActor(edge, request, { to, type: "project.spawn", data });
  const { sessionId } = z.object({ sessionId: Token }).parse(outcome.reply);
  const session = addressOf("session", sessionId);
  // A repeat of an old request finds the session there, and its mail long forgotten.
  if (edge.system.snapshot(session) === undefined) await settleMail(edge, outcome);
  return viewOf(edge, session);
}

/** Fails with ACTOR_UNKNOWN for an objective that its project does not have. */
function knownObjective(edge: Edge, projectId: string, id: string): void {
  const { context } = stateOf(knownActor(edge, addressOf("objective", id)));
  if (z.object({ projectId: z.literal(projectId) }).safeParse(context).success) return;
  throw new Failure("ACTOR_UNKNOWN", `project ${projectId} has no objective ${id}`);
}

function viewOf(edge: Edge, address: Address): SessionView {
  return edge.sessions.one(address);
}

function sessionOf(edge: Edge, id: string): Address {
  return knownActor(edge, addressOf("session", id)).address;
}

/** An agent speaks for its own incarnation, whatever its body says. */
function epochOfCaller(edge: Edge, request: FastifyRequest): { epoch?: number } {
  const caller = edge.principalOf(request);
  return caller.type === "agent" ? { epoch: caller.epoch } : {};
}
