import { join } from "node:path";
import { EFFECTS } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import { PRIORITIES } from "../../machines/notices.ts";
import type { Settings } from "../../machines/settings.ts";
import type { Adapter } from "../adapter.ts";
import { noticeLedger, type LedgerEntry, type Notice, type NoticeLedger } from "./ledger.ts";
import { commandWay, webhookWay, type Telling, type Way } from "./ways.ts";

// Notices
//
// Tells people: always by a line in the daemon's log, and in the ways that the settings name.
//
//   P1. A notice is told once in each way. Only a daemon that was killed between the telling and the note of it tells
//       it again, under the same id: the outside cannot be asked what it was told.
//   P2. A way that fails is tried again with back-off, and then given up; what failed and why can be read.
//   P3. One that is broken costs each later notice one try, until a try succeeds: it holds up nobody for long.
//   P4. What nobody wants to be told (`types`, `minPriority`), or too often (`burst`), goes to the log only.

export interface Notices {
  readonly notifyPerson: Adapter<"notifyPerson">;
  /** What became of a notice; undefined when nothing was set up for it, or it was long ago. */
  toldOf(noticeId: string): LedgerEntry | undefined;
}

export interface NoticesOptions {
  readonly home: string;
  readonly settings: Settings["notify"];
  readonly log: (line: string) => void;
  readonly now: () => number;
}

/** The notices of one home. */
export function notices(options: NoticesOptions): Notices {
  const ways = waysOf(options);
  const broken = new Set<string>();
  const { home, settings, now } = options;
  const book = noticeLedger({ file: join(home, "notices.json"), limits: settings, now });
  return {
    async notifyPerson(notice, { attempt, signal }) {
      if (attempt === 1) options.log(lineOf(notice));
      if (ways.length === 0 || !isWanted(notice, settings)) return answer(notice);
      const entry = await book.open(notice);
      if (entry.isHeld) return answer(notice, entry);
      const telling = { ...notice, heldBefore: book.heldBefore(notice) };
      return answer(notice, await tell({ ways, broken, book, entry, telling, attempt, signal }));
    },
    toldOf: (noticeId) => book.of(noticeId),
  };
}

function waysOf({ home, settings, now }: NoticesOptions): Way[] {
  const { command, webhook, secret, deadlineMs } = settings;
  return [
    ...(command === undefined ? [] : [commandWay({ argv: command, cwd: home, deadlineMs })]),
    ...(webhook === undefined ? [] : [webhookWay({ url: webhook, secret, deadlineMs, now })]),
  ];
}

function isWanted({ type, priority }: Notice, { types, minPriority }: Settings["notify"]): boolean {
  const isHighEnough = PRIORITIES.indexOf(priority) <= PRIORITIES.indexOf(minPriority);
  return isHighEnough && (types === undefined || types.includes(type));
}

function lineOf({ noticeId, priority, title, text }: Notice): string {
  return `notice ${noticeId} (${priority}): ${title}${text === "" ? "" : `: ${text}`}`;
}

interface Work {
  readonly ways: readonly Way[];
  /** Ways that were given up last time (P3). */
  readonly broken: Set<string>;
  readonly book: NoticeLedger;
  readonly entry: LedgerEntry;
  readonly telling: Telling;
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** Tells it in every way that is left. Fails with NOTIFY_FAILED when another try may do better. */
async function tell(work: Work): Promise<LedgerEntry> {
  const { ways, broken, book, telling, signal } = work;
  let { entry } = work;
  let again: Failure | undefined;
  const isOver = ({ name }: Way): boolean =>
    entry.told.includes(name) || entry.failed.some(({ way }) => way === name);
  for (const way of ways.filter((each) => !isOver(each))) {
    // oxlint-disable-next-line no-await-in-loop -- each is noted before the next begins (P1)
    const failure = await attemptOf(way, telling, signal);
    if (failure !== undefined && isTriedAgain(work, way, failure)) {
      again = failure;
      continue;
    }
    const { name } = way;
    if (failure === undefined) broken.delete(name);
    else broken.add(name);
    // oxlint-disable-next-line no-await-in-loop
    entry = await book.change(entry.id, {
      told: failure === undefined ? [...entry.told, name] : entry.told,
      failed:
        failure === undefined
          ? entry.failed
          : [...entry.failed, { way: name, message: failure.message }],
    });
  }
  if (again !== undefined) throw again;
  return entry;
}

async function attemptOf(
  way: Way,
  telling: Telling,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  try {
    await way.tell(telling, signal);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function isTriedAgain({ broken, attempt, signal }: Work, way: Way, failure: Failure): boolean {
  // A daemon that stops tells it after its next start.
  if (signal.aborted) return true;
  const isLast = attempt >= EFFECTS.notifyPerson.attempts || broken.has(way.name);
  return failure.isRetryable && !isLast;
}

function answer(
  { noticeId, type, priority, title }: Notice,
  entry?: LedgerEntry,
): Awaited<ReturnType<Adapter<"notifyPerson">>> {
  return {
    noticeId,
    type,
    priority,
    title,
    ways: ["log", ...(entry?.told ?? [])],
    failed: [...(entry?.failed ?? [])],
    isHeld: entry?.isHeld ?? false,
  };
}
