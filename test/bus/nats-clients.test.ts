import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { orderBytesOf } from "../../actors/placing.ts";
import { connectNatsBus } from "../../bus/nats-bus.ts";
import { parseEndpoint } from "../../bus/nats-endpoint.ts";
import { tempFolder } from "../support/folder.ts";
import { freePort, rawClient } from "./raw-client.ts";
import { collect, natsWorld, observation, text, texts } from "./world.ts";
import { eventually } from "../support/eventually.ts";

const never = new AbortController().signal;

/** One that somebody runs without passwords. */
async function foreignServer(...more: string[]): Promise<string> {
  const port = await freePort();
  const child = spawn("nats-server", ["-a", "127.0.0.1", "-p", String(port), ...more], {
    stdio: "ignore",
  });
  onTestFinished(async () => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  await eventually(() => rawClient(`nats://127.0.0.1:${port}`, "", ""));
  return `nats://127.0.0.1:${port}`;
}

describe("a NATS server that is not ours", () => {
  it("is used as its address says", async () => {
    const endpoint = parseEndpoint(await foreignServer("-js", "-sd", tempFolder()));
    const bus = await connectNatsBus({ endpoint: () => endpoint });
    onTestFinished(() => bus.close());
    await bus.publish(observation("one", "id-1"));
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["one"]);
  });

  it("tells how much it takes, and takes that much", async () => {
    const endpoint = parseEndpoint(await foreignServer("-js", "-sd", tempFolder()));
    const bus = await connectNatsBus({ endpoint: () => endpoint });
    onTestFinished(() => bus.close());
    // What a nats-server takes that nobody told otherwise.
    expect(bus.maxMessageBytes).toBe(1_048_576);
    const subject = "ao.msg.session.a";
    await bus.publish({ subject, body: new Uint8Array(orderBytesOf(bus)), id: "x".repeat(256) });
    await expect(
      bus.publish({ subject, body: new Uint8Array(bus.maxMessageBytes + 1) }),
    ).rejects.toMatchObject({ code: "BUS_REFUSED" });
  });

  it("is refused when it has no JetStream", async () => {
    const endpoint = parseEndpoint(await foreignServer());
    await expect(connectNatsBus({ endpoint: () => endpoint })).rejects.toMatchObject({
      code: "BUS_REFUSED",
    });
  });
});

describe("other programs on the server", () => {
  it("may publish with a plain client and no acknowledgement, a daemon there or not", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    await bus.close();
    const { url, user, pass } = world.server().credentials.ao;
    const client = await rawClient(url, user, pass);
    await client.say("PUB ao.obs.activity.mer-1 16", '{"state":"idle"}');
    const intake = await (await world.bus()).read(undefined);
    await client.say("PUB ao.cmd.session.mer-1 2", "{}");
    const got = await collect(intake, 2);
    expect(got.map(({ subject, body, headers }) => [subject, text(body), headers])).toEqual([
      ["ao.obs.activity.mer-1", '{"state":"idle"}', {}],
      ["ao.cmd.session.mer-1", "{}", {}],
    ]);
  });

  it("may publish observations as probe, and hear that they were stored", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const { url, user, pass } = world.server().credentials.probe;
    const client = await rawClient(url, user, pass);
    await client.say("SUB _INBOX.me 1", "PUB ao.obs.activity.mer-1 _INBOX.me 2", "{}");
    await eventually(() => expect(client.heard()).toContain('"stream":"AO_MAIL"'));
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["{}"]);
  });

  it.each([
    "PUB ao.cmd.session.mer-1 2",
    "PUB ao.msg.session.mer-1 2",
    "PUB ao.evt.session.mer-1.x 2",
    "PUB ao.dead 2",
    "PUB ao.api.sessions 2",
    "PUB $JS.API.STREAM.PURGE.AO_MAIL 2",
    "PUB _INBOX.someone 2",
  ])("may not, as probe, %s", async (words) => {
    const world = await natsWorld();
    const bus = await world.bus();
    const { url, user, pass } = world.server().credentials.probe;
    const client = await rawClient(url, user, pass);
    expect(await client.say(words, "{}")).toContain("Permissions Violation");
    await bus.publish(observation("only this"));
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["only this"]);
  });

  it("may not, as probe, make the server's acknowledgement land where it must not publish itself", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    await bus.publish(observation("must stay"));
    const { url, user, pass } = world.server().credentials.probe;
    const client = await rawClient(url, user, pass);
    await client.say("PUB ao.obs.activity.mer-1 ao.cmd.session.mer-1 6", "forged");
    await client.say("PUB ao.obs.activity.mer-1 $JS.API.STREAM.PURGE.AO_MAIL 6", "purged");
    await bus.publish(observation("last"));
    const got = await collect(await bus.read(undefined), 4);
    expect(got.map(({ subject, body }) => `${subject} ${text(body)}`)).toEqual([
      "ao.obs.activity.mer-1 must stay",
      "ao.obs.activity.mer-1 forged",
      "ao.obs.activity.mer-1 purged",
      "ao.obs.activity.mer-1 last",
    ]);
  });

  it.each([">", "ao.>", "ao.obs.>", "ao.evt.>", "$JS.>"])(
    "may not, as probe, listen to %s",
    async (subject) => {
      const { url, user, pass } = (await natsWorld()).server().credentials.probe;
      const client = await rawClient(url, user, pass);
      expect(await client.say(`SUB ${subject} 1`)).toContain("Permissions Violation");
    },
  );

  it("hear, as probe, none of the daemon's answers and deliveries", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const { url, user, pass } = world.server().credentials.probe;
    const client = await rawClient(url, user, pass);
    await client.say("SUB _INBOX.> 1");
    const intake = await bus.read(undefined);
    await bus.publish(observation("secret"));
    await intake.take(1, never);
    expect(await client.say()).not.toContain("MSG");
  });

  it("are turned away without the right password", async () => {
    const { url, user } = (await natsWorld()).server().credentials.ao;
    const client = await rawClient(url, user, "guessed");
    expect(client.heard()).toContain("Authorization Violation");
  });
});
