import { chmodSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { endOf } from "../../bin/commands/daemon.ts";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import { takeWriterLock } from "../../storage/writer-lock.ts";
import { connected } from "../support/command-line.ts";
import { daemonWorld } from "../support/daemon.ts";
import { tempFolder } from "../support/folder.ts";
import { repositoryAlone } from "../support/repository.ts";

const ENTRY = join(import.meta.dirname, "../../bin/entry.js");
const Said = z.object({
  isFine: z.boolean(),
  findings: z.array(
    z.object({
      name: z.string(),
      isFine: z.boolean(),
      found: z.string(),
      mend: z.string().optional(),
    }),
  ),
});

const PERSON = { GIT_COMMITTER_NAME: "Person", GIT_COMMITTER_EMAIL: "person@localhost" };

type Findings = z.infer<typeof Said>["findings"];

interface Machine {
  readonly home: string;
  /** Puts a program of this name before all others. */
  readonly program: (name: string, script: string) => void;
  /** What the doctor says: of one thing, or that all is well. */
  readonly finding: (name: string, path?: string) => Promise<Findings[number]>;
  readonly findings: (path?: string) => Promise<Findings>;
  readonly code: () => Promise<number | undefined>;
}

/** A tmux of the test's own, at a socket. */
const tmux = async (socket: string, ...args: string[]) =>
  execa("tmux", ["-S", socket, "-f", "/dev/null", ...args], { reject: false });

function machine(): Machine {
  const folder = tempFolder();
  const home = join(folder, "home");
  const programs = join(folder, "programs");
  mkdirSync(home);
  mkdirSync(programs);
  const run = async (path = `${programs}:${process.env["PATH"]}`) =>
    execa(process.execPath, [ENTRY, "doctor", "--json"], {
      env: { AO_HOME: home, PATH: path, AO_NATS_URL: undefined, ...PERSON },
      reject: false,
    });
  const findings = async (path?: string): Promise<Findings> =>
    Said.parse(JSON.parse((await run(path)).stdout)).findings;
  return {
    home,
    program(name, script) {
      writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(programs, name), 0o755);
    },
    async finding(name, path) {
      const said = await findings(path);
      const found = said.find((each) => each.name === name);
      if (found === undefined)
        throw new Error(`nothing was said of ${name}: ${JSON.stringify(said)}`);
      return found;
    },
    findings,
    code: async () => (await run()).exitCode,
  };
}

