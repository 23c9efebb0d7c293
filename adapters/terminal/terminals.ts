import { mkdirSync, realpathSync } from "node:fs";
import type { Adapter } from "../adapter.ts";
import { destroyer } from "./destroy.ts";
import type { TerminalParts } from "./destroy.ts";
import type { LaunchOptions } from "./launch-file.ts";
import { launchAdapter } from "./launch.ts";
import { inspection } from "./inspection.ts";
import { fleet } from "./panes.ts";
import type { PaneRow } from "./panes.ts";
import { terminalRecords } from "./records.ts";
import type { ExitRecord, Incarnation, RecordName, TerminalRecords } from "./records.ts";
import { capture } from "./screen.ts";
import { screensOf } from "./screens.ts";
import { typist } from "./text.ts";
import { terminalViews, type TerminalViews } from "./view.ts";
import { tmuxClient } from "./tmux.ts";

export interface TerminalsOptions {
  /** AO_HOME; made when it is missing. */
  readonly home: string;
  /** Names the generation of the store, once it is open. */
  readonly generation: () => string;
  /** Absolute path of the tmux server's socket. */
  readonly socket: string;
  /** Absolute path of bin/launch. */
  readonly launcher: string;
  readonly environment: LaunchOptions["environment"];
  readonly closedTo?: LaunchOptions["closedTo"];
  /** The environment that programs inherit; by default this process's. */
  readonly inherit?: LaunchOptions["inherit"];
  /** Between text and Enter, milliseconds. */
  readonly pauseMs?: number;
  readonly historyLines?: number;
  /** Limit of one tmux call, milliseconds. */
  readonly timeoutMs?: number;
}

/** Everything that is done with terminals and asked of them on this machine. */
export interface Terminals {
  readonly launchTerminal: Adapter<"launchTerminal">;
  readonly destroyTerminal: Adapter<"destroyTerminal">;
  readonly inspectTerminal: Adapter<"inspectTerminal">;
  readonly typeText: Adapter<"typeText">;
  /** The last lines of a pane with its history, without colours. Fails with PANE_GONE, TMUX_UNREACHABLE. */
  capture(terminal: string, lines: number): Promise<string>;
  /** What terminals show now, in two tmux calls for all; one without a pane is left out. Fails with TMUX_UNREACHABLE. */
  screens(terminals: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The whole fleet in one tmux call. Fails with TMUX_UNREACHABLE. */
  listPanes(): Promise<PaneRow[]>;
  /** How an incarnation ended; undefined while it runs, or when nobody could write or can read it. */
  exitOf(of: Incarnation): Promise<ExitRecord | undefined>;
  /** The records that appear from now on: `start` when a program began, `exit` when it ended. Ends when aborted. */
  changes(signal: AbortSignal): AsyncGenerator<RecordName>;
  /** Somebody looks at a terminal, live. Fails with PANE_GONE, TMUX_UNREACHABLE. */
  readonly watch: TerminalViews["watch"];
  /** argv that attaches the calling terminal to a pane. */
  attachCommand(terminal: string): string[];
}

/** The terminals of one home. Fails with CONFIG_INVALID when the socket's path is too long. */
export function terminals(options: TerminalsOptions): Terminals {
  mkdirSync(options.home, { recursive: true, mode: 0o700 });
  const home = realpathSync(options.home);
  const tmux = tmuxClient({
    socket: options.socket,
    cwd: home,
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  });
  const { generation } = options;
  const recordsOf = new Map<string, TerminalRecords>();
  const parts: TerminalParts = {
    home,
    tmux,
    generation,
    get records() {
      const name = generation();
      const known = recordsOf.get(name) ?? terminalRecords(home, name);
      recordsOf.set(name, known);
      return known;
    },
  };
  const historyLines = options.historyLines ?? 5_000;
  const views = terminalViews({ tmux, generation, cwd: home, historyLines });
  const typeText = typist(parts, options.pauseMs ?? 300);
  const launch: LaunchOptions = {
    type: typeText,
    launcher: options.launcher,
    inherit: options.inherit ?? process.env,
    environment: options.environment,
    historyLines,
    closedTo: options.closedTo,
  };
  return {
    launchTerminal: launchAdapter(parts, launch),
    destroyTerminal: destroyer(parts),
    inspectTerminal: inspection(parts),
    typeText,
    capture: (terminal, lines) => capture(parts, terminal, lines),
    screens: (names) => screensOf(parts, names),
    listPanes: () => fleet(parts, parts.records),
    async exitOf(of) {
      const exit = await parts.records.exit(of);
      return exit && "unreadable" in exit ? undefined : exit;
    },
    changes: (signal) => parts.records.changes(signal),
    watch: (terminal, viewer) => views.watch(terminal, viewer),
    // An attach from inside another tmux is meant; tmux refuses it as long as it sees TMUX.
    attachCommand: (terminal) => [
      "env",
      "-u",
      "TMUX",
      ...tmux.argv,
      "-T",
      "RGB",
      "attach-session",
      "-t",
      `=${terminal}`,
    ],
  };
}
