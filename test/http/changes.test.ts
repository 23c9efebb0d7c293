/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { BoardLine } from "../../http/board.ts";
import { framePause } from "../../http/changes.ts";
import type { Committed } from "../../actors/system.ts";
import {
  memorySystem,
  OWNER,
  served,
  withOrder,
  withProject,
  withSession,
  type Served,
} from "../support/http.ts";

interface Changes {
  readonly response: IncomingMessage;
  /** Every line told so far. */
  readonly lines: () => BoardLine[];
  readonly frames: () => string[];
  readonly isEnded: () => boolean;
  readonly last: () => number;
}

async function follow(server: Served, query = "", headers: object = {}): Promise<Changes> {
  const url = server.app.server.listening
    ? `http://127.0.0.1:${String(Reflect.get(server.app.server.address() ?? {}, "port"))}`
    : await server.app.listen({ port: 0, host: "127.0.0.1" });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const all = { authorization: `Bearer ${OWNER}`, ...headers };
    httpRequest(`${url}/api/v1/changes${query}`, { headers: all }, resolve)
      .once("error", reject)
      .end();
  });
  onTestFinished(() => {
    response.destroy();
  });
  response.on("error", () => {});
  let text = "";
  let isEnded = false;
  response.on("close", () => {
    isEnded = true;
  });
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const frames = (): string[] => text.split("\n\n").filter((frame) => frame.includes("event:"));
  return {
    response,
    frames,
    isEnded: () => isEnded,
    last: () => Number([...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1]),
    lines: () =>
      [...text.matchAll(/^event: lines\ndata: (.*)$/gm)].flatMap(
        ([, data = ""]) => JSON.parse(data).lines,
      ),
  };
}

const head = (server: Served): number => server.system.store.head().globalSeq;

it("tells how an actor stands after it changed, as the board does (G1)", async () => {
  const server = await served();
  await withProject(server);
  const changes = await follow(server);
  const id = await withSession(server);
  await expect.poll(() => changes.last()).toBe(head(server));
  const told = changes.lines().findLast(({ address }) => address === `session/${id}`);
  const { body } = await server.request("GET", "/board?kind=session");
  expect([told, body.head]).toEqual([body.lines[0], head(server)]);
  expect(BoardLine.parse(told)).toEqual(told);
  expect(told).toMatchObject({ title: "Do it.", status: "spawning", parent: "project/demo" });
});

it("tells a session as its whole view does", async () => {
  const server = await served();
  await withProject(server);
  const id = await withSession(server);
  const states = ["active", "idle", "waiting_input", "blocked", "exited"];
  for (const state of states) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await server.request("POST", `/observations/activity/${id}`, { state });
    // oxlint-disable-next-line no-await-in-loop -- until it is applied
    await expect.poll(() => server.system.report().lag).toBe(0);
    // oxlint-disable-next-line no-await-in-loop -- both of one moment
    const [{ body }, view] = await Promise.all([
      server.request("GET", "/board?kind=session"),
      server.request("GET", `/sessions/${id}`),
    ]);
    expect(body.lines[0]).toMatchObject({
      status: view.body.status,
      reason: view.body.statusReason,
      since: view.body.lifecycle.since,
      facts: { branch: view.body.branch, harness: view.body.harness },
    });
  }
});

it("tells an actor that moved often less often than it moved (G2)", async () => {
  const server = await served();
  await withProject(server);
  const changes = await follow(server, "?kind=project");
  const before = head(server);
  const startedAt = performance.now();
  // One after the other: what comes at once is committed at once, and told once whatever the pause is.
  for (let n = 0; n < 100; n += 1) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
    await server.request("PUT", "/projects/demo/config", { env: { N: String(n) } });
  }
  await expect.poll(() => changes.last()).toBe(head(server));
  expect(head(server) - before).toBe(100);
  // A pause of 40 ms follows every frame; a timer may be a moment early.
  expect(changes.lines().length).toBeLessThanOrEqual((performance.now() - startedAt) / 35 + 2);
  expect(changes.lines().at(-1)?.seq).toBe(server.system.store.snapshot("project/demo")?.seq);
});

