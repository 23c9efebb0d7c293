import type { Adapter } from "./adapter.ts";
import { isAtRest } from "../machines/harness.ts";
import type { TerminalParts } from "./terminal-destroy.ts";
import { fleet } from "./terminal-panes.ts";
import { capture } from "./terminal-screen.ts";

// The bottom of a screen has the prompt, what spins above it, and the menus.
const LINES = 40;

/** One look at one terminal. A pane that is listed and cannot be read fails, with PANE_GONE or TMUX_UNREACHABLE. */
export function inspection(parts: TerminalParts): Adapter<"inspectTerminal"> {
  return async ({ terminal, epoch, rests }) => {
    const rows = await fleet(parts, parts.records);
    const row = rows.find((each) => each.terminal === terminal && each.epoch === epoch);
    if (row === undefined) {
      const evidence = "there is no such terminal";
      return { epoch, runtime: "dead", process: "indeterminate", evidence };
    }
    const { hasPane, process } = row;
    if (!hasPane) return { epoch, runtime: "dead", process, evidence: "its pane is gone" };
    const screen = await capture(parts, terminal, LINES);
    const isKnown = rests !== undefined;
    return { epoch, runtime: "alive", process, ...(isKnown && { rests: isAtRest(screen, rests) }) };
  };
}
