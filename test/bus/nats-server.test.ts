import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { waitForAnswer } from "../../bus/nats-answer.ts";
import { connectNatsBus } from "../../bus/nats-bus.ts";
import { parseEndpoint } from "../../bus/nats-endpoint.ts";
import { startNatsServer } from "../../bus/nats-server.ts";
import type { NatsServer, NatsServerOptions } from "../../bus/nats-server.ts";
import { tempFolder } from "../support/folder.ts";
import { rawClient, squat } from "./raw-client.ts";
import { collect, observation, texts } from "./world.ts";
import { freeze } from "../support/freeze.ts";
import { eventually } from "../support/eventually.ts";

async function start(
  home: string,
  options: Omit<NatsServerOptions, "home"> = {},
): Promise<NatsServer> {
  const server = await startNatsServer({ ...options, home });
  onTestFinished(() => server.stop());
  return server;
}

async function busOn({ credentials }: NatsServer) {
  const { url, user, pass } = credentials.ao;
  const bus = await connectNatsBus({ endpoint: () => ({ ...parseEndpoint(url), user, pass }) });
  onTestFinished(() => bus.close());
  return bus;
}

/** A process that nobody has waited for yet has a number, but no command line any more. */
async function isRunning(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")) !== "";
}

function portOf({ url }: NatsServer): number {
  return Number(new URL(url).port);
}

describe("a started nats-server", () => {
  it("listens on the loopback address alone", async () => {
    const server = await start(tempFolder());
    // Every address of 127.0.0.0/8 reaches a server that listens everywhere.
    const socket = createConnection({ host: "127.0.0.2", port: portOf(server) });
    const refused = once(socket, "connect").catch((error: unknown) => error);
    expect(await refused).toMatchObject({ code: "ECONNREFUSED" });
  });

  it("keeps passwords and configuration for the owner alone", async () => {
    const home = tempFolder();
    const { credentials } = await start(home);
    const folder = join(home, "nats");
    const modes = Object.fromEntries(
      await Promise.all(
        ["", "server.conf", "ao.json", "probe.json", "server.json"].map(async (name) => [
          name,
          ((await stat(join(folder, name))).mode & 0o777).toString(8),
        ]),
      ),
    ) as unknown;
    expect(modes).toEqual({
      "": "700",
      "server.conf": "600",
      "ao.json": "600",
      "probe.json": "600",
      "server.json": "600",
    });
    expect(JSON.parse(await readFile(join(folder, "ao.json"), "utf8"))).toEqual(credentials.ao);
    expect(JSON.parse(await readFile(join(folder, "probe.json"), "utf8"))).toEqual(
      credentials.probe,
    );
    expect(credentials.ao.pass).not.toBe(credentials.probe.pass);
  });

  it("runs in a folder with spaces, quotes and letters of all kinds in its name", async () => {
    const home = join(tempFolder(), `a "quoted" é 家 folder`);
    await mkdir(home);
    const bus = await busOn(await start(home));
    await bus.publish(observation("one"));
    expect(texts(await collect(await bus.read(undefined), 1))).toEqual(["one"]);
  });

  it("comes back on the same port with the same store and passwords after a SIGKILL (D3)", async () => {
    const home = tempFolder();
    const first = await start(home);
    await (await busOn(first)).publish(observation("kept"));
    process.kill(first.pid, "SIGKILL");
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL", isStuck: false });
    const second = await start(home);
    expect([second.isAdopted, second.url, second.credentials]).toEqual([
      false,
      first.url,
      first.credentials,
    ]);
    expect(second.pid).not.toBe(first.pid);
    expect(texts(await collect(await (await busOn(second)).read(undefined), 1))).toEqual(["kept"]);
  });

  it("takes another port when somebody else took its own (D2, D3)", async () => {
    const home = tempFolder();
    const first = await start(home);
    await first.stop();
    await squat(portOf(first));
    const second = await start(home);
    expect([second.isAdopted, second.url === first.url]).toEqual([false, false]);
    expect(second.credentials.ao.url).toBe(second.url);
    expect(JSON.parse(await readFile(join(home, "nats", "ao.json"), "utf8"))).toEqual(
      second.credentials.ao,
    );
  });

  it("gives damaged files up, but for the store", async () => {
    const home = tempFolder();
    const first = await start(home);
    await (await busOn(first)).publish(observation("kept"));
    await first.stop();
    for (const name of ["ao.json", "server.json", "server.conf"]) {
      await writeFile(join(home, "nats", name), '{"user":');
    }
    const second = await start(home);
    expect(second.credentials.ao.pass).not.toBe(first.credentials.ao.pass);
    expect(texts(await collect(await (await busOn(second)).read(undefined), 1))).toEqual(["kept"]);
  });

  it("keeps its log within bounds while somebody guesses passwords", async () => {
    const home = tempFolder();
    const server = await start(home, { logBytes: 2_048 });
    for (let n = 0; n < 100; n += 1) await rawClient(server.url, "ao", "guessed");
    const logs = join(home, "nats", "logs");
    await eventually(async () => expect((await readdir(logs)).length).toBe(2));
    const sizes = await Promise.all(
      (await readdir(logs)).map(async (name) => (await stat(join(logs, name))).size),
    );
    expect(Math.max(...sizes)).toBeLessThan(4_096);
  });

  it("is gone when stop resolves, even if it was frozen", async () => {
    const server = await start(tempFolder());
    await freeze(server.pid);
    await server.stop(50);
    expect(await server.exited).toEqual({ code: null, signal: "SIGKILL", isStuck: false });
    expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
    await server.stop();
  });
});

