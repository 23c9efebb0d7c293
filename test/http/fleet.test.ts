/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return, typescript/no-unsafe-call, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { memorySystem, served, withProject, withSession } from "../support/http.ts";

it("counts the actors of a kind by state, and the ways they went (F1)", async () => {
  const server = await served();
  await withProject(server);
  await withSession(server);
  await withSession(server);
  const { body } = await server.request("GET", "/machines/terminal/fleet");
  expect(body).toMatchObject({
    total: 2,
    states: [
      { path: "live", count: 2 },
      { path: "live.ready", count: 2 },
    ],
  });
  expect(body.moves).toContainEqual({
    event: "launchTerminal.done",
    was: "launching",
    value: { live: "ready" },
    count: 2,
  });
});

it("counts no agent of a session that was done and then ended as alive, nor lists it (F1)", async () => {
  const server = await served();
  await withProject(server);
  const [ended, other] = [await withSession(server), await withSession(server)];
  const alive = async (): Promise<unknown[]> => {
    const { states } = (await server.request("GET", "/machines/session/fleet")).body;
    const { actors } = (await server.request("GET", "/actors?state=runtime.alive")).body;
    const { lines } = (await server.request("GET", "/board?kind=session")).body;
    return [
      states.find(({ path }: { path: string }) => path === "runtime.alive")?.count,
      actors.map(({ address }: { address: string }) => address),
      lines
        .filter(({ states: paths }: { states: string[] }) => paths.includes("runtime.alive"))
        .map(({ id }: { id: string }) => id),
    ];
  };
  for (const id of [ended, other]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await server.system.observe("activity", id, { state: "active" });
  }
  await server.request("POST", `/sessions/${ended}/report`, { outcome: "success", summary: "all" });
  await expect.poll(alive).toEqual([2, [`session/${ended}`, `session/${other}`], [ended, other]]);
  await server.request("POST", `/sessions/${ended}/kill`, {});
  const value = async () => (await server.request("GET", `/actors/session/${ended}`)).body.value;
  await expect.poll(value).toMatchObject({ wanted: { stopped: "closed" } });
  expect(await value()).toMatchObject({ lifecycle: "done", runtime: "alive" });
  expect(await alive()).toEqual([1, [`session/${other}`], [other]]);
});

it("compares a chart with an older version that ran here, part by part (F2)", async () => {
  const system = memorySystem();
  const current = system.kinds.get("terminal")?.version ?? 0;
  const server = await served({ system });
  const graph = {
    nodes: [
      {
        id: "",
        parent: null,
        type: "compound",
        name: "terminal",
        description: "",
        entry: [],
        hears: [],
        isCollapsed: false,
      },
      {
        id: "gone",
        parent: "",
        type: "atomic",
        name: "gone",
        description: "",
        entry: [],
        hears: [],
        isCollapsed: false,
      },
    ],
    edges: [],
  };
  await system.store.putNote(`chart:terminal:${current + 1}`, graph);
  const { body } = await server.request(
    "GET",
    `/machines/terminal/diff?from=${current + 1}&to=${current}`,
  );
  expect(body.marks).toMatchObject({
    gone: "gone",
    absent: "new",
    "live.ready": "new",
    "": "changed",
  });
  expect(body.layout.nodes.map(({ id }: { id: string }) => id)).toContain("gone");
});

it("keeps the version that runs, and names no other", async () => {
  const server = await served();
  const { body } = await server.request("GET", "/machines/terminal/versions");
  expect(body.versions).toEqual([body.current]);
  expect((await server.request("GET", "/machines/terminal/diff?from=99&to=1")).body.code).toBe(
    "KIND_UNKNOWN",
  );
});

it("tells who keeps whom up: epochs, budgets and the daemon's own parts", async () => {
  const tree = {
    name: "core",
    phase: "running",
    strategy: "rest_for_one",
    intensity: 8,
    periodMs: 60_000,
    restarts: { crash: 2 },
    dueAt: null,
    parts: [{ id: "bus", epoch: 3, state: "running", lastCause: "crash" }],
  } as const;
  const server = await served({ trees: () => [tree] });
  await withProject(server);
  const id = await withSession(server);
  const { body } = await server.request("GET", "/supervision");
  expect(body.parts).toEqual([tree]);
  expect(body.actors).toMatchObject([
    {
      address: `session/${id}`,
      strategy: "rest_for_one",
      restarts: {},
      parts: [
        { id: "workspace", epoch: 1, address: `workspace/${id}` },
        { id: "terminal", epoch: 1, address: `terminal/${id}` },
      ],
    },
  ]);
  expect(body.tick).toBeNull();
  const objective = { projectId: "demo", title: "Ship", prompt: "Ship it." };
  expect((await server.request("POST", "/objectives", objective)).status).toBe(201);
  await expect
    .poll(async () => (await server.request("GET", "/supervision")).body.tick)
    .toMatchObject({ address: "supervisor/root", repairs: {}, queue: [] });
});

it("tells of an objective who its manager is, and at its end that nobody is kept up", async () => {
  const server = await served();
  await withProject(server);
  const wanted = { projectId: "demo", title: "Ship", prompt: "Ship it." };
  const { id } = (await server.request("POST", "/objectives", wanted)).body;
  const tree = async (): Promise<object> => {
    const { actors } = (await server.request("GET", "/supervision")).body;
    return actors.find(({ address }: { address: string }) => address === `objective/${id}`);
  };
  const manager = { id: "manager", epoch: 1, address: `session/${id}-m1` };
  await expect.poll(tree).toMatchObject({ phase: "running", parts: [manager] });
  await server.request("POST", `/objectives/${id}/cancel`, {});
  await expect.poll(tree).toMatchObject({
    phase: "stopped",
    parts: [{ ...manager, state: "ended" }],
  });
});

it("tells what the daemon stands on and has to do", async () => {
  const server = await served();
  const { body } = await server.request("GET", "/load");
  expect(body).toMatchObject({ isReady: true, bus: "up", lanes: [], parts: [{ name: "store" }] });
});
