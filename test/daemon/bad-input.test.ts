/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { renameSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsConnection } from "@nats-io/transport-node";
import { pullFacts } from "../support/pulls.ts";
import { daemonWorld, observe, PATIENCE_MS } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";

// What nobody should send, over each way in, and what the world does that nobody should do. The daemon runs through all
// of it: it is the same process at the end.

const world = daemonWorld();
let session = "";
let pid = 0;
let nc: NatsConnection;

beforeAll(async () => {
  ({ pid } = await world.up());
  await world.addProject();
  session = await world.addSession();
  nc = await world.nats();
});
afterAll(async () => {
  await world.end();
});

const pulls = (count: number): object => ({
  fetched: true,
  prs: Array.from({ length: count }, (_, n) =>
    pullFacts({ number: n + 1, url: `https://forge.test/${n + 1}` }),
  ),
});

interface Row {
  readonly title: string;
  readonly lane: string;
  readonly to?: string;
  readonly body: object;
  /** Code of the dead letter over NATS; over HTTP all of them are MALFORMED. */
  readonly letter: string;
}

const ROWS: readonly Row[] = [
  {
    title: "an unknown session",
    lane: "activity",
    to: "nobody-1",
    body: { state: "idle" },
    letter: "ACTOR_UNKNOWN",
  },
  {
    title: "a wrong enum",
    lane: "activity",
    body: { state: "asleep" },
    letter: "SHAPE_WRONG",
  },
  {
    title: "evidence of 10,000 characters",
    lane: "runtime",
    body: { runtime: "alive", process: "alive", evidence: "x".repeat(10_000) },
    letter: "SHAPE_WRONG",
  },
  {
    title: "a hundred pull requests",
    lane: "scm",
    body: pulls(100),
    letter: "SHAPE_WRONG",
  },
];

describe("an observation that is none", () => {
  it.each(ROWS.filter(({ to }) => to === undefined))(
    "is refused over HTTP and the command line: $title",
    async (row) => {
      const { lane, body } = row;
      const to = session;
      const before = await world.session(session);
      const answer = await world.request("POST", `/observations/${lane}/${to}`, body);
      expect([answer.status, answer.body.code]).toEqual([400, "MALFORMED"]);
      expect(answer.body.message.length).toBeLessThan(2_000);
      const said = await world.ao("observe", lane, to, JSON.stringify(body));
      expect(said).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringMatching(/^ao: .+\(MALFORMED\); see: /),
      });
      expect(said.stderr.split("\n")).toHaveLength(1);
      expect((await world.session(session)).revision).toBe(before.revision);
    },
  );

  it.each(ROWS)("is a dead letter over NATS, and changes nothing: $title", async (row) => {
    const before = await world.session(session);
    const { letters } = await world.get("/dead-letters?limit=500");
    await observe(nc, `${row.lane}.${row.to ?? session}`, row.body);
    await expect
      .poll(
        async () => (await world.get("/dead-letters?limit=500")).letters.slice(letters.length),
        {
          timeout: PATIENCE_MS,
        },
      )
      .toMatchObject([{ code: row.letter }]);
    expect((await world.session(session)).revision).toBe(before.revision);
    expect((await world.get("/intake")).isBalanced).toBe(true);
  });

  it("of an unknown session is taken as NATS takes it; a command to one is refused", async () => {
    const published = await world.request("POST", "/observations/activity/nobody-1", {
      state: "idle",
    });
    expect(published.status).toBe(202);
    const commands = {
      activity: { state: "idle" },
      send: { text: "x" },
      kill: {},
      report: { summary: "x" },
    };
    for (const [path, body] of Object.entries(commands)) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await world.request("POST", `/sessions/nobody-1/${path}`, body);
      expect([answer.status, answer.body.code]).toEqual([404, "ACTOR_UNKNOWN"]);
    }
    expect(await world.ao("send", "nobody-1", "x")).toMatchObject({
      exitCode: 1,
      stderr: "ao: there is no session/nobody-1 (ACTOR_UNKNOWN); see what there is: ao ls --all",
    });
    const asked = await nc.request("ao.api.get.sessions.nobody-1", "", { timeout: PATIENCE_MS });
    expect(asked.json()).toMatchObject({ status: 404, body: { code: "ACTOR_UNKNOWN" } });
  });

  it("is too large with 10,000 pull requests, and said so", async () => {
    const answer = await world.request("POST", `/observations/scm/${session}`, pulls(10_000));
    expect([answer.status, answer.body.code]).toEqual([413, "BODY_TOO_LARGE"]);
    await expect(observe(nc, `scm.${session}`, pulls(10_000))).rejects.toThrow(/payload/i);
  });

  it("is stale, or of nobody, with a wrong epoch, and changes nothing", async () => {
    const before = await world.session(session);
    const books = await world.get("/intake");
    await world.post(`/observations/activity/${session}`, { state: "blocked", epoch: 0 });
    await world.post(`/observations/activity/${session}`, { state: "blocked", epoch: 99 });
    await expect
      .poll(async () => {
        const { stale, dead } = await world.get("/intake");
        return [stale - books.stale, dead - books.dead];
      })
      .toEqual([1, 1]);
    const { letters } = await world.get("/dead-letters?limit=500");
    expect(letters.at(-1)).toMatchObject({ code: "EPOCH_UNKNOWN" });
    expect((await world.session(session)).revision).toBe(before.revision);
  });
});

