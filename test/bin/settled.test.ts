/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import { execa } from "execa";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { eachOf } from "../../bin/cli/several.ts";
import { settled, type Outcome, type Standing } from "../../bin/cli/settled.ts";
import { AO, commandLine, connected, pointTo } from "../support/command-line.ts";
import { withProject, withSession } from "../support/http.ts";

/** A daemon that streams: what follows it, and what is told. */
async function streaming(
  isFull = false,
): Promise<{ readonly readers: ServerResponse[]; tell: () => void }> {
  const readers: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    if (isFull) {
      const body = { code: "STREAMS_FULL", message: "follow events: enough do" };
      response.writeHead(503, { "content-type": "application/json" }).end(JSON.stringify(body));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": follow\n\n");
    readers.push(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    vi.unstubAllEnvs();
  });
  const { home } = commandLine();
  const address = server.address();
  pointTo(home, `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  vi.stubEnv("AO_HOME", home);
  return { readers, tell: () => void readers.at(-1)?.write("id: 1\ndata: {}\n\n") };
}

/** Waits for a number of looks, and counts them. */
function counted(until: number, signal = new AbortController().signal) {
  let looks = 0;
  const look = async (): Promise<Standing<number>> => {
    looks += 1;
    return Promise.resolve({
      fact: looks,
      is: looks >= until ? "reached" : "open",
      words: `look ${looks}`,
    });
  };
  const outcome = { name: "it", address: "session/demo-1", next: "ao show demo-1", look };
  const first = { fact: 0, is: "open", words: "ordered" } as const;
  const stages = new Map<string, string>();
  return { stages, looks: () => looks, end: settled({ signal, stages }, outcome, first) };
}

describe("who waits", () => {
  it("looks once the stream has begun, and then only after a step (W1)", async () => {
    const { readers, tell } = await streaming();
    const { stages, looks, end } = counted(3);
    await expect.poll(looks).toBe(1);
    expect([readers.length, stages.get("it")]).toEqual([1, "look 1"]);
    for (let beat = 0; beat < 3; beat += 1) {
      // oxlint-disable-next-line no-await-in-loop -- each as a chunk of its own
      await new Promise<void>((sent) => void readers[0]?.write(": heartbeat\n\n", () => sent()));
    }
    tell();
    await expect.poll(looks).toBe(2);
    tell();
    expect(await end).toMatchObject({ fact: 3, is: "reached" });
    expect(stages.size).toBe(0);
  });

  it("follows on when the daemon was restarted meanwhile (W2)", async () => {
    const { readers } = await streaming();
    const { looks, end } = counted(2);
    await expect.poll(looks).toBe(1);
    readers[0]?.destroy();
    expect(await end).toMatchObject({ fact: 2, is: "reached" });
    expect(readers).toHaveLength(2);
  });

  it("looks from time to time where no more may follow", async () => {
    await streaming(true);
    expect(await counted(2).end).toMatchObject({ fact: 2, is: "reached" });
  });

  it("gives what was seen last when it waits no longer (W3)", async () => {
    await streaming();
    const ending = new AbortController();
    const { looks, end } = counted(9, ending.signal);
    await expect.poll(looks).toBe(1);
    ending.abort();
    expect(await end).toMatchObject({ fact: 1, is: "open" });
  });
});

it("what came of it is printed once the line that told of the waiting is gone", async () => {
  const { readers, tell } = await streaming();
  let screen = "";
  const write = (text: string): boolean => {
    screen += text;
    return true;
  };
  vi.spyOn(process.stderr, "write").mockImplementation((text) => write(String(text)));
  const { isTTY } = process.stderr;
  process.stderr.isTTY = true;
  onTestFinished(() => {
    process.stderr.isTTY = isTTY;
    vi.restoreAllMocks();
  });
  const output = { isJson: false, width: undefined, hasColour: false, write, note: write };
  let looks = 0;
  const look = async (): Promise<Standing<string>> =>
    Promise.resolve({ fact: "merged", is: (looks += 1) > 1 ? "reached" : "open", words: "open" });
  const outcome = (): Outcome<string> => ({ name: "#1", address: "forge/demo", next: "", look });
  const orders = { command: "ao", run: async () => Promise.resolve("ordered"), outcome };
  const ended = eachOf(output, ["1"], { ...orders, line: (fact) => fact }, { wait: true });
  await expect.poll(() => screen, { timeout: 5_000 }).toContain("ao: waiting for #1 (open)");
  expect(readers).toHaveLength(1);
  tell();
  expect(await ended).toBe(0);
  expect(screen.endsWith("\r\u001B[Kmerged\n")).toBe(true);
});

describe("--wait", () => {
  it("tells of a spawn that its agent has begun, of a kill that nothing is left", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    expect(await ao(["spawn", "demo", "Do it.", "--wait", "--timeout", "0"])).toEqual({
      code: 124,
      out: "session demo-1: spawning",
      err: "ao: not in time, and it goes on; look with: ao show demo-1",
    });
    const spawning = ao(["spawn", "demo", "Again.", "--harness", "codex", "--wait"]);
    await expect
      .poll(async () => (await server.request("GET", "/sessions/demo-2/terminal")).body.state)
      .toBe("live");
    await server.request("POST", "/sessions/demo-2/activity", { state: "idle" });
    expect(await spawning).toEqual({ code: 0, out: "session demo-2: idle", err: "" });
    expect(await ao(["kill", "demo-1", "demo-2", "--wait"])).toEqual({
      code: 0,
      out: "session demo-1: killed\nsession demo-2: killed",
      err: "",
    });
    const { body } = await server.request("GET", "/actors/session/demo-2");
    expect(body.value.wanted).toEqual({ stopped: "closed" });
  });

  it("ends with Ctrl-C, and not what it waits for (W3)", async () => {
    const { home, server } = await connected();
    await withProject(server);
    await withSession(server);
    await server.request("POST", "/sessions/demo-1/activity", { state: "blocked" });
    const waiting = execa(process.execPath, [AO, "send", "demo-1", "hello", "--wait"], {
      env: { AO_HOME: home },
      reject: false,
    });
    await expect
      .poll(
        async () => (await server.request("GET", "/sessions/demo-1/messages")).body.messages.length,
      )
      .toBe(1);
    waiting.kill("SIGINT");
    expect(await waiting).toMatchObject({
      exitCode: 130,
      stdout: "queued",
      stderr: "ao: no longer waited for, and it goes on; look with: ao show demo-1",
    });
  });
});
