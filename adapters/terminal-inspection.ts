import type { Adapter } from "./adapter.ts";
import type { TerminalParts } from "./terminal-destroy.ts";
import { fleet } from "./terminal-panes.ts";
import { capture } from "./terminal-screen.ts";

const LINES = 1;

/** One look at one terminal. A pane that is listed and cannot be read fails, with PANE_GONE or TMUX_UNREACHABLE. */
export function inspection(parts: TerminalParts): Adapter<"inspectTerminal"> {
  return async ({ terminal, epoch }) => {
    const rows = await fleet(parts, parts.records);
    const row = rows.find((each) => each.terminal === terminal && each.epoch === epoch);
    if (row === undefined) {
      const evidence = "there is no such terminal";
      return { epoch, runtime: "dead", process: "indeterminate", evidence };
    }
    const { hasPane, process } = row;
    if (!hasPane) return { epoch, runtime: "dead", process, evidence: "its pane is gone" };
    await capture(parts, terminal, LINES);
    return { epoch, runtime: "alive", process };
  };
}