describe("a time that cannot be", () => {
  it("in the future counts as at most a minute from now", async () => {
    const hour = 3_600_000;
    await observe(nc, `activity.${session}`, { state: "active" }, { at: Date.now() + hour });
    await expect.poll(async () => world.session(session)).toMatchObject({ status: "working" });
    const { activity } = await world.session(session);
    expect((activity.lastActivityAt ?? 0) - Date.now()).toBeLessThanOrEqual(60_000);
  });

  it("long ago changes nothing, since the session knows better", async () => {
    const before = await world.session(session);
    const { applied } = await world.get("/intake");
    await observe(nc, `activity.${session}`, { state: "blocked" }, { at: 1 });
    await expect.poll(async () => (await world.get("/intake")).applied).toBeGreaterThan(applied);
    expect((await world.session(session)).status).toBe(before.status);
  });
});

/** Text with what would end a bracketed paste, ring, and interrupt. */
function text(way: string): string {
  return `${way}\u001b[201~\u0007\u0003!`;
}

describe("text that a terminal would obey", () => {
  it("is typed without it, over HTTP, NATS and the command line", async () => {
    const id = await world.addSession();
    await world.post(`/sessions/${id}/send`, { text: text("http") });
    const body = JSON.stringify({ text: text("nats") });
    await nc.request(`ao.api.post.sessions.${id}.send`, body, { timeout: PATIENCE_MS });
    await world.ao("send", id, text("line"));
    await expect
      .poll(() => world.typed(id), { timeout: PATIENCE_MS })
      .toEqual(["http[201~!", "nats[201~!", "line[201~!"]);
  });

  it("in a prompt or a title is shown to nobody's terminal", async () => {
    const { id } = await world.post("/sessions", {
      projectId: "demo",
      prompt: "a\u001b[2Jb",
      title: "c\u001b]0;d\u0007e",
    });
    for (const args of [
      ["ls", "--all"],
      ["show", id],
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { exitCode, stdout } = await world.ao(...args);
      // oxlint-disable-next-line no-control-regex -- looked for
      expect([exitCode, /[\u0000-\u0009\u000b-\u001f]/.test(stdout)]).toEqual([0, false]);
    }
  });
});

it("a clock that was ahead hides what is seen until it is caught up with, and no command", async () => {
  const id = await world.addSession();
  const ahead = { at: Date.now() + 50_000 };
  await observe(nc, `activity.${id}`, { state: "active" }, ahead);
  await expect.poll(async () => world.session(id)).toMatchObject({ status: "working" });
  const { applied } = await world.get("/intake");
  await observe(nc, `activity.${id}`, { state: "idle" });
  await expect.poll(async () => (await world.get("/intake")).applied).toBeGreaterThan(applied);
  expect((await world.session(id)).status).toBe("working");
  await world.post(`/sessions/${id}/send`, { text: "still heard" });
  await expect.poll(() => world.typed(id), { timeout: PATIENCE_MS }).toEqual(["still heard"]);
  expect((await world.post(`/sessions/${id}/kill`)).status).toBe("killed");
  await expect
    .poll(async () => world.session(id), { timeout: PATIENCE_MS })
    .toMatchObject({ terminal: { state: "stopped" } });
});

describe("what the world does", () => {
  it("a repository that disappeared fails the sessions started meanwhile, and nothing else", async () => {
    const { root } = await world.get("/projects/demo");
    renameSync(root, `${root}.away`);
    const { id } = await world.post("/sessions", { projectId: "demo", prompt: "x" });
    await expect
      .poll(async () => world.session(id), { timeout: PATIENCE_MS })
      .toMatchObject({
        status: "errored",
        workspace: { state: "failed", reason: expect.stringContaining(root) },
        notices: [{ type: "agent-exited", state: "open" }],
      });
    expect((await world.ao("show", id)).stdout).toContain(root);
    renameSync(`${root}.away`, root);
    await world.addSession();
  });

  it("a repository that disappears under a running session is told by it, and it goes on", async () => {
    const { root } = await world.get("/projects/demo");
    const id = await world.addSession();
    const heard = async (): Promise<string[]> => {
      const { entries } = await world.get(`/actors/session/${id}/journal?limit=100`);
      return entries.map(({ message }: { message: { type: string } }) => message.type);
    };
    await expect.poll(heard, { timeout: PATIENCE_MS }).toContain("workspace.observed");
    renameSync(root, `${root}.away`);
    await expect
      .poll(async () => (await world.session(id)).workspace, { timeout: PATIENCE_MS })
      .toMatchObject({
        state: "ready",
        reason: expect.stringMatching(/its repository cannot be read.*HEAD/),
      });
    expect((await world.ao("show", id)).stdout).toContain("its repository cannot be read");
    await world.post(`/sessions/${id}/send`, { text: "still heard" });
    await expect.poll(() => world.typed(id), { timeout: PATIENCE_MS }).toEqual(["still heard"]);
    renameSync(`${root}.away`, root);
    await expect
      .poll(async () => (await world.session(id)).workspace, { timeout: PATIENCE_MS })
      .toMatchObject({ state: "ready", reason: null });
  });

  it("a pane that is killed by hand ends its session, and a person is told", async () => {
    const id = await world.addSession();
    await world.tmux("kill-session", "-t", `=${id}`);
    await expect
      .poll(async () => world.session(id), { timeout: PATIENCE_MS })
      .toMatchObject({
        lifecycle: { state: "terminated" },
        notices: [{ type: "agent-exited", priority: "urgent" }],
      });
    expect((await world.session(session)).lifecycle.state).not.toBe("terminated");
  });
});

it("the daemon that took all this is the one that was started, and it is ready", async () => {
  await eventually(async () => expect((await world.ao("status")).exitCode).toBe(0));
  expect(world.run().pid).toBe(pid);
  expect((await world.get("/intake")).isBalanced).toBe(true);
});
