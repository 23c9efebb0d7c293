import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { type Address, addressOf, Token } from "../machines/ids.ts";
import { said as readable } from "../machines/objective/protocol.ts";
import { askActor, firstDataOf, knownActor, toJson } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { knownProject } from "./projects.ts";
import { Accepted, Empty, Id, PullView, whole } from "./schemas.ts";
import { stateOf } from "./stored-state.ts";

const tags = ["pulls"];
const Ref = z.string().min(1).max(256);
const PullId = z.object({ id: Token, number: whole(1) });
const OpenBody = z.strictObject({
  title: readable(1_000),
  headRef: Ref,
  baseRef: Ref.optional(),
  session: Token.optional(),
  body: z.string().max(65_536).optional(),
  draft: z.boolean().optional(),
});
const CommentBody = z.strictObject({
  body: readable(65_536),
  author: readable(256).default("owner"),
  isBot: z.boolean().default(false),
  path: z.string().max(1_024).optional(),
  line: z.number().int().positive().optional(),
});
const MergeBody = z
  .strictObject({
    /** Also where its head was not reviewed yet; never where changes were requested. */
    unreviewed: z.boolean().optional(),
  })
  .nullish();
const Opened = z.object({
  number: z.number(),
  url: z.string(),
  /** False when there was a live one of these branches already. */
  created: z.boolean().default(true),
});
const Trouble = PullView.shape.trouble;
const FailedOpening = z.object({
  headRef: z.string(),
  baseRef: z.string(),
  trouble: Trouble.unwrap(),
});
const Stored = z.object({
  pulls: z.record(z.string(), z.unknown()).catch({}),
  trouble: Trouble.catch(null),
  failedOpenings: z.array(FailedOpening).catch([]),
});
/** What GitHub was asked to open, until it has. */
const Opening = z.object({ opening: z.literal(true) });
type PullView = z.infer<typeof PullView>;

/** Pull requests that the daemon itself keeps (`scm: local`), or follows at GitHub (`scm: github`). */
export function pullRoutes(app: App, edge: Edge): void {
  readRoutes(app, edge);
  openRoute(app, edge);
  commentRoute(app, edge);
  turnRoutes(app, edge);
  claimRoute(app, edge);
}

function readRoutes(app: App, edge: Edge): void {
  app.get(
    "/projects/:id/pulls",
    {
      schema: {
        tags,
        summary: "Pull requests of a project, by number",
        params: Id,
        response: {
          200: z.object({
            pulls: z.array(PullView),
            /** Why GitHub could not be asked last. */
            trouble: Trouble,
            /** Pull requests that GitHub did not open when it was asked to, and why. */
            failedOpenings: z.array(FailedOpening),
          }),
        },
      },
    },
    ({ params: { id } }) => pullsOf(edge, id),
  );

  app.get(
    "/projects/:id/pulls/:number",
    { schema: { tags, summary: "One pull request", params: PullId, response: { 200: PullView } } },
    ({ params: { id, number } }) => pullOf(edge, id, number),
  );
}

function openRoute(app: App, edge: Edge): void {
  app.post(
    "/projects/:id/pulls",
    {
      schema: {
        tags,
        summary: "Open a pull request on a branch",
        params: Id,
        body: OpenBody,
        // Where GitHub keeps it, it is there a moment later.
        response: { 200: Opened, 201: Opened, 202: Accepted },
      },
    },
    async (request, reply) => {
      const session = callerOf(edge, request) ?? request.body.session;
      // News of it would go to nobody for ever.
      if (session !== undefined) knownActor(edge, addressOf("session", session));
      const to = forgeOf(edge, request.params.id);
      // A repeat is answered with the first outcome, though the branch may be merged and gone by now.
      if (firstDataOf(edge, request) === undefined) await checkBranches(edge, request);
      const { reply: said } = await askActor(edge, request, {
        to,
        type: "pull.open",
        data: toJson({ ...request.body, session }),
      });
      if (Opening.safeParse(said).success) return reply.code(202).send({ accepted: true });
      const opened = Opened.parse(said);
      return reply.code(opened.created ? 201 : 200).send(opened);
    },
  );
}

/** A pull request that compares nothing would stand there without a head for ever. */
async function checkBranches(
  edge: Edge,
  { params: { id }, body }: { params: { id: string }; body: z.infer<typeof OpenBody> },
): Promise<void> {
  const { root, defaultBranch } = knownProject(edge, id);
  const { headRef, baseRef = defaultBranch } = body;
  if (headRef === baseRef) {
    throw new Failure("BRANCH_INVALID", `open a pull request of ${headRef}: it is its own base`);
  }
  await edge.checkPublished?.(root, [baseRef, headRef]);
}

