/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-call, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import type { NoticeTold } from "../../http/edge.ts";
import { recordOf, stateOf } from "../../http/stored-state.ts";
import { ROOT } from "../../machines/ids.ts";
import { brittle } from "../support/brittle.ts";
import { coded, served, withProject, withSession, type Served } from "../support/http.ts";
import { pullFacts } from "../support/pulls.ts";

async function say(server: Served, id: string, state: string): Promise<void> {
  await server.request("POST", `/sessions/${id}/activity`, { state });
}

async function listed(server: Served, query = ""): Promise<string[]> {
  const { body } = await server.request("GET", `/notices${query}`);
  return body.notices.map(
    ({ id, type, state }: { id: string; type: string; state: string }) => `${id} ${type} ${state}`,
  );
}

/** Two sessions: the first is merged, then the second asks. */
async function withNotices(options: Parameters<typeof served>[0] = {}): Promise<Served> {
  const server = await served(options);
  await withProject(server);
  await withSession(server);
  await withSession(server);
  await say(server, "demo-1", "active");
  await server.system.observe("scm", "demo-1", {
    fetched: true,
    prs: [pullFacts({ state: "merged" })],
  });
  await expect.poll(async () => listed(server)).toHaveLength(1);
  await say(server, "demo-2", "waiting_input");
  await expect.poll(async () => listed(server)).toHaveLength(2);
  return server;
}

/** Two sessions whose terminals were lost at once, of which a person was told. */
async function withLost(): Promise<Served> {
  const server = await served();
  await withProject(server);
  const lost = [await withSession(server), await withSession(server)];
  for (const id of lost) {
    server.outside.panes.delete(id);
    await server.system.observe("terminal", id, { process: "dead", epoch: 1 });
  }
  const waiting = (): number => {
    const row = server.system.snapshot(ROOT);
    const { notices } = recordOf(row && stateOf(row).context["gathered"]);
    return Array.isArray(notices) ? notices.length : 0;
  };
  await expect.poll(waiting).toBe(2);
  await server.system.ask({ to: ROOT, type: "timer.tell", data: {} });
  return server;
}

