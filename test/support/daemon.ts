/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { connect, headers } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { spawn, type ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { onTestFinished, TestRunner, vi } from "vitest";
import { z } from "zod";
import { readRunFile, type RunFile } from "../../bin/run-file.ts";
import type { SessionView } from "../../http/session/view.ts";
import type { Doom } from "./doom.ts";
import { tempFolder } from "./folder.ts";
import { endLeftovers } from "./leftovers.ts";
import { repositoryAlone } from "./repository.ts";
import { eventually } from "./eventually.ts";

const ENTRY = join(import.meta.dirname, "../../bin/entry.js");
const MORTAL = join(import.meta.dirname, "../daemon/programs/mortal-daemon.ts");

/** What a test waits for at most, milliseconds; a condition that holds is seen at once. */
export const PATIENCE_MS = 20_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One daemon process. */
export interface DaemonProcess {
  readonly pid: number;
  readonly exited: Promise<Ended>;
  /** Standard output and error so far. */
  readonly output: () => string;
}

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
}

export interface RequestOptions {
  /** Idempotency-Key. */
  readonly key?: string;
  readonly patienceMs?: number;
}

interface UpOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the variant that can be doomed, in place of `ao up`. */
  readonly mortal?: boolean;
  /** A program, with its arguments, that runs the daemon: its argv is appended. */
  readonly under?: readonly string[];
}

/** A home with real parts, and the daemon that comes and goes in it. */
export interface DaemonWorld {
  readonly home: string;
  /** Starts a daemon and does not wait for it. */
  launch(options?: UpOptions): DaemonProcess;
  /** Starts a daemon unless one runs, and waits until it answers. Fails with its output when it ends before. */
  up(options?: UpOptions): Promise<DaemonProcess>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Waits for the end of the daemon. */
  gone(): Promise<void>;
  /** SIGTERM; how the process ended. */
  down(): Promise<Ended>;
  run(): RunFile;
  request(method: string, path: string, body?: object, options?: RequestOptions): Promise<Answer>;
  /** The body; fails with it when the answer is no success. */
  get(path: string): Promise<Answer["body"]>;
  post(path: string, body?: object, options?: RequestOptions): Promise<Answer["body"]>;
  session(id: string): Promise<SessionView>;
  /** A plain NATS client; closed at the end. */
  nats(user?: "ao" | "probe"): Promise<NatsConnection>;
  /** The pid of the home's own nats-server. */
  natsPid(): number;
  tmux(...args: string[]): Promise<string>;
  /** Runs the command line against the home. */
  ao(...args: string[]): Promise<{ exitCode?: number; stdout: string; stderr: string }>;
  /** Says where the next mortal daemon, or the one that runs, shall end. */
  doom(where: Doom): void;
  /** Waits until the doom was met. Fails when it was not. */
  doomed(): Promise<void>;
  /** Registers a project `demo` whose agents note every start and every line that is typed. */
  addProject(): Promise<void>;
  /** Starts a session of that project, and waits until its agent runs; its id. */
  addSession(): Promise<string>;
  /** Lines that agents wrote: `<session> <epoch> <pid>` per start. */
  starts(session?: string): string[];
  /** Lines typed into a session's agent. */
  typed(session: string): string[];
  /** Waits until nothing is open: no order, nothing unread, and the books balance. */
  settled(): Promise<void>;
  /** Ends everything that runs in the home. */
  end(): Promise<void>;
}

/** Small intervals, so that a test need not wait for a real one. */
const CONFIG = {
  http: { port: 0 },
  probes: { terminalMs: 300, scmMs: 60_000 },
  shutdown: { graceMs: 300 },
  effects: { retryMs: 50 },
  mail: { republishMs: 1_000 },
};

const AGENT = `#!/bin/sh
echo "$AO_SESSION_ID $AO_EPOCH $$" >> "$DIARY/starts"
while IFS= read -r line; do
  case "$line" in
    exit*) exit "\${line#exit }" ;;
    *) printf '%s\\n' "$line" >> "$DIARY/typed-$AO_SESSION_ID" ;;
  esac
done
`;

