/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { events } from "../../bin/cli/event-stream.ts";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, afterAll, describe, expect, it, onTestFinished } from "vitest";
import { stateTree } from "../../bin/commands/state-tree.ts";
import { inspectionServer } from "../../http/inspection.ts";
import { daemonWorld, type DaemonWorld } from "../support/daemon.ts";
import { tempFolder } from "../support/folder.ts";

const ENTRY = join(import.meta.dirname, "../../bin/entry.js");
let world: DaemonWorld;
let id: string;

beforeAll(async () => {
  world = daemonWorld();
  await world.up();
  await world.addProject();
  id = await world.addSession();
}, 60_000);

afterAll(async () => {
  await world.end();
});

describe("ao watch in a terminal", () => {
  it("is a live board that says when the daemon is gone, and goes on when it is back (B2)", async () => {
    const socket = join(tempFolder(), "t.sock");
    const tmux = async (...args: string[]): Promise<string> =>
      (await execa("tmux", ["-S", socket, "-f", "/dev/null", ...args])).stdout;
    onTestFinished(async () => {
      await execa("tmux", ["-S", socket, "kill-server"], { reject: false });
    });
    const command = ["env", `AO_HOME=${world.home}`, process.execPath, ENTRY, "watch"];
    await tmux("new-session", "-d", "-s", "w", "-x", "120", "-y", "30", "sh");
    await tmux("send-keys", "-t", "w", command.map((part) => `'${part}'`).join(" "), "Enter");
    const screen = async (): Promise<string> => tmux("capture-pane", "-p", "-t", "w");
    await expect.poll(screen).toMatch(new RegExp(`SESSIONS.*STATUS[^]*${id} +\\w+`));
    await world.post(`/observations/activity/${id}`, { state: "waiting_input" });
    await expect.poll(screen).toContain("needs_input");
    await world.down();
    await expect.poll(screen).toContain("NOT LIVE");
    await world.up();
    await expect.poll(screen, { timeout: 20_000 }).not.toContain("NOT LIVE");
    await tmux("send-keys", "-t", "w", "q");
    await expect.poll(screen).not.toContain("SESSIONS");
  }, 60_000);
});

describe("exports", () => {
  it("draw a chart as a picture, and an actor's with its states lit", async () => {
    const chart = await world.ao("machine", "terminal", "--format", "svg");
    expect(chart.stdout).toMatch(/^<svg [^]*<\/svg>$/);
    const actor = await world.ao("actor", `terminal/${id}`, "--svg");
    const lit = [...actor.stdout.matchAll(/class="\w+ on"[^]*?<text[^>]*>([^<]+)</g)];
    expect(lit.map(([, name]) => name)).toEqual(["live", "ready"]);
    expect(chart.stdout).not.toMatch(/class="\w+ on"/);
  });

  it("give a config that XState takes", async () => {
    const { stdout } = await world.ao("machine", "terminal", "--format", "xstate");
    expect(JSON.parse(stdout)).toMatchObject({ id: "terminal", initial: "absent" });
  });

  it("draw an actor's states as a tree", async () => {
    const { stdout } = await world.ao("actor", `terminal/${id}`);
    expect(stdout.split("\n").slice(0, 4)).toEqual([
      "├─ ● live",
      "│  ├─ ● ready",
      "│  └─ ○ delivering",
      "└─ ○ absent, launching, exited, destroying",
    ]);
  });

  it("draw every region of a parallel state", () => {
    const chart = {
      name: "s",
      states: [
        { name: "a", states: [leaf("x"), leaf("y")] },
        { name: "b", states: [leaf("z")] },
      ],
    };
    const plain = {
      isJson: false,
      width: undefined,
      hasColour: false,
      write: () => {},
      note: () => {},
    };
    expect(stateTree(plain, chart, { a: "y", b: "z" }).split("\n")).toEqual([
      "├─ ● a",
      "│  ├─ ● y",
      "│  └─ ○ x",
      "└─ ● b",
      "   └─ ● z",
    ]);
  });
});

function leaf(name: string): { name: string; states: [] } {
  return { name, states: [] };
}

