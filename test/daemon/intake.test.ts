/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawClient, type RawClient } from "../bus/raw-client.ts";
import { credentialsOf, daemonWorld, observe } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";

// What comes in over the real NATS: repeated, out of order, all at once, while nobody listens, and with bad intent.

// Its own probes look when a program starts, and then no more: the books are counted here.
const world = daemonWorld({ probes: { terminalMs: 600_000, scmMs: 600_000 } });
let id = "";

beforeAll(async () => {
  await world.up();
  await world.addProject();
  id = await world.addSession();
  await eventually(async () => {
    const seen = await Promise.all(["terminal", "session"].map(typesOf));
    if (!seen.flat().includes("terminal.observed") || !seen.flat().includes("workspace.observed"))
      throw new Error("the probes have not looked yet");
  });
  await world.settled();
});
afterAll(async () => world.end());

/** Types of the messages that the session, or its terminal, was given. */
async function typesOf(kind: string): Promise<string[]> {
  const { entries } = await world.get(`/actors/${kind}/${id}/journal?limit=1000`);
  return entries.map(({ message }: { message: { type: string } }) => message.type);
}

interface Books {
  received: number;
  applied: number;
  duplicate: number;
  stale: number;
  dead: number;
}

async function books(): Promise<Books> {
  await world.settled();
  return world.get("/intake");
}

/** What the books grew by, while `act` was under way and until `received` messages more were in. */
async function growth(received: number, act: () => Promise<void>): Promise<Books> {
  const before = await books();
  await act();
  await expect.poll(async () => (await books()).received - before.received).toBe(received);
  const after = await books();
  return {
    received,
    applied: after.applied - before.applied,
    duplicate: after.duplicate - before.duplicate,
    stale: after.stale - before.stale,
    dead: after.dead - before.dead,
  };
}

async function lastLetters(count: number): Promise<{ code: string; subject: string }[]> {
  const { letters } = await world.get("/dead-letters?limit=500");
  return count === 0 ? [] : letters.slice(-count);
}

describe("observations from NATS", () => {
  it("are each applied when 50 come at once from 5 clients", async () => {
    await world.settled();
    const { revision } = await world.session(id);
    const clients = await Promise.all(Array.from({ length: 5 }, async () => world.nats("probe")));
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const nc = clients[n % clients.length] ?? (await world.nats("probe"));
        await observe(nc, `activity.${id}`, { state: n % 2 === 0 ? "active" : "idle" });
      }),
    );
    await expect.poll(async () => (await world.session(id)).revision).toBe(revision + 50);
    await world.settled();
    expect((await world.session(id)).revision).toBe(revision + 50);
  });

  it("keep the newest sign of life when they come out of order", async () => {
    const nc = await world.nats("probe");
    const now = Date.now();
    const ages = [5, 1, 9, 0, 7, 3, 8, 2, 6, 4];
    const { applied } = await growth(ages.length, async () => {
      for (const age of ages) {
        // oxlint-disable-next-line no-await-in-loop -- the order is what it is about
        await observe(nc, `activity.${id}`, { state: "active" }, { at: now - age * 1_000 });
      }
    });
    expect(applied).toBe(ages.length);
    expect((await world.session(id)).activity).toMatchObject({ lastActivityAt: now });
  });
});

describe("a command that comes again", () => {
  it("is applied once, however often the stream has it, and answered with the first outcome", async () => {
    const nc = await world.nats("ao");
    const key = randomUUID();
    const data = { summary: "done", outcome: "succeeded" };
    const command = { id: `http:owner:${key}`, type: "session.report", data };
    const grown = await growth(3, async () => {
      for (let n = 0; n < 3; n += 1) nc.publish(`ao.cmd.session.${id}`, JSON.stringify(command));
      await nc.flush();
    });
    expect(grown).toMatchObject({ applied: 1, duplicate: 2, dead: 0 });
    const { revision } = await world.session(id);
    const again = await world.post(`/sessions/${id}/report`, data, { key });
    expect(again.revision).toBe(revision);
    const { entries } = await world.get(`/actors/session/${id}/journal?limit=1000`);
    const ids = entries.map(({ message }: { message: { id: string } }) => message.id);
    expect(ids.filter((each: string) => each === command.id)).toHaveLength(1);
  });
});