it.each([
  { title: "a hundredth of the time of a busy thread", took: 3, busy: 1, pause: 300 },
  { title: "as seldom when it waits for others in between", took: 3, busy: 0.5, pause: 300 },
  { title: "oftener when it rests", took: 3, busy: 0.1, pause: 60 },
  { title: "no oftener than an eye sees", took: 3, busy: 0.02, pause: 40 },
  { title: "once a second whatever they take", took: 50, busy: 1, pause: 1_000 },
])("makes frames $title (G2)", ({ took, busy, pause }) => {
  expect(framePause(took, busy)).toBeCloseTo(pause);
});

it("tells a reader that comes back what changed meanwhile, once for each actor (G3)", async () => {
  const server = await served();
  await withProject(server);
  const from = head(server);
  const id = await withOrder(server);
  await expect.poll(() => server.system.report().outbox).toBe(0);
  const changes = await follow(server, "", { "last-event-id": String(from) });
  await expect.poll(() => changes.last()).toBe(head(server));
  const addresses = changes.lines().map(({ address }) => address);
  expect(addresses.toSorted()).toEqual([
    "project/demo",
    `session/${id}`,
    `terminal/${id}`,
    `workspace/${id}`,
  ]);
});

it("tells a reader that was away for too long to read the board anew (G3)", async () => {
  const server = await served();
  await withProject(server);
  // Fewer at once than may wait for an answer.
  for (let n = 0; n < 2_100; n += 300) {
    const some = Array.from({ length: 300 }, async (_, k) =>
      server.request("PUT", "/projects/demo/config", { env: { N: String(n + k) } }),
    );
    // oxlint-disable-next-line no-await-in-loop -- one group after the other
    await Promise.all(some);
  }
  const changes = await follow(server, "?after=1");
  await expect.poll(() => changes.frames()).toHaveLength(1);
  expect(changes.frames()[0]).toBe(`id: ${head(server)}\nevent: reset\ndata: {}`);
});

it("tells a reader that stopped reading what changed meanwhile, once for each actor (G3)", async () => {
  const server = await served();
  await withProject(server);
  const sockets: Socket[] = [];
  server.app.server.on("connection", (socket: Socket) => sockets.push(socket));
  const changes = await follow(server);
  // As a connection whose other end takes nothing.
  sockets[0]?.cork();
  const start = async (): Promise<unknown> =>
    server.request("POST", "/sessions", {
      projectId: "demo",
      prompt: "Do it.",
      title: "x".repeat(900),
    });
  // oxlint-disable-next-line no-await-in-loop -- until it holds no more
  while (sockets[0]?.writableNeedDrain !== true) await start();
  await start();
  await expect.poll(() => server.system.report().outbox).toBe(0);
  const [before, from] = [changes.lines().length, head(server)];
  const id = await withSession(server);
  await expect.poll(() => server.system.report().outbox).toBe(0);
  expect([before, changes.lines().length]).toEqual([0, 0]);
  // Who keeps up was told all: for the other one no row is kept, they are read anew.
  const other = await follow(server);
  await server.request("PUT", "/projects/demo/config", { env: { N: "1" } });
  await expect.poll(() => other.last()).toBe(head(server));
  const read = vi.spyOn(server.system, "snapshot");
  sockets[0]?.uncork();
  await expect.poll(() => changes.last()).toBe(head(server));
  expect(read.mock.calls.flat()).toContain(`session/${id}`);
  expect(changes.frames().join("\n")).not.toContain("event: reset");
  const last = changes.frames().at(-1) ?? "";
  expect(last.split(`"address":"session/${id}"`)).toHaveLength(2);
  expect(head(server)).toBeGreaterThan(from + 2);
});

it("says to read the board anew to one who saw more than this log has (G3)", async () => {
  const server = await served();
  await withProject(server);
  const at = head(server);
  const changes = await follow(server, "", { "last-event-id": String(at + 90) });
  await expect.poll(() => changes.frames()).toEqual([`id: ${at}\nevent: reset\ndata: {}`]);
});

