import { z } from "zod";
import { Failure } from "../../machines/failures.ts";
import type { Edge } from "../edge.ts";
import type { SessionView } from "./view.ts";

// Last words
//
// The last line that an agent wrote and that says something. Looked for only when a person asks: nothing watches a
// screen for it.
//
//   L1. One look at all screens for one question; without one, or without screens, what the session itself knows.
//   L2. Foreign text comes without control characters, as one line of at most 200 characters.
//   L3. A screen's frame, prompt and key hints are not words.
//   L4. Of a menu the question is told, not its last choice.

export const LastWords = z.object({
  text: z.string(),
  source: z.enum(["screen", "report"]),
  /** Milliseconds since 1970; of a screen, when it was looked at. */
  at: z.number(),
});
export type LastWords = z.infer<typeof LastWords>;

const MOST_CHARS = 200;
const SCREENS = new Set(["live", "exited", "stopping", "clearing"]);

/** The last words of sessions, by id; a session that said nothing is left out. */
export async function lastWordsOf(
  edge: Edge,
  sessions: readonly SessionView[],
): Promise<ReadonlyMap<string, LastWords>> {
  const screens = await screensOf(edge, sessions);
  const at = edge.now();
  return new Map(
    sessions.flatMap((session): [string, LastWords][] => {
      const { report } = session;
      if (report !== null) {
        return [[session.id, { text: tidy(report.summary), source: "report", at: report.at }]];
      }
      const text = lastLine(screens.get(session.terminal.id) ?? "");
      return text === undefined ? [] : [[session.id, { text, source: "screen", at }]];
    }),
  );
}

/** The last line of a screen that says something; undefined when none does. */
export function lastLine(screen: string): string | undefined {
  const lines = screen.split("\n").map(tidy).filter(isSaying);
  const last = lines.at(-1);
  // L4
  const menu = lines.findLastIndex((line) => !CHOICE.test(line)) + 1;
  const isMenu = lines.slice(menu).some((line) => CHOSEN.test(line));
  return (isMenu ? lines[menu - 1] : undefined) ?? last;
}

const CHOICE = /^(?:[❯›>] )?\d+[.)] /;
const CHOSEN = /^[❯›>] \d+[.)] /;

async function screensOf(
  edge: Edge,
  sessions: readonly SessionView[],
): Promise<ReadonlyMap<string, string>> {
  const seen = sessions.filter(({ terminal }) => SCREENS.has(terminal.state));
  if (edge.screens === undefined || seen.length === 0) return new Map();
  try {
    return await edge.screens(seen.map(({ terminal }) => terminal.id));
  } catch (error) {
    // A list without last words is better than none.
    if (error instanceof Failure) return new Map();
    throw error;
  }
}

/** One line without frame and control characters (L2). */
function tidy(line: string): string {
  return (
    line
      // oxlint-disable-next-line no-control-regex -- control characters are what it is about
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2500-\u259f]+/g, " ")
      .replaceAll(/\s+/g, " ")
      .trim()
      .slice(0, MOST_CHARS)
  );
}

// Key hints that stand below the input of the agents we know.
const HINT =
  /^(?:\? for shortcuts|esc to \w+|ctrl[-+]\S+ (?:to|for) |⏵⏵|[›>❯$%#]\s*$|\(?\d+% context|shift\+tab)/i;

function isSaying(line: string): boolean {
  return /[\p{L}\p{N}]{2}/u.test(line) && !HINT.test(line);
}
