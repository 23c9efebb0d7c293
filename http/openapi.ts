import Fastify, { type RouteOptions } from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { z } from "zod";
import { FAILURES } from "../machines/failures.ts";
import type { App } from "./edge.ts";

// OpenAPI
//
// The document of all routes, made from their schemas. It is made when it is first asked for: until then what makes it
// is not even loaded, and the memory of a daemon that nobody asks is for its actors.

type Route = Readonly<Required<Pick<RouteOptions, "method" | "url" | "schema">>>;

/** Collects the routes registered after it; what it gives back resolves to their document. */
export function openApi(app: App, version: string): () => Promise<Record<string, unknown>> {
  const routes: Route[] = [];
  app.addHook("onRoute", ({ method, url, schema = {} }) => {
    routes.push({ method, url, schema });
  });
  let made: Promise<Record<string, unknown>> | undefined;
  return async () => {
    made ??= documentOf(routes, version);
    return made;
  };
}

async function documentOf(
  routes: readonly Route[],
  version: string,
): Promise<Record<string, unknown>> {
  const { default: swagger } = await import("@fastify/swagger");
  // Never listens; swagger reads the routes of the server that it is registered with.
  const app = Fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "ao", version, description: "Fleets of coding agents." },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  for (const route of routes) app.route({ ...route, handler: () => undefined });
  await app.ready();
  return withFailures({ ...app.swagger() });
}

/** What every answer that is not a success looks like, as a schema. */
const FAILURE = {
  type: "object",
  required: ["code", "message", "requestId"],
  properties: {
    code: { type: "string", enum: Object.keys(FAILURES) },
    message: { type: "string" },
    details: {
      description: "Each wrong part of a request, where there is more than one thing to say.",
    },
    requestId: { type: "string" },
  },
  additionalProperties: false,
};

/** The document with the answers that are failures: one for each status, all of one schema. */
function withFailures(document: Record<string, unknown>): Record<string, unknown> {
  const { components = {}, paths = {} } = Document.parse(document);
  const byStatus = Map.groupBy(Object.entries(FAILURES), ([, { status }]) => String(status));
  const responses = Object.fromEntries(
    [...byStatus].map(([status, rows]) => [
      `Failure${status}`,
      {
        description: rows.map(([code]) => code).join(", "),
        content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } },
      },
    ]),
  );
  for (const [path, operations] of Object.entries(paths)) {
    for (const operation of Object.values(operations)) {
      // What keeps the daemon from answering at all is said in the route's own words.
      const statuses = path.startsWith("/api/") ? [...byStatus.keys()] : ["400", "403"];
      const told = statuses.filter((status) => status !== "413" || "requestBody" in operation);
      const failures: Record<string, unknown> = {};
      for (const status of told)
        failures[status] = { $ref: `#/components/responses/Failure${status}` };
      operation.responses = { ...failures, ...operation.responses };
    }
  }
  const schemas = { ...components.schemas, Failure: FAILURE };
  return { ...document, paths, components: { ...components, schemas, responses } };
}

const Document = z.object({
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()).optional() }).optional(),
  paths: z
    .record(
      z.string(),
      z.record(z.string(), z.looseObject({ responses: z.record(z.string(), z.unknown()) })),
    )
    .optional(),
});
