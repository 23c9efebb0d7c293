import { spawn, execFileSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DAEMON_FLAGS } from "../bin/daemon/flags.ts";
import { readRun } from "../bin/cli/client.ts";

const ENTRY = fileURLToPath(new URL("../bin/entry.js", import.meta.url));
type RunFile = ReturnType<typeof readRun>;

// Of the kernel: clock ticks per second in /proc.
const TICKS = 100;
// For a daemon to stop.
const STOP_MS = 5_000;

/** The real daemon, a process of its own. */
export interface BenchDaemon {
  readonly pid: number;
  /** From the start of the process to its first answer, milliseconds. */
  readonly readyMs: number;
  /** Asks and gives the parsed answer. Fails at any status but 2xx. */
  readonly call: (method: string, path: string, body?: object) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}

/** A folder for a daemon and all it makes, removed when done. */
export async function withHome<T>(run: (home: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "ao-bench-"));
  const remove = (): void => {
    // Panes outlive the daemon; here nobody comes back to them.
    silently("tmux", ["-S", join(home, "tmux.sock"), "kill-server"]);
    rmSync(home, { recursive: true, force: true });
  };
  // A measurement that takes too long is ended together with its daemon, which stops meanwhile.
  const end = (): void => {
    setTimeout(() => {
      remove();
      process.exit(1);
    }, STOP_MS);
  };
  process.once("SIGTERM", end);
  try {
    return await run(home);
  } finally {
    process.off("SIGTERM", end);
    remove();
  }
}

/** Starts a daemon on a home; it takes a free port. */
export async function startDaemonProcess(home: string): Promise<BenchDaemon> {
  writeFileSync(join(home, "config.json"), JSON.stringify({ http: { port: 0 } }));
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...DAEMON_FLAGS, ENTRY, "up"], {
    env: { ...process.env, AO_HOME: home },
    stdio: "ignore",
  });
  const run = await answering(home, child);
  const readyMs = performance.now() - startedAt;
  const agent = new Agent({ keepAlive: true });
  return {
    pid: run.pid,
    readyMs,
    call: async (method, path, body) => ask({ run, agent }, { method, path, body }),
    stop: async () => {
      agent.destroy();
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

/** A new git repository with one commit. */
export function makeRepository(folder: string): string {
  mkdirSync(folder);
  const git = (...args: string[]): void => {
    execFileSync("git", [
      "-C",
      folder,
      "-c",
      "user.name=b",
      "-c",
      "user.email=b@localhost",
      ...args,
    ]);
  };
  git("init", "--quiet", "--initial-branch=main");
  git("commit", "--quiet", "--allow-empty", "--message=first");
  return folder;
}

/** Processor time a process has used so far, seconds. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory of a process in MB: all of it, and what is not pages of files. */
export function memoryOf(pid: number): { readonly all: number; readonly own: number } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]);
  return { all: (kib("VmRSS") * 1_024) / 1e6, own: (kib("RssAnon") * 1_024) / 1e6 };
}

async function answering(home: string, child: ChildProcess): Promise<RunFile> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`);
    try {
      return readRun(home);
    } catch {
      // oxlint-disable-next-line no-await-in-loop -- until it is ready
      await delay(5);
    }
  }
}

async function ask(
  { run, agent }: { run: RunFile; agent: Agent },
  { method, path, body }: { method: string; path: string; body: object | undefined },
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${run.token}`,
    ...(text !== undefined && {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    }),
  };
  const asked = request(`${run.url}/api/v1${path}`, { method, agent, headers }, (response) => {
    let answer = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      answer += part;
    });
    response.once("error", reject);
    response.once("end", () => {
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300)
        resolve(answer === "" ? undefined : JSON.parse(answer));
      else reject(new Error(`${method} ${path}: ${statusCode} ${answer}`));
    });
  });
  asked.once("error", reject);
  asked.end(text);
  return promise;
}

function silently(program: string, args: string[]): void {
  try {
    execFileSync(program, args, { stdio: "ignore" });
  } catch {
    // It never ran.
  }
}