describe("the doctor", () => {
  it("finds nothing wrong with a daemon that is up, and ends with 0", async () => {
    const world = daemonWorld();
    await world.up();
    await world.addProject();
    await world.addSession();
    const { exitCode, stdout } = await world.ao("doctor", "--json");
    const { isFine, findings } = Said.parse(JSON.parse(stdout));
    expect([exitCode, isFine, findings.filter((each) => !each.isFine)]).toEqual([0, true, []]);
    expect(findings.find(({ name }) => name === "panes")?.found).toBe("all of this store");
  });

  it.each([{ name: "nats-server" }, { name: "tmux" }, { name: "git" }])(
    "names the command that installs $name where it is missing, and ends with 1",
    async ({ name }) => {
      const here = machine();
      const { isFine, found, mend } = await here.finding(name, "/nowhere");
      expect([isFine, found]).toEqual([false, "not on PATH"]);
      expect(mend).toMatch(new RegExp(`install (-y )?${name}$`));
      expect(await here.code()).toBe(1);
    },
  );

  it("finds nothing wrong with a home that is still to be made, but that no daemon runs", async () => {
    const here = machine();
    const there = await here.findings();
    rmSync(here.home, { recursive: true });
    const before = await here.findings();
    expect(before.filter(({ isFine }) => !isFine).map(({ name }) => name)).toEqual(["daemon"]);
    const reviewers = (said: typeof there) => said.find(({ name }) => name === "reviewers");
    expect(reviewers(before)).toEqual(reviewers(there));
  });

  it("says when git does not know who commits", async () => {
    const here = machine();
    here.program("git", 'test "$1" != var && echo git version 2.40.0');
    const { isFine, mend } = await here.finding("git identity");
    expect([isFine, mend]).toEqual([false, expect.stringContaining("user.email")]);
  });

  it("says from which version on a program will do", async () => {
    const here = machine();
    here.program("tmux", "echo tmux 2.8");
    expect(await here.finding("tmux")).toMatchObject({
      isFine: false,
      found: "tmux 2.8, needs 3.0 or newer for exact targets",
    });
  });

  it("says what the nats-server can do", async () => {
    const here = machine();
    here.program("nats-server", "echo nats-server: v2.9.10");
    const old = await here.finding("jetstream");
    here.program("nats-server", "echo nats-server: v2.12.1");
    const found = [old.found, (await here.finding("jetstream")).found];
    expect(found.join("; ")).toMatch(/^flushes lazily.*; can be told to flush every message$/);
  });

  it.each([
    { title: "no JSON", text: "{", seen: "config.json" },
    { title: "an unknown key", text: '{"http":{"prot":1}}', seen: "prot" },
  ])("shows what is wrong with a config.json that holds $title", async ({ text, seen }) => {
    const here = machine();
    writeFileSync(join(here.home, "config.json"), text);
    const { isFine, found, mend } = await here.finding("config");
    expect([isFine, found.includes(seen)]).toEqual([false, true]);
    expect(mend).toContain(join(here.home, "config.json"));
  });

  it.each([
    { name: "nats.url", settings: { nats: { url: "127.0.0.1:1" } }, seen: "connection refused" },
    { name: "http.host", settings: { http: { host: "192.0.2.1" } }, seen: "no address of this" },
  ])("tries out $name, and says what is wrong with it", async ({ name, settings, seen }) => {
    const here = machine();
    const file = join(here.home, "config.json");
    writeFileSync(file, JSON.stringify(settings));
    const { isFine, found, mend } = await here.finding(name);
    expect([isFine, found]).toEqual([false, expect.stringContaining(seen)]);
    expect(mend).toContain(file);
  });

  it("tells a daemon that does not run from one that was killed", async () => {
    const here = machine();
    const before = await here.finding("run.json");
    const run = { pid: 2 ** 22 + 1, url: "http://127.0.0.1:1", token: "t", natsUrl: "n" };
    const text = JSON.stringify({ ...run, startedAt: 1, version: "0" });
    writeFileSync(join(here.home, "run.json"), text, { mode: 0o600 });
    const after = await here.finding("run.json");
    expect([before, after]).toMatchObject([
      { isFine: true, found: "none" },
      { isFine: false, found: "left by a daemon that is gone", mend: "ao up --detach" },
    ]);
    expect(await here.finding("daemon")).toMatchObject({ isFine: false, mend: "ao up --detach" });
  });

  it.each(["", "{", '{"pid":1}'])("sees that run.json is damaged when it is '%s'", async (text) => {
    const here = machine();
    writeFileSync(join(here.home, "run.json"), text);
    const damaged = { isFine: false, found: "damaged", mend: "ao up --detach" };
    expect(await here.finding("run.json")).toMatchObject(damaged);
    const lock = takeWriterLock(here.home);
    onTestFinished(() => lock.release());
    const held = { found: "damaged, while a daemon runs", mend: "ao down && ao up --detach" };
    expect(await here.finding("run.json")).toMatchObject(held);
  });

  it("sees that the store is damaged, and says what to put in its place", async () => {
    const here = machine();
    expect(await here.finding("store")).toMatchObject({ isFine: true, found: "none yet" });
    const folder = join(here.home, "lmdb");
    const store = openLmdbStore(folder);
    expect(await here.finding("store")).toMatchObject({ isFine: true, found: "open" });
    await store.close();
    expect(await here.finding("store")).toMatchObject({ isFine: true, found: "sound" });
    truncateSync(join(folder, "data.mdb"), 5_000);
    const { isFine, found, mend } = await here.finding("store");
    expect([isFine, found]).toEqual([false, expect.stringContaining("data.mdb")]);
    expect(mend).toContain(`mv ${folder} ${folder}.damaged`);
  });

  it("sees that the secrets are none, and says what becomes of a new start", async () => {
    const here = machine();
    writeFileSync(join(here.home, "secrets.json"), "{");
    const { isFine, found, mend } = await here.finding("secrets");
    expect([isFine, found]).toEqual([false, expect.stringContaining("it is not JSON")]);
    expect(mend).toContain(`rm ${join(here.home, "secrets.json")}`);
  });

  it("names a project whose repository is gone, with what removes it", async () => {
    const line = await connected();
    const { path } = await repositoryAlone();
    await line.ao(["project", "add", path, "--id", "here", "--command", "true"]);
    const projects = async (): Promise<unknown> =>
      Said.parse(await line.json(["doctor"])).findings.filter(({ name }) => /project/.test(name));
    expect(await projects()).toMatchObject([{ isFine: true, found: "all 1 are there" }]);
    renameSync(path, `${path}-elsewhere`);
    expect(await projects()).toMatchObject([
      {
        name: "project",
        isFine: false,
        found: `here: inspect ${path}: there is no such folder`,
        mend: expect.stringMatching(/^ao project rm here\b/) as unknown,
      },
    ]);
  });

  it("names the panes of a store that is no more with what ends them", async () => {
    const here = machine();
    mkdirSync(join(here.home, "lmdb"));
    const noted = JSON.stringify({ name: "today", marks: ["x"] });
    writeFileSync(join(here.home, "lmdb/created"), noted);
    const socket = join(here.home, "tmux.sock");
    onTestFinished(async () => void (await tmux(socket, "kill-server")));
    for (const [name, store] of [
      ["mine", "today"],
      ["lost", "before"],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- the first one starts the server
      await tmux(socket, "new-session", "-d", "-s", name, "--", "cat");
      const marks = [
        ["@ao_terminal", name],
        ["@ao_epoch", "1"],
        ["@ao_store", store],
      ] as const;
      // oxlint-disable-next-line no-await-in-loop -- one pane after the other
      for (const [key, value] of marks)
        await tmux(socket, "set-option", "-p", "-t", `=${name}:`, key, value);
    }
    const wrong = await here.finding("panes");
    expect(wrong).toMatchObject({ isFine: false, found: "of before the store was replaced: lost" });
    await execa("sh", ["-c", wrong.mend ?? "false"]);
    expect(await here.finding("panes")).toMatchObject({ isFine: true, found: "all of this store" });
    expect((await tmux(socket, "list-sessions", "-F", "#{session_name}")).stdout).toBe("mine");
  });

  it("names the tmux server that its socket does not lead to, with what brings it back", async () => {
    const here = machine();
    const socket = join(here.home, "tmux.sock");
    onTestFinished(async () => {
      for (const at of [socket, `${socket}.away`]) await tmux(at, "kill-server");
    });
    expect(await here.finding("tmux.sock")).toMatchObject({ isFine: true, found: "no server" });
    await tmux(socket, "new-session", "-d", "-s", "mine", "--", "cat");
    const { stdout: pid } = await tmux(socket, "display-message", "-p", "#{pid}");
    const found = `leads to process ${pid}`;
    expect(await here.finding("tmux.sock")).toMatchObject({ isFine: true, found });
    renameSync(socket, `${socket}.away`);
    const wrong = await here.finding("tmux.sock");
    expect(wrong).toMatchObject({ isFine: false, mend: `kill -USR1 ${pid}` });
    await tmux(socket, "new-session", "-d", "-s", "other", "--", "cat");
    const replaced = await here.finding("tmux.sock");
    expect(replaced).toMatchObject({ isFine: false, mend: `kill ${pid} # ends these agents` });
    await tmux(socket, "kill-server");
    await execa("sh", ["-c", wrong.mend ?? "false"]);
    await expect.poll(async () => here.finding("tmux.sock")).toMatchObject({ found });
  });
});

it("a daemon that ended because another one has the home says that", () => {
  const home = tempFolder();
  expect(endOf(home, "daemon.log").code).toBe("NOT_READY");
  const lock = takeWriterLock(home);
  onTestFinished(() => lock.release());
  expect(endOf(home, "daemon.log")).toMatchObject({
    code: "DAEMON_RUNNING",
    message: `start a daemon in ${home}: process ${process.pid} has it`,
  });
});
