import { readFileSync } from "node:fs";
import { z } from "zod";
import type { EffectData } from "../../machines/effects.ts";
import { writePrivate } from "../private-file.ts";

// Notice ledger
//
// What was told to people, and in which ways: the memory that a desktop and a webhook do not have.
//
//   N1. A notice is written down before it is told, and again after each way in which it was told or given up.
//   N2. Within `periodMs` at most `burst` notices of one type are told of one session, and `burstAll` of all sessions
//       together; the others are held back. One about several is of no single session. A daemon that was killed counts
//       on from where it was.
//   N3. The newest 500 are kept.

export type Notice = EffectData<"notifyPerson">;

const Entry = z.object({
  id: z.string(),
  type: z.string(),
  /** Whom it is about; of one about several its own id, as it counts for none of them. */
  sessionId: z.string(),
  /** When it was first to be told, milliseconds since 1970. */
  at: z.number(),
  isHeld: z.boolean(),
  /** Ways in which it was told. */
  told: z.array(z.string()),
  /** Ways in which it could not be told, and why. */
  failed: z.array(z.object({ way: z.string(), message: z.string() })),
});
export type LedgerEntry = Readonly<z.infer<typeof Entry>>;

export interface NoticeLedger {
  /** The entry of a notice, made with its first call. */
  open(notice: Notice): Promise<LedgerEntry>;
  change(id: string, change: Pick<LedgerEntry, "told" | "failed">): Promise<LedgerEntry>;
  /** Undefined for one that was never told, or that has fallen out. */
  of(id: string): LedgerEntry | undefined;
  /** How many of its session and type were held back since one was told. */
  heldBefore(notice: Notice): number;
}

export interface Burst {
  readonly periodMs: number;
  readonly burst: number;
  readonly burstAll: number;
}

const KEPT = 500;

/** The ledger in a file; one that cannot be read begins anew. */
export function noticeLedger(options: {
  readonly file: string;
  readonly limits: Burst;
  readonly now: () => number;
}): NoticeLedger {
  const { file, limits, now } = options;
  const entries = new Map(stored(file).map((entry) => [entry.id, entry]));
  const save = async (entry: LedgerEntry): Promise<LedgerEntry> => {
    entries.set(entry.id, entry);
    const [oldest] = entries.keys();
    if (entries.size > KEPT && oldest !== undefined) entries.delete(oldest);
    await writePrivate(file, JSON.stringify([...entries.values()]));
    return entry;
  };
  return {
    async open(notice) {
      const { noticeId: id, type } = notice;
      const known = entries.get(id);
      if (known !== undefined) return known;
      const sessionId = countedFor(notice);
      const at = now();
      const isHeld = isTooMuch([...entries.values()], { type, sessionId, at }, limits);
      return save({ id, type, sessionId, at, isHeld, told: [], failed: [] });
    },
    async change(id, change) {
      const known = entries.get(id);
      if (known === undefined) throw new Error(`notice ${id} was never opened`);
      return save({ ...known, ...change });
    },
    of: (id) => entries.get(id),
    heldBefore(notice) {
      const { noticeId, type } = notice;
      const sessionId = countedFor(notice);
      const alike = [...entries.values()].filter(
        (entry) => entry.sessionId === sessionId && entry.type === type && entry.id !== noticeId,
      );
      return alike.length - 1 - alike.findLastIndex(({ isHeld }) => !isHeld);
    },
  };
}

/** The session that a notice counts for, or itself alone. */
function countedFor({ noticeId, sessionId, sessionIds }: Notice): string {
  return sessionIds === undefined ? sessionId : noticeId;
}

/** Whether one more would be more than anybody reads (N2). A clock that was set back makes nothing old again. */
function isTooMuch(
  entries: readonly LedgerEntry[],
  { type, sessionId, at }: Pick<LedgerEntry, "type" | "sessionId" | "at">,
  { periodMs, burst, burstAll }: Burst,
): boolean {
  const recent = entries.filter(
    (entry) => entry.type === type && !entry.isHeld && Math.abs(at - entry.at) < periodMs,
  );
  const own = recent.filter((entry) => entry.sessionId === sessionId);
  return own.length >= burst || recent.length >= burstAll;
}

function stored(file: string): LedgerEntry[] {
  try {
    return z.array(Entry).parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return [];
  }
}
