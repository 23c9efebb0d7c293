import { execFile, spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { writePrivate, type NatsFiles } from "./nats-home.ts";

// Process of our nats-server
//
// Which process is our server, while it lasts, and how it is ended.
//
//   P1. A process is named by pid and start time. Both are written down when it is launched; the pid file, which the
//       server writes, only helps where that is lost.
//   P2. Nothing is signalled but a process of that very name, looked at right before.

export interface NatsExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One process while it lasts; `over` aborts when it is gone. */
export interface Life {
  readonly pid: number;
  readonly exited: Promise<NatsExit>;
  readonly over: AbortSignal;
  /** When it was started, in this boot of the machine. */
  readonly start: string;
}

const Name = z.object({ pid: z.number().int().min(2), start: z.string().min(1) });
type Name = z.infer<typeof Name>;

/** A process that runs with the home's configuration. */
export interface Found extends Name {
  /** We wrote down ourselves that we launched it. */
  readonly isKnown: boolean;
}

/**
 * Runs the program with the home's configuration, in a session of its own: a signal to the daemon's group, or the end
 * of its terminal, is not meant for the server. Fails with PROGRAM_MISSING, or BUS_DOWN when it cannot be run.
 */
export async function launchProcess(binary: string, files: NatsFiles): Promise<Life> {
  const output = await open(files.output, "w", 0o600);
  try {
    const child = spawn(binary, ["-c", files.config], {
      detached: true,
      // Where Debian puts it, which is not on everybody's PATH.
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin` },
      stdio: ["ignore", output.fd, output.fd],
    });
    const { promise: exited, resolve: exit } = Promise.withResolvers<NatsExit>();
    const { promise: spawned, resolve, reject } = Promise.withResolvers<void>();
    child.once("exit", (code, signal) => exit({ code, signal }));
    child.once("spawn", resolve);
    child.once("error", reject);
    await spawned;
    child.unref();
    if (child.pid === undefined) throw new Error(`${binary} was spawned without a process id`);
    // One that has ended already has no start time, and nothing of it will be signalled.
    const name = { pid: child.pid, start: (await startOf(child.pid)) ?? "over" };
    await noteProcess(files, name);
    return lifeOf(name, exited);
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const seen = isMissing
      ? `there is no program ${binary}; install it: ${installHint()}`
      : String(cause);
    throw new Failure(isMissing ? "PROGRAM_MISSING" : "BUS_DOWN", `start nats-server: ${seen}`, {
      cause,
    });
  } finally {
    await output.close();
  }
}

/** Writes down that a process is ours (P1). */
export async function noteProcess(files: NatsFiles, { pid, start }: Name): Promise<void> {
  await writePrivate(files.process, JSON.stringify({ pid, start }));
}

/** The process that runs with the home's configuration, if it is known. */
export async function findProcess(files: NatsFiles, binary: string): Promise<Found | undefined> {
  const noted = await notedProcess(files);
  if (noted !== undefined && (await startOf(noted.pid)) === noted.start) {
    if (await isServer(noted.pid, { files, binary })) return { ...noted, isKnown: true };
  }
  const pid = Number(await readFile(files.pid, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const start = await startOf(pid);
  if (start === undefined || !(await isServer(pid, { files, binary }))) return undefined;
  return { pid, start, isKnown: false };
}

async function notedProcess(files: NatsFiles): Promise<Name | undefined> {
  const text = await readFile(files.process, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Name.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** A process that is not our child. `next` resolves when it is worth looking whether it is still there. */
export function watchProcess({ pid, start }: Name, next: () => Promise<void>): Life {
  const watching = async (): Promise<NatsExit> => {
    while ((await startOf(pid)) === start) await next();
    return { code: null, signal: null };
  };
  return lifeOf({ pid, start }, watching());
}

/** Asks the process to end, ends it by force after `graceMs`, and waits until it is gone. */
export async function endLife(life: Life, graceMs: number): Promise<void> {
  if (!life.over.aborted && graceMs > 0) {
    await signalLife(life, "SIGTERM");
    await delay(graceMs, undefined, { signal: life.over }).catch(() => undefined);
  }
  if (!life.over.aborted) await signalLife(life, "SIGKILL");
  await life.exited;
}

/** P2. */
async function signalLife({ pid, start }: Life, signal: NodeJS.Signals): Promise<void> {
  if ((await startOf(pid)) !== start) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!isGone) throw error;
  }
}

function lifeOf({ pid, start }: Name, exited: Promise<NatsExit>): Life {
  const over = new AbortController();
  void exited.then(() => over.abort());
  return { pid, start, exited, over: over.signal };
}

/** Whether it is the program with the home's configuration, whose path is in no other command line. */
async function isServer(
  pid: number,
  { files, binary }: { files: NatsFiles; binary: string },
): Promise<boolean> {
  const argv = await commandLine(pid);
  const program = argv.slice(0, -2).some((part) => basename(part) === basename(binary));
  return program && argv.at(-2) === "-c" && argv.at(-1) === files.config;
}

/** How a process was started; empty when there is none, or only its remains. */
async function commandLine(pid: number): Promise<string[]> {
  if (process.platform === "linux") {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return line.split("\0").slice(0, -1);
  }
  const line = (await ask("command", pid)) ?? "";
  const at = line.indexOf(" -c ");
  return at < 0 ? line.split(" ") : [...line.slice(0, at).split(" "), "-c", line.slice(at + 4)];
}

/** When a process was started; undefined when there is none, or only its remains. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return ask("lstart", pid);
  const [text, boot] = await Promise.all(
    [`/proc/${pid}/stat`, "/proc/sys/kernel/random/boot_id"].map(async (path) =>
      readFile(path, "utf8").catch(() => ""),
    ),
  );
  // The name of a program may hold blanks and brackets: the fields are counted from its last bracket.
  const fields = (text ?? "").slice((text ?? "").lastIndexOf(")") + 2).split(" ");
  const [state, start] = [fields[0], fields[19]];
  if (start === undefined || state === "Z" || state === "X") return undefined;
  return `${boot?.trim()} ${start}`;
}

async function ask(column: string, pid: number): Promise<string | undefined> {
  const asked = promisify(execFile)("ps", ["-ww", "-o", `${column}=`, "-p", String(pid)]);
  const listed = await asked.catch(() => undefined);
  return listed?.stdout.trim() === "" ? undefined : listed?.stdout.trim();
}

function installHint(): string {
  return process.platform === "darwin" ? "brew install nats-server" : "apt-get install nats-server";
}
