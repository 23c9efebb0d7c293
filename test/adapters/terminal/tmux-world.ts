import { execa } from "execa";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Attempt } from "../../../adapters/adapter.ts";
import { terminals } from "../../../adapters/terminal/terminals.ts";
import type { Terminals, TerminalsOptions } from "../../../adapters/terminal/terminals.ts";
import { tmuxClient } from "../../../adapters/terminal/tmux.ts";
import type { Tmux } from "../../../adapters/terminal/tmux.ts";
import type { LaunchSpec } from "../../../machines/effects.ts";
import { endLeftovers } from "../../support/leftovers.ts";
import { tempFolder } from "../../support/folder.ts";
import { eventually } from "../../support/eventually.ts";

/** A home of its own with the real tmux, and short ways to use it. Ends with the test, and everything in it too. */
export interface TmuxWorld {
  readonly home: string;
  readonly socket: string;
  readonly terminals: Terminals;
  /** The same server, past the adapter. */
  readonly tmux: Tmux;
  readonly launch: (
    launch: Partial<LaunchSpec>,
    of?: Named,
  ) => ReturnType<Terminals["launchTerminal"]>;
  readonly type: (
    text: string,
    delivery: Named & { id: string; submit?: boolean },
  ) => ReturnType<Terminals["typeText"]>;
  readonly destroy: (of?: Named & { graceMs?: number }) => ReturnType<Terminals["destroyTerminal"]>;
}

export interface Named {
  readonly terminal?: string;
  readonly epoch?: number;
}

export const LAUNCHER = join(import.meta.dirname, "../../../bin/launch");

/** What an adapter is told of an effect whose deadline is far. */
export function attempt(): Attempt {
  return {
    effectId: "session/mer#1.0",
    orderedAt: 0,
    attempt: 1,
    signal: new AbortController().signal,
  };
}

export function launchSpec(launch: Partial<LaunchSpec> = {}): LaunchSpec {
  return {
    cwd: "/",
    argv: ["cat"],
    env: {},
    prompt: "",
    identity: { sessionId: "mer", projectId: "project" },
    harness: "command",
    files: [],
    typed: null,
    trust: null,
    ...launch,
  };
}

export function tmuxWorld(options: Partial<TerminalsOptions> = {}): TmuxWorld {
  const home = options.home ?? tempFolder();
  const socket = join(home, "tmux.sock");
  const made = terminals({
    home,
    socket,
    generation: () => "",
    launcher: LAUNCHER,
    environment: () => ({ AO_TOKEN: "secret" }),
    pauseMs: 20,
    ...options,
  });
  const tmux = tmuxClient({ socket, cwd: home });
  onTestFinished(async () => {
    await execa("tmux", ["-S", socket, "kill-server"], {
      reject: false,
      stdio: "ignore",
      timeout: 2_000,
    });
    await endLeftovers(home, 0);
  });
  const host = "local";
  return {
    home,
    socket,
    terminals: made,
    tmux,
    launch: (launch, { terminal = "mer", epoch = 1 } = {}) =>
      made.launchTerminal({ terminal, host, epoch, launch: launchSpec(launch) }, attempt()),
    type: (text, { terminal = "mer", epoch = 1, id, submit = true }) =>
      made.typeText({ terminal, host, epoch, deliveryId: id, text, submit }, attempt()),
    destroy: ({ terminal = "mer", epoch = 1, graceMs = 5_000 } = {}) =>
      made.destroyTerminal({ terminal, host, epoch, graceMs }, attempt()),
  };
}

/** A program that takes everything typed into it, raw, into a file; "ready" is printed when it listens. */
export function recorder(file: string): string[] {
  const script = String.raw`stty raw -echo; printf '\033[?2004hready'; exec cat >> "$1"`;
  return ["sh", "-c", script, "sh", file];
}

/** What a recorder's file holds after a text was pasted and Enter pressed. */
export function typed(text: string, submit = true): string {
  return `\u001b[200~${text.replaceAll("\n", "\r")}\u001b[201~${submit ? "\r" : ""}`;
}

/** A tmux that takes its time: it waits before it reads a text, until it is told to go on. */
export interface SlowTmux {
  /** PATH with this tmux first. */
  readonly path: string;
  /** Resolves when a client is about to read. */
  readonly holds: () => Promise<void>;
  readonly goOn: () => Promise<void>;
}

export async function slowTmux(home: string): Promise<SlowTmux> {
  const bin = join(home, "bin");
  await mkdir(bin);
  const wait = `touch ${home}/held; while [ ! -e ${home}/go ]; do sleep 0.02; done`;
  const script = `#!/bin/sh\nPATH=\${PATH#*:}\ncase "$*" in *load-buffer*) ${wait};; esac\nexec tmux "$@"\n`;
  await writeFile(join(bin, "tmux"), script, { mode: 0o700 });
  return {
    path: `${bin}:${process.env["PATH"]}`,
    holds: () => eventually(() => access(join(home, "held"))),
    goOn: () => writeFile(join(home, "go"), ""),
  };
}

/** Whether a process is there and not just waiting to be reaped. */
export async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await execa("ps", ["-o", "stat=", "-p", String(pid)], { reject: false });
  return stdout !== "" && !stdout.startsWith("Z");
}
