import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Bus, Intake, RawMessage } from "../../bus/bus.ts";
import { connectNatsBus } from "../../bus/nats-bus.ts";
import { lossyProxy } from "./lossy-proxy.ts";
import type { Loses } from "./lossy-proxy.ts";
import { rawClient, squat } from "./raw-client.ts";
import { bytes, collect, natsWorld, numbered, observation, streamOf, texts } from "./world.ts";
import { freeze } from "../support/freeze.ts";
import { eventually } from "../support/eventually.ts";

/** Publishes without a pause, each body until it is stored; stopping gives the bodies that were. */
function publishOn(bus: Bus): { stored: string[]; stop: () => Promise<string[]> } {
  const stored: string[] = [];
  const stopping = new AbortController();
  const publisher = async (name: string) => {
    for (let n = 0; !stopping.signal.aborted;) {
      const body = `${name}-${n}`;
      const isStored = await bus.publish(observation(body, body)).then(
        () => true,
        () => false,
      );
      if (isStored) {
        stored.push(body);
        n += 1;
      } else await wait(5);
    }
  };
  const all = Promise.all(["a", "b", "c", "d"].map(publisher));
  return {
    stored,
    async stop() {
      stopping.abort();
      await all;
      return stored;
    },
  };
}

/** Takes in the background into the returned array. */
function drain(intake: Intake): RawMessage[] {
  const got: RawMessage[] = [];
  const stopping = new AbortController();
  const done = (async () => {
    while (!stopping.signal.aborted) got.push(...(await intake.take(64, stopping.signal)));
  })();
  onTestFinished(async () => {
    stopping.abort();
    await done;
  });
  return got;
}

/** A bus whose server is heard through a proxy that loses messages. */
async function busThrough(loses: Loses) {
  const world = await natsWorld();
  const { url, user, pass } = world.server().credentials.ao;
  const proxy = await lossyProxy(url, loses);
  const bus = await connectNatsBus({ endpoint: () => ({ servers: [proxy], user, pass }) });
  onTestFinished(() => bus.close());
  return bus;
}

