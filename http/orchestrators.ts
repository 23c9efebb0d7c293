import { z } from "zod";
import { type Address, addressOf, Token } from "../machines/ids.ts";
import { said } from "../machines/objective/protocol.ts";
import { Command } from "../machines/argument.ts";
import { askActor, knownActor, settleMail, toJson } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { knownProject } from "./projects.ts";
import { page } from "./schemas.ts";
import { SessionView } from "./session/view.ts";

const tags = ["orchestrators"];

const OrchestratorBody = z.strictObject({
  projectId: Token,
  /** Ends every active orchestrator of the project first. */
  clean: z.boolean().default(false),
  prompt: said(900_000).optional(),
  harness: z.string().min(1).max(64).optional(),
  command: Command.optional(),
  title: z.string().max(1_000).optional(),
});
const Waiting = z.object({
  sessionId: Token,
  /** Those that have to end before it begins. */
  ending: z.array(Token),
});

/** The sessions that orchestrate a project, and how one takes the place of those before it. */
export function orchestratorRoutes(app: App, edge: Edge): void {
  listRoute(app, edge);
  startRoute(app, edge);
}

function listRoute(app: App, edge: Edge): void {
  app.get(
    "/orchestrators",
    {
      schema: {
        tags,
        summary: "Sessions that orchestrate, in order of id",
        querystring: page(z.string(), 1_000).extend({ project: Token.optional() }),
        response: {
          200: z.object({ orchestrators: z.array(SessionView), next: z.string().nullable() }),
        },
      },
    },
    ({ query: { after, limit, project } }) => {
      if (project !== undefined) knownProject(edge, project);
      const rows = edge.views.list({
        kind: "session",
        after: after === undefined ? undefined : `session/${after}`,
        limit: limit + 1,
        where: ({ facts }) =>
          facts["kind"] === "orchestrator" &&
          (project === undefined || facts["projectId"] === project),
      });
      const shown = edge.sessions.all(rows.slice(0, limit));
      const last = rows.length > limit ? shown.at(-1)?.id : undefined;
      return { orchestrators: shown, next: last ?? null };
    },
  );
}

function startRoute(app: App, edge: Edge): void {
  app.post(
    "/orchestrators",
    {
      schema: {
        tags,
        summary:
          "Start an orchestrator; `clean` ends those before it first, and 202 says that they take long to end",
        body: OrchestratorBody,
        response: { 201: SessionView, 202: Waiting },
      },
    },
    async (request, reply) => {
      const { projectId, ...rest } = request.body;
      const to = addressOf("project", projectId);
      knownProject(edge, projectId);
      const isBare = rest.command !== undefined && rest.harness === undefined;
      const data = toJson({ ...rest, ...(isBare && { harness: "command" }) });
      const outcome = await askActor(edge, request, { to, type: "project.orchestrate", data });
      const { sessionId } = z.object({ sessionId: Token }).parse(outcome.reply);
      const session = addressOf("session", sessionId);
      const isMailed = outcome.orders.some(({ to: addressee }) => addressee === session);
      if (isMailed && edge.system.snapshot(session) === undefined) {
        await settleMail(edge, outcome);
      }
      if (await isBorn(edge, session)) return reply.code(201).send(edge.sessions.one(session));
      return reply.code(202).send({ sessionId, ending: endingOf(edge, to, sessionId) });
    },
  );
}

/** Waits for a session to begin; false when it takes longer than a caller should hang on. */
async function isBorn(edge: Edge, session: Address): Promise<boolean> {
  const isThere = (): boolean => edge.system.snapshot(session) !== undefined;
  if (isThere()) return true;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, edge.patienceMs);
  const unfollow = edge.system.onCommitted(({ summaries }) => {
    if (summaries.some(({ address }) => address === session)) resolve();
  });
  await promise;
  clearTimeout(timer);
  unfollow();
  return isThere();
}

const Stored = z.object({
  succession: z
    .object({ sessionId: z.string(), ending: z.array(z.string()) })
    .nullable()
    .catch(null),
});

function endingOf(edge: Edge, project: Address, sessionId: string): string[] {
  const { snapshot } = knownActor(edge, project);
  const { succession } = z.object({ context: Stored }).parse(snapshot).context;
  return succession?.sessionId === sessionId ? succession.ending : [];
}
