// The measurements, one after the other, and at the end one table of all goals.
//
//   npm run bench              what the spine promises, in less than six minutes
//   npm run bench -- --all     and every other measurement

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DAEMON_FLAGS } from "../bin/daemon/flags.ts";
import { GOALS_FILE, machine, parseGoals, summary, type Reached } from "./rows.ts";

/** A part that takes longer than its limit is ended and counts as missed; together they stay below six minutes. */
const SPINE = [
  { name: "path", limitMs: 130_000 },
  { name: "http", limitMs: 30_000 },
  { name: "boot", limitMs: 40_000 },
  { name: "wake", limitMs: 10_000 },
  { name: "idle", limitMs: 145_000 },
];
const OTHERS = ["hook", "supervision", "poke", "collector", "review", "web", "pages"].map(
  (name) => ({
    name,
    limitMs: 180_000,
  }),
);
const GRACE_MS = 10_000;

/** Runs one measurement as the daemon is run, which is in its process in most; why it has no result, if it has none. */
async function measured(
  { name, limitMs }: { name: string; limitMs: number },
  goals: string,
): Promise<string | undefined> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...DAEMON_FLAGS, file], {
    stdio: "inherit",
    env: { ...process.env, [GOALS_FILE]: goals },
    // A group of its own: a part that hangs is ended with the daemon that it started.
    detached: true,
  });
  const over = new AbortController();
  const ended = once(child, "exit").finally(() => over.abort());
  const end = (signal: NodeJS.Signals): void => void process.kill(-(child.pid ?? 0), signal);
  const interrupt = (): void => end("SIGTERM");
  process.once("SIGINT", interrupt);
  const isLate = await delay(limitMs, true, { signal: over.signal }).catch(() => false);
  if (isLate) {
    end("SIGTERM");
    const isStuck = await delay(GRACE_MS, true, { signal: over.signal }).catch(() => false);
    if (isStuck) end("SIGKILL");
  }
  await ended;
  process.off("SIGINT", interrupt);
  if (isLate) return `not done after ${limitMs / 1_000} s`;
  return child.exitCode === 0 ? undefined : `ended with ${child.exitCode ?? child.signalCode}`;
}

const folder = mkdtempSync(join(tmpdir(), "ao-goals-"));
try {
  process.stdout.write(`${machine()}; load ${loadavg()[0]?.toFixed(2)} before\n`);
  const reached: Reached[] = [];
  const failed: string[] = [];
  for (const part of process.argv.includes("--all") ? [...SPINE, ...OTHERS] : SPINE) {
    const goals = join(folder, part.name);
    // oxlint-disable-next-line no-await-in-loop -- they would disturb each other
    const failure = await measured(part, goals);
    if (failure !== undefined) failed.push(`${part.name}: ${failure}`);
    else if (existsSync(goals)) reached.push(...parseGoals(readFileSync(goals, "utf8")));
  }
  process.stdout.write(summary(reached, failed));
  if (failed.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
