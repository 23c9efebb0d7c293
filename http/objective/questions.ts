import { z } from "zod";
import { addressOf, splitAddress, Token } from "../../machines/ids.ts";
import { said } from "../../machines/objective/protocol.ts";
import type { SnapshotRow } from "../../storage/store.ts";
import { askActor, knownActor } from "../commands.ts";
import type { App, Edge } from "../edge.ts";
import { knownProject } from "../projects.ts";
import { Empty, Id, page } from "../schemas.ts";
import { stateOf } from "../stored-state.ts";

// Questions
//
// What waits for a person, and the way to answer it.

const tags = ["questions"];

export const QuestionView = z.object({
  id: z.string(),
  objectiveId: z.string().catch(""),
  projectId: z.string().catch(""),
  /** The session that asked; null when it is the objective itself. */
  asker: z.string().nullable().catch(null),
  kind: z.enum(["ask", "escalation"]).catch("ask"),
  state: z.string(),
  text: z.string().catch(""),
  options: z.array(z.string()).catch([]),
  /** How the objective stood when it was asked. */
  context: z.string().catch(""),
  answer: z.string().nullable().catch(null),
  askedAt: z.number().catch(0),
  answeredAt: z.number().nullable().catch(null),
  deliveredAt: z.number().nullable().catch(null),
});

/** Questions of objectives to a person. */
export function questionRoutes(app: App, edge: Edge): void {
  app.get(
    "/questions",
    {
      schema: {
        tags,
        summary: "Questions that wait for an answer, or with `all` every one",
        querystring: page(z.string(), 1_000).extend({
          objective: Token.optional(),
          project: Token.optional(),
          all: z.stringbool().optional(),
        }),
        response: {
          200: z.object({ questions: z.array(QuestionView), next: z.string().nullable() }),
        },
      },
    },
    ({ query: { after, limit, objective, project, all } }) => {
      if (project !== undefined) knownProject(edge, project);
      if (objective !== undefined) knownActor(edge, addressOf("objective", objective));
      const rows = edge.views.list({
        kind: "question",
        state: all === true ? undefined : "open",
        after: after === undefined ? undefined : `question/${after}`,
        limit: limit + 1,
        where: ({ facts }) =>
          (objective === undefined || facts["objectiveId"] === objective) &&
          (project === undefined || facts["projectId"] === project),
      });
      const shown = rows.slice(0, limit).map(({ address }) => viewOf(knownActor(edge, address)));
      return { questions: shown, next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
    },
  );

  app.get(
    "/questions/:id",
    { schema: { tags, summary: "One question", params: Id, response: { 200: QuestionView } } },
    ({ params: { id } }) => viewOf(knownActor(edge, addressOf("question", id))),
  );

  const verbs = [
    {
      name: "answer",
      body: z.strictObject({ answer: said(8_192).trim() }),
      summary: "Answer it; the answer reaches the asker's terminal",
    },
    { name: "dismiss", body: Empty, summary: "Close it without an answer" },
  ] as const;
  for (const { name, body, summary } of verbs) {
    app.post(
      `/questions/:id/${name}`,
      { schema: { tags, summary, params: Id, body, response: { 200: QuestionView } } },
      async (request, _reply) => {
        const { address: to } = knownActor(edge, addressOf("question", request.params.id));
        const data = { ...request.body };
        await askActor(edge, request, { to, type: `question.${name}`, data });
        return viewOf(knownActor(edge, to));
      },
    );
  }
}

function viewOf(row: SnapshotRow): z.infer<typeof QuestionView> {
  const { value, context } = stateOf(row);
  const state = typeof value === "string" ? value : "open";
  return QuestionView.parse({ ...context, id: splitAddress(row.address).id, state });
}
