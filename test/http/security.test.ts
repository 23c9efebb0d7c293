/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { connect } from "node:net";
import { text as wholeOf } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { AGENT, OPEN } from "../../http/security.ts";
import { reviewerTokens, sessionTokens } from "../../http/tokens.ts";
import { OWNER, served, withProject, withSession, type Served } from "../support/http.ts";

/** Routes as the server itself lists them. */
function routesOf({ app }: Served): string[] {
  const routes: string[] = [];
  const path: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split("\n")) {
    const [, indent = "", part = "", methods = ""] =
      /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    if (part === "") continue;
    path.length = indent.length / 4;
    path.push(part);
    for (const method of methods.split(", ").filter(Boolean))
      routes.push(`${method} ${path.join("")}`);
  }
  return routes;
}

async function agentOf(
  server: Served,
  config?: object,
): Promise<{ id: string; headers: Record<string, string> }> {
  await withProject(server, "local");
  if (config !== undefined) await server.request("PUT", "/projects/demo/config", config);
  const id = await withSession(server);
  return { id, headers: { authorization: `Bearer ${server.tokens.mint(id, 1)}` } };
}

describe("the owner's token", () => {
  it.each([
    { title: "none", headers: { authorization: "" } },
    { title: "another", headers: { authorization: "Bearer other" } },
    { title: "the right one under another scheme", headers: { authorization: `Basic ${OWNER}` } },
    { title: "part of the right one", headers: { authorization: `Bearer ${OWNER.slice(1)}` } },
  ])("is asked for on every route but health: $title is refused (A1)", async ({ headers }) => {
    const server = await served();
    const closed = routesOf(server).filter((route) => !OPEN.includes(route.split(" ")[1] ?? ""));
    const answers = await Promise.all(
      closed.map(async (route) => {
        const [method = "", url = ""] = route.split(" ");
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server's own list of methods
        const { statusCode } = await server.app.inject({ method: method as "GET", url, headers });
        return [route, statusCode];
      }),
    );
    expect(answers).toEqual(closed.map((route) => [route, 401]));
  });

  it("is asked for before a route is said not to exist (A1)", async () => {
    const server = await served();
    expect((await server.app.inject("/nothing")).statusCode).toBe(401);
    expect((await server.request("GET", "/nothing")).body).toMatchObject({ code: "ROUTE_UNKNOWN" });
  });

  it("orcha-258: is not asked for by the health routes, which tell the version", async () => {
    const { app } = await served();
    const answers = await Promise.all(["/healthz", "/readyz"].map(async (url) => app.inject(url)));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect(answers.map((answer) => answer.json<{ version: string }>().version)).toEqual([
      expect.stringMatching(/\d/),
      expect.stringMatching(/\d/),
    ]);
  });
});

describe("Host and Origin", () => {
  it.each([
    { headers: { host: "evil.test" }, status: 403 },
    { headers: { host: "evil.test:4500" }, status: 403 },
    { headers: { host: "127.0.0.1.evil.test" }, status: 403 },
    { headers: { host: "localhost:4500" }, status: 200 },
    { headers: { host: "LOCALHOST" }, status: 200 },
    { headers: { host: "[::1]:4500" }, status: 200 },
    { headers: { host: "ao.internal" }, status: 200 },
    { headers: { origin: "http://localhost:4500" }, status: 200 },
    { headers: { origin: "http://evil.test" }, status: 403 },
    { headers: { origin: "http://localhost.evil.test" }, status: 403 },
    { headers: { origin: "null" }, status: 403 },
    { headers: { origin: "file://localhost" }, status: 403 },
  ])("$headers is answered $status (A2)", async ({ headers, status }) => {
    const { app } = await served({ hosts: ["ao.internal"] });
    const response = await app.inject({ url: "/healthz", headers });
    expect([response.statusCode, response.json<{ code?: string }>().code]).toEqual([
      status,
      status === 403 ? "HOST_REFUSED" : undefined,
    ]);
  });
});