/** Starts the server from a daemon whose whole process group is then killed, as a terminal that is closed would. */
async function leave(home: string): Promise<number> {
  const keeper = join(import.meta.dirname, "programs", "keeper.ts");
  const daemon = spawn(process.execPath, [keeper, home], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  daemon.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  await expect.poll(() => said).toContain("\n");
  const gone = once(daemon, "exit");
  process.kill(-(daemon.pid ?? 0), "SIGKILL");
  await gone;
  return Number(said);
}

describe("a nats-server that runs and answers nobody", () => {
  it.each([{ how: "of our own" }, { how: "that was adopted" }])(
    "is killed when it is one $how, so that it can be started again (D5)",
    async ({ how }) => {
      const home = tempFolder();
      const isOurs = how === "of our own";
      // Of an adopted one the keeper before is dead: here it would kill it as well, and perhaps first.
      const first = await start(home, isOurs ? { stuckMs: 400 } : {});
      const server = isOurs ? first : await start(home, { stuckMs: 400 });
      await freeze(server.pid);
      expect(await server.exited).toMatchObject({ isStuck: true });
      expect(await isRunning(server.pid)).toBe(false);
      expect(portOf(await start(home))).toBe(portOf(first));
    },
  );
});

describe("a nats-server whose JetStream is stuck", () => {
  it("answers nobody, though it lets everybody in and answers every ping (D5)", async () => {
    const info = {
      server_name: "stuck",
      version: "2.9.10",
      auth_required: true,
      headers: true,
      max_payload: 1_000,
    };
    let pings = 0;
    const server = createServer((socket) => {
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on("data", (data) => {
        if (!data.includes("PING")) return;
        pings += 1;
        socket.write("PONG\r\n");
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const port = Number(Reflect.get(server.address() ?? {}, "port"));
    const who = { user: "ao", pass: "x", url: "" };
    const life = {
      pid: 0,
      start: "",
      exited: new Promise<never>(() => {}),
      over: new AbortController().signal,
    };
    const answer = waitForAnswer(
      { name: "stuck", port, ao: who, probe: who },
      { life, patienceMs: 200 },
    );
    expect([await answer, pings > 0]).toEqual([undefined, true]);
  });
});

describe("a nats-server that a killed daemon left running", () => {
  it("is adopted with all it holds, and can be stopped (D1, D4)", async () => {
    const home = tempFolder();
    const pid = await leave(home);
    const server = await start(home);
    expect([server.pid, server.isAdopted]).toEqual([pid, true]);
    await (await busOn(server)).publish(observation("works"));
    await server.stop();
    expect(await server.exited).toEqual({ code: null, signal: null, isStuck: false });
    expect(await isRunning(pid)).toBe(false);
  });

  it("is noticed when it dies after it was adopted", async () => {
    const home = tempFolder();
    const pid = await leave(home);
    const server = await start(home);
    process.kill(pid, "SIGKILL");
    expect(await server.exited).toEqual({ code: null, signal: null, isStuck: false });
    expect((await start(home)).pid).not.toBe(pid);
  });

  it("is killed and replaced when it does not answer (D1)", async () => {
    const home = tempFolder();
    const pid = await leave(home);
    await freeze(pid);
    const server = await start(home);
    expect([server.isAdopted, server.pid === pid]).toEqual([false, false]);
    expect(await isRunning(pid)).toBe(false);
  });

  it.each([
    { title: "is lost", text: undefined },
    { title: "names nobody", text: "999999999" },
    { title: "names another process", text: String(process.ppid) },
    { title: "holds no number", text: "all of them" },
  ])("is adopted all the same when its pid file $title (D2, P1)", async ({ text }) => {
    const home = tempFolder();
    const server = await start(home);
    const file = join(home, "nats", "server.pid");
    await (text === undefined ? rm(file) : writeFile(file, text));
    const again = await startNatsServer({ home });
    expect([again.pid, again.isAdopted]).toEqual([server.pid, true]);
  });

  it("is not doubled when both its pid file and our note are lost", async () => {
    const home = tempFolder();
    const server = await start(home);
    for (const name of ["server.pid", "process.json"]) await rm(join(home, "nats", name));
    await expect(startNatsServer({ home })).rejects.toMatchObject({
      code: "BUS_DOWN",
      message: expect.stringContaining(server.url) as unknown,
    });
  });

  it("is adopted by its pid file alone, when it lets us in, and noted again", async () => {
    const home = tempFolder();
    const server = await start(home);
    const note = join(home, "nats", "process.json");
    const was = await readFile(note, "utf8");
    await rm(note);
    const again = await startNatsServer({ home });
    expect([again.pid, await readFile(note, "utf8")]).toEqual([server.pid, was]);
  });

  it("is told from one that only looks like it, which is left alone (D2, P2)", async () => {
    const home = tempFolder();
    const server = await start(home);
    await server.stop();
    // The program by its name, with our configuration: but nobody of ours launched it.
    const impostor = join(tempFolder(), "nats-server");
    await writeFile(impostor, "#!/bin/sh\nwhile :; do sleep 1; done\n", { mode: 0o755 });
    const config = join(await realpath(home), "nats", "server.conf");
    const stranger = spawn(impostor, ["-c", config], { stdio: "ignore", detached: true });
    onTestFinished(() => void process.kill(-(stranger.pid ?? 0), "SIGKILL"));
    await eventually(async () => expect(await isRunning(stranger.pid ?? 0)).toBe(true));
    await writeFile(join(home, "nats", "server.pid"), String(stranger.pid));
    await expect(startNatsServer({ home })).rejects.toMatchObject({
      code: "BUS_DOWN",
      message: expect.stringContaining(`process ${stranger.pid}`) as unknown,
    });
    // Our note, of another process that had the number before, does not make it ours.
    const noted = { pid: stranger.pid, start: "some other time" };
    await writeFile(join(home, "nats", "process.json"), JSON.stringify(noted));
    await expect(startNatsServer({ home })).rejects.toMatchObject({ code: "BUS_DOWN" });
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });

  it("is not mistaken for another process that got its number (D2)", async () => {
    const home = tempFolder();
    await mkdir(join(home, "nats"));
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      stdio: "ignore",
    });
    onTestFinished(() => void stranger.kill("SIGKILL"));
    await writeFile(join(home, "nats", "server.pid"), String(stranger.pid));
    const server = await start(home);
    expect([server.isAdopted, server.pid === stranger.pid]).toEqual([false, false]);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });
});

describe("a nats-server that cannot run", () => {
  it("is told apart from one that is not installed, with the command that installs it", async () => {
    await expect(start(tempFolder(), { binary: "no-such-nats-server" })).rejects.toMatchObject({
      code: "PROGRAM_MISSING",
      message: expect.stringMatching(
        /no-such-nats-server; install it: \S+ install nats-server/,
      ) as unknown,
    });
  });

  it("says what the program said", async () => {
    const folder = tempFolder();
    const binary = join(folder, "broken-server");
    await writeFile(binary, "#!/bin/sh\necho 'cannot work today' >&2\nexit 3\n");
    await chmod(binary, 0o755);
    await expect(start(join(folder, "home"), { binary })).rejects.toMatchObject({
      code: "BUS_DOWN",
      message: expect.stringContaining("cannot work today") as unknown,
    });
  });
});
