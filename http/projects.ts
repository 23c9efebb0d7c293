import { resolve } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { withoutPasswords } from "../adapters/git/failures.ts";
import { Failure } from "../machines/failures.ts";
import { githubRepositoryOf } from "../machines/forge/github.ts";
import { addressOf, splitAddress, Token } from "../machines/ids.ts";
import { ProjectConfig } from "../machines/project/config.ts";
import type { SnapshotRow } from "../storage/store.ts";
import {
  type Asked,
  askActor,
  collect,
  firstDataOf,
  knownActor,
  settleMail,
  toJson,
} from "./commands.ts";
import { checkHarnessesOf } from "./agents.ts";
import type { App, Edge } from "./edge.ts";
import { Empty, Id, page, ProjectBody, ProjectView } from "./schemas.ts";
import { stateOf } from "./stored-state.ts";

const tags = ["projects"];
const Stored = z.object({
  root: z.string().catch(""),
  scm: z.string().catch("none"),
  defaultBranch: z.string().catch(""),
  origin: z.string().nullish().catch(undefined),
  config: z.unknown(),
});

const answer = { 200: ProjectView };

/** Registering projects and reading them. */
export function projectRoutes(app: App, edge: Edge): void {
  readRoutes(app, edge);
  registerRoute(app, edge);
  changeRoutes(app, edge);
}

function readRoutes(app: App, edge: Edge): void {
  app.get(
    "/projects",
    {
      schema: {
        tags,
        summary: "Every project that was not removed",
        querystring: page(z.string(), 1_000),
        response: {
          200: z.object({ projects: z.array(ProjectView), next: z.string().nullable() }),
        },
      },
    },
    ({ query: { after, limit } }) => {
      const rows = edge.views.list({
        kind: "project",
        after: after === undefined ? undefined : `project/${after}`,
        limit: limit + 1,
        where: (row) => !row.states.some(isGone),
      });
      const shown = rows.slice(0, limit);
      const projects = shown.map(({ address }) => projectView(knownActor(edge, address)));
      return { projects, next: rows.length > limit ? (projects.at(-1)?.id ?? null) : null };
    },
  );

  app.get(
    "/projects/:id",
    { schema: { tags, summary: "One project", params: Id, response: answer } },
    ({ params: { id } }) => knownProject(edge, id),
  );
}

/** What was found of a repository when it was registered. */
const Registered = z.object({
  root: z.string(),
  defaultBranch: z.string(),
  origin: z.string().optional(),
  lastSession: z.number().optional(),
  lastObjective: z.number().optional(),
});

function registerRoute(app: App, edge: Edge): void {
  app.post(
    "/projects",
    {
      schema: {
        tags,
        summary: "Register a repository",
        body: ProjectBody,
        response: { 201: ProjectView },
      },
    },
    async (request, reply) => {
      const { body } = request;
      checkHarnessesOf(body.config);
      checkChecksOf(body.scm, body.config);
      const asking = { request, signal: absence(reply) };
      const to = await withRepository(edge, asking, async ({ repository, place, isRepeat }) => {
        if (body.scm === "github" && !isRepeat) await checkGithub(edge, repository.origin);
        const id = body.id ?? nameOf(place);
        const address = addressOf("project", id);
        const data = toJson({
          ...(isRepeat ? {} : await edge.usedNumbers?.(repository.root, id)),
          ...repository,
          scm: body.scm,
          defaultBranch: body.defaultBranch ?? repository.defaultBranch,
          config: body.config,
        });
        const asked = { to: address, type: "project.register", data };
        // Its forge is there, so that a pull request can be opened at once.
        await settleMail(edge, await askActor(edge, request, asked));
        return address;
      });
      return reply.code(201).send(projectView(knownActor(edge, to)));
    },
  );
}

/** Checks that nobody would run are refused: whoever names some relies on them. */
function checkChecksOf(scm: string, { checks }: ProjectConfig): void {
  const [first] = checks;
  if (scm !== "github" || first === undefined) return;
  throw new Failure(
    "SCM_UNSUPPORTED",
    `configure the check ${first.name}: pull requests are at GitHub, and its checks are what counts; run it there in a workflow, or keep pull requests here with scm local`,
  );
}

/** That GitHub cannot be reached just now is no reason to refuse: it is asked again. */
async function checkGithub(edge: Edge, origin: string | undefined): Promise<void> {
  const repository = githubRepositoryOf(origin ?? "");
  if (repository === undefined) return;
  try {
    await edge.checkGithub?.(repository);
  } catch (error) {
    if (!(error instanceof Failure) || !error.isRetryable) throw error;
  }
}

interface Found {
  readonly repository: z.infer<typeof Registered>;
  /** Where it was found: its folder or its URL. */
  readonly place: string;
  readonly isRepeat: boolean;
}

