// Reactions
//
// What is sent to an agent by itself, how often, and when a person is asked instead. Pure.
//
//   B1. A budget belongs to one reaction of one pull request. A text that was not delivered burns none of it.
//   B2. Checks that fail, pass again and fail again draw on one budget; any other is new once its cause has gone.
//   B3. At the bound, and at the very moment that the time is over, a person is asked; after that it is silent.
//   B4. The turn that only answers a text about rest is no end of the rest: it draws on the same budget.
//   B5. What was answered where it was said is told once, and no person is asked about it.

/** What is done, at most how often, and how long it may stand. Durations are milliseconds; 0 is no bound. */
interface Budget {
  readonly retries: number;
  readonly escalateAfterMs: number;
  /** Kept while its cause comes and goes (B2). */
  readonly persistent: boolean;
}

const MINUTE_MS = 60_000;
export const REACTIONS = {
  "ci-failed": { retries: 2, escalateAfterMs: 0, persistent: true },
  "changes-requested": { retries: 0, escalateAfterMs: 30 * MINUTE_MS, persistent: false },
  "bugbot-comments": { retries: 0, escalateAfterMs: 30 * MINUTE_MS, persistent: false },
  "merge-conflicts": { retries: 0, escalateAfterMs: 15 * MINUTE_MS, persistent: false },
  "agent-idle": { retries: 2, escalateAfterMs: 15 * MINUTE_MS, persistent: false },
} as const satisfies Record<string, Budget>;
export type ReactionKey = keyof typeof REACTIONS;

/** What is remembered of one reaction. */
export type Tracker = {
  readonly attempts: number;
  /** When it was first sent for the cause that stands, milliseconds since 1970; null before. */
  readonly firstAt: number | null;
  readonly escalated: boolean;
  /** The cause as it stands; null while there is none. */
  readonly signature: string | null;
  /** The parts of it that were told. */
  readonly seen: readonly string[];
};

/** Names the tracker of one reaction of one pull request; of the session when `url` is empty. */
export function trackerId(reaction: ReactionKey, url = ""): string {
  return url === "" ? reaction : `${reaction} ${url}`;
}

/** The reaction that a tracker belongs to; undefined for a name that is none. */
export function reactionOf(id: string): ReactionKey | undefined {
  const [name = ""] = id.split(" ", 1);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- compared with the table
  return Object.hasOwn(REACTIONS, name) ? (name as ReactionKey) : undefined;
}

const FRESH: Tracker = {
  attempts: 0,
  firstAt: null,
  escalated: false,
  signature: null,
  seen: [],
};
const KEPT_PARTS = 200;

interface Cause {
  readonly parts: readonly string[];
  readonly signature: string;
  readonly at: number;
  /** It is told, and nothing is waited for after that (B5). */
  readonly isAnswered?: boolean;
}

interface Tried {
  readonly act: "send" | "escalate" | "none";
  readonly tracker: Tracker;
  readonly news: readonly string[];
}

/** What is to be done about a cause as it stands, and the tracker after that. */
export function tried(
  reaction: ReactionKey,
  former: Tracker | undefined,
  { parts, signature, at, isAnswered = false }: Cause,
): Tried {
  const tracker = isAnswered ? awaitingNothing(former ?? FRESH) : (former ?? FRESH);
  const standing = tracker.signature === signature ? tracker : { ...tracker, signature };
  const news = parts.filter((part) => !tracker.seen.includes(part));
  if (news.length === 0) return { act: "none", tracker: standing, news };
  const seen = [...new Set([...tracker.seen, ...parts])].slice(-KEPT_PARTS);
  const told = { ...standing, seen };
  if (isAnswered) return { act: "send", tracker: told, news };
  if (tracker.escalated) return { act: "none", tracker: told, news };
  const next: Tracker = {
    ...told,
    attempts: tracker.attempts + 1,
    firstAt: tracker.firstAt ?? at,
  };
  return isSpent(reaction, next, at)
    ? { act: "escalate", tracker: { ...next, escalated: true }, news }
    : { act: "send", tracker: next, news };
}

function isSpent(reaction: ReactionKey, tracker: Tracker, at: number): boolean {
  const { retries } = REACTIONS[reaction];
  return (retries > 0 && tracker.attempts > retries) || isOverdue(reaction, tracker, at);
}

/** As if its cause had gone, but with what was told: it cannot be taken back where it was said (B5). */
function awaitingNothing(tracker: Tracker): Tracker {
  const { attempts, escalated, firstAt } = tracker;
  const isSo = attempts === 0 && !escalated && firstAt === null;
  return isSo ? tracker : { ...tracker, attempts: 0, escalated: false, firstAt: null };
}

/** The tracker once its cause has gone; undefined when nothing of it is kept (B2). */
export function left(reaction: ReactionKey, tracker: Tracker): Tracker | undefined {
  return REACTIONS[reaction].persistent ? suspended(tracker) : undefined;
}

/** The tracker with its attempts, while its cause does not stand. */
export function suspended(tracker: Tracker): Tracker {
  const isBare = tracker.signature === null && tracker.seen.length === 0;
  return isBare ? tracker : { ...tracker, signature: null, seen: [], firstAt: null };
}

/** The tracker when what it sent was not delivered: these parts may be sent again (B1). */
export function refunded(tracker: Tracker, parts: readonly string[]): Tracker {
  const attempts = Math.max(0, tracker.attempts - 1);
  const seen = tracker.seen.filter((part) => !parts.includes(part));
  return { ...tracker, attempts, seen, firstAt: attempts === 0 ? null : tracker.firstAt };
}

/** When a person is asked although nothing is sent, milliseconds since 1970; null for never. */
export function overdueAt(reaction: ReactionKey, tracker: Tracker): number | null {
  const { escalateAfterMs } = REACTIONS[reaction];
  const { firstAt, escalated, signature } = tracker;
  if (escalateAfterMs === 0 || firstAt === null || escalated || signature === null) return null;
  return firstAt + escalateAfterMs;
}

/** Whether the time of a reaction is over; the very moment counts (B3). */
export function isOverdue(reaction: ReactionKey, tracker: Tracker, at: number): boolean {
  const dueAt = overdueAt(reaction, tracker);
  return dueAt !== null && at >= dueAt;
}
