import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import type { TypedPrompt } from "../../machines/harness/harness.ts";
import type { TerminalParts } from "./destroy.ts";
import { findPane } from "./panes.ts";

/** The last lines of a pane with its history, without colours. Fails with PANE_GONE, TMUX_UNREACHABLE. */
export async function capture(
  parts: TerminalParts,
  terminal: string,
  lines: number,
): Promise<string> {
  const tried = `capture ${lines} lines of ${terminal}`;
  const pane = await findPane(parts, terminal);
  if (!pane) throw new Failure("PANE_GONE", `${tried}: there is no such pane`);
  const answer = await parts.tmux.run(["capture-pane", "-p", "-t", pane.id, "-S", `-${lines}`]);
  if (answer.type === "done") return answer.stdout.trimEnd().split("\n").slice(-lines).join("\n");
  const seen = "message" in answer ? answer.message : "there is no server";
  throw new Failure(
    answer.type === "refused" ? "TMUX_UNREACHABLE" : "PANE_GONE",
    `${tried}: ${seen}`,
  );
}

const LOOK_EVERY_MS = 100;
const LINES = 5;

/** Waits until the screen shows that the agent listens, or its time is over. Fails when it cannot be seen any more. */
export async function untilItListens(
  parts: TerminalParts,
  asked: { terminal: string; typed: TypedPrompt; signal: AbortSignal },
): Promise<void> {
  const { terminal, typed, signal } = asked;
  const ready = new RegExp(typed.ready, "m");
  const until = performance.now() + typed.withinMs;
  while (performance.now() < until && !signal.aborted) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one look after the other
    const screen = await capture(parts, terminal, LINES).catch((error: unknown) => {
      if (error instanceof Failure && error.code === "PANE_GONE") return undefined;
      throw error;
    });
    if (screen === undefined || ready.test(screen)) return;
    // oxlint-disable-next-line eslint/no-await-in-loop -- one look after the other
    await wait(LOOK_EVERY_MS);
  }
}