it("tells a reader whose place is of another store to read the board anew, though it has as many steps (G3)", async () => {
  const server = await served({ generation: "g-2" });
  await withProject(server);
  const at = head(server);
  const foreign = await follow(server, "?store=g-1", { "last-event-id": String(at) });
  await expect.poll(foreign.frames).toEqual([`id: ${at}\nevent: reset\ndata: {}`]);
  const own = await follow(server, "?store=g-2", { "last-event-id": String(at) });
  await withSession(server);
  await expect.poll(() => own.lines().length).toBeGreaterThan(0);
  expect(own.frames().join()).not.toContain("reset");
});

/** What a system over which feeds hear something else than was committed. */
function misheard(hear: (committed: Committed) => Committed): ReturnType<typeof memorySystem> {
  const system = memorySystem();
  const onCommitted = system.onCommitted.bind(system);
  const value: typeof onCommitted = (listener) =>
    onCommitted((committed) => listener(hear(committed)));
  Object.defineProperty(system, "onCommitted", { value });
  return system;
}

it("ends the answers whose line cannot be made, reports it, and no other reader hears of it (S2)", async () => {
  const defect = new Error("a line that cannot be made");
  const system = misheard(({ snapshots, ...rest }) => ({
    ...rest,
    snapshots: snapshots.map((row) => {
      if (!row.address.startsWith("session/")) return row;
      return Object.defineProperty({ ...row }, "snapshot", {
        get() {
          throw defect;
        },
      });
    }),
  }));
  const reports: unknown[] = [];
  const server = await served({ system, report: (error) => reports.push(error) });
  await withProject(server);
  const ended = await follow(server);
  const other = await follow(server, "?kind=project");
  await withOrder(server);
  await expect.poll(() => ended.isEnded()).toBe(true);
  expect(ended.frames().at(-1)).toMatch(/^event: error\ndata: \{"code":"DEFECT",.*\}$/);
  expect(reports).toEqual([defect]);
  await server.request("POST", "/projects/demo/pause");
  await expect.poll(() => other.lines().at(-1)?.status).toBe("paused");
  expect(other.isEnded()).toBe(false);
});

it("ends the answer of a reader that comes back and cannot be told what it missed (S2)", async () => {
  const reports: unknown[] = [];
  const server = await served({ report: (error) => reports.push(error) });
  await withProject(server);
  await server.request("PUT", "/projects/demo/config", { env: { N: "1" } });
  const defect = new Error("a row that cannot be read");
  const read = vi.spyOn(server.system, "snapshot").mockImplementation(() => {
    throw defect;
  });
  const ended = await follow(server, "?after=0");
  await expect.poll(() => ended.isEnded()).toBe(true);
  expect(ended.frames()).toEqual([expect.stringContaining('event: error\ndata: {"code":"DEFECT"')]);
  expect(reports).toEqual([defect]);
  read.mockRestore();
  const other = await follow(server, "?after=0");
  await expect.poll(() => other.last()).toBe(head(server));
});

it("tells many lines in parts, between which the daemon's work goes on (G4)", async () => {
  const system = misheard(({ snapshots, ...rest }) => {
    const many = snapshots.flatMap((row) =>
      Array.from({ length: 900 }, (_, n) => ({ ...row, address: `project/copy-${n}` as const })),
    );
    return { ...rest, snapshots: [...snapshots, ...many] };
  });
  const server = await served({ system });
  await withProject(server);
  let turn = 0;
  const wroteIn: number[] = [];
  server.app.server.on("request", (_request, response) => {
    const write = response.write.bind(response);
    response.write = (bytes: Buffer): boolean => {
      if (!bytes.includes("event: lines")) return write(bytes);
      wroteIn.push(turn);
      setImmediate(() => (turn += 1));
      return write(bytes);
    };
  });
  const changes = await follow(server);
  await server.request("PUT", "/projects/demo/config", { env: { N: "1" } });
  await expect.poll(() => changes.last()).toBe(head(server));
  expect(changes.lines()).toHaveLength(901);
  // Each in a turn of its own, and the last one is the place to resume from.
  expect(wroteIn).toEqual([0, 1, 2, 3, 4]);
  expect(changes.frames().map((frame) => frame.startsWith("id:"))).toEqual([
    ...Array.from({ length: 4 }, () => false),
    true,
  ]);
});
