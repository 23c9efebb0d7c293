import { setTimeout as wait } from "node:timers/promises";
import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { Adapter, Attempt } from "../adapter.ts";
import { marks, writeLaunch, type LaunchOptions } from "./launch-file.ts";
import { endTerminal } from "./destroy.ts";
import type { TerminalParts } from "./destroy.ts";
import { findPane, launchedPane } from "./panes.ts";
import type { Incarnation, TerminalRecords } from "./records.ts";
import { untilItListens } from "./screen.ts";
import { argument } from "./tmux.ts";

// Terminal launch
//
// Brings a terminal to one epoch: at most one process per terminal and epoch, whenever the daemon is killed.
//
//   A1. What already has this epoch, alive or dead, is adopted.
//   A2. Nothing begins before every older epoch is ended and verified gone.
//   A3. When a newer epoch is there, or a pane of another generation of the store, nothing is touched.
//   A4. A pane carries its terminal, epoch and generation from the command list that makes it.
//   A5. Arguments and environment go through a 0600 file, never through tmux or a shell.

// Ending what an older epoch left behind: it was given its grace when it was cancelled.
const OLDER_GRACE_MS = 1_000;
const LOOK_EVERY_MS = 10;
// The record comes within tens of milliseconds; only when it does not, tmux is asked what the pane does.
const ASK_TMUX_EVERY_MS = 250;

/** Starts the program of an incarnation in a new pane, or adopts what is there. */
export function launchAdapter(
  parts: TerminalParts,
  options: LaunchOptions,
): Adapter<"launchTerminal"> {
  return async (data, attempt) => {
    const { signal } = attempt;
    const of = { terminal: data.terminal, epoch: data.epoch };
    const newest = await newestEpoch(parts, of.terminal, signal);
    if (newest.epoch > of.epoch) {
      throw new Failure(
        "EPOCH_STALE",
        `launch ${of.terminal} at epoch ${of.epoch}: epoch ${newest.epoch} is there`,
      );
    }
    if (newest.epoch === of.epoch && newest.hasBegun) {
      const pid = await begun(parts, of, signal);
      await sayPrompt(parts, data, options, attempt);
      return { pid, adopted: true };
    }
    if (newest.epoch >= 0 && newest.epoch < of.epoch) {
      await endTerminal(
        parts,
        { terminal: of.terminal, epoch: of.epoch - 1 },
        { graceMs: OLDER_GRACE_MS, signal },
      );
      await parts.records.prune(of);
    }
    await writeLaunch(parts, data, options);
    const result = await createPane(parts, { of, options, signal });
    await sayPrompt(parts, data, options, attempt);
    return result;
  };
}

/** Types the prompt of an agent that takes it only there; repeated after a crash, it is typed once. */
async function sayPrompt(
  parts: TerminalParts,
  { terminal, epoch, launch: { typed } }: EffectData<"launchTerminal">,
  { type }: LaunchOptions,
  attempt: Attempt,
): Promise<void> {
  if (typed === null) return;
  await untilItListens(parts, { terminal, typed, signal: attempt.signal });
  try {
    const delivery = { deliveryId: `prompt ${terminal} ${epoch}`, text: typed.text, submit: true };
    const data = { terminal, host: "local", epoch, ...delivery };
    await type(data, { ...attempt, effectId: delivery.deliveryId });
  } catch (error) {
    // It has ended already: that is told by its record.
    if (!(error instanceof Failure) || error.code !== "PANE_GONE") throw error;
  }
}

async function newestEpoch(
  parts: TerminalParts,
  terminal: string,
  signal: AbortSignal,
): Promise<{ epoch: number; hasBegun: boolean }> {
  const found = await launchedPane(parts, terminal, signal);
  const names = (await parts.records.names()).filter((name) => name.terminal === terminal);
  const epoch = Math.max(found?.epoch ?? -1, ...names.map((name) => name.epoch));
  const hasStart = names.some((name) => name.epoch === epoch && name.suffix === "start");
  return { epoch, hasBegun: found?.epoch === epoch || hasStart };
}

