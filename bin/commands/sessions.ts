import { spawn as spawnProgram } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { SessionView } from "../../http/session-view.ts";
import { Failure } from "../../machines/failures.ts";
import { ask, part, query } from "../cli/api.ts";
import { EXIT } from "../cli/exit.ts";
import { paint, print, type Output } from "../cli/output.ts";

export interface SpawnOptions {
  readonly kind: string;
  readonly harness?: string;
  readonly branch?: string;
  readonly title?: string;
}

/** Starts a session; `command` is an argv, empty for the project's own. */
export async function spawnSession(
  output: Output,
  asked: { project: string; prompt: string; command: readonly string[] },
  options: SpawnOptions,
): Promise<void> {
  const { project: projectId, prompt, command } = asked;
  const own = command.length === 0 ? {} : { harness: "command", command };
  const body = { projectId, prompt, ...own, ...options };
  const session = await ask<SessionView>("POST", "/sessions", { body });
  print(output, session, ({ id, status }) => `session ${id}: ${status}`);
}

export async function killSession(output: Output, id: string, kind: string): Promise<void> {
  const session = await ask<SessionView>("POST", `/sessions/${part(id)}/kill`, { body: { kind } });
  print(output, session, ({ status }) => `session ${id}: ${status}`);
}

/** Brings a session that is over back to work. */
export async function restoreSession(output: Output, id: string): Promise<void> {
  const session = await ask<SessionView>("POST", `/sessions/${part(id)}/restore`);
  print(output, session, ({ status }) => `session ${id}: ${status}`);
}

export async function cleanUp(output: Output, project: string | undefined): Promise<void> {
  const answer = await ask<{ cleaned: string[] }>("POST", "/sessions/cleanup", {
    body: { projectId: project },
  });
  print(output, answer, ({ cleaned }) =>
    cleaned.length === 0 ? "nothing to clean up" : `cleaned up ${cleaned.join(", ")}`,
  );
}

interface Sent {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
}

/** Queues a message; with `wait`, until it was typed or never will be. The answer is the exit code. */
export async function sendText(
  output: Output,
  { id, text }: { id: string; text: string },
  options: { wait?: boolean },
): Promise<number> {
  const path = `/sessions/${part(id)}`;
  const { messageId } = await ask<{ messageId: string }>("POST", `${path}/send`, {
    body: { text },
  });
  if (options.wait !== true) {
    print(output, { messageId, state: "queued" }, () => `queued ${messageId}`);
    return EXIT.done;
  }
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- until it is told
    const { messages } = await ask<{ messages: Sent[] }>("GET", `${path}/messages`);
    const told = messages.find((message) => message.id === messageId);
    if (told === undefined) throw new Failure("SESSION_TERMINATED", `message ${messageId} is gone`);
    if (told.state !== "queued" && told.state !== "delivering") {
      print(
        output,
        told,
        ({ state, reason }) => `${state}${reason === undefined ? "" : `: ${reason}`}`,
      );
      return told.state === "delivered" ? EXIT.done : EXIT.failed;
    }
    // oxlint-disable-next-line no-await-in-loop -- a person waits, not a program
    await wait(200);
  }
}

/** Shows a session's terminal to the person at this one. The answer is the exit code of the attached program. */
export async function attach(output: Output, id: string): Promise<number> {
  const { terminal } = await ask<SessionView>("GET", `/sessions/${part(id)}`);
  if (output.isJson) {
    print(output, terminal, () => "");
    return EXIT.done;
  }
  const [program, ...args] = terminal.attach;
  if (program === undefined || terminal.state !== "live") {
    throw new Failure("TERMINAL_NOT_LIVE", `attach to ${id}: its terminal is ${terminal.state}`);
  }
  const child = spawnProgram(program, args, { stdio: "inherit" });
  await once(child, "exit");
  return child.exitCode ?? EXIT.failed;
}

/** The last lines of a session's screen. */
export async function showScreen(output: Output, id: string, lines: number): Promise<void> {
  const path = `/sessions/${part(id)}/terminal${query({ lines })}`;
  const terminal = await ask<SessionView["terminal"] & { screen: string }>("GET", path);
  print(output, terminal, ({ screen, state }) =>
    screen === ""
      ? paint(output, "dim", `(nothing on the screen; the terminal is ${state})`)
      : screen,
  );
}
