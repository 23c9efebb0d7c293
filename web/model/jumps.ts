import type { Tick } from "./answers.ts";

// Jumps
//
// Where in a journal a reader wants to be: a step, a time, a kind of message, the next thing that went wrong.

/** The step that a text asks for, looking on from `seq` and then from the beginning; undefined when there is none. */
export function jumpTo(ticks: readonly Tick[], seq: number, text: string): number | undefined {
  const wanted = text.trim();
  if (wanted === "") return undefined;
  const step = /^#?(\d+)$/.exec(wanted)?.[1];
  if (step !== undefined) return nearest(ticks, Number(step));
  const time = timeOf(wanted, ticks.at(-1)?.at ?? 0);
  if (time !== undefined) return ticks.find(({ at }) => at >= time)?.seq ?? ticks.at(-1)?.seq;
  return next(ticks, seq, ({ type }) => type.toLowerCase().includes(wanted.toLowerCase()));
}

/** The next step of which something holds, and after the last the first. */
export function next(
  ticks: readonly Tick[],
  seq: number,
  holds: (tick: Tick) => boolean,
): number | undefined {
  const found = ticks.find((tick) => tick.seq > seq && holds(tick)) ?? ticks.find(holds);
  return found?.seq;
}

/** The last step before of which something holds. */
export function previous(
  ticks: readonly Tick[],
  seq: number,
  holds: (tick: Tick) => boolean,
): number | undefined {
  return ticks.findLast((tick) => tick.seq < seq && holds(tick))?.seq;
}

function nearest(ticks: readonly Tick[], seq: number): number | undefined {
  return (ticks.find((tick) => tick.seq >= seq) ?? ticks.at(-1))?.seq;
}

/** `14:03` or `14:03:22`, on the day of the newest step. */
function timeOf(text: string, day: number): number | undefined {
  const [, hours, minutes, seconds = "0"] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text) ?? [];
  if (hours === undefined) return undefined;
  return new Date(day).setHours(Number(hours), Number(minutes), Number(seconds), 0);
}
