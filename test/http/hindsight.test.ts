/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { describe, expect, it, vi } from "vitest";
import { served, withOrder, withProject, withSession, type Served } from "../support/http.ts";
import { outside } from "../support/outside.ts";

async function launched(): Promise<{ server: Served; id: string; path: string }> {
  const server = await served();
  await withProject(server);
  const id = await withSession(server);
  await expect.poll(() => server.system.report().outbox).toBe(0);
  return { server, id, path: `/actors/terminal/${id}` };
}

describe("an actor at one of its steps", () => {
  it("shows how it stood, what the step changed, since when, and what became of its orders", async () => {
    const { server, id, path } = await launched();
    const first = (await server.request("GET", `${path}/frames/1`)).body;
    expect(first).toMatchObject({
      value: "launching",
      before: null,
      step: { message: { type: "child.start" } },
      states: [{ path: "launching", since: { seq: 1 } }],
      ends: [{ id: `terminal/${id}#1.0`, type: "done", address: `terminal/${id}`, seq: 2 }],
    });
    const second = (await server.request("GET", `${path}/frames/2`)).body;
    expect(second).toMatchObject({
      value: { live: "ready" },
      before: { value: "launching", context: { pid: null } },
      context: { pid: 1_001 },
      states: [
        { path: "live", since: { seq: 2 } },
        { path: "live.ready", since: { seq: 2 } },
      ],
      ends: [{ type: "arrived", address: `session/${id}` }],
    });
  });

  it("shows what could move it there, and what each guard says", async () => {
    const { server, path } = await launched();
    const frame = (await server.request("GET", `${path}/frames/1`)).body;
    const { moves } = (await server.request("GET", `${path}/frames/1/moves`)).body;
    const start = moves.find(({ event }: { event: string }) => event === "child.start");
    expect(start).toMatchObject({ guard: "isNewer", verdict: "no", askedWith: 1 });
    expect(start.reads).toContainEqual({ path: "epoch", value: 1 });
    // A frame says the same, but for the reasons.
    expect(moves).toMatchObject(frame.moves);
    expect(frame.moves).toContainEqual(
      expect.objectContaining({ guard: "isNewer", verdict: "no" }),
    );
  });

  it("is the same as what is stored, at its newest step", async () => {
    const { server, path } = await launched();
    const now = (await server.request("GET", path)).body;
    const frame = (await server.request("GET", `${path}/frames/${now.seq}`)).body;
    expect([frame.value, frame.context, frame.last]).toEqual([now.value, now.context, now.seq]);
  });

  it("tells with its newest step, and of no older one, what waits with it and what is offered", async () => {
    const { server, id } = await launched();
    const path = `/actors/session/${id}`;
    const { body } = await server.request("GET", path);
    const { address: _, value: __, context: ___, enabled: ____, seq, ...present } = body;
    const frame = (await server.request("GET", `${path}/frames/last`)).body;
    expect([frame.seq, frame.last, frame.present]).toEqual([seq, seq, present]);
    expect(present).toMatchObject({ timers: [{ name: "watch" }], offers: ["send", "kill"] });
    expect((await server.request("GET", `${path}/frames/1`)).body.present).toBeNull();
  });

  it("is not shared while an order of its newest step is open: no step of it tells the end", async () => {
    const world = outside();
    world.hold("launchTerminal");
    const server = await served({ outside: world });
    await withProject(server);
    const id = await withOrder(server);
    const ask = async () =>
      (await server.request("GET", `/actors/terminal/${id}/frames/last`)).body;
    await expect.poll(async () => (await ask()).value).toBe("launching");
    const attempts = vi.spyOn(server.system.store, "checkpoint");
    const first = await ask();
    expect([first.ends[0].type, first.present.outbox.length]).toEqual(["open", 1]);
    await ask();
    expect(attempts).toHaveBeenCalledTimes(2);
  });

  it("is worked out once for all who look at its newest step", async () => {
    const { server, path } = await launched();
    const { seq } = (await server.request("GET", path)).body;
    const replays = vi.spyOn(server.system.store, "checkpoint");
    const ask = async () => server.request("GET", `${path}/frames/${seq}`);
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(replays.mock.calls).toEqual([[answers[0].body.address, seq]]);
  });

  it("is unknown beyond its newest step", async () => {
    const { server, path } = await launched();
    expect((await server.request("GET", `${path}/frames/9999`)).body.code).toBe("SEQ_UNKNOWN");
    expect((await server.request("GET", "/actors/terminal/none/frames/1")).body.code).toBe(
      "ACTOR_UNKNOWN",
    );
  });
});