describe("a NATS bus whose server is harmed", () => {
  it("loses nothing stored and gives nothing twice over three SIGKILLs of the server", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const got = drain(await bus.read(undefined));
    const publishing = publishOn(bus);
    for (let kill = 1; kill <= 3; kill += 1) {
      const before = publishing.stored.length;
      await expect.poll(() => publishing.stored.length).toBeGreaterThan(before + 500);
      await world.fail();
      await world.restore();
    }
    const before = publishing.stored.length;
    await expect.poll(() => publishing.stored.length).toBeGreaterThan(before + 500);
    const stored = await publishing.stop();
    await eventually(() => expect(new Set(texts(got))).toEqual(new Set(stored)));
    expect(got.map(({ seq }) => seq)).toEqual(got.map((_, n) => n + 1));
    expect(new Set(got.map(({ stream }) => stream)).size).toBe(1);
  });

  it("keeps its place when everything was purged before the server was killed", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    for (const body of numbered("m", 20)) await bus.publish(observation(body));
    const last = (await collect(intake, 20)).at(-1);
    await bus.purge({ stream: last?.stream ?? "", seq: 20 });
    await world.fail();
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    await bus.publish(observation("m20"));
    const [next] = await collect(intake, 1);
    expect([next?.stream, next?.seq, texts(next === undefined ? [] : [next])]).toEqual([
      last?.stream,
      21,
      ["m20"],
    ]);
  });

  it("makes a deleted stream again when it publishes, and reads it from its beginning (B3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    const jsm = await world.jsm();
    const names = new Set<string>();
    // The server removes files in the background: once may be luck.
    for (const body of numbered("m", 5)) {
      await bus.publish(observation(body));
      const [message] = await collect(intake, 1);
      expect([
        message?.seq,
        message?.stream,
        texts(message === undefined ? [] : [message]),
      ]).toEqual([1, streamOf(bus), [body]]);
      names.add(streamOf(bus));
      await jsm.streams.delete("AO_MAIL");
    }
    expect(names.size).toBe(5);
  });

  it("makes a deleted stream again when it only reads, so that probes can go on (B3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    await bus.publish(observation("old"));
    await collect(intake, 1);
    const before = streamOf(bus);
    const jsm = await world.jsm();
    await jsm.streams.delete("AO_MAIL");
    await expect.poll(() => streamOf(bus)).not.toBe(before);
    const { url, user, pass } = world.server().credentials.probe;
    await (await rawClient(url, user, pass)).say("PUB ao.obs.activity.mer-1 5", "probe");
    expect(texts(await collect(intake, 1))).toEqual(["probe"]);
  });

  it("makes the stream again when its files are removed under a running server (B3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const got = drain(await bus.read(undefined));
    await bus.publish(observation("old"));
    const before = streamOf(bus);
    await rm(join(world.home, "nats", "store"), { recursive: true });
    // Enough for the server to need another file.
    const filler = "x".repeat(2_000);
    await Promise.all(numbered("m", 5_000).map((id) => bus.publish(observation(filler, id))));
    expect(streamOf(bus)).not.toBe(before);
    const stored = numbered("new", 100);
    for (const body of stored) await bus.publish(observation(body));
    await eventually(() => expect(texts(got.slice(-100))).toEqual(stored));
    const fresh = got.filter(({ stream }) => stream === streamOf(bus));
    expect(fresh.map(({ seq }) => seq)).toEqual(fresh.map((_, n) => n + 1));
  });

  it("reads a stream that lost its end from the beginning under another name (B3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    const store = join(world.home, "nats", "store");
    for (const body of numbered("kept", 3)) await bus.publish(observation(body));
    await world.server().stop();
    await cp(store, `${store}.copy`, { recursive: true });
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    for (const body of numbered("lost", 3)) await bus.publish(observation(body));
    const before = await collect(intake, 6);
    await world.server().stop();
    await rm(store, { recursive: true });
    await cp(`${store}.copy`, store, { recursive: true });
    await world.restore();
    const after = await collect(intake, 3);
    await bus.publish(observation("new"));
    after.push(...(await collect(intake, 1)));
    expect(texts(after)).toEqual(["kept0", "kept1", "kept2", "new"]);
    const names = new Set([...before, ...after].map(({ stream, seq }) => `${stream}:${seq}`));
    expect(names.size).toBe(10);
    expect(streamOf(bus)).toBe(after[0]?.stream);
  });

  it("reads a stream from the beginning that lost its end and was filled again, past the position (B3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const store = join(world.home, "nats", "store");
    for (const body of numbered("kept", 2)) await bus.publish(observation(body));
    await world.server().stop();
    await cp(store, `${store}.copy`, { recursive: true });
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    for (const body of numbered("lost", 2)) await bus.publish(observation(body));
    const [, , , position] = await collect(await bus.read(undefined), 4);
    await bus.close();
    await world.server().stop();
    await rm(store, { recursive: true });
    await cp(`${store}.copy`, store, { recursive: true });
    await world.restore();
    const client = jetstream(await world.client());
    for (const body of numbered("new", 3)) {
      const { subject } = observation(body);
      await client.publish(subject, body);
    }
    const after = await collect(await (await world.bus()).read(position), 5);
    expect(texts(after)).toEqual(["kept0", "kept1", "new0", "new1", "new2"]);
    expect(after[0]?.stream).not.toBe(position?.stream);
  });

  it("keeps its place in a stream that lost nothing, purged or not", async () => {
    const bus = await (await natsWorld()).bus();
    for (const body of numbered("m", 4)) await bus.publish(observation(body));
    const read = await collect(await bus.read(undefined), 4);
    const [, second] = read;
    const whole = await collect(await bus.read(second), 2);
    await bus.purge({ stream: streamOf(bus), seq: 2 });
    const purged = await collect(await bus.read(second), 2);
    expect([texts(whole), texts(purged)]).toEqual([
      ["m2", "m3"],
      ["m2", "m3"],
    ]);
  });

  it("goes on after a server that was frozen for a moment", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    await freeze(world.server().pid);
    const publishing = bus.publish(observation("patient"));
    const taking = collect(intake, 1);
    expect(await Promise.race([publishing, wait(100, "waits")])).toBe("waits");
    process.kill(world.server().pid, "SIGCONT");
    await publishing;
    expect(texts(await taking)).toEqual(["patient"]);
  });

  it("fails at once what is under way when the connection breaks (C3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    await freeze(world.server().pid);
    const sending = bus.publish(observation("lost")).catch((error: unknown) => error);
    const begun = performance.now();
    await world.fail();
    expect(await sending).toMatchObject({ code: "BUS_DOWN" });
    // The client alone would wait for its own deadline of 5 seconds.
    expect(performance.now() - begun).toBeLessThan(4_000);
  });

  it("notices a server that stays frozen, and goes on when it thaws", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    await bus.publish(observation("before"));
    await freeze(world.server().pid);
    const frozen = bus.publish(observation("frozen", "id-1")).catch((error: unknown) => error);
    await expect.poll(() => bus.state().type).toBe("down");
    expect(await frozen).toMatchObject({ code: "BUS_DOWN" });
    process.kill(world.server().pid, "SIGCONT");
    await expect.poll(() => bus.state().type).toBe("up");
    await bus.publish(observation("frozen", "id-1"));
    await bus.publish(observation("after"));
    expect(texts(await collect(intake, 3))).toEqual(["before", "frozen", "after"]);
  });

  it("follows its server to another port", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    const intake = await bus.read(undefined);
    await bus.publish(observation("here"));
    const before = world.server().url;
    await world.fail();
    const squatter = await squat(Number(new URL(before).port));
    await world.restore();
    await expect.poll(() => bus.state().type).toBe("up");
    await bus.publish(observation("there"));
    expect(world.server().url).not.toBe(before);
    expect(texts(await collect(intake, 2))).toEqual(["here", "there"]);
    squatter.close();
  });
});

