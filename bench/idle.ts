// The real daemon with many sessions that do nothing, each in a real tmux pane: processor time, syncs and processes.
//
//   node bench/idle.ts [SESSIONS]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import {
  cpuSecondsOf,
  makeRepository,
  startDaemonProcess,
  withHome,
  type BenchDaemon,
} from "./daemon.ts";
import { print } from "./rows.ts";

const SESSIONS = Number(process.argv[2] ?? 200);
const WATCH_MS = 15_000;
const TRACE_MS = 15_000;
const PROBE_MS = 5_000;
const SILENT_MS = 10_000;
const FIRST_REPORT_MS = 32_000;
const LOOK_MS = 1_000;
const Actors = z.object({ actors: z.array(z.unknown()) });
const Books = z.object({ received: z.number(), outbox: z.number(), lag: z.number() });

async function openIdle(daemon: BenchDaemon, repository: string): Promise<void> {
  const config = { worker: { harness: "command", command: ["sleep", "1000000"] } };
  await daemon.call("POST", "/projects", { id: "bench", path: repository, scm: "none", config });
  for (let n = 0; n < SESSIONS; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- a git worktree each
    await daemon.call("POST", "/sessions", { projectId: "bench", prompt: "rest" });
  }
  const live = `/actors?kind=terminal&state=live&limit=${SESSIONS}`;
  // oxlint-disable-next-line no-await-in-loop -- until all are there
  while (Actors.parse(await daemon.call("GET", live)).actors.length < SESSIONS) await delay(200);
}

/**
 * Waits until nothing was received for longer than any probe's interval. A silent terminal is reported after 30 s, and
 * again after 120: what is measured must be over by then, and is measured again if it was not.
 */
async function quiet({ call }: BenchDaemon): Promise<number> {
  let before = -1;
  let since = performance.now();
  for (;;) {
    // oxlint-disable no-await-in-loop -- until it is quiet
    const { received, outbox, lag } = Books.parse(await call("GET", "/intake"));
    if (received !== before || outbox > 0 || lag > 0) since = performance.now();
    if (performance.now() - since > SILENT_MS) return received;
    before = received;
    await delay(LOOK_MS);
    // oxlint-enable no-await-in-loop
  }
}

interface Idle {
  readonly share: number;
  readonly syncs: number;
  readonly programs: number;
}

/** What it costs while nothing comes in. */
async function idleCost(daemon: BenchDaemon, log: string): Promise<Idle> {
  for (;;) {
    // oxlint-disable no-await-in-loop -- until nothing came between
    const received = await quiet(daemon);
    const before = cpuSecondsOf(daemon.pid);
    await delay(WATCH_MS);
    const share = (100 * (cpuSecondsOf(daemon.pid) - before)) / (WATCH_MS / 1_000);
    const { syncs, programs } = await traced(daemon.pid, log);
    const after = Books.parse(await daemon.call("GET", "/intake"));
    if (after.received === received) return { share, syncs, programs };
    // oxlint-enable no-await-in-loop
  }
}

/** System calls that sync, and programs started, while a trace of the daemon runs. */
async function traced(pid: number, log: string): Promise<{ syncs: number; programs: number }> {
  const calls = "trace=fsync,fdatasync,msync,sync_file_range,execve,vfork,fork";
  const trace = spawn("strace", ["-f", "-qq", "-e", calls, "-o", log, "-p", String(pid)], {
    stdio: "ignore",
  });
  await once(trace, "spawn");
  await delay(TRACE_MS);
  trace.kill("SIGINT");
  await once(trace, "exit");
  const lines = readFileSync(log, "utf8").split("\n");
  const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
  return {
    syncs: count(/ (fsync|fdatasync|msync|sync_file_range)\(/),
    // A search along PATH tries some that are not there.
    programs: count(/ execve\(.* = 0$/),
  };
}

await withHome(async (home) => {
  const daemon = await startDaemonProcess(home);
  try {
    await openIdle(daemon, makeRepository(join(home, "repository")));
    await delay(FIRST_REPORT_MS);
    const { share, syncs, programs } = await idleCost(daemon, join(home, "trace.log"));
    print(`${SESSIONS} idle sessions in real panes`, [
      {
        what: `processor of the daemon over ${WATCH_MS / 1_000} s`,
        value: share,
        unit: "% of a core",
        goal: { atMost: 0.5 },
      },
      { what: `syncs in ${TRACE_MS / 1_000} s`, value: syncs, unit: "calls", goal: { atMost: 0 } },
      {
        what: `programs started in ${TRACE_MS / 1_000} s`,
        value: programs,
        unit: "programs",
        // One listing of the fleet per interval.
        goal: { atMost: Math.ceil(TRACE_MS / PROBE_MS) + 1 },
      },
    ]);
  } finally {
    await daemon.stop();
  }
});
