import { spawn } from "node:child_process";
import { closeSync, readFileSync, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import { agentOf, unanswered } from "../cli/client.ts";
import { makeHome } from "../home.ts";
import { damagedRunFile, homeOf, readRunFile, type RunFile } from "../run-file.ts";
import { ANEW, EXIT, failureLine } from "../cli/exit.ts";
import { openLog } from "../daemon/log-file.ts";
import { firstDefect } from "../daemon/defect.ts";
import { DAEMON_FLAGS } from "../daemon/flags.ts";
import { listing, print, type Output } from "../cli/output.ts";
import { untilClosed } from "./closing.ts";
import { versionOf } from "../version.ts";
import { holderOf } from "../../storage/writer-lock.ts";

const LOOK_EVERY_MS = 50;
// A store of a million entries is checked, and a big NATS backlog read, well within this.
const READY_WITHIN_MS = 120_000;
const DOWN_WITHIN_MS = 60_000;
// What git or tmux is at takes less; it is all that a stopped daemon may still wait for.
const LINGER_MS = 1_000;

/** Runs the daemon here until it is told to stop. The answer is the exit code. */
export async function up(output: Output, options: { detach?: boolean }): Promise<number> {
  const home = homeOf(process.env);
  const holder = running(home);
  if (holder !== undefined) {
    throw new Failure(
      "DAEMON_RUNNING",
      `start a daemon in ${home}: process ${holder.pid} runs at ${holder.url}`,
    );
  }
  return options.detach === true ? upDetached(output, home) : upHere(output, home);
}

async function upHere(output: Output, home: string): Promise<number> {
  try {
    return await runHere(output, home);
  } finally {
    endSoon(output);
  }
}

/** Ends this process though something in it goes on: until then no other daemon may start, and it comes again as after a kill. */
function endSoon(output: Output): void {
  const end = (): void => {
    output.note("ao: ended what did not end by itself; the next daemon begins it again");
    process.exit();
  };
  setTimeout(end, LINGER_MS).unref();
}

async function runHere(output: Output, home: string): Promise<number> {
  const { startDaemon } = await import("../daemon/daemon.ts");
  const log = (line: string): void => output.note(`${new Date().toISOString()} ${line}`);
  const defect = firstDefect(log);
  // Told to stop while it starts, it stops once it has. Not `once`: execa, while a program of its own runs, ends this
  // process by a signal for which it finds no other listener left.
  const told = new Promise<string>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => resolve(signal));
  });
  const daemon = await startDaemon({
    home,
    entry: [process.execPath, entryFile()],
    version: versionOf(),
    env: process.env,
    log,
  });
  print(output, { url: daemon.url, pid: process.pid }, ({ url }) => url);
  const ended = await Promise.race([told, daemon.escalated, defect, daemon.lost]);
  if (ended instanceof Failure && ended.code === "HOME_LOST") return leave(output, ended);
  await daemon.stop();
  if (typeof ended === "string") return EXIT.done;
  if (ended instanceof Error) throw ended;
  throw new Failure("NOT_READY", `keep ${ended.id} running: gave up after ${ended.cause}`);
}

/** Ends this process at once: whatever it did in order might be done in a home of somebody else. */
function leave(output: Output, lost: Failure): never {
  output.note(failureLine(lost, "ao up"));
  process.exit(EXIT.failed);
}

