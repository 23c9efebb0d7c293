import Fastify, { type RouteOptions } from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
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
  return { ...app.swagger() };
}