/** A new home. It ends with the test; made outside of a test, whoever made it calls \`end\`. */
export function daemonWorld(config: object = {}, folder = tempFolder()): DaemonWorld {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, "config.json"), JSON.stringify({ ...CONFIG, ...config }));
  const world = worldIn(folder, home);
  if (TestRunner.getCurrentTest() !== undefined) onTestFinished(async () => world.end());
  return world;
}

function worldIn(folder: string, home: string): DaemonWorld {
  const clients: NatsConnection[] = [];
  const processes = new Set<ChildProcess>();
  let current: DaemonProcess | undefined;
  const { request, get, post } = httpClient(() => runOf(home));
  const met = join(home, "doom.met");
  const order = join(home, "doom.json");
  const diary = agentDiary(folder);

  const world: DaemonWorld = {
    home,
    ...diary,
    request,
    get,
    post,
    run: () => runOf(home),
    launch(options = {}) {
      const launched = launch({ folder, home, options, keep: (child) => processes.add(child) });
      current = launched;
      void launched.exited.finally(() => {
        if (current === launched) current = undefined;
      });
      return launched;
    },
    async up(options) {
      if (current !== undefined) return current;
      const started = world.launch(options);
      await untilUp(home, started, options?.under === undefined ? started.pid : undefined);
      return started;
    },
    async kill() {
      const running = current;
      if (running === undefined) throw new Error("no daemon runs");
      process.kill(running.pid, "SIGKILL");
      await running.exited;
    },
    async gone() {
      await current?.exited;
    },
    async down() {
      const running = current;
      if (running === undefined) throw new Error("no daemon runs");
      process.kill(running.pid, "SIGTERM");
      return running.exited;
    },
    session: async (id) => get(`/sessions/${id}`),
    async nats(as = "ao") {
      const { url, user, pass } = credentialsOf(home, as);
      const nc = await connect({ servers: url, user, pass, noAsyncTraces: true, timeout: 5_000 });
      clients.push(nc);
      return nc;
    },
    natsPid: () => Number(readFileSync(join(home, "nats/server.pid"), "utf8")),
    tmux: async (...args) => (await execa("tmux", ["-S", join(home, "tmux.sock"), ...args])).stdout,
    async ao(...args) {
      const options = { env: { AO_HOME: home }, reject: false };
      const { exitCode, stdout, stderr } = await execa(process.execPath, [ENTRY, ...args], options);
      return { stdout, stderr, ...(exitCode !== undefined && { exitCode }) };
    },
    doom(where) {
      rmSync(met, { force: true });
      writeFileSync(order, JSON.stringify(where));
    },
    async doomed() {
      await eventually(() => {
        if (!existsSync(met))
          throw new Error(`the doom was not met: ${readFileSync(order, "utf8")}`);
      });
      await current?.exited;
    },
    async addProject() {
      const { path } = await repositoryAlone();
      const command = ["sh", diary.agent];
      const config = { worker: { harness: "command", command }, env: { DIARY: folder } };
      await post("/projects", { id: "demo", path, scm: "none", config });
    },
    async addSession() {
      const { id } = await post("/sessions", { projectId: "demo", prompt: "wait" });
      await eventually(async () => {
        const { terminal } = await world.session(id);
        if (terminal.state !== "live") throw new Error(`its terminal is ${terminal.state}`);
      });
      return id;
    },
    async settled() {
      await eventually(async () => {
        const books: Record<string, unknown> = await get("/intake");
        const isSettled = books["outbox"] === 0 && books["lag"] === 0 && books["isBalanced"];
        if (isSettled !== true) throw new Error(`not settled: ${JSON.stringify(books)}`);
      });
    },
    async end() {
      await Promise.all(clients.map(async (nc) => nc.close().catch(() => {})));
      const running = [...processes].filter(
        ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
      );
      const gone = running.map((child) => new Promise((resolve) => child.once("exit", resolve)));
      for (const child of running) child.kill("SIGKILL");
      await Promise.all(gone);
      const tmux = ["-S", join(home, "tmux.sock"), "kill-server"];
      await execa("tmux", tmux, { reject: false, stdio: "ignore", timeout: 2_000 });
      await endLeftovers(home, 0);
    },
  };
  return world;
}

