import { createHmac } from "node:crypto";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { addressOf, splitAddress } from "../machines/ids.ts";
import { knownActor } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { Accepted, Id } from "./schemas.ts";

// Webhooks
//
// GitHub says that something happened, and is looked at at once instead of at the next turn. It is believed for nothing
// else: what is so is asked of GitHub itself.
//
//   W1. Only what is signed with the secret of a project that follows that repository rings there; anything else is 401.
//       What it says, which event it is and whether it came before do not matter: a look is all that comes of it.
//   W2. A secret is made of the owner's token and the project's name; none is stored.

const tags = ["projects"];
const Payload = z.object({ repository: z.object({ full_name: z.string() }) });

/** Where GitHub sends what happened, and what it has to sign it with. */
export function webhookRoutes(app: App, edge: Edge, ownerToken: string): void {
  const secretOf = (project: string): string =>
    createHmac("sha256", ownerToken).update(`ao.webhook.${project}`).digest("hex");
  app.get(
    "/projects/:id/webhook",
    {
      schema: {
        tags,
        summary: "Where a webhook of GitHub goes, and its secret",
        params: Id,
        response: {
          200: z.object({ repository: z.string(), path: z.string(), secret: z.string() }),
        },
      },
    },
    ({ params: { id } }) => {
      knownActor(edge, addressOf("project", id));
      const followed = following(edge).find(({ project }) => project === id);
      if (followed !== undefined) {
        const { repository } = followed;
        return { repository, path: PATH, secret: secretOf(id) };
      }
      throw new Failure(
        "SCM_UNSUPPORTED",
        `project ${id} does not follow GitHub: its scm is another`,
      );
    },
  );
  void app.register((scope, _options, done) => {
    // What is signed are the bytes, not what they mean.
    scope.removeContentTypeParser("application/json");
    scope.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, read) =>
      read(null, body),
    );
    hookRoute(scope, edge, secretOf);
    done();
  });
}

const PATH = "/api/v1/webhooks/github";

function hookRoute(app: App, edge: Edge, secretOf: (project: string) => string): void {
  app.post(
    "/webhooks/github",
    {
      // GitHub's own bound.
      bodyLimit: 26_214_400,
      schema: {
        tags,
        summary: "Something happened at GitHub; signed with the project's secret",
        body: z.string(),
        response: { 202: Accepted },
      },
    },
    async ({ body, headers }, reply) => {
      // Few are ever sent.
      const { verify } = await import("@octokit/webhooks-methods");
      // A stranger's 25 MB are not even read.
      const { data: signature } = Signature.safeParse(headers["x-hub-signature-256"]);
      if (signature === undefined) throw unsigned();
      const name = repositoryIn(body);
      const named = following(edge).filter(({ repository }) => isSameRepository(repository, name));
      const signed = await Promise.all(
        named.map(async (each) => ({
          ...each,
          isTrue: await verify(secretOf(each.project), body, signature),
        })),
      );
      const rung = signed.filter(({ isTrue }) => isTrue);
      if (rung.length === 0) throw unsigned();
      for (const { project } of rung) edge.ring?.(project);
      return reply.code(202).send({ accepted: true });
    },
  );
}

const Signature = z.string().regex(/^sha256=[0-9a-f]{64}$/);

function unsigned(): Failure {
  return new Failure(
    "UNAUTHORIZED",
    "the webhook is not signed with the secret of a project that follows its repository",
  );
}

function repositoryIn(body: string): string {
  try {
    return Payload.parse(JSON.parse(body)).repository.full_name;
  } catch {
    throw new Failure("MALFORMED", "read a webhook: it is no JSON that names a repository");
  }
}

/** `repository` may have a host before it. */
function isSameRepository(repository: string, name: string): boolean {
  return `/${repository}`.toLowerCase().endsWith(`/${name.toLowerCase()}`);
}

/** The projects whose pull requests GitHub keeps. */
function following({ views }: Edge): { project: string; repository: string }[] {
  const rows = views.list({ kind: "forge", state: "following", limit: MOST_PROJECTS });
  return rows.flatMap(({ address, facts: { github } }) =>
    typeof github === "string" ? [{ project: splitAddress(address).id, repository: github }] : [],
  );
}

const MOST_PROJECTS = 100_000;
