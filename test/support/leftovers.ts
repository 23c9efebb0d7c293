import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

/** A process that still runs for a folder. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

interface Process extends Leftover {
  readonly parent: number;
  readonly environment: string;
}

/**
 * Waits up to `graceMs` until no process names the folder in its command line or its environment, then kills those
 * that still do, each by its id. What had to be killed is the answer. Without /proc only command lines are seen.
 */
export async function endLeftovers(folder: string, graceMs: number): Promise<Leftover[]> {
  const deadline = performance.now() + graceMs;
  let left = await leftovers(folder);
  while (left.length > 0 && performance.now() < deadline) {
    await wait(50);
    left = await leftovers(folder);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself in between.
    }
  }
  return left;
}

// But for this process, those it came from and its own children, which are the test runner's.
async function leftovers(folder: string): Promise<Leftover[]> {
  const all = existsSync("/proc/self/stat") ? await readProc() : await readPs();
  const own = ancestors(all, process.pid);
  return all.filter(
    ({ pid, parent, command, environment }) =>
      !own.has(pid) &&
      parent !== process.pid &&
      (command.includes(folder) || environment.includes(folder)),
  );
}

async function readProc(): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Empty for a process that has ended in between, or is another user's.
      const [stat, command, environment] = await Promise.all(
        ["stat", "cmdline", "environ"].map((name) =>
          readFile(`/proc/${pid}/${name}`, "latin1").catch(() => ""),
        ),
      );
      return { stat, pid: Number(pid), command: words(command), environment: environment ?? "" };
    }),
  );
  return found.map(({ stat = "", ...process }) => ({ ...process, parent: parentIn(stat) }));
}

// "pid (name, which may hold anything) state parent …"
function parentIn(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(")") + 1).split(" ")[2] ?? 0);
}

function words(commandLine: string | undefined): string {
  return (commandLine ?? "").replaceAll("\0", " ").trim();
}

async function readPs(): Promise<Process[]> {
  const { stdout } = await promisify(execFile)("ps", ["-Awwo", "pid=,ppid=,command="], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, command = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), command, environment: "" }];
  });
}

function ancestors(all: readonly Process[], pid: number): Set<number> {
  const parents = new Map(all.map((row) => [row.pid, row.parent]));
  const found = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && !found.has(at); at = parents.get(at)) {
    found.add(at);
  }
  return found;
}