async function upDetached(output: Output, home: string): Promise<number> {
  makeHome(home);
  const file = join(home, "logs", "daemon.log");
  const log = openLog(file);
  const from = statSync(file).size;
  const child = spawn(process.execPath, [...DAEMON_FLAGS, entryFile(), "up"], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  // An answer without a daemon to keep: this process must not wait for it.
  child.unref();
  const deadline = Date.now() + READY_WITHIN_MS;
  // Interrupted, this process goes; what it started does not hear of it.
  process.once("SIGINT", () => {
    output.note("ao: the daemon goes on starting; end it with: ao down");
    process.exit(EXIT.interrupted);
  });
  for (;;) {
    const run = saidBy(home, child.pid);
    if (run !== undefined) {
      print(output, { url: run.url, pid: run.pid, log: file }, ({ url }) => url);
      return EXIT.done;
    }
    if (child.exitCode !== null || child.signalCode !== null) {
      const last = tellLog(output, file, from);
      // It has said itself why, in the one line that there shall be.
      if (last.startsWith("ao: ")) return EXIT.failed;
      throw endOf(home, file);
    }
    if (Date.now() > deadline) {
      tellLog(output, file, from);
      const waited = `not ready after ${READY_WITHIN_MS} ms`;
      throw new Failure("NOT_READY", `start a daemon in ${home}: ${waited}; see ${file}`);
    }
    // oxlint-disable-next-line no-await-in-loop -- until it is ready or gone
    await wait(LOOK_EVERY_MS);
  }
}

/** Why a daemon that was started has ended: of two that are started at once, one finds the home taken. */
export function endOf(home: string, file: string): Failure {
  const holder = holderOf(home);
  return holder === undefined
    ? new Failure("NOT_READY", `start a daemon in ${home}: it ended; see ${file}`)
    : new Failure("DAEMON_RUNNING", `start a daemon in ${home}: process ${holder} has it`);
}

/** What a process says of itself in `run.json`, once it does. */
function saidBy(home: string, pid: number | undefined): { url: string; pid: number } | undefined {
  const run = readRunFile(home);
  return run?.pid === pid ? run : undefined;
}

/** Shows what the log says past `from` bytes, for who must know why; the answer is its last line. */
function tellLog(output: Output, file: string, from: number): string {
  const lines = readFileSync(file).subarray(from).toString().trimEnd().split("\n");
  for (const line of lines) output.note(line);
  return lines.at(-1) ?? "";
}

/**
 * Stops the daemon, also one that is still starting, and waits until it is gone, and before until what was ordered to end
 * has ended. Not for agents: FORBIDDEN.
 */
export async function stopDaemon(output: Output): Promise<void> {
  if (agentOf(process.env) !== undefined) {
    throw new Failure(
      "FORBIDDEN",
      "stop the daemon: this is an agent's terminal, and others work under it too",
    );
  }
  const home = homeOf(process.env);
  const answering = running(home)?.pid;
  const pid = answering ?? holderOf(home);
  if (pid === undefined) {
    print(output, { wasRunning: false }, () => `no daemon runs for ${home}`);
    return;
  }
  if (answering !== undefined) await untilClosed(output);
  process.kill(pid, "SIGTERM");
  const deadline = Date.now() + DOWN_WITHIN_MS;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new Failure(
        "NOT_READY",
        `stop process ${pid}: it still runs after ${DOWN_WITHIN_MS} ms; nothing is lost by: kill -9 ${pid}`,
      );
    }
    // oxlint-disable-next-line no-await-in-loop -- until it is gone
    await wait(LOOK_EVERY_MS);
  }
  print(output, { wasRunning: true, pid }, (facts) => `stopped process ${facts.pid}`);
}

/** How the daemon stands, part by part. The answer is 0 when it is ready. */
export async function status(output: Output): Promise<number> {
  const home = homeOf(process.env);
  const run = running(home);
  if (run === undefined) {
    const starting = holderOf(home);
    print(output, { isRunning: false, home, ...(starting !== undefined && { starting }) }, () =>
      absence(home, starting),
    );
    return EXIT.failed;
  }
  const { pid, url } = run;
  const state = await readiness(url);
  print(output, { isRunning: true, home, pid, url, ...state }, (facts) =>
    listing(output, {
      state: facts.isReady ? "ready" : "not ready",
      url,
      pid,
      home,
      version: facts.version,
      ...Object.fromEntries(
        facts.parts.map((part) => [
          part.name,
          [part.state, part.reason].filter(Boolean).join(": "),
        ]),
      ),
    }),
  );
  return state.isReady ? EXIT.done : EXIT.failed;
}

/** Why no daemon answers, and what to do; `starting` is the process that has the home. */
function absence(home: string, starting: number | undefined): string {
  const damaged = damagedRunFile(home);
  if (damaged !== undefined) return `${damaged} is damaged, no daemon is found; ${ANEW}`;
  return starting === undefined
    ? "not running; start it with: ao up --detach"
    : `process ${starting} is starting or ending, or cannot; see ${join(home, "logs", "daemon.log")}, or end it with: ao down`;
}

/** What `run.json` says, when its daemon is there: its pid alone may be somebody else's by now. */
export function running(home: string): RunFile | undefined {
  const run = readRunFile(home);
  return run !== undefined && isAlive(run.pid) && holderOf(home) === run.pid ? run : undefined;
}

export interface Readiness {
  readonly isReady: boolean;
  readonly version: string;
  readonly parts: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason?: string;
  }[];
}

/** What `/readyz` says. Fails with DAEMON_DOWN. */
export async function readiness(url: string): Promise<Readiness> {
  return new Promise((resolve, reject) => {
    const down = (error: Error): void => reject(unanswered(`${url}/readyz`, error));
    httpRequest(
      `${url}/readyz`,
      { agent: false, signal: AbortSignal.timeout(10_000) },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.once("error", down);
        response.once("end", () => {
          try {
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the daemon's OpenAPI document says
            resolve(JSON.parse(text) as Readiness);
          } catch (error) {
            down(error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
    )
      .once("error", down)
      .end();
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function entryFile(): string {
  return process.argv[1] ?? "";
}