async function createPane(
  parts: TerminalParts,
  { of, options, signal }: { of: Incarnation; options: LaunchOptions; signal: AbortSignal },
): Promise<EffectResult<"launchTerminal">> {
  const target = `=${of.terminal}:^.{top-left}`;
  const variables = Object.entries(marks(parts, of)).map(([name, value]) =>
    argument(`${name}=${value}`),
  );
  const program = ["perl", argument(options.launcher), argument(parts.records.path(of, "launch"))];
  const size = ["-x", "220", "-y", "50"];
  const answer = await parts.tmux.run(
    commandList([
      ...GLOBAL_OPTIONS,
      ["set-option", "-g", "history-limit", String(options.historyLines)],
      [
        "new-session",
        "-d",
        "-s",
        of.terminal,
        ...size,
        ...variables.flatMap((mark) => ["-e", mark]),
        "--",
        ...program,
      ],
      ["set-option", "-p", "-t", target, "@ao_store", parts.generation()],
      ["set-option", "-p", "-t", target, "@ao_epoch", String(of.epoch)],
      ["set-option", "-p", "-t", target, "@ao_terminal", of.terminal],
    ]),
    { signal },
  );
  if (answer.type === "done") return { pid: await begun(parts, of, signal), adopted: false };
  const found = await findPane(parts, of.terminal, signal);
  // A client of a killed daemon came first.
  if (found?.epoch === of.epoch) return { pid: await begun(parts, of, signal), adopted: true };
  const seen = answer.type === "no-server" ? "the server went away" : answer.message;
  const code = seen.startsWith("duplicate session") ? "PANE_FOREIGN" : "TMUX_UNREACHABLE";
  throw new Failure(code, `make a pane for ${of.terminal} at epoch ${of.epoch}: ${seen}`);
}

const GLOBAL_OPTIONS = [
  ["set-option", "-g", "status", "off"],
  // A dead pane keeps its screen, and nothing typed late can run in a shell.
  ["set-option", "-gw", "remain-on-exit", "on"],
  ["set-option", "-gw", "remain-on-exit-format", ""],
  // Else an attached client would be moved to another agent's pane when its own is destroyed.
  ["set-option", "-g", "detach-on-destroy", "on"],
  ["set-option", "-g", "default-terminal", "screen-256color"],
  ["set-option", "-g", "mouse", "on"],
  // A small window that attaches must not squeeze the agent's screen.
  ["set-option", "-gw", "window-size", "largest"],
  ["set-option", "-gw", "automatic-rename", "off"],
  ["set-option", "-gw", "allow-rename", "off"],
  ["set-option", "-g", "update-environment", ""],
  // An attached user's Escape must not wait half a second.
  ["set-option", "-s", "escape-time", "10"],
];

function commandList(commands: readonly (readonly string[])[]): string[] {
  return commands.flatMap((command) => [...command, ";"]).slice(0, -1);
}

/** The pid of the program once it has begun. Fails with LAUNCH_FAILED when it never did, EPOCH_STALE when it was destroyed. */
async function begun(parts: TerminalParts, of: Incarnation, signal: AbortSignal): Promise<number> {
  const tried = `launch ${of.terminal} at epoch ${of.epoch}`;
  let askAt = performance.now() + ASK_TMUX_EVERY_MS;
  for (;;) {
    const exit = await parts.records.exit(of);
    if (exit && "failed" in exit) {
      await endTerminal(parts, of, { graceMs: 0, signal });
      throw new Failure("LAUNCH_FAILED", `${tried}: ${exit.failed}`);
    }
    const pid = await pidOnRecord(parts.records, of, tried);
    if (pid !== undefined) return pid;
    if (performance.now() >= askAt) {
      await checkLauncher(parts, { of, tried, signal });
      askAt = performance.now() + ASK_TMUX_EVERY_MS;
    }
    if (signal.aborted)
      throw new Failure("DEADLINE_PASSED", `${tried}: the program had not begun in time`);
    await wait(LOOK_EVERY_MS);
  }
}

async function pidOnRecord(
  records: TerminalRecords,
  of: Incarnation,
  tried: string,
): Promise<number | undefined> {
  const start = await records.start(of);
  if (start && ("withdrawn" in start || (await records.isGone(of)))) {
    throw new Failure("EPOCH_STALE", `${tried}: this epoch was destroyed`);
  }
  return start && "program" in start ? start.program?.pid : undefined;
}

/** Fails when nothing is left that could still begin the program; then nothing of it is left at all. */
async function checkLauncher(
  parts: TerminalParts,
  { of, tried, signal }: { of: Incarnation; tried: string; signal: AbortSignal },
): Promise<void> {
  const found = await findPane(parts, of.terminal, signal);
  if (found?.epoch === of.epoch && !found.isDead) return;
  if (await pidOnRecord(parts.records, of, tried)) return;
  if (!found && !(await parts.records.start(of))) {
    throw new Failure("TMUX_UNREACHABLE", `${tried}: the pane was gone before anything began`);
  }
  await endTerminal(parts, of, { graceMs: 0, signal });
  throw new Failure(
    "LAUNCH_FAILED",
    `${tried}: its launcher (perl) ended before the program began`,
  );
}
