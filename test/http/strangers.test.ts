/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { OWNER, served, withProject } from "../support/http.ts";

// What programs ask that nobody here wrote: each is answered so that its author sees what is wrong.

describe("a request", () => {
  it("with half of a character leaves none in what is listed", async () => {
    const server = await served();
    await withProject(server);
    const payload = String.raw`{"projectId":"demo","prompt":"cut \ud83d"}`;
    const headers = { authorization: `Bearer ${OWNER}`, "content-type": "application/json" };
    const { statusCode } = await server.app.inject({
      method: "POST",
      url: "/api/v1/sessions",
      headers,
      payload,
    });
    expect(statusCode).toBe(201);
    const { body } = await server.app.inject({ method: "GET", url: "/api/v1/sessions", headers });
    expect([body.includes("cut \ufffd"), /\\ud83d/i.test(body)]).toEqual([true, false]);
  });

  it.each(["after=", "after=0x10", "after=1e3", "after=1.5", "after=-1", "after=1&after=2"])(
    "that is no whole number is refused, and not read as one: %s",
    async (query) => {
      const server = await served();
      for (const path of ["/events", "/changes", "/dead-letters"]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { status, body } = await server.request("GET", `${path}?${query}`);
        expect([path, status, body.message]).toEqual([
          path,
          400,
          expect.stringMatching(/^querystring/),
        ]);
      }
    },
  );

  it.each([
    { method: "DELETE", path: "/api/v1/sessions", allow: "GET, POST" },
    { method: "HEAD", path: "/healthz", allow: "GET" },
    { method: "OPTIONS", path: "/api/v1/actors/session/x/journal?after=1", allow: "GET" },
    { method: "PATCH", path: "/api/v1/projects/demo/config", allow: "PUT" },
  ] as const)(
    "is told which methods a path has: $method $path",
    async ({ method, path, allow }) => {
      const { app } = await served();
      const headers = { authorization: `Bearer ${OWNER}` };
      const { statusCode, headers: told, body } = await app.inject({ method, url: path, headers });
      expect([statusCode, told.allow]).toEqual([405, allow]);
      expect(body === "" ? method : JSON.parse(body).code).toBe(
        method === "HEAD" ? "HEAD" : "METHOD_UNKNOWN",
      );
    },
  );

  it.each([
    { type: "text/plain", body: "{}", is: [415, "BODY_TYPE_UNKNOWN"] },
    { type: "application/x-www-form-urlencoded", body: "a=b", is: [415, "BODY_TYPE_UNKNOWN"] },
    { type: undefined, body: "{}", is: [415, "BODY_TYPE_UNKNOWN"] },
    // As `curl -d ''` asks.
    { type: "application/x-www-form-urlencoded", body: "", is: [404, "ACTOR_UNKNOWN"] },
    { type: "application/json", body: "", is: [404, "ACTOR_UNKNOWN"] },
  ])("has a body of JSON or none: $body as $type is answered $is", async ({ type, body, is }) => {
    const { app } = await served();
    const answer = await app.inject({
      method: "POST",
      url: "/api/v1/projects/demo/pause",
      headers: {
        authorization: `Bearer ${OWNER}`,
        "content-length": String(body.length),
        ...(type !== undefined && { "content-type": type }),
      },
      payload: body,
    });
    expect([answer.statusCode, answer.json().code]).toEqual(is);
  });

  it("that offers HTTP/2 is answered in the version that it is of", async () => {
    const server = await served();
    const { port } = new URL(await server.app.listen({ port: 0, host: "127.0.0.1" }));
    const request = httpRequest({
      port,
      path: "/healthz",
      headers: { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "" },
    });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve).once("error", reject).end();
    });
    response.resume();
    expect(response.statusCode).toBe(200);
  });
});
