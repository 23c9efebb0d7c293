import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import type { Adapter } from "../adapter.ts";
import { findPane, isStill, type PaneSource } from "./panes.ts";
import { belonging, bootId, processTable, signalProcess } from "./processes.ts";
import type { ProcessRow } from "./processes.ts";
import type { Incarnation, ProcessName, TerminalRecords } from "./records.ts";

// Terminal destroy
//
// Ends a terminal up to and with one epoch.
//
//   D1. Done only when no process of it was found after the last signal, and tmux shows no pane of it.
//   D2. The launcher is killed after its program, so that it can still write how the program ended.
//   D3. Nothing of a newer epoch, of another terminal, of another home or generation of the store is touched.
//   D4. Processes are ended first and without tmux: an unreachable server does not keep them alive.
//   D5. After it no process of this epoch can start any more, not even one that a killed daemon had ordered.

/** What the parts of the terminal adapter share. */
export interface TerminalParts extends PaneSource {
  /** Resolved: it is compared with what the environments of processes say. */
  readonly home: string;
  /** Those of this generation of the store. */
  readonly records: TerminalRecords;
}

// A program that ends by itself mostly does so within a few of these.
const LOOK_EVERY_MS = 20;
// How long a launcher gets to write its record after its program is gone.
const LAUNCHER_MS = 500;

/** Ends every process of a terminal, then its pane. */
export function destroyer(parts: TerminalParts): Adapter<"destroyTerminal"> {
  return async ({ terminal, epoch, graceMs }, { signal }) => {
    const killed = await endTerminal(parts, { terminal, epoch }, { graceMs, signal });
    return { killed };
  };
}

/** Ends a terminal up to and with an epoch; the number of processes that were there. Fails with DEADLINE_PASSED, TMUX_UNREACHABLE. */
export async function endTerminal(
  parts: TerminalParts,
  of: Incarnation,
  { graceMs, signal }: { graceMs: number; signal: AbortSignal },
): Promise<number> {
  await parts.records.withdraw(of);
  const seen = new Set<string>();
  const find = async () => {
    const found = await processesOf(parts, of);
    for (const row of found.all) seen.add(`${row.pid}.${row.start}`);
    return found;
  };
  await endProcesses(find, { graceMs, signal });
  await closePane(parts, of, signal);
  // A pane that was being made while its processes were ended.
  await endProcesses(find, { graceMs: 0, signal });
  await parts.records.markGone(of);
  return seen.size;
}

interface Found {
  readonly all: readonly ProcessRow[];
  readonly programs: readonly ProcessRow[];
}

async function endProcesses(
  find: () => Promise<Found>,
  { graceMs, signal }: { graceMs: number; signal: AbortSignal },
): Promise<void> {
  const killAt = performance.now() + graceMs;
  let found = await find();
  if (graceMs > 0) {
    await signalAll(found.programs, "SIGTERM");
    // A stopped process takes a SIGTERM only when it goes on.
    await signalAll(found.programs, "SIGCONT");
  }
  while (found.programs.length > 0) {
    if (performance.now() >= killAt) await signalAll(found.programs, "SIGKILL");
    await pause(signal);
    found = await find();
  }
  const launcherUntil = performance.now() + LAUNCHER_MS;
  while (found.all.length > 0) {
    if (performance.now() >= launcherUntil) await signalAll(found.all, "SIGKILL");
    await pause(signal);
    found = await find();
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  if (signal.aborted)
    throw new Failure("DEADLINE_PASSED", "end the processes of a terminal: some are still there");
  await wait(LOOK_EVERY_MS);
}

async function signalAll(rows: readonly ProcessRow[], name: NodeJS.Signals): Promise<void> {
  await Promise.all(rows.map((row) => signalProcess(row, name)));
}

async function processesOf(parts: TerminalParts, of: Incarnation): Promise<Found> {
  const { home, records } = parts;
  const leaders = await leadersOf(records, of);
  const store = parts.generation();
  const all = belonging(await processTable(), { ...of, home, store, leaders });
  const isLeader = (row: ProcessRow) =>
    leaders.some((leader) => leader.pid === row.pid && leader.start === row.start);
  return { all, programs: all.filter((row) => !isLeader(row)) };
}

async function leadersOf(records: TerminalRecords, of: Incarnation): Promise<ProcessName[]> {
  const boot = await bootId();
  const started = (await records.names()).filter(
    (name) => name.terminal === of.terminal && name.epoch <= of.epoch && name.suffix === "start",
  );
  const starts = await Promise.all(started.map((name) => records.start(name)));
  return starts.flatMap((start) =>
    start && "leader" in start && start.boot === boot ? start.leader : [],
  );
}

async function closePane(
  parts: TerminalParts,
  of: Incarnation,
  signal: AbortSignal,
): Promise<void> {
  const found = await findPane(parts, of.terminal, signal);
  if (!found || found.epoch > of.epoch) return;
  // Asked again inside the server: since the listing it may be another server, whose ids begin anew.
  await parts.tmux.run(
    ["if-shell", "-F", "-t", found.id, isStill(found), `kill-session -t '${found.session}'`],
    { signal },
  );
  const left = await findPane(parts, of.terminal, signal);
  if (left && left.epoch <= of.epoch) {
    throw new Failure(
      "TMUX_UNREACHABLE",
      `close pane ${found.id} of ${of.terminal}: it is still there`,
    );
  }
}
