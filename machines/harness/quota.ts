// Quota
//
// What an agent's own words say of a limit of its harness, and when that is over. Pure.
//
//   Q1. Only the end of a turn is believed, and only words that begin with it: whoever quotes a limit has not reached one.
//       Where no hook tells them they are the notice that a screen shows last (`limited` of a harness).
//   Q2. A time is taken as it is said: in seconds since 1970, as a while from now, or as a clock of the zone that is named.
//   Q3. Without a time it is tried again soon; no time is farther away than a limit of a week and a day.

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** When nothing is said of the reset. */
const SOON_MS = 15 * MINUTE_MS;
/** The longest window of any harness is a week. */
const MOST_MS = 8 * DAY_MS;

const LIMIT =
  /^\W*(?:claude (?:ai )?usage limit reached|you(?:'|’)ve (?:hit|reached) your (?:[\w-]+ )*limit|api error: rate limit reached|(?:session|weekly|usage|5-hour) limit reached|quota exceeded)/i;

/** Whether words say that a limit was reached (Q1). */
export function saysLimit(words: string): boolean {
  return LIMIT.test(words);
}

/** When the limit that the words speak of is over, milliseconds since 1970; `zone` is that of the host. */
export function limitedUntil(words: string, at: number, zone: string): number {
  const said = stampIn(words) ?? whileIn(words, at) ?? clockIn(words, at, zone) ?? at + SOON_MS;
  return capped(said, at);
}

/** A time of a limit, no farther away than any limit is, and ahead (Q3). */
export function capped(until: number, at: number): number {
  return Math.min(until > at ? until : at + SOON_MS, at + MOST_MS);
}

/** `…|1766502000`. */
function stampIn(words: string): number | undefined {
  const seconds = /\|(\d{10})\b/.exec(words)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

const UNITS: Readonly<Record<string, number>> = {
  d: DAY_MS,
  h: HOUR_MS,
  m: MINUTE_MS,
  s: 1_000,
};

/** `try again in 2 days 17 hours 14 minutes`, `resets in 3h 5m`. */
function whileIn(words: string, at: number): number | undefined {
  const told =
    /\bin ((?:\d+ ?(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b[ ,and]*)+)/i.exec(
      words,
    )?.[1];
  if (told === undefined) return undefined;
  const parts = [...told.matchAll(/(\d+) ?([dhms])/gi)];
  return parts.reduce((sum, [, n, unit = ""]) => {
    return sum + Number(n) * (UNITS[unit.toLowerCase()] ?? 0);
  }, at);
}

/** `resets 12:50am (America/Los_Angeles)`, `will reset at 9am`, `try again at 3:45 PM`, `resets Oct 9, 3pm`, `Oct 9th, 2026 3:45 PM`. */
function clockIn(words: string, at: number, zone: string): number | undefined {
  const told =
    /(?:resets?|again)(?: at| on)? *(?:([a-z]{3})[a-z]* (\d{1,2})(?:st|nd|rd|th)?,?(?: \d{4}\b)?,?(?: at)? *)?(\d{1,2})(?::(\d{2}))? *([ap]m)?/i.exec(
      words,
    );
  if (told === null) return undefined;
  const [, month, day, hour = "0", minute = "0", half] = told;
  const named = /\(([A-Za-z]+(?:\/[A-Za-z_+-]+)*)\)/.exec(words)?.[1];
  const clock = clockOf(named) ?? clockOf(zone) ?? clockOf("UTC");
  const wanted = minutesOf(Number(hour), Number(minute), half);
  if (clock === undefined || wanted === undefined) return undefined;
  const date = month === undefined ? undefined : `${month.toLowerCase()} ${Number(day)}`;
  return next(at, clock, { minutes: wanted, date });
}

function minutesOf(hour: number, minute: number, half: string | undefined): number | undefined {
  if (minute > 59 || hour > 23 || (half !== undefined && (hour > 12 || hour === 0)))
    return undefined;
  const hours = half === undefined ? hour : (hour % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  return hours * 60 + minute;
}

type Clock = (at: number) => { readonly minutes: number; readonly date: string };

/** What a clock of a zone shows; undefined where there is no such zone. */
function clockOf(zone: string | undefined): Clock | undefined {
  if (zone === undefined) return undefined;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      month: "short",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
    return (at) => {
      const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
      const date = `${parts.get("month")?.toLowerCase() ?? ""} ${parts.get("day") ?? ""}`;
      return {
        minutes: Number(parts.get("hour")) * 60 + Number(parts.get("minute")),
        date,
      };
    };
  } catch {
    return undefined;
  }
}

/** The next time at which a clock shows this; within a day where no date is named. */
function next(
  at: number,
  clock: Clock,
  { minutes, date }: { readonly minutes: number; readonly date: string | undefined },
): number | undefined {
  const start = Math.floor(at / MINUTE_MS) * MINUTE_MS;
  const aheadMs = ((minutes - clock(start).minutes + 1_440) % 1_440) * MINUTE_MS;
  const first = start + aheadMs;
  // A clock that is put forward or back on the way is an hour off.
  const days = Array.from({ length: MOST_MS / DAY_MS }, (_, n) => first + n * DAY_MS);
  const [today] = days;
  if (date === undefined) return today;
  return days.find((each) => clock(each).date === date);
}