describe("a NATS bus whose deliveries get lost", () => {
  it("reads again what is missing in the middle (N1)", async () => {
    let count = 0;
    const bus = await busThrough((line) => {
      if (line.includes("MSG ao.obs.")) count += 1;
      return line.includes("MSG ao.obs.") && [3, 50, 51].includes(count);
    });
    const intake = await bus.read(undefined);
    await Promise.all(numbered("m", 100).map((body) => bus.publish(observation(body))));
    expect((await collect(intake, 100)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
  });

  it("reads again after a consumer fell silent without a word (N1)", async () => {
    let silenced: string | undefined;
    let isSilencing = false;
    const bus = await busThrough((line) => {
      const [, subject = "", sid] = line.split(" ");
      if (isSilencing && subject.startsWith("ao.obs.")) silenced ??= sid;
      return silenced !== undefined && sid === silenced && line.includes("MSG ");
    });
    const intake = await bus.read(undefined);
    await bus.publish(observation("heard"));
    await collect(intake, 1);
    isSilencing = true;
    for (const body of numbered("m", 3)) await bus.publish(observation(body));
    expect(texts(await collect(intake, 3))).toEqual(numbered("m", 3));
    expect(silenced).toBeDefined();
  });
});

describe("a NATS bus and its stream", () => {
  it("leaves no consumer behind, and no durable one at any time (B5)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    await bus.publish(observation("one"));
    const intake = await bus.read(undefined);
    await collect(intake, 1);
    const jsm = await world.jsm();
    const during = await jsm.consumers.list("AO_MAIL").next();
    expect(during.map(({ config }) => config.durable_name)).toEqual([undefined]);
    await intake.close();
    await eventually(async () => expect(await jsm.consumers.list("AO_MAIL").next()).toEqual([]));
  });

  it.each([
    { title: "small messages", count: 20_000, size: 10, atMost: 5_200 },
    { title: "large messages", count: 60, size: 1_000_000, atMost: 35 },
  ])("holds back $title that nobody takes (N3)", async ({ count, size, atMost }) => {
    const world = await natsWorld({ limits: {} });
    const bus = await world.bus();
    const body = bytes("x".repeat(size));
    await Promise.all(
      Array.from({ length: count }, () => bus.publish({ subject: "ao.obs.scm.mer-1", body })),
    );
    const intake = await bus.read(undefined);
    await eventually(() => expect(intake.lag()).toBe(count));
    const jsm = await world.jsm();
    let delivered = 0;
    let looks = 0;
    // Until the server has sent nothing more for a while, and nothing is asked of it.
    await eventually(async () => {
      const [consumer] = await jsm.consumers.list("AO_MAIL").next();
      const isQuiet = consumer?.num_waiting === 0 && consumer.delivered.stream_seq === delivered;
      looks = isQuiet ? looks + 1 : 0;
      delivered = consumer?.delivered.stream_seq ?? 0;
      expect(looks).toBeGreaterThan(10);
    });
    expect(delivered).toBeLessThanOrEqual(atMost);
    expect(await collect(intake, count)).toHaveLength(count);
  });

  it("refuses new messages when it is full, and keeps the old ones (T2)", async () => {
    const world = await natsWorld({ limits: { maxBytes: 4_096 } });
    const bus = await world.bus();
    const results = await Promise.allSettled(
      numbered("m", 100).map((body) => bus.publish(observation(body.padEnd(100, ".")))),
    );
    const stored = results.filter(({ status }) => status === "fulfilled").length;
    expect(stored).toBeGreaterThan(5);
    expect(stored).toBeLessThan(100);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "BUS_FULL" },
    });
    const got = await collect(await bus.read(undefined), stored);
    expect(texts(got)[0]).toMatch(/^m0\./);
    await bus.purge(got.at(-1) ?? { stream: "", seq: 0 });
    await bus.publish(observation("room again"));
    expect(texts(await collect(await bus.read(got.at(-1)), 1))).toEqual(["room again"]);
  });

  it("puts a purge off that would hold up the stream, until it is quiet or a quarter full (T4)", async () => {
    const world = await natsWorld({ limits: { maxBytes: 40_000 } });
    const bus = await world.bus();
    const left = async (): Promise<number> =>
      (await (await world.jsm()).streams.info("AO_MAIL")).state.messages;
    const stream = streamOf(bus);
    for (const body of numbered("m", 70)) await bus.publish(observation(body));
    const busy = await bus.purge({ stream, seq: 69 });
    const few = await bus.purge({ stream, seq: 40 });
    const afterFew = await left();
    const all = await bus.purge({ stream, seq: 70 });
    const afterAll = await left();
    for (const body of numbered("n", 70)) await bus.publish(observation(body.padEnd(200, ".")));
    const full = await bus.purge({ stream, seq: 139 });
    expect([busy, few, afterFew, all, afterAll, full, await left()]).toEqual([
      false,
      true,
      30,
      true,
      0,
      true,
      1,
    ]);
  });

  it("changes the limits of a stream that exists, and nothing else of it (T3)", async () => {
    const world = await natsWorld();
    const bus = await world.bus();
    await bus.publish(observation("kept"));
    const before = streamOf(bus);
    const { url, user, pass } = world.server().credentials.ao;
    const endpoint = () => ({ servers: [new URL(url).host], user, pass });
    const other = await connectNatsBus({ endpoint, limits: { maxBytes: 123_456 } });
    onTestFinished(() => other.close());
    const { config } = await (await world.jsm()).streams.info("AO_MAIL");
    expect([config.max_bytes, config.storage, config.discard]).toEqual([123_456, "file", "new"]);
    expect(streamOf(other)).toBe(before);
    expect(texts(await collect(await other.read(undefined), 1))).toEqual(["kept"]);
  });

  it.each([
    { title: "nobody is there", pass: "right", port: 1, code: "BUS_DOWN" },
    { title: "the password is wrong", pass: "wrong", port: undefined, code: "BUS_REFUSED" },
  ])("does not connect when $title", async ({ pass, port, code }) => {
    const { ao } = (await natsWorld()).server().credentials;
    const host = port === undefined ? new URL(ao.url).host : `127.0.0.1:${port}`;
    const endpoint = () => ({
      servers: [host],
      user: ao.user,
      pass: pass === "right" ? ao.pass : pass,
    });
    await expect(connectNatsBus({ endpoint })).rejects.toMatchObject({ code });
  });
});