describe("notices", () => {
  it("are listed with the most urgent first (N2), those of one session or project alone", async () => {
    const server = await withNotices();
    const both = ["demo-2-n1 agent-needs-input open", "demo-1-n1 all-complete open"];
    expect(await listed(server)).toEqual(both);
    expect(await listed(server, "?session=demo-1")).toEqual(both.slice(1));
    expect(await listed(server, "?project=demo")).toEqual(both);
    const { body } = await server.request("GET", "/notices?limit=1");
    expect([body.notices.length, body.total]).toEqual([1, 2]);
    const rest = await server.request("GET", `/notices?limit=1&after=${body.next}`);
    expect(rest.body.notices).toMatchObject([{ id: "demo-1-n1" }]);
    expect(rest.body.next).toBeUndefined();
    await server.request("POST", "/notices/demo-2-n1/ack");
    expect(await listed(server, `?after=${body.next}`)).toEqual(both.slice(1));
    expect((await server.request("GET", "/notices?after=yesterday")).status).toBe(400);
    await server.request("POST", "/projects", { id: "other", path: "/repositories/other" });
    expect(await listed(server, "?project=other")).toEqual([]);
  });

  it("are open until they are seen, and resolved when they are over", async () => {
    const server = await withNotices();
    const { status, body } = await server.request("POST", "/notices/demo-2-n1/ack");
    expect([status, body]).toMatchObject([
      200,
      { id: "demo-2-n1", sessionId: "demo-2", state: "seen", seenAt: expect.any(Number) },
    ]);
    expect(await listed(server)).toEqual(["demo-1-n1 all-complete open"]);
    expect((await server.request("GET", "/sessions/demo-2")).body.notices).toMatchObject([
      { id: "demo-2-n1", state: "seen" },
    ]);
    await say(server, "demo-2", "active");
    await expect
      .poll(async () => listed(server, "?state=all"))
      .toContain("demo-2-n1 agent-needs-input resolved");
    expect((await server.request("GET", "/sessions/demo-2")).body.notices).toEqual([]);
  });

  it("can be seen twice, and by the same request again", async () => {
    const server = await withNotices();
    const key = { "idempotency-key": "seen" };
    const first = await server.request("POST", "/notices/demo-2-n1/ack", {}, key);
    expect(await server.request("POST", "/notices/demo-2-n1/ack", {}, key)).toMatchObject({
      body: first.body,
    });
    expect((await server.request("POST", "/notices/demo-2-n1/ack")).body).toEqual(first.body);
  });

  it("say how they were told outside", async () => {
    const told: NoticeTold = { told: ["command"], failed: [], isHeld: false };
    const server = await withNotices({ toldOf: (id) => (id === "demo-2-n1" ? told : undefined) });
    const { body } = await server.request("GET", "/notices");
    expect(body.notices.map(({ delivery }: { delivery?: NoticeTold }) => delivery)).toEqual([
      told,
      undefined,
    ]);
  });

  it("tell of a quarantined actor until it is released (N1)", async () => {
    const server = await served({ kinds: (real) => brittle(real) });
    await withProject(server);
    await withSession(server);
    const to = "session/demo-1";
    for (let n = 0; n < 3; n += 1) {
      await server.system.ask({ to, type: "session.acknowledge", data: { noticeId: "x" } });
    }
    const seq = server.system.store.snapshot(to)?.seq;
    const id = `session-demo-1-n${seq}`;
    expect(await listed(server)).toEqual([`${id} actor-quarantined open`]);
    expect(await listed(server, "?session=demo-1&state=all")).toHaveLength(1);
    expect(await listed(server, "?project=demo")).toHaveLength(1);
    await expect.poll(() => server.outside.notices.has(id)).toBe(true);
    expect(coded(await server.request("POST", `/notices/${id}/ack`))).toEqual([
      409,
      "ACTOR_QUARANTINED",
    ]);
    await server.request("POST", `/actors/${to}/release`);
    expect(await listed(server)).toEqual([]);
    expect((await server.request("POST", `/notices/${id}/ack`)).status).toBe(404);
  });

  it("tell of an actor whose step threw until one does not (N1)", async () => {
    const server = await served({ kinds: (real) => brittle(real) });
    await withProject(server);
    await withSession(server);
    const to = "session/demo-1";
    await server.system.ask({ to, type: "session.acknowledge", data: { noticeId: "x" } });
    const id = `session-demo-1-n${server.system.store.snapshot(to)?.seq}`;
    expect(await listed(server)).toEqual([`${id} actor-threw open`]);
    await expect.poll(() => server.outside.notices.has(id)).toBe(true);
    expect(coded(await server.request("POST", `/notices/${id}/ack`))).toEqual([
      404,
      "NOTICE_UNKNOWN",
    ]);
    await say(server, "demo-1", "active");
    await expect.poll(async () => listed(server)).toEqual([]);
  });

  it("are one for all that were lost at once, until the last is over (N4)", async () => {
    const server = await withLost();
    const id = "supervisor-outage-n1";
    expect(await listed(server)).toEqual([`${id} agent-exited open`]);
    expect(await listed(server, "?project=demo")).toEqual([`${id} agent-exited open`]);
    expect(await listed(server, "?session=demo-1")).toEqual(["demo-1-n1 agent-exited open"]);
    await server.request("POST", "/notices/demo-1-n1/ack");
    expect(await listed(server, "?state=all")).toEqual([`${id} agent-exited open`]);
    expect(await listed(server)).toEqual([`${id} agent-exited open`]);
    const { status, body } = await server.request("POST", `/notices/${id}/ack`);
    expect([status, body]).toMatchObject([
      200,
      { id, state: "seen", sessionIds: ["demo-1", "demo-2"], seenAt: expect.any(Number) },
    ]);
    expect(await listed(server)).toEqual([]);
    expect((await server.request("POST", `/notices/${id}/ack`)).body).toEqual(body);
    await server.request("POST", "/sessions/demo-1/kill", {});
    expect(await listed(server, "?state=all")).toEqual([`${id} agent-exited seen`]);
    await server.request("POST", "/sessions/demo-2/kill", {});
    expect(await listed(server, "?state=all")).toEqual([`${id} agent-exited resolved`]);
  });

  it("come on the event stream as the step that told them", async () => {
    const server = await withNotices();
    const told = (): unknown[] =>
      server.system.store
        .log({ after: 0, limit: 1_000 })
        .filter(({ message }) => message.type === "notifyPerson.done")
        .map(({ message }) => message.data);
    await expect
      .poll(told)
      .toMatchObject([
        { result: { noticeId: "demo-1-n1", type: "all-complete", priority: "info" } },
        { result: { noticeId: "demo-2-n1", title: expect.stringContaining("needs input") } },
      ]);
  });

  it.each([
    { path: "/notices/demo-1-n9/ack", code: "NOTICE_UNKNOWN", status: 404 },
    { path: "/notices/odd-1-n1/ack", code: "ACTOR_UNKNOWN", status: 404 },
    { path: "/notices/odd/ack", code: "MALFORMED", status: 400 },
  ])("that are none are refused: $path", async ({ path, code, status }) => {
    const server = await withNotices();
    const answer = await server.request("POST", path);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it.each(["?state=odd", "?limit=0", "?session=odd-1", "?project=odd", "?odd=1"])(
    "are not listed for %s",
    async (query) => {
      const server = await served();
      expect((await server.request("GET", `/notices${query}`)).status).toBeGreaterThanOrEqual(400);
    },
  );
});