/** Aborts when whoever asked has gone before the answer. Fastify's own signal aborts as soon as a body was read. */
function absence({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

/**
 * Runs with what is registered: the repository of a folder, or the mirror of a URL, unless whoever asked has gone before
 * it was found. Fails as those that find it do.
 */
async function withRepository<Result>(
  edge: Edge,
  {
    request,
    signal,
  }: {
    readonly request: FastifyRequest & { body: z.infer<typeof ProjectBody> };
    readonly signal: AbortSignal;
  },
  run: (found: Found) => Promise<Result>,
): Promise<Result> {
  const { path, url, defaultBranch } = request.body;
  if ((path === undefined) === (url === undefined)) {
    throw new Failure("MALFORMED", "register a repository: give either path or url");
  }
  const folder = path === undefined ? "" : resolve(path);
  const isRemote = path === undefined || (await edge.isBare?.(folder)) === true;
  const remote = url ?? folder;
  // A repeat is answered with the first outcome, though the repository may be gone by now (D2).
  const first = Registered.safeParse(firstDataOf(edge, request)).data;
  const isRepeat =
    first !== undefined && (first.root === folder || first.origin === withoutPasswords(remote));
  if (isRepeat) {
    const place = first.root === folder ? folder : remote;
    return run({ repository: first, place, isRepeat });
  }
  if (!isRemote) {
    const repository = await edge.inspectRepository(folder, { defaultBranch });
    return run({ repository, place: repository.root, isRepeat });
  }
  if (edge.withMirror === undefined) {
    throw new Failure("REPOSITORY_INVALID", `register ${remote}: nothing is mirrored here`);
  }
  return edge.withMirror(remote, { defaultBranch, signal }, async (repository) =>
    run({ repository, place: remote, isRepeat }),
  );
}

function changeRoutes(app: App, edge: Edge): void {
  app.put(
    "/projects/:id/config",
    {
      schema: {
        tags,
        summary: "Replace how a project runs its agents",
        params: Id,
        body: ProjectConfig,
        response: answer,
      },
    },
    (request) => {
      checkHarnessesOf(request.body);
      checkChecksOf(knownProject(edge, request.params.id).scm, request.body);
      const data = { config: toJson(request.body) };
      return change(request, { type: "project.configure", data });
    },
  );

  for (const verb of ["pause", "resume"] as const) {
    app.post(
      `/projects/:id/${verb}`,
      {
        schema: { tags, summary: `${verb} a project`, params: Id, body: Empty, response: answer },
      },
      (request) => change(request, { type: `project.${verb}`, data: {} }),
    );
  }

  app.delete(
    "/projects/:id",
    {
      schema: {
        tags,
        summary:
          "Remove a project; its repository stays, the mirror of a URL only while it is needed",
        params: Id,
        response: answer,
      },
    },
    async (request, _reply) => {
      const gone = await change(request, { type: "project.remove", data: {} });
      // Its mirror goes with it, unless somebody needs that or only that holds something.
      if (edge.survey !== undefined) await collect(edge);
      return gone;
    },
  );

  async function change(
    request: FastifyRequest & { params: { id: string } },
    asked: Pick<Asked, "type" | "data">,
  ): Promise<z.infer<typeof ProjectView>> {
    const to = addressOf("project", request.params.id);
    knownActor(edge, to);
    await askActor(edge, request, { to, ...asked });
    return projectView(knownActor(edge, to));
  }
}

/** A project that is, or was, registered. Fails with ACTOR_UNKNOWN. */
export function knownProject(edge: Edge, id: string): z.infer<typeof ProjectView> {
  const view = projectView(knownActor(edge, addressOf("project", id)));
  if (view.state !== "vacant") return view;
  throw new Failure("ACTOR_UNKNOWN", `nothing is registered as project ${id}`);
}

function projectView(row: SnapshotRow): z.infer<typeof ProjectView> {
  const { value, context } = stateOf(row);
  const { origin, ...stored } = Stored.parse(context);
  return {
    id: splitAddress(row.address).id,
    state: typeof value === "string" ? value : "unknown",
    ...stored,
    ...(origin === undefined || origin === null ? {} : { origin }),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

// A refused registration leaves a vacant one behind.
function isGone(state: string): boolean {
  return state === "removed" || state === "vacant";
}

/** The last part of a folder or a URL, as an id. */
function nameOf(place: string): string {
  const parts = place.split(place.startsWith("/") ? "/" : /[/:]/);
  const name = (parts.findLast((part) => part !== "") ?? "")
    .replace(/\.git$/, "")
    .replaceAll(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 64);
  const token = Token.safeParse(name);
  if (token.success) return token.data;
  throw new Failure("MALFORMED", `no id can be made from the name of ${place}: give one as id`);
}