describe("an agent's token", () => {
  it("names only routes that exist (A3)", async () => {
    const server = await served();
    expect(Object.keys(AGENT).filter((route) => !routesOf(server).includes(route))).toEqual([]);
  });

  it("reaches its own session and the pull requests of its project (A3)", async () => {
    const server = await served();
    const { id, headers } = await agentOf(server);
    expect((await server.request("GET", `/sessions/${id}`, undefined, headers)).status).toBe(200);
    const body = { title: "Mine", headRef: "topic", session: "somebody-else" };
    expect((await server.request("POST", "/projects/demo/pulls", body, headers)).status).toBe(201);
    const comment = { body: "From me.", author: "the owner", isBot: false };
    await server.request("POST", "/projects/demo/pulls/1/comment", comment, headers);
    expect((await server.request("GET", "/projects/demo/pulls/1")).body).toMatchObject({
      session: id,
      comments: [{ author: id, isBot: true }],
    });
    const report = { summary: "Done.", outcome: "done" };
    expect((await server.request("POST", `/sessions/${id}/report`, report, headers)).status).toBe(
      200,
    );
  });

  it("reaches nothing else (A3)", async () => {
    const server = await served();
    const { id, headers } = await agentOf(server);
    await withSession(server);
    await server.request("POST", "/projects/demo/pulls", { title: "Not mine", headRef: "other" });
    const refused = [
      ["GET", "/sessions/demo-2"],
      ["POST", "/sessions/demo-2/activity"],
      ["POST", `/sessions/${id}/kill`],
      ["POST", `/sessions/${id}/send`],
      ["GET", "/sessions"],
      ["GET", "/actors"],
      ["GET", "/events"],
      ["GET", "/projects/other/pulls"],
      ["POST", "/projects/demo/pulls/1/close"],
      ["POST", "/projects/demo/pulls/1/merge"],
      ["DELETE", "/projects/demo"],
      ["POST", `/observations/activity/${id}`],
    ] as const;
    const answers = await Promise.all(
      refused.map(async ([method, path]) => {
        const body = path.includes("activity") ? { state: "idle" } : undefined;
        const { status, body: said } = await server.request(method, path, body, headers);
        return [path, status, said.code];
      }),
    );
    expect(answers).toEqual(refused.map(([, path]) => [path, 403, "FORBIDDEN"]));
  });

  it("is refused once a newer epoch has begun (A4)", async () => {
    const server = await served();
    const worker = { harness: "command", command: ["true"], restart: "permanent", backoffMs: 0 };
    const { id, headers } = await agentOf(server, { worker });
    const said = { summary: "Done." };
    server.outside.end(id);
    await server.system.observe("terminal", id, { process: "dead", epoch: 1, exitCode: 1 });
    await expect
      .poll(async () => (await server.request("GET", `/sessions/${id}/terminal`)).body)
      .toMatchObject({ state: "live", epoch: 2 });
    const late = await server.request("POST", `/sessions/${id}/report`, said, headers);
    expect([late.status, late.body.code]).toEqual([403, "EPOCH_STALE"]);
    const { status, body } = await server.request("GET", `/sessions/${id}`, undefined, headers);
    expect([status, body.code]).toEqual([403, "EPOCH_STALE"]);
  });

  it.each([
    {
      title: "its session is being ended",
      end: async (server: Served, id: string): Promise<unknown> => {
        server.outside.hold("destroyTerminal");
        return server.request("POST", `/sessions/${id}/kill`);
      },
      seen: { wanted: "stopped", terminal: { state: "stopping" } },
    },
    {
      title: "its session was ended",
      end: async (server: Served, id: string): Promise<unknown> =>
        server.request("POST", `/sessions/${id}/kill`),
      seen: { wanted: "stopped", terminal: { state: "stopped" } },
    },
    {
      title: "its process has ended by itself",
      end: async (server: Served, id: string): Promise<unknown> => {
        server.outside.end(id);
        return server.system.observe("terminal", id, { process: "dead", epoch: 1, exitCode: 0 });
      },
      seen: { wanted: "running", terminal: { state: "exited" } },
    },
  ])("is refused on every route once $title (A4)", async ({ end, seen }) => {
    const server = await served();
    const { id, headers } = await agentOf(server);
    await server.request("POST", "/projects/demo/pulls", { title: "A", headRef: "topic" });
    await end(server, id);
    await expect
      .poll(async () => (await server.request("GET", `/sessions/${id}`)).body)
      .toMatchObject(seen);
    const answers = await Promise.all(
      Object.entries(AGENT).map(async ([route, scope]) => {
        const [method = "", path = ""] = route.split(" ");
        const url = path.replace(":id", scope === "session" ? id : "demo").replace(":number", "1");
        const { status, body } = await server.request(
          method === "GET" ? "GET" : "POST",
          `/${url}`,
          undefined,
          headers,
        );
        return [route, status, body.code];
      }),
    );
    expect(answers).toEqual(Object.keys(AGENT).map((route) => [route, 403, "EPOCH_STALE"]));
  });

  it("verifies only as it was minted (K1)", () => {
    const tokens = sessionTokens("secret");
    const token = tokens.mint("demo-1", 3);
    const forged = [
      sessionTokens("other").mint("demo-1", 3),
      token.replace("demo-1", "demo-2"),
      token.replace(".3.", ".4."),
      token.replace(".3.", ".03."),
      `${token}A`,
      token.slice(0, -1),
      "",
    ];
    expect(tokens.verify(token)).toEqual({ sessionId: "demo-1", epoch: 3 });
    expect(forged.map((text) => tokens.verify(text))).toEqual(forged.map(() => undefined));
  });

  it("speaks for nobody once the store it was given for was replaced (K3)", () => {
    const at = { generation: "first" };
    const sessions = sessionTokens("secret", () => at.generation);
    const reviewers = reviewerTokens("secret", () => at.generation);
    const claim = { sessionId: "demo-1", terminal: "review-demo-1", epoch: 3 };
    const [session, reviewer] = [sessions.mint("demo-1", 3), reviewers.mint(claim)];
    const before = [sessions.verify(session), reviewers.verify(reviewer)];
    at.generation = "second";
    const after = [sessions.verify(session), reviewers.verify(reviewer)];
    expect([before, after]).toEqual([
      [{ sessionId: "demo-1", epoch: 3 }, claim],
      [undefined, undefined],
    ]);
  });
});