function launch(given: {
  folder: string;
  home: string;
  options: UpOptions;
  keep: (child: ChildProcess) => void;
}): DaemonProcess {
  const { folder, home, options, keep } = given;
  const file = join(folder, "daemon.log");
  const before = existsSync(file) ? readFileSync(file).length : 0;
  const log = openSync(file, "a");
  const daemon = options.mortal === true ? [MORTAL] : [ENTRY, "up"];
  const [program = "", ...args] = [...(options.under ?? []), process.execPath, ...daemon];
  const { AO_NATS_URL: _, ...inherited } = process.env;
  const child = spawn(program, args, {
    env: { ...inherited, AO_HOME: home, ...options.env },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  keep(child);
  const exited = new Promise<Ended>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    exited,
    output: () => readFileSync(file).subarray(before).toString(),
  };
}

/** Waits for the daemon of this pid, or for any where another program runs it. */
async function untilUp(
  home: string,
  { exited, output }: DaemonProcess,
  pid: number | undefined,
): Promise<void> {
  let ended: Ended | undefined;
  void exited.then((how) => (ended = how));
  const isUp = (): boolean => {
    const run = readRunFile(home);
    return run !== undefined && (pid === undefined || run.pid === pid);
  };
  await vi.waitUntil(() => ended !== undefined || isUp(), { timeout: PATIENCE_MS, interval: 10 });
  if (ended !== undefined)
    throw new Error(`the daemon ended: ${JSON.stringify(ended)}\n${output()}`);
}

function runOf(home: string): RunFile {
  const run = readRunFile(home);
  if (run === undefined) throw new Error(`no daemon runs in ${home}`);
  return run;
}

function httpClient(run: () => RunFile): Pick<DaemonWorld, "request" | "get" | "post"> {
  const request: DaemonWorld["request"] = async (method, path, body, options = {}) => {
    const { key, patienceMs = PATIENCE_MS } = options;
    const { url, token } = run();
    const isPlain = path.startsWith("//");
    const response = await fetch(isPlain ? `${url}${path.slice(1)}` : `${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        connection: "close",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(key !== undefined && { "idempotency-key": key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patienceMs),
    });
    return { status: response.status, body: await response.json() };
  };
  const succeed = async (...asked: Parameters<typeof request>): Promise<unknown> => {
    const { status, body } = await request(...asked);
    if (status >= 400)
      throw new Error(`${asked[0]} ${asked[1]}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
  return {
    request,
    get: async (path) => succeed("GET", path),
    post: async (path, body = {}, options) => succeed("POST", path, body, options),
  };
}

function agentDiary(folder: string) {
  const agent = join(folder, "agent.sh");
  writeFileSync(agent, AGENT, { mode: 0o755 });
  const lines = (name: string): string[] => {
    const file = join(folder, name);
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  };
  return {
    agent,
    starts: (session?: string) =>
      lines("starts").filter((line) => session === undefined || line.startsWith(`${session} `)),
    typed: (session: string) => lines(`typed-${session}`),
  };
}

const Credential = z.object({ url: z.string(), pass: z.string() });

/** Where the home's own nats-server is, and as whom to go there. */
export function credentialsOf(
  home: string,
  user: "ao" | "probe",
): { url: string; user: string; pass: string } {
  const text = readFileSync(join(home, `nats/${user}.json`), "utf8");
  return { ...Credential.parse(JSON.parse(text)), user };
}

/** Publishes an observation as any NATS client may, and waits until the stream has it. */
export async function observe(
  nc: NatsConnection,
  subject: string,
  body: object,
  { id, at }: { id?: string; at?: number } = {},
): Promise<void> {
  const made = headers();
  if (id !== undefined) made.set("Nats-Msg-Id", id);
  if (at !== undefined) made.set("Ao-At", String(at));
  const options = { timeout: PATIENCE_MS, headers: made };
  const answer = await nc.request(`ao.obs.${subject}`, JSON.stringify(body), options);
  const { error } = answer.json<{ error?: unknown }>();
  if (error !== undefined) throw new Error(`publish to ${subject}: ${JSON.stringify(error)}`);
}