it("tells all steps in few bytes, page by page", async () => {
  const { server, path } = await launched();
  const { body } = await server.request("GET", `${path}/timeline?limit=1`);
  expect(body).toMatchObject({
    ticks: [{ seq: 1, type: "child.start", isMove: true, isTrouble: false, orders: 1 }],
    next: 1,
  });
  const rest = (await server.request("GET", `${path}/timeline?after=1`)).body;
  expect([rest.ticks[0].type, rest.next]).toEqual(["launchTerminal.done", null]);
});

describe("what if", () => {
  it("tells the step that a message would be, and takes it nowhere (W1)", async () => {
    const { server, id, path } = await launched();
    const before = server.system.store.head();
    const { status, body } = await server.request("POST", `${path}/at/2/what-if`, {
      type: "child.stop",
      data: { epoch: 1, shutdownMs: 5 },
    });
    expect([status, body]).toMatchObject([
      200,
      {
        was: { live: "ready" },
        value: "destroying",
        contextBefore: { stop: null },
        context: { stop: { epoch: 1 }, graceMs: 5 },
        orders: [{ type: "effect", name: "destroyTerminal", epoch: 1 }],
        isNoop: false,
      },
    ]);
    expect(server.system.store.head()).toEqual(before);
    expect((await server.request("GET", `/sessions/${id}/terminal`)).body.state).toBe("live");
  });

  it.each([
    { title: "a message of a type that it does not take", type: "no.such", code: "TYPE_UNKNOWN" },
    { title: "a name that every object has", type: "__proto__", code: "TYPE_UNKNOWN" },
    { title: "one of the wrong shape", type: "child.stop", code: "SHAPE_WRONG" },
  ])("refuses $title", async ({ type, code }) => {
    const { server, path } = await launched();
    const { body } = await server.request("POST", `${path}/at/1/what-if`, { type, data: {} });
    expect(body.code).toBe(code);
  });
});

describe("a chart that is laid out", () => {
  it("has a place for every state and a way for every arrow, the same each time (Y1)", async () => {
    const { server } = await launched();
    const { body } = await server.request("GET", "/machines/terminal/layout");
    const names = body.nodes.map(({ id }: { id: string }) => id);
    expect(names).toEqual(expect.arrayContaining(["absent", "live", "live.ready", "destroying"]));
    expect(body.nodes.filter(({ width }: { width: number }) => width <= 0)).toEqual([]);
    expect(body.edges.filter(({ points }: { points: unknown[] }) => points.length < 2)).toEqual([]);
    const outer = body.nodes.find(({ id }: { id: string }) => id === "live");
    const inner = body.nodes.find(({ id }: { id: string }) => id === "live.ready");
    expect(inner.x > outer.x && inner.x + inner.width < outer.x + outer.width).toBe(true);
    const again = (await server.request("GET", "/machines/terminal/layout")).body;
    expect(again).toEqual(body);
  });

  it("leaves out the inside of what is folded, and leads its arrows to the whole", async () => {
    const { server } = await launched();
    const { body } = await server.request("GET", "/machines/terminal/layout?collapsed=live");
    const live = body.nodes.filter(({ id }: { id: string }) => id.startsWith("live"));
    expect(live).toMatchObject([{ id: "live", isCollapsed: true }]);
    expect(body.edges.some(({ to }: { to: string }) => to === "live")).toBe(true);
  });

  it("is a picture that needs nothing else", async () => {
    const { server } = await launched();
    const { body, headers } = await server.request("GET", "/machines/terminal?format=svg");
    expect(headers["content-type"]).toContain("image/svg+xml");
    expect(body).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*destroying[^]*<\/svg>\n$/,
    );
    expect(body).not.toMatch(/<script|href=|url\(http/);
  });
});
