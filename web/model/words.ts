// Words
//
// How facts are said: short, and the same everywhere.

/** How much a state asks of a reader; each has its colour and its sign. */
export type Tone = "needs" | "bad" | "good" | "active" | "quiet";

const TONES: Readonly<Record<string, Tone>> = {
  needs_input: "needs",
  stuck: "needs",
  no_signal: "needs",
  changes_requested: "needs",
  ci_failed: "needs",
  waiting_input: "needs",
  blocked: "needs",
  dirty: "needs",
  conflict: "needs",
  escalated: "needs",
  waiting_for_user: "needs",
  open: "active",
  errored: "bad",
  failed: "bad",
  probe_failed: "bad",
  missing: "bad",
  quarantined: "bad",
  superseded: "quiet",
  approved: "good",
  mergeable: "good",
  merged: "good",
  done: "good",
  complete: "good",
  delivered: "good",
  answered: "good",
  working: "active",
  spawning: "active",
  pr_open: "active",
  review_pending: "active",
  in_review: "active",
  ci_running: "active",
  merging: "active",
  live: "active",
  alive: "active",
  active: "active",
  running: "active",
  detecting: "active",
  launching: "active",
  registered: "active",
  starting: "active",
  turn_running: "active",
  waiting_for_workers: "active",
  poked: "active",
  recovering: "active",
};

/** The tone of a status, or of the first state of several that asks for something. */
export function toneOf(status: string): Tone {
  const words = status.split(/[.·\s]+/).filter(Boolean);
  const tones = words.map((word) => TONES[word] ?? "quiet");
  const order: readonly Tone[] = ["bad", "needs", "active", "good"];
  return order.find((tone) => tones.includes(tone)) ?? "quiet";
}

const NATURAL = new Intl.Collator("en", { numeric: true });

/** The order of two names as people count: `demo-2` is before `demo-10`. */
export function byName(one: string, other: string): number {
  return NATURAL.compare(one, other);
}

/** Without colour a tone is still told: by its sign. */
export const SIGNS: Readonly<Record<Tone, string>> = {
  needs: "!",
  bad: "×",
  good: "✓",
  active: "●",
  quiet: "○",
};

/** `needs_input` as people read it. */
export function plain(word: string): string {
  return word.replaceAll(/[_]/g, " ");
}

/** How long, in its largest unit. */
export function brief(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** How long, in its two largest units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) {
    return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  }
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

/** `14:03:22.123`, and the day before it when that is not today. */
export function clockTime(at: number): string {
  const date = new Date(at);
  const time = TIME.format(date);
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${DAY.format(date)} ${time}`;
}

// Made once: to make one takes longer than a thousand times to use it, and a chart that moves says many times.
const TIME = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const DAY = new Intl.DateTimeFormat("en-CA");
const NUMBER = new Intl.NumberFormat("en");

/** "12,345" */
export function numeral(n: number): string {
  return NUMBER.format(n);
}

/** "1 step", "2 steps". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${numeral(n)} ${n === 1 ? one : many}`;
}
