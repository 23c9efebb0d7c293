import { randomUUID } from "node:crypto";
import { Failure } from "../machines/failures.ts";
import { listed, type PaneSource } from "./terminal-panes.ts";

// Terminal screens
//
// What many panes show, in two calls of tmux however many they are.
//
//   C1. A pane that goes away while it is looked at costs the others nothing: all are looked at once more.

/** The visible screens of terminals; one that has no pane is left out. Fails with TMUX_UNREACHABLE. */
export async function screensOf(
  source: PaneSource,
  terminals: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  return (await look(source, terminals)) ?? (await look(source, terminals)) ?? new Map();
}

/** Undefined when a pane went away meanwhile: tmux ends a list of commands at the first that fails. */
async function look(
  source: PaneSource,
  terminals: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const wanted = new Set(terminals);
  const found = (await listed(source)).filter(({ terminal }) => wanted.has(terminal));
  if (found.length === 0) return new Map();
  // Nothing on a screen can be taken for it.
  const mark = `ao-screen-${randomUUID()}`;
  const commands = found.flatMap(({ id }) =>
    `capture-pane -p -t ${id} ; display-message -p ${mark} ;`.split(" "),
  );
  const answer = await source.tmux.run(commands.slice(0, -1));
  if (answer.type === "refused") {
    throw new Failure("TMUX_UNREACHABLE", `read ${found.length} screens: ${answer.message}`);
  }
  if (answer.type !== "done") return undefined;
  const screens = answer.stdout.split(`${mark}\n`);
  const last = screens.at(-1) ?? "";
  const shown = screens.map((screen, index) =>
    index === screens.length - 1 ? last.replace(new RegExp(`${mark}$`), "") : screen,
  );
  return new Map(found.map(({ terminal }, index) => [terminal, shown[index] ?? ""]));
}
