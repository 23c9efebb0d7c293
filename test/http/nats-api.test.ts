import { expect, it } from "vitest";
import type { Bus } from "../../bus/bus.ts";
import { natsApi } from "../../http/nats-api.ts";
import { OWNER, served, withProject, withSession, type Served } from "../support/http.ts";

type Ask = (subject: string, body?: string) => Promise<unknown>;

/** Asks as a NATS client does: through what the API told the bus to serve. */
function client(server: Served): Ask {
  let answer: Parameters<Bus["serve"]>[1] | undefined;
  const listening: Pick<Bus, "serve"> = {
    serve: (_subject, give) => {
      answer = give;
      return () => {};
    },
  };
  natsApi({ ...server.system.bus, ...listening }, server.app, OWNER);
  return async (subject, body = "") => {
    const bytes = await answer?.({ subject, body: new TextEncoder().encode(body) });
    const answered: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return answered;
  };
}

it("answers NATS clients as it answers HTTP", async () => {
  const server = await served();
  await withProject(server);
  await withSession(server);
  const ask = client(server);
  expect(await ask("ao.api.get.sessions.demo-1")).toMatchObject({
    status: 200,
    body: { id: "demo-1" },
  });
  expect(await ask("ao.api.get.actors", '{"kind":"session","limit":1}')).toMatchObject({
    status: 200,
    body: { actors: [{ address: "session/demo-1" }] },
  });
  expect(await ask("ao.api.post.sessions.demo-1.kill", '{"kind":"manual"}')).toMatchObject({
    status: 200,
    body: { status: "killed" },
  });
});

it.each([
  { subject: "ao.api.get.sessions.nobody", body: "", is: [404, "ACTOR_UNKNOWN"] },
  { subject: "ao.api.get.nothing", body: "", is: [404, "ROUTE_UNKNOWN"] },
  { subject: "ao.api.get", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.brew.sessions", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.get.events", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.post.sessions", body: "{", is: [400, "BAD_JSON"] },
  { subject: "ao.api.post.sessions", body: "[1]", is: [400, "BAD_JSON"] },
  { subject: "ao.api.post.sessions", body: "{}", is: [400, "MALFORMED"] },
])("answers $subject $body with $is", async ({ subject, body, is }) => {
  const [status, code] = is;
  expect(await client(await served())(subject, body)).toMatchObject({ status, body: { code } });
});