describe("a probe that lies", () => {
  it.each([
    { lie: "of an older epoch", subject: "runtime", epoch: 0, fate: { stale: 1 }, code: [] },
    {
      lie: "of an epoch that is not there yet",
      subject: "runtime",
      epoch: 9,
      fate: { dead: 1 },
      code: ["EPOCH_UNKNOWN"],
    },
    {
      lie: "of a terminal's older epoch",
      subject: "terminal",
      epoch: 0,
      fate: { stale: 1 },
      code: [],
    },
    {
      lie: "of a terminal's later epoch",
      subject: "terminal",
      epoch: 9,
      fate: { dead: 1 },
      code: ["EPOCH_UNKNOWN"],
    },
  ])("$lie changes nothing", async ({ subject, epoch, fate, code }) => {
    const nc = await world.nats("probe");
    await world.settled();
    const before = await world.session(id);
    const dead = { process: "dead", epoch, ...(subject === "runtime" && { runtime: "dead" }) };
    const grown = await growth(1, async () => observe(nc, `${subject}.${id}`, dead));
    expect(grown).toMatchObject({ applied: 0, ...fate });
    expect(await world.session(id)).toEqual(before);
    const letters = await lastLetters(grown.dead);
    expect(letters.map((letter) => letter.code)).toEqual(code);
  });

  it("of sessions that never were ends in dead letters, and makes no session", async () => {
    const nc = await world.nats("probe");
    const { sessions } = await world.get("/sessions?limit=1000");
    const grown = await growth(2, async () => {
      await observe(nc, "activity.ghost", { state: "active" });
      await observe(nc, "terminal.ghost", { process: "alive", epoch: 1 });
    });
    expect(grown).toMatchObject({ applied: 0, dead: 2 });
    expect((await lastLetters(2)).map(({ code }) => code)).toEqual([
      "ACTOR_UNKNOWN",
      "ACTOR_UNKNOWN",
    ]);
    expect((await world.get("/sessions?limit=1000")).sessions).toHaveLength(sessions.length);
  });

  it.each([
    { named: "the id of an order", name: "session/demo-1#1.0" },
    { named: "an id without end", name: "x".repeat(5_000) },
  ])("under $named is not heard", async ({ name }) => {
    const nc = await world.nats("probe");
    const grown = await growth(1, async () =>
      observe(nc, `activity.${id}`, { state: "active" }, { id: name }),
    );
    expect(grown).toMatchObject({ applied: 0, dead: 1 });
    expect(await lastLetters(1)).toMatchObject([{ code: "ID_RESERVED" }]);
  });

  it("with more bytes than the limit is refused, by the daemon or by NATS itself", async () => {
    const nc = await world.nats("probe");
    const body = { state: "active", event: "x".repeat(1_048_576) };
    const grown = await growth(1, async () => observe(nc, `activity.${id}`, body));
    expect(grown).toMatchObject({ applied: 0, dead: 1 });
    expect(await lastLetters(1)).toMatchObject([{ code: "MESSAGE_TOO_LARGE", isTruncated: true }]);
    const huge = { ...body, event: "x".repeat(2_097_152) };
    await expect(observe(nc, `activity.${id}`, huge)).rejects.toThrow(/max_payload/i);
  });
});

describe("a hostile client with the probe's password", () => {
  it("fills the dead letters and nothing else, whatever bytes it sends", async () => {
    const raw = await probeSocket();
    const { pid } = world.run();
    const before = await world.session(id);
    const bodies = [
      "",
      "\u0000\u0001\u0002",
      "\u00ff\u00fe{",
      "null",
      "[]",
      '"active"',
      "{",
      '{"state":"active","state":{"__proto__":{}}}',
      '{"state":"ACTIVE"}',
      `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
      '{"state":"active","epoch":1e309}',
      '{"state":"active","epoch":-1}',
    ];
    const subjects = [
      "activity",
      `activity.${id}.more`,
      `nothing.${id}`,
      "activity.\u00ff",
      "activity.a/b",
    ];
    const posts = [
      ...bodies.map((body) => pub(`ao.obs.activity.${id}`, body)),
      ...subjects.map((subject) => pub(`ao.obs.${subject}`, '{"state":"active"}')),
    ];
    const grown = await growth(posts.length, async () => {
      await raw.say(...posts);
    });
    expect(grown).toMatchObject({ dead: posts.length, applied: 0 });
    expect(await world.session(id)).toEqual(before);
    expect(world.run().pid).toBe(pid);
    await raw.say(pub(`ao.obs.activity.${id}`, '{"state":"blocked"}'));
    await expect
      .poll(async () => world.session(id))
      .toMatchObject({ activity: { state: "blocked" } });
  });

  it.each([
    "ao.cmd.session.demo-1",
    "ao.msg.session.demo-1",
    "ao.dead",
    "$JS.API.STREAM.PURGE.AO_MAIL",
  ])("may not publish to %s", async (subject) => {
    const body = JSON.stringify({ type: "session.kill", data: {} });
    const raw = await probeSocket();
    const before = await books();
    expect(await raw.say(pub(subject, body))).toMatch(/Permissions Violation for Publish/);
    expect(await books()).toEqual(before);
  });
});

describe("observations that came while no daemon ran", () => {
  it("are applied at the next start", async () => {
    const nc = await world.nats("probe");
    await world.kill();
    await observe(nc, `activity.${id}`, { state: "waiting_input" });
    await world.up();
    await expect
      .poll(async () => world.session(id))
      .toMatchObject({ activity: { state: "waiting_input" }, runtime: { state: "alive" } });
  });
});

async function probeSocket(): Promise<RawClient> {
  const { url, pass } = credentialsOf(world.home, "probe");
  return rawClient(url, "probe", pass);
}

function pub(subject: string, body: string): string {
  return `PUB ${subject} ${Buffer.byteLength(body)}\r\n${body}`;
}
