import { spawn as spawnProgram } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { SessionView } from "../../http/session/view.ts";
import { Failure } from "../../machines/failures.ts";
import { ask, part, query } from "../cli/api.ts";
import { EXIT } from "../cli/exit.ts";
import { age, paint, print, type Output } from "../cli/output.ts";

interface Terminal {
  readonly state: string;
  readonly attach: readonly string[];
  readonly screen?: string;
}

// How long a screen may stand still after its agent's end.
const LOOK_MS = 500;

/**
 * Shows a terminal to the person at this one, until that leaves it or its agent has ended. The answer is the exit code of
 * the attached program, or that all is done.
 */
export async function attach(output: Output, id: string): Promise<number> {
  const terminal = await terminalOf(id);
  if (output.isJson) {
    print(output, terminal, () => "");
    return EXIT.done;
  }
  const [program, ...args] = terminal.attach;
  if (program === undefined || terminal.state !== "live") {
    throw new Failure("TERMINAL_NOT_LIVE", `attach to ${id}: its terminal is ${terminal.state}`);
  }
  // Where nobody sits, what it says of that is ours to say, in one line.
  const isSeat = process.stdin.isTTY && process.stdout.isTTY;
  if (isSeat) output.note(`Ctrl-b d leaves ${id}; its agent goes on`);
  const child = spawnProgram(program, args, {
    stdio: ["inherit", "inherit", isSeat ? "inherit" : "ignore"],
  });
  const left = new AbortController();
  const exited = once(child, "exit").finally(() => left.abort());
  const end = await endOf(id, left.signal);
  child.kill();
  await exited;
  if (end !== undefined) {
    output.note(end);
    return EXIT.done;
  }
  if (child.exitCode !== 0 && !isSeat) {
    const instead = `read it with: ao logs ${id}, or write to it with: ao send ${id}`;
    throw new Failure("MALFORMED", `attach to ${id}: this is no terminal; ${instead}`);
  }
  return child.exitCode ?? EXIT.failed;
}

/**
 * In words, once the agent of a terminal has ended: what it shows stands still from then on, or goes with it. Undefined
 * when somebody left it before.
 */
async function endOf(id: string, left: AbortSignal): Promise<string | undefined> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- from look to look
    await wait(LOOK_MS, undefined, { signal: left }).catch(() => {});
    // A daemon that does not answer says nothing of the agent.
    // oxlint-disable-next-line no-await-in-loop -- as above
    const terminal = await terminalOf(id).catch(() => undefined);
    if (terminal !== undefined && ENDED.has(terminal.state)) {
      // oxlint-disable-next-line no-await-in-loop -- the last one
      const session = await sessionOf(id);
      return session === undefined ? `${id} has ended` : `${id} has ended: ${endedWords(session)}`;
    }
    if (left.aborted) return undefined;
  }
}

/** The last lines of a terminal's screen. */
export async function showScreen(output: Output, id: string, lines: number): Promise<void> {
  const terminal = await terminalOf(id, lines).catch(async (error: unknown) => {
    throw await lostScreen(id, error);
  });
  print(output, terminal, ({ screen = "", state }) =>
    screen === ""
      ? paint(output, "dim", `(nothing on the screen; the terminal is ${state})`)
      : screen,
  );
}

/** Why there is no screen: the session of the terminal knows whether its agent has ended. */
async function lostScreen(id: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Failure) || error.code !== "PANE_GONE") return error;
  const session = await sessionOf(id);
  if (session === undefined) return error;
  const { terminal } = session;
  const ended = `${endedWords(session)}, and its screen with it`;
  const lost = "its terminal should be live, but tmux has no such pane: ao doctor tells why";
  const why = ENDED.has(terminal.state) ? ended : lost;
  return new Failure("PANE_GONE", `read the screen of ${id}: ${why}`, { cause: error });
}

const ENDED: ReadonlySet<string> = new Set([
  "stopped",
  "exited",
  "absent",
  "clearing",
  "destroying",
]);

async function sessionOf(id: string): Promise<SessionView | undefined> {
  return ask<SessionView>("GET", `/sessions/${part(id)}`).catch(() => undefined);
}

function endedWords({ lifecycle: { since, reason } }: SessionView): string {
  return `its agent ended ${age(since, Date.now())} ago (${reason.replaceAll("_", " ")})`;
}

/** A session's terminal, and else one of this name: a reviewer's is called `review-<session>`. */
async function terminalOf(id: string, lines?: number): Promise<Terminal> {
  try {
    return await ask("GET", `/sessions/${part(id)}/terminal${query({ lines })}`);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "ACTOR_UNKNOWN") throw error;
    // Who is told of it hears of the session that was asked for.
    return ask<Terminal>("GET", `/terminals/${part(id)}${query({ lines })}`).catch(() => {
      throw error;
    });
  }
}
