import { randomUUID } from "node:crypto";
import { Failure } from "../../machines/failures.ts";
import { listed, type PaneSource } from "./panes.ts";

// Terminal screens
//
// What many panes show, in two calls of tmux however many they are.
//
//   C1. A pane that goes away while it is looked at costs the others nothing: all are looked at once more.
//   C2. A sentence that was broken at the edge comes as one line, whether the terminal broke it or the program did.

/** The visible screens of terminals (C2); one that has no pane is left out. Fails with TMUX_UNREACHABLE. */
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
    `capture-pane -p -J -t ${id} ; display-message -p -t ${id} ${mark}#{pane_width} ;`.split(" "),
  );
  const answer = await source.tmux.run(commands.slice(0, -1));
  if (answer.type === "refused") {
    throw new Failure("TMUX_UNREACHABLE", `read ${found.length} screens: ${answer.message}`);
  }
  if (answer.type !== "done") return undefined;
  const shown = answer.stdout.matchAll(new RegExp(`([^]*?)${mark}(\\d+)\\n?`, "g"));
  const screens = [...shown].map(([, text = "", columns]) => withWholeLines(text, Number(columns)));
  return new Map(found.map(({ terminal }, index) => [terminal, screens[index] ?? ""]));
}

// What an agent puts before a sentence of its own, or around it.
const BEGINS = /^\s*(?:[^\p{L}\p{N}\s"'`({[<@/~]|\d+[.)])/u;

/** A screen of so many columns with every sentence on one line (C2). */
export function withWholeLines(screen: string, columns: number): string {
  const lines: string[] = [];
  let tail = "";
  for (const row of screen.split("\n")) {
    const line = row.trimEnd();
    const isMore = isFilledBy(tail, line, columns) && !BEGINS.test(line);
    if (isMore) lines.push(`${lines.pop() ?? ""} ${line.trimStart()}`);
    else lines.push(line);
    // Of a line that the terminal broke the last piece tells how far it went.
    tail = line.slice(Math.max(0, Math.ceil(line.length / columns) - 1) * columns);
  }
  return lines.join("\n");
}

/** Whether the next word did not fit behind a row any more. */
function isFilledBy(row: string, next: string, columns: number): boolean {
  const [word = ""] = next.trimStart().split(" ", 1);
  const isText = /[\p{L}\p{N}]/u.test(row) && !FRAMED.test(row) && word !== "";
  // Programs keep a margin of some columns.
  return isText && row.length + 1 + word.length > columns - MARGIN;
}
const MARGIN = 4;
const FRAMED = /[\u2500-\u259f]$/;