interface Attached {
  // oxlint-disable-next-line typescript/no-explicit-any -- looks into messages of every shape
  readonly messages: any[];
  readonly closed: Promise<number>;
}

async function attach(url: string, origin?: string): Promise<Attached> {
  const messages: Attached["messages"] = [];
  const options = { headers: origin === undefined ? {} : { origin } };
  const socket = new WebSocket(url, options);
  onTestFinished(() => socket.close());
  socket.addEventListener("message", ({ data }) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  return Promise.resolve({ messages, closed });
}

async function served(): Promise<string> {
  const server = await inspectionServer({ port: 0, origins: ["https://stately.ai"] });
  onTestFinished(async () => server.close());
  const actor = { address: "session/a", value: "x", context: {}, isDone: false, config: {} };
  server.tellActor(actor, 1);
  return server.url;
}

describe("ao inspect", () => {
  it("tells tools every actor, then every event and snapshot, as Stately's protocol has it (I3)", async () => {
    const args = [ENTRY, "inspect", "--port", "0", "--json", "--kind", "session"];
    const child = spawn(process.execPath, args, { env: { ...process.env, AO_HOME: world.home } });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await expect.poll(() => printed, { timeout: 20_000 }).toContain("ws://");
    const { url }: { url: string } = JSON.parse(printed);
    const { messages } = await attach(url);
    const address = `session/${id}`;
    await expect
      .poll(() => messages[0])
      .toMatchObject({
        type: "@xstate.actor",
        sessionId: address,
        snapshot: { status: "active", value: { wanted: "running" } },
      });
    expect(JSON.parse(messages[0].definition)).toMatchObject({ id: "session" });
    await world.post(`/observations/activity/${id}`, { state: "blocked" });
    const told = (type: string) => () => messages.filter((message) => message.type === type).at(-1);
    // The person who is told of it is an event, too.
    const heard = () => messages.find(({ event }) => event?.type === "activity.observed");
    await expect.poll(heard).toMatchObject({
      type: "@xstate.event",
      sessionId: address,
      event: { data: { state: "blocked" } },
    });
    await expect.poll(told("@xstate.snapshot")).toMatchObject({
      sessionId: address,
      snapshot: { value: { activity: "blocked" } },
    });
    // Steps that follow at once are each told as they were, not as the last of them.
    const states = [
      "active",
      "ready",
      "idle",
      "active",
      "waiting_input",
      "idle",
      "active",
      "ready",
    ];
    await Promise.all(
      states.map(async (state) => world.post(`/observations/activity/${id}`, { state })),
    );
    const steps = () =>
      messages.filter(
        ({ type, event }) => type === "@xstate.snapshot" && event.type === "activity.observed",
      );
    await expect.poll(() => steps().length).toBeGreaterThan(states.length);
    expect(steps().map(({ snapshot }) => snapshot.value.activity)).toEqual(
      steps().map(({ event }) => event.data.state),
    );
  }, 40_000);

  it("lets no page of another origin listen (I2)", async () => {
    const { messages, closed } = await attach(await served(), "https://evil.test");
    expect([await closed, messages]).toEqual([1_008, []]);
  });

  it.each(["https://stately.ai", "http://localhost:3000"])(
    "lets a page of %s listen, which was named or is of this machine (I2)",
    async (origin) => {
      const { messages } = await attach(await served(), origin);
      await expect.poll(() => messages).toHaveLength(1);
    },
  );
});

it("ends a stream with what the daemon says went wrong", async () => {
  const told = [
    ': follow\n\nid: 1\nevent: step\ndata: {"seq":1}\n\nevent: er',
    'ror\ndata: {"code":"STORE_DAMAGED","message":"read the log: a page is damaged"}\n\n',
  ];
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of an answer as is read
    for await (const { data } of events(Readable.from(told) as IncomingMessage)) seen.push(data);
  };
  await expect(read()).rejects.toMatchObject({
    code: "STORE_DAMAGED",
    message: "read the log: a page is damaged",
  });
  expect(seen).toEqual(['{"seq":1}']);
});
