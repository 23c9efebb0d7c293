import type { Message } from "../machines/message.ts";
import type { Store, TimerRow } from "../storage/store.ts";
import type { Clock } from "./clock.ts";
import { timerIdOf } from "./message-ids.ts";

// Timers
//
// Fires durable timers. The rows are the truth (R7); this only looks at the earliest one and sleeps until then.
//
//   T1. A timer fires once per arming: its message has an id of its own, and its row goes in the transaction that applies it.
//   T2. A timer that fell due while the daemon was down fires at boot, with its lateness.

/** Timers of one look; the rest follow at once. */
const PER_LOOK = 256;
/** After a look that failed. */
const AGAIN_MS = 5_000;
/** Looks again at least this often, so that a clock that was set forward is noticed. */
const LONGEST_SLEEP_MS = 60_000;

export interface Timers {
  /** Timers were armed, moved or cancelled, or fired ones were committed. */
  look(): void;
  /** From now on timers fire. */
  start(): void;
  stop(): void;
}

/** Fires by `fire`, which resolves when the messages are committed; `causeOf` names the message that armed a timer. */
export function timers(parts: {
  store: Store;
  clock: Clock;
  fire: (messages: Message[]) => Promise<void>;
  causeOf: (timer: TimerRow) => string | undefined;
  /** Told when due timers could not be read or fired; they stay due. */
  onTrouble: (trouble: unknown) => void;
}): Timers {
  const { store, clock } = parts;
  let cancel: (() => void) | undefined;
  let isFiring = false;
  let isStopped = false;
  let isStarted = false;

  function look(): void {
    if (isStopped || isFiring || !isStarted) return;
    cancel?.();
    cancel = undefined;
    const nextAt = store.nextTimerAt();
    if (nextAt === undefined) return;
    const waitMs = nextAt - clock.now();
    if (waitMs <= 0) fireDue().catch(lookLater);
    else cancel = clock.after(Math.min(waitMs, LONGEST_SLEEP_MS), look);
  }

  /** Nobody else may come for a long time. */
  function lookLater(trouble: unknown): void {
    parts.onTrouble(trouble);
    if (!isStopped) cancel ??= clock.after(AGAIN_MS, look);
  }

  async function fireDue(): Promise<void> {
    isFiring = true;
    try {
      const now = clock.now();
      const messages = store.timersDue(now, PER_LOOK).map((timer) => messageOf(timer, now));
      // A commit that fails is tried again by the host; until then these stay due.
      await parts.fire(messages);
    } finally {
      isFiring = false;
    }
    look();
  }

  function messageOf(timer: TimerRow, now: number): Message {
    const cause = parts.causeOf(timer);
    return {
      id: timerIdOf(timer.address, timer.name, timer.seq),
      type: `timer.${timer.name}`,
      at: now,
      to: timer.address,
      ...(cause !== undefined && { cause }),
      data: { dueAt: timer.dueAt, lateMs: now - timer.dueAt },
    };
  }

  return {
    look,
    start() {
      isStarted = true;
      look();
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
