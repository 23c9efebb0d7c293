import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { View, Viewer } from "../../adapters/terminal/view.ts";
import { tmuxWorld, type TmuxWorld } from "../adapters/terminal/tmux-world.ts";
import { OWNER, served, withProject, withSession, type Served } from "../support/http.ts";

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly code?: string;
  readonly message?: string;
  readonly data?: string;
  readonly columns?: number;
}

interface Muxed {
  readonly socket: WebSocket;
  say(message: object | string): void;
  readonly messages: () => readonly Message[];
  /** What a terminal shows: its last screen and everything after. */
  text(id: string): string;
  last(id: string): Message | undefined;
}

async function mux(server: Served, token = OWNER): Promise<Muxed> {
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/mux`, [
    "ao.mux",
    `ao.bearer.${token}`,
  ]);
  onTestFinished(() => socket.close());
  const messages: Message[] = [];
  socket.addEventListener("message", ({ data }) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at member by member
    messages.push(JSON.parse(String(data)) as Message);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("the socket was refused")));
  });
  const of = (id: string): Message[] => messages.filter((message) => message.id === id);
  return {
    socket,
    say: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    messages: () => messages,
    last: (id) => of(id).at(-1),
    text: (id) => {
      const from = of(id).findLastIndex(({ type }) => type === "screen");
      const parts = of(id).slice(Math.max(0, from));
      return Buffer.concat(parts.map(({ data = "" }) => Buffer.from(data, "base64"))).toString();
    },
  };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function withTerminals(...names: readonly string[]): Promise<[Muxed, TmuxWorld]> {
  const world = tmuxWorld();
  await Promise.all(names.map(async (terminal) => world.launch({ argv: ["cat"] }, { terminal })));
  const server = await served({ watch: world.terminals.watch });
  return [await mux(server), world];
}

describe("the terminal socket", () => {
  it("is refused without the owner's token, and to an agent", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    await expect(mux(server, "another")).rejects.toThrow("refused");
    const agent = server.tokens.mint(id, 1);
    expect(
      (await server.request("GET", "/mux", undefined, { authorization: `Bearer ${agent}` })).status,
    ).toBe(403);
  });

  it("chooses the protocol that is no secret", async () => {
    const [{ socket }] = await withTerminals("mer");
    expect(socket.protocol).toBe("ao.mux");
  });

  it("shows many terminals, each by itself (X1)", async () => {
    const [one] = await withTerminals("mer", "wez");
    for (const id of ["mer", "wez"]) one.say({ type: "open", id });
    await expect.poll(() => one.messages().filter(({ type }) => type === "screen")).toHaveLength(2);
    for (const id of ["mer", "wez"]) one.say({ type: "data", id, data: base64(`for ${id}\r`) });
    await expect.poll(() => one.text("mer")).toContain("for mer");
    await expect.poll(() => one.text("wez")).toContain("for wez");
    expect(one.text("mer")).not.toContain("for wez");
  });

  it("gives a terminal the size that is asked for, and tells it", async () => {
    const [one] = await withTerminals("mer");
    one.say({ type: "open", id: "mer", columns: 80, rows: 24 });
    await expect
      .poll(() => one.last("mer"))
      .toMatchObject({ type: "resize", columns: 80, rows: 24 });
    one.say({ type: "resize", id: "mer", columns: 100, rows: 30 });
    await expect.poll(() => one.last("mer")).toMatchObject({ type: "resize", columns: 100 });
  });

  it("ends the view of a terminal that is killed, with words (X4)", async () => {
    const [one, world] = await withTerminals("mer");
    one.say({ type: "open", id: "mer" });
    await expect.poll(() => one.last("mer")?.type).toBe("screen");
    await world.destroy();
    await expect
      .poll(() => one.last("mer"))
      .toMatchObject({ type: "exited", message: "The terminal was closed." });
  });

  it("lets every terminal go with the socket (X3), and one when it is closed", async () => {
    const [one, { tmux }] = await withTerminals("mer", "wez");
    const clients = async (): Promise<number> => {
      const answer = await tmux.run(["list-clients", "-F", "."]);
      return answer.type === "done" ? answer.stdout.split("\n").filter(Boolean).length : 0;
    };
    for (const id of ["mer", "wez"]) one.say({ type: "open", id });
    await expect.poll(clients).toBe(2);
    one.say({ type: "close", id: "wez" });
    await expect.poll(() => one.last("wez")?.type).toBe("closed");
    await expect.poll(clients).toBe(1);
    one.socket.close();
    await expect.poll(clients).toBe(0);
  });

  it.each([
    {
      title: "a terminal that is not there",
      says: { type: "open", id: "none" },
      code: "PANE_GONE",
    },
    {
      title: "one that is not open",
      says: { type: "data", id: "mer", data: "" },
      code: "PANE_GONE",
    },
    { title: "what is no message", says: "{", code: "MALFORMED" },
    { title: "a name that is none", says: { type: "open", id: "../x" }, code: "MALFORMED" },
  ])("says so for $title, and goes on", async ({ says, code }) => {
    const [one] = await withTerminals("mer");
    one.say(says);
    await expect.poll(() => one.messages().at(-1)).toMatchObject({ type: "error", code });
    one.say({ type: "ping" });
    await expect.poll(() => one.messages().at(-1)).toEqual({ type: "pong" });
  });

  it("keeps nothing for a reader that does not keep up, and draws all of it again (X2)", async () => {
    const world = tmuxWorld();
    const script =
      "read -r line; yes 'some text to fill a line with' | head -n 300000; echo END; cat";
    await world.launch({ argv: ["sh", "-c", script] });
    const server = await served({ watch: world.terminals.watch });
    const { raw, say, text } = await rawMux(server);
    say({ type: "open", id: "mer" });
    await expect.poll(text).toContain('"type":"screen"');
    raw.pause();
    say({ type: "data", id: "mer", data: base64("go\r") });
    await expect
      .poll(async () => world.terminals.capture("mer", 5), { timeout: 25_000 })
      .toContain("END");
    raw.resume();
    await expect.poll(() => text().split('"type":"screen"').length).toBeGreaterThan(2);
  });

  it("lets go who asks on and does not read, with its terminals (X5)", async () => {
    const viewers: Viewer[] = [];
    const closed = vi.fn<() => void>();
    const server = await served({
      watch: (_terminal, viewer) => {
        viewers.push(viewer);
        viewer.onScreen(Buffer.from(""), { columns: 80, rows: 24 });
        return Promise.resolve({ type() {}, resize() {}, redraw() {}, close: closed });
      },
    });
    const { raw, say, text } = await rawMux(server);
    // Who reads is answered as often as it asks.
    for (let asked = 0; asked < 3_000; asked += 1) say({ type: "ping" });
    await expect.poll(() => text().split("pong").length).toBe(3_001);
    say({ type: "open", id: "mer" });
    await expect.poll(text).toContain('"type":"screen"');
    raw.pause();
    viewers[0]?.onOutput(Buffer.alloc(12 * 1_048_576, "x"));
    for (let asked = 0; asked < 1_001; asked += 1) say({ type: "ping" });
    await expect.poll(() => closed.mock.calls.length).toBe(1);
    raw.resume();
    await expect.poll(text).toContain("what was asked for is not read");
  });

  it.each([
    { title: "does not open", opens: false },
    { title: "is open and hangs", opens: true },
  ])(
    "ends the view of a terminal that $title, once too much is typed into it (X6)",
    async ({ opens }) => {
      const closed = vi.fn<() => void>();
      const typed: Buffer[] = [];
      const view: View = {
        type: (keys) => typed.push(keys),
        resize() {},
        redraw() {},
        close: closed,
      };
      const opening = Promise.withResolvers<View>();
      if (opens) opening.resolve(view);
      const server = await served({ watch: async () => opening.promise });
      const one = await mux(server);
      one.say({ type: "open", id: "mer" });
      const keys = base64("k".repeat(60_000));
      for (let said = 0; said < 13; said += 1) one.say({ type: "data", id: "mer", data: keys });
      one.say({ type: "ping" });
      await expect.poll(() => one.messages().at(-1)).toEqual({ type: "pong" });
      expect(one.messages()).toHaveLength(1);
      one.say({ type: "data", id: "mer", data: keys });
      await expect
        .poll(() => one.last("mer"))
        .toMatchObject({ type: "error", code: "TMUX_UNREACHABLE" });
      expect(one.last("mer")?.message).toMatch(
        /^type into mer: it takes nothing, and \d+ bytes wait;/,
      );
      opening.resolve(view);
      await expect.poll(() => closed.mock.calls.length).toBe(1);
      expect(typed).toHaveLength(opens ? 13 : 0);
    },
  );

  it("takes what is typed as fast as the terminal does, however much (X6)", async () => {
    let typed = 0;
    const view: View = {
      type: (keys, taken) => {
        typed += keys.length;
        taken?.();
      },
      resize: (_grid, taken) => taken?.(),
      redraw() {},
      close() {},
    };
    const one = await mux(await served({ watch: async () => Promise.resolve(view) }));
    one.say({ type: "open", id: "mer" });
    const keys = base64("k".repeat(60_000));
    for (let said = 0; said < 30; said += 1) one.say({ type: "data", id: "mer", data: keys });
    await expect.poll(() => typed).toBe(1_800_000);
    expect(one.messages()).toEqual([]);
  });

  it("begins no more terminals than may be open, also for who lets them go at once (X6)", async () => {
    const watch = vi.fn<() => Promise<View>>(async () => new Promise(() => {}));
    const one = await mux(await served({ watch }));
    for (let asked = 0; asked < 70; asked += 1) {
      one.say({ type: "open", id: "mer" });
      one.say({ type: "close", id: "mer" });
    }
    await expect.poll(() => one.last("mer")).toMatchObject({ type: "error", code: "STREAMS_FULL" });
    expect(watch).toHaveBeenCalledTimes(64);
  });

  it("shows what a terminal prints that ended while nobody kept up, and was opened again", async () => {
    const viewers: Viewer[] = [];
    const server = await served({
      watch: (_terminal, viewer) => {
        viewers.push(viewer);
        viewer.onScreen(Buffer.from(""), { columns: 80, rows: 24 });
        return Promise.resolve({ type() {}, resize() {}, redraw() {}, close() {} });
      },
    });
    const one = await mux(server);
    one.say({ type: "open", id: "mer" });
    await expect.poll(() => one.last("mer")?.type).toBe("screen");
    // The first fills the socket, the second is let go, and in the same moment it ends.
    const [first] = viewers;
    first?.onOutput(Buffer.alloc(12 * 1_048_576, "x"));
    first?.onOutput(Buffer.from("too much"));
    first?.onEnd();
    await expect.poll(() => one.last("mer")?.type).toBe("exited");
    one.say({ type: "open", id: "mer" });
    await expect.poll(() => one.last("mer")?.type).toBe("screen");
    expect(one.messages().some(({ data = "" }) => data === base64("too much"))).toBe(false);
    viewers[1]?.onOutput(Buffer.from("fresh"));
    await expect.poll(() => one.text("mer")).toBe("fresh");
  });
});

/** A socket of its own, whose reading can be stopped. */
async function rawMux(server: Served) {
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  const raw = connect(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => {
    raw.destroy();
  });
  raw.write(
    `GET /api/v1/mux HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${base64("0123456789abcdef")}\r\nAuthorization: Bearer ${OWNER}\r\n\r\n`,
  );
  await once(raw, "data");
  let text = "";
  raw.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const say = (message: object): void => {
    raw.write(frameOf(JSON.stringify(message)));
  };
  return { raw, say, text: () => text };
}

/** A masked text frame, as a client must send it. */
function frameOf(text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]);
}