describe("input", () => {
  it.each([
    { title: "not JSON", payload: "{", type: "application/json", is: [400, "MALFORMED"] },
    { title: "another type", payload: "<a/>", type: "text/xml", is: [415, "BODY_TYPE_UNKNOWN"] },
    {
      title: "too large",
      payload: `"${"x".repeat(2_000)}"`,
      type: "application/json",
      is: [413, "BODY_TOO_LARGE"],
    },
    {
      title: "a poisoned prototype",
      payload: '{"__proto__":{}}',
      type: "application/json",
      is: [400, "MALFORMED"],
    },
  ])("that is $title is refused in the shape of all failures", async ({ payload, type, is }) => {
    const { app } = await served({ settings: { limits: { bodyBytes: 1_000 } } });
    const headers = { authorization: `Bearer ${OWNER}`, "content-type": type };
    const response = await app.inject({
      method: "POST",
      url: "/api/v1/sessions",
      headers,
      payload,
    });
    const body = response.json<Record<string, unknown>>();
    expect([response.statusCode, body["code"]]).toEqual(is);
    expect(Object.keys(body).filter((key) => key !== "details")).toEqual([
      "code",
      "message",
      "requestId",
    ]);
  });

  it.each([
    { title: "holds what cannot be decoded", path: "/sessions/%ff" },
    { title: "has a part that is too long", path: `/causes/${"x".repeat(600)}` },
  ])("whose path $title is refused in the shape of all failures", async ({ path }) => {
    const { status, body } = await (await served()).request("GET", path);
    expect([status, body]).toEqual([
      400,
      { code: "MALFORMED", message: expect.any(String), requestId: expect.any(String) },
    ]);
  });

  it.each([
    { path: "/sessions?projects=demo", wrong: "projects" },
    { path: "/sessions?state=ready_for_all", wrong: "ready_for_all" },
    { path: "/sessions/demo-1?full=1", wrong: "full" },
    { path: "/sessions/demo-1/terminal?line=1", wrong: "line" },
    { path: "/actors?kid=session", wrong: "kid" },
    { path: "/actors?kind=sessions", wrong: "querystring/kind" },
    { path: "/actors?kind=project&state=working", wrong: "no project has a state working" },
    { path: "/events?since=1", wrong: "since" },
    { path: "/events?address=session", wrong: "querystring/address" },
    { path: "/machines/session?as=json", wrong: "as" },
  ])("that a route does not take is named: $path", async ({ path, wrong }) => {
    const { status, body } = await (await served()).request("GET", path);
    expect([status, body.code, body.message]).toEqual([
      400,
      "MALFORMED",
      expect.stringContaining(wrong),
    ]);
  });

  it("that is wrong is named by its path", async () => {
    const server = await served();
    const { body } = await server.request("POST", "/sessions", { projectId: "a b", prompt: 7 });
    expect(body.details.map(({ path }: { path: string }) => path)).toEqual([
      "body/projectId",
      "body/prompt",
    ]);
  });

  it.each([
    { title: "is not even HTTP", sent: "\0\0 nonsense\r\n\r\n", is: [400, "MALFORMED"] },
    {
      title: "has endless headers",
      sent: `GET / HTTP/1.1\r\nx: ${"x".repeat(70_000)}\r\n\r\n`,
      is: [431, "HEADERS_TOO_LARGE"],
    },
    {
      title: "never comes whole",
      sent: `POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${OWNER}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
      is: [408, "REQUEST_SLOW"],
    },
    {
      title: "names no host",
      sent: "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
      is: [403, "HOST_REFUSED"],
    },
    { title: "has headers that never end", sent: "GET / HTTP/1.1\r\n", is: [408, "REQUEST_SLOW"] },
  ])("that $title is refused in the same shape, and the daemon goes on", async ({ sent, is }) => {
    const server = await served({ settings: { http: { requestMs: 300 } } });
    const url = new URL(await server.app.listen({ port: 0, host: "127.0.0.1" }));
    const socket = connect(Number(url.port), url.hostname);
    onTestFinished(() => {
      socket.destroy();
    });
    socket.write(sent);
    const [head = "", body = ""] = (await wholeOf(socket)).split("\r\n\r\n");
    expect([Number(head.split(" ")[1]), JSON.parse(body)]).toEqual([
      is[0],
      { code: is[1], message: expect.any(String), requestId: expect.any(String) },
    ]);
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);
  });

  it("late ones are looked for ten times within the time that they have", async () => {
    const server = await served({ settings: { http: { requestMs: 5_000 } } });
    expect(server.app.server).toMatchObject({
      requestTimeout: 5_000,
      headersTimeout: 5_000,
      connectionsCheckingInterval: 500,
    });
  });
});
