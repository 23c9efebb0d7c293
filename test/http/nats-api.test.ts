import { expect, it } from "vitest";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { natsApi } from "../../http/nats-api.ts";
import { natsWorld } from "../bus/world.ts";
import { OWNER, served, withProject, withSession } from "../support/http.ts";

type Ask = (subject: string, body?: string) => Promise<unknown>;

/** A NATS client of a daemon whose bus is in memory. */
async function client(): Promise<Ask> {
  const stream = memoryStream();
  const bus = memoryBus({ stream });
  const { app } = await served({ bus });
  natsApi(bus, app, OWNER);
  return async (subject, body = "") => {
    const bytes = await stream.request(subject, new TextEncoder().encode(body));
    const answered: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return answered;
  };
}

it("answers NATS clients through a real server as it answers HTTP, also after an outage", async () => {
  const nats = await natsWorld();
  const bus = await nats.bus();
  const server = await served({ bus });
  const stop = natsApi(bus, server.app, OWNER);
  await withProject(server);
  await withSession(server);
  const ask: Ask = async (subject, body = "") => {
    const answered: unknown = JSON.parse(await nats.request(subject, body));
    return answered;
  };
  const session = { status: 200, body: { id: "demo-1", terminal: { state: "live" } } };
  expect(await ask("ao.api.get.sessions.demo-1")).toMatchObject(session);
  expect(await ask("ao.api.get.actors", '{"kind":"session","limit":1}')).toMatchObject({
    status: 200,
    body: { actors: [{ address: "session/demo-1" }] },
  });
  const spawn = '{"projectId":"demo","prompt":"Another."}';
  expect(await ask("ao.api.post.sessions", spawn)).toMatchObject({
    status: 201,
    body: { id: "demo-2" },
  });
  expect(await ask("ao.api.post.sessions.nobody.kill")).toMatchObject({
    status: 404,
    body: { code: "ACTOR_UNKNOWN" },
  });
  await nats.fail();
  await nats.restore();
  await expect
    .poll(async () => ask("ao.api.get.sessions.demo-1").catch(String))
    .toMatchObject(session);
  expect(await ask("ao.api.post.sessions.demo-1.kill", '{"kind":"manual"}')).toMatchObject({
    status: 200,
    body: { status: "killed" },
  });
  stop();
  await expect(ask("ao.api.get.sessions.demo-1")).rejects.toThrow(/no responders/i);
});

it.each([
  { subject: "ao.api.get.sessions.nobody", body: "", is: [404, "ACTOR_UNKNOWN"] },
  { subject: "ao.api.get.nothing", body: "", is: [404, "ROUTE_UNKNOWN"] },
  { subject: "ao.api.get", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.brew.sessions", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.get.events", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.get.changes", body: "", is: [404, "SUBJECT_UNKNOWN"] },
  { subject: "ao.api.post.sessions", body: "{", is: [400, "BAD_JSON"] },
  { subject: "ao.api.post.sessions", body: "[1]", is: [400, "BAD_JSON"] },
  { subject: "ao.api.post.sessions", body: "{}", is: [400, "MALFORMED"] },
])("answers $subject $body with $is", async ({ subject, body, is }) => {
  const [status, code] = is;
  const ask = await client();
  expect(await ask(subject, body)).toMatchObject({ status, body: { code } });
});
