import type { Adapter } from "../adapter.ts";
import type { EffectResult } from "../../machines/effects.ts";
import { isAtRest, limitShown, type RestScreen } from "../../machines/harness/harness.ts";
import type { TerminalParts } from "./destroy.ts";
import { fleet } from "./panes.ts";
import { capture } from "./screen.ts";

// The bottom of a screen has the prompt, what spins above it, and the menus.
const LINES = 40;
// What was said last may stand at the top of a screen that is hardly filled.
const MOST_LINES = 120;

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
    const screen = await capture(parts, terminal, MOST_LINES);
    return { epoch, runtime: "alive", process, ...(rests !== undefined && read(screen, rests)) };
  };
}

/** What a screen tells of the agent behind it. */
function read(
  screen: string,
  rests: RestScreen,
): Pick<EffectResult<"inspectTerminal">, "rests" | "limit"> {
  const bottom = screen.split("\n").slice(-LINES).join("\n");
  const words = limitShown(screen, rests);
  if (words === undefined) return { rests: isAtRest(bottom, rests) };
  const { timeZone: zone } = new Intl.DateTimeFormat().resolvedOptions();
  return { rests: isAtRest(bottom, rests), limit: { words, zone } };
}
