import { ATTENTIONS } from "../../http/attention.ts";
import type { BoardLine } from "../../http/board.ts";
import { clipped } from "../../http/clipped.ts";
import { Failure } from "../../machines/failures.ts";
import { ask } from "../cli/api.ts";
import { client } from "../cli/client.ts";
import { age, screenSize, table, type Output } from "../cli/output.ts";
import { events } from "../cli/event-stream.ts";

// Watch board
//
// The board in a terminal, live, for people who stay there. It has a screen of its own and gives the old one back.
//
//   B1. It is drawn at most five times a second, whatever happens.
//   B2. A daemon that is gone is said, with how long; it goes on by itself when it is back.

const DRAW_EVERY_MS = 200;
const AGAIN_AFTER_MS = 500;
const ENTER = "\u001B[?1049h\u001B[?25l";
const LEAVE = "\u001B[?25h\u001B[?1049l";
const CTRL_C = 3;
const HOME = "\u001B[H";
const CLEAR_LINE = "\u001B[K";
const CLEAR_REST = "\u001B[J";

/** What people think in, in this order. */
const KINDS = ["objective", "question", "session", "review"];

interface State {
  readonly lines: Map<string, BoardLine>;
  lostAt: number | undefined;
}

/** Draws the board until q or Ctrl-C. */
export async function watchBoard(output: Output): Promise<void> {
  const { stdin, stdout } = process;
  const state: State = { lines: new Map(), lostAt: undefined };
  const stopped = new AbortController();
  const draw = (): void => {
    output.write(screenOf(output, state, screenSize(stdout)));
  };
  output.write(ENTER);
  stdin.setRawMode(true);
  stdin.on("data", (keys: Buffer) => {
    if (keys.includes("q") || keys.includes(CTRL_C)) stopped.abort();
  });
  stdout.on("resize", draw);
  const drawing = setInterval(draw, DRAW_EVERY_MS);
  try {
    await follow(state, stopped.signal);
  } finally {
    clearInterval(drawing);
    stdin.setRawMode(false);
    stdin.pause();
    output.write(LEAVE);
  }
}

async function follow(state: State, stopped: AbortSignal): Promise<void> {
  const over = new Promise<void>((resolve) => {
    stopped.addEventListener("abort", () => resolve(), { once: true });
  });
  while (!stopped.aborted) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      await Promise.race([over, followOnce(state, stopped)]);
    } catch (error) {
      if (!(error instanceof Failure) || !error.isRetryable) throw error;
    }
    state.lostAt ??= Date.now();
    // oxlint-disable-next-line no-await-in-loop -- between two streams
    await Promise.race([over, pause(AGAIN_AFTER_MS)]);
  }
}

async function followOnce(state: State, stopped: AbortSignal): Promise<void> {
  const page = await ask<{ lines: BoardLine[]; head: number }>("GET", "/board?limit=1000");
  const { lines } = state;
  lines.clear();
  for (const line of page.lines) lines.set(line.address, line);
  state.lostAt = undefined;
  const response = await client(process.env).stream(`/changes?after=${page.head}`);
  stopped.addEventListener("abort", () => response.destroy(), { once: true });
  for await (const { type, data } of events(response)) {
    if (type === "reset") return;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the daemon's OpenAPI document says
    const { lines: changed } = JSON.parse(data) as { lines: BoardLine[] };
    for (const line of changed) lines.set(line.address, line);
  }
}

/** The whole screen: sections of what people think in, as many rows as fit. */
export function screenOf(
  output: Output,
  { lines, lostAt }: State,
  size: { readonly columns: number; readonly rows: number },
): string {
  const now = Date.now();
  const head =
    lostAt === undefined
      ? `ao · ${new Date(now).toLocaleTimeString("en-GB")} · q ends it`
      : `ao · NOT LIVE for ${age(lostAt, now)}: the daemon does not answer; trying again · q ends it`;
  const fitting = { ...output, width: size.columns };
  const text = KINDS.flatMap((kind) => sectionOf(fitting, kind, [...lines.values()], now));
  const nothing = text.length === 0 ? ["", "Nothing is under way."] : text;
  const shown = [head, ...nothing]
    .join("\n")
    .split("\n")
    .slice(0, size.rows - 1);
  return HOME + shown.map((line) => `${line}${CLEAR_LINE}`).join("\r\n") + CLEAR_REST;
}

function sectionOf(
  output: Output,
  kind: string,
  lines: readonly BoardLine[],
  now: number,
): string[] {
  const own = lines.filter((line) => line.kind === kind && line.attention !== "ended");
  if (own.length === 0) return [];
  const rows = own
    .toSorted((a, b) => turnOf(a) - turnOf(b) || b.since - a.since)
    .map(({ id, status, reason, since, next, title, attention }) => [
      attention === "needs" ? "!" : "",
      id,
      status,
      age(since, now),
      next === null ? "" : `in ${age(now, next.at)}: ${next.what}`,
      clipped(reason.replaceAll("_", " "), 40),
      title,
    ]);
  return ["", table(output, ["", `${kind}s`, "status", "since", "next", "why", "title"], rows)];
}

/** What needs a person first, then what moves. */
function turnOf({ attention }: BoardLine): number {
  return ATTENTIONS.indexOf(attention);
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
