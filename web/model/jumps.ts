import type { Tick } from "./answers.ts";

// Jumps
//
// Where in a journal a reader wants to be: a step, a time, a kind of message, the next thing that went wrong.
//
//   J1. A step is gone to by its number, whether the journal was read that far or not.
//   J2. What is not found says so, and what can be asked for; it is never silent, and never somewhere else.

/** A journal as far as it was read: `ticks` are its first steps, `last` is the newest that there is. */
export interface Strip {
  readonly ticks: readonly Tick[];
  readonly last: number;
  readonly isComplete: boolean;
}

/** `later`: what was read does not tell, and there is more to read. */
export type Jump =
  | { readonly type: "to"; readonly seq: number }
  | { readonly type: "later" }
  | { readonly type: "nowhere"; readonly why: string };

const NEWER = "That is later than the newest step, ";
const TAKES = "Write a step (#12), a time (14:03 or 14:03:22) or a part of an event's name.";

/** Where a text leads, looking on from `seq` and then from the beginning. */
export function jumpTo(strip: Strip, seq: number, text: string): Jump {
  const wanted = text.trim();
  if (wanted === "") return { type: "nowhere", why: TAKES };
  const step = /^#?\s*(\d+)$/.exec(wanted)?.[1];
  if (step !== undefined) return jumpToStep(strip, Number(step));
  const time = timeOf(wanted, strip.ticks.at(-1)?.at ?? 0);
  const found =
    time === undefined
      ? next(strip.ticks, seq, ({ type }) => type.toLowerCase().includes(wanted.toLowerCase()))
      : stepAt(strip.ticks, time);
  if (found !== undefined) return { type: "to", seq: found };
  if (!strip.isComplete) return { type: "later" };
  if (time !== undefined) return { type: "nowhere", why: `${NEWER}${strip.last}.` };
  return { type: "nowhere", why: `No event is called like “${wanted}”. ${TAKES}` };
}

function jumpToStep({ ticks, last }: Strip, step: number): Jump {
  const first = ticks[0]?.seq ?? 1;
  if (step >= first && step <= last) return { type: "to", seq: step };
  return { type: "nowhere", why: `There is no step ${step}: they go from ${first} to ${last}.` };
}

/** The first step that was committed at a time or after it. */
export function stepAt(ticks: readonly Tick[], time: number): number | undefined {
  return ticks.find(({ at }) => at >= time)?.seq;
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

/** `14:03` or `14:03:22`, on the day of the newest step. */
function timeOf(text: string, day: number): number | undefined {
  const [, hours, minutes, seconds = "0"] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text) ?? [];
  if (hours === undefined) return undefined;
  return new Date(day).setHours(Number(hours), Number(minutes), Number(seconds), 0);
}