function commentRoute(app: App, edge: Edge): void {
  app.post(
    "/projects/:id/pulls/:number/comment",
    {
      schema: {
        tags,
        summary: "Comment on a pull request",
        params: PullId,
        body: CommentBody,
        response: { 201: z.object({ id: z.string() }) },
      },
    },
    async (request, reply) => {
      const { id, number } = request.params;
      const agent = callerOf(edge, request);
      const author = agent === undefined ? {} : { author: agent, isBot: true };
      const data = toJson({ ...request.body, ...author, number });
      const to = forgeOf(edge, id);
      const { reply: said } = await askActor(edge, request, { to, type: "pull.comment", data });
      return reply.code(201).send(z.object({ id: z.coerce.string() }).parse(said));
    },
  );
}

function claimRoute(app: App, edge: Edge): void {
  app.post(
    "/sessions/:id/pr/claim",
    {
      schema: {
        tags,
        summary: "Make a pull request of its project the session's own work",
        params: Id,
        body: z.strictObject({ number: z.number().int().positive() }),
        response: { 200: PullView },
      },
    },
    async (request, _reply) => {
      const { id } = request.params;
      const view = edge.sessions.one(addressOf("session", id));
      if (view.lifecycle.state === "terminated" || view.wanted !== "running") {
        throw new Failure("SESSION_TERMINATED", `claim a pull request for ${id}: it is over`);
      }
      const { number } = request.body;
      const to = forgeOf(edge, view.projectId);
      await askActor(edge, request, { to, type: "pull.claim", data: { number, session: id } });
      return pullOf(edge, view.projectId, number);
    },
  );
}

function turnRoutes(app: App, edge: Edge): void {
  const verbs = {
    close: "Close a pull request without merging; an agent only its own",
    ready: "Turn a draft into an open pull request; an agent only its own",
    check: "Run the checks of its head again",
  };
  for (const [verb, summary] of Object.entries(verbs)) {
    app.post(
      `/projects/:id/pulls/:number/${verb}`,
      { schema: { tags, summary, params: PullId, body: Empty, response: { 200: PullView } } },
      async (request, _reply) => {
        const { id, number } = request.params;
        const to = forgeOf(edge, id);
        const agent = callerOf(edge, request);
        if (agent !== undefined && pullOf(edge, id, number).session !== agent) {
          throw new Failure("FORBIDDEN", `pull request ${number} is not that of session ${agent}`);
        }
        await askActor(edge, request, { to, type: `pull.${verb}`, data: { number } });
        return pullOf(edge, id, number);
      },
    );
  }

  app.post(
    "/projects/:id/pulls/:number/merge",
    {
      schema: {
        tags,
        summary: "Merge a pull request; its state tells when that is done",
        params: PullId,
        body: MergeBody,
        response: { 202: Accepted },
      },
    },
    async (request, reply) => {
      const { id, number } = request.params;
      const to = forgeOf(edge, id);
      const unreviewed = request.body?.unreviewed ?? false;
      if (unreviewed && callerOf(edge, request) !== undefined) {
        const tried = `merge pull request ${number} without its review`;
        throw new Failure("FORBIDDEN", `${tried}: only a person may`);
      }
      await askActor(edge, request, { to, type: "pull.merge", data: { number, unreviewed } });
      return reply.code(202).send({ accepted: true });
    },
  );
}

/** The forge of a project. Fails with ACTOR_UNKNOWN for no project, SCM_UNSUPPORTED for one without a forge. */
function forgeOf(edge: Edge, projectId: string): Address {
  knownActor(edge, addressOf("project", projectId));
  const address = addressOf("forge", projectId);
  if (edge.system.snapshot(address) === undefined) {
    throw new Failure(
      "SCM_UNSUPPORTED",
      `project ${projectId} has no pull requests here (its scm is none)`,
    );
  }
  return address;
}

/** Pull requests as the forge of a project has them. Fails as `forgeOf`. */
export function pullsOf(
  edge: Edge,
  projectId: string,
): Omit<z.infer<typeof Stored>, "pulls"> & { pulls: PullView[] } {
  const stored = Stored.parse(stateOf(knownActor(edge, forgeOf(edge, projectId))).context);
  const pulls = Object.values(stored.pulls)
    .flatMap((pull) => PullView.safeParse(pull).data ?? [])
    .toSorted((one, other) => one.number - other.number);
  return { ...stored, pulls };
}

function pullOf(edge: Edge, projectId: string, number: number): PullView {
  const pull = pullsOf(edge, projectId).pulls.find((candidate) => candidate.number === number);
  if (pull === undefined) {
    throw new Failure("PULL_REQUEST_UNKNOWN", `project ${projectId} has no pull request ${number}`);
  }
  return pull;
}

function callerOf(edge: Edge, request: FastifyRequest): string | undefined {
  const caller = edge.principalOf(request);
  return caller.type === "agent" ? caller.sessionId : undefined;
}
