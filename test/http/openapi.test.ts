/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { FAILURES } from "../../machines/failures.ts";
import { served } from "../support/http.ts";

interface Operation {
  readonly summary?: string;
  readonly responses?: Record<string, unknown>;
  readonly requestBody?: { readonly content?: Record<string, { readonly schema: Schema }> };
}
interface Schema {
  readonly type?: string;
  readonly additionalProperties?: unknown;
  readonly anyOf?: readonly Schema[];
}
type Paths = Record<string, Record<string, Operation>>;

it("documents every registered route, and no other", async () => {
  const server = await served();
  const { body } = await server.request("GET", "//openapi.json");
  const paths: Paths = body.paths;
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map(
      (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
    ),
  );
  const missing = documented.filter((route) => {
    const [method = "", url = ""] = route.split(" ");
    return !server.app.hasRoute({ method, url });
  });
  // Every registered route is one line with its methods.
  const registered = server.app.printRoutes({ commonPrefix: false }).match(/\([A-Z, ]+\)$/gm) ?? [];
  const count = registered.join(",").match(/[A-Z]+/g)?.length;
  expect([missing, documented.length]).toEqual([[], count]);
});

it("is OpenAPI 3.1 with a summary, an answer and a token for each operation", async () => {
  const server = await served();
  const { body } = await server.request("GET", "//openapi.json");
  const paths: Paths = body.paths;
  const bare = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(
        ([, { summary, responses }]) =>
          summary === undefined || Object.keys(responses ?? {}).length === 0,
      )
      .map(([method]) => `${method} ${path}`),
  );
  expect([body.openapi, bare, body.security]).toEqual(["3.1.0", [], [{ token: [] }]]);
  expect(paths["/api/v1/sessions"]?.["post"]?.requestBody).toMatchObject({
    content: { "application/json": { schema: { properties: { projectId: {}, prompt: {} } } } },
  });
});

it("takes a body only as it is written down: every write has a schema, and none of them an unknown key", async () => {
  const server = await served();
  const paths: Paths = (await server.request("GET", "//openapi.json")).body.paths;
  const writes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody }]) =>
      ["post", "put", "patch"].includes(method) ? [{ path, method, requestBody }] : [],
    ),
  );
  const isClosed = (schema: Schema): boolean =>
    schema.type === "null" ||
    schema.additionalProperties === false ||
    (schema.anyOf?.every(isClosed) ?? false);
  const open = writes.filter(({ path, requestBody }) => {
    // GitHub writes it, and only its signed bytes are read.
    if (path === "/api/v1/webhooks/github") return false;
    const schema = requestBody?.content?.["application/json"]?.schema;
    return schema === undefined || !isClosed(schema);
  });
  expect([writes.length > 40, open]).toEqual([true, []]);
});

it("lists what a route may fail with, all in one schema", async () => {
  const server = await served();
  const { body } = await server.request("GET", "//openapi.json");
  const { Failure } = body.components.schemas;
  const refused = await server.request("POST", "/sessions", {});
  expect([Failure.required, Failure.properties.code.enum]).toEqual([
    ["code", "message", "requestId"],
    Object.keys(FAILURES),
  ]);
  expect(Object.keys(refused.body).every((key) => key in Failure.properties)).toBe(true);
  const { responses } = body.paths["/api/v1/sessions"].post;
  expect(Object.keys(responses)).toEqual(
    expect.arrayContaining(["201", "400", "401", "403", "404", "409", "413", "422", "429", "503"]),
  );
  const [, name = ""] = /^#\/components\/responses\/(\w+)$/.exec(responses["413"].$ref) ?? [];
  expect(body.components.responses[name]).toEqual({
    description: expect.stringContaining("BODY_TOO_LARGE"),
    content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } },
  });
  expect(Object.keys(body.paths["/healthz"].get.responses)).toEqual(["200", "400", "403"]);
});

it("tells Prometheus of the books, the actors by state and the time to answer", async () => {
  const server = await served();
  await server.request("POST", "/projects", { id: "demo", path: "/x" });
  const { body, headers } = await server.request("GET", "//metrics");
  expect(headers["content-type"]).toContain("text/plain");
  const lines: string[] = body.split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "ao_intake_applied 1",
      'ao_actors{kind="project",state="registered"} 1',
      expect.stringMatching(
        /^ao_http_request_seconds_count\{method="POST",route="\/api\/v1\/projects",status="201"\} 1/,
      ),
    ]),
  );
});

it("is not ready, part by part, when a part is not", async () => {
  const { app } = await served({
    health: () => ({ isReady: false, parts: [{ name: "bus", state: "down", reason: "gone" }] }),
  });
  const response = await app.inject("/readyz");
  expect([response.statusCode, response.headers["retry-after"], response.json()]).toEqual([
    503,
    "1",
    { isReady: false, version: "0.0.0", parts: [{ name: "bus", state: "down", reason: "gone" }] },
  ]);
});
