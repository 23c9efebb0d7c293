import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { eventsIn } from "../cli/event-stream.ts";
import type { RunFile } from "../run-file.ts";

// Demo story
//
// Tells what happens while it happens: from the event stream, resumed where it broke off.

/** How far the story was told; outlives the daemon. */
export interface Telling {
  lastId: number;
  /** When a line was told last, milliseconds since 1970. */
  movedAt: number;
  readonly startedAt: number;
  /** When the daemon was killed, milliseconds since 1970. */
  readonly kills: number[];
  /** What people did, from outside. */
  readonly deeds: { readonly at: number; readonly text: string }[];
}

export const Step = z.object({
  address: z.string(),
  globalSeq: z.number(),
  message: z.object({ type: z.string(), data: z.unknown() }),
  value: z.unknown().optional(),
  isNoop: z.boolean(),
  committedAt: z.number(),
});
export type Step = z.infer<typeof Step>;

/** Prints every move of an actor as it is committed, until aborted; goes on after the last one when the daemon died. */
export async function follow(story: {
  telling: Telling;
  where: () => RunFile | undefined;
  out: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { telling, where, out, signal } = story;
  while (!signal.aborted) {
    try {
      const run = where();
      if (run === undefined) throw new Error("no daemon");
      const response = await fetch(`${run.url}/api/v1/events?after=${telling.lastId}`, {
        headers: { authorization: `Bearer ${run.token}` },
        signal,
      });
      for await (const step of stepsIn(response)) {
        telling.lastId = step.globalSeq;
        const line = lineOf(step, telling.startedAt);
        if (line === undefined) continue;
        telling.movedAt = Date.now();
        out(line);
      }
    } catch {
      // The daemon is gone for a moment; the stream is resumed from the last id.
      await delay(100);
    }
  }
}

async function* stepsIn(response: Response): AsyncIterable<Step> {
  if (response.body === null) return;
  for await (const { data } of eventsIn(response.body.pipeThrough(new TextDecoderStream()))) {
    const step = Step.safeParse(JSON.parse(data));
    if (step.success) yield step.data;
  }
}

function lineOf(
  { address, message, value, isNoop, committedAt }: Step,
  startedAt: number,
): string | undefined {
  if (isNoop || value === undefined || BACKSTAGE.test(address)) return undefined;
  const seconds = ((committedAt - startedAt) / 1_000).toFixed(1).padStart(5);
  return `${seconds}s  ${address.padEnd(26)} ${message.type.padEnd(24)} ${statesIn(value)}`;
}

/** What goes on in any case. */
const BACKSTAGE = /^(?:supervisor|collector)\//;

/** XState's value in a few words. */
function statesIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  return Object.entries(value)
    .map(([name, inner]: [string, unknown]) => `${name} ${statesIn(inner)}`)
    .filter((text) => !QUIET.has(text))
    .join(" · ");
}

/** What needs no telling. */
const QUIET: ReadonlySet<string> = new Set([
  "activity none",
  "pr none",
  "wanted running",
  "runtime unknown",
]);

/** Rows in aligned columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
