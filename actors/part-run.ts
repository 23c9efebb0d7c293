import { Failure } from "../machines/failures.ts";
import type { Cause } from "../machines/supervision/supervision.ts";
import type { Clock } from "./clock.ts";

// Part run
//
// One incarnation of one part, from its start to the moment when nothing of it is left. Owns its deadlines.
//
//   R1. A start ends: at its deadline it is aborted and counts as failed.
//   R2. A stop ends: at its deadline the run is abandoned, and whatever it still brings up is stopped at once.
//   R3. It says one end at most, and nothing at all once it was told to stop.
//   R4. The signal of a start aborts the start, never what is up.

/** How a part ended by itself. */
export interface Ended {
  readonly cause: Cause;
  readonly error?: unknown;
}

/** A part that is up. */
export interface Running {
  /** Settles when the part ended by itself and nothing of it is left. A rejection counts as a crash. */
  readonly exited: Promise<Ended>;
  /** Ends the part: politely for `graceMs`, then by force. Resolves when nothing of it is left. */
  stop(graceMs: number): Promise<void>;
}

/** Something the daemon is made of. */
export interface Part {
  readonly id: string;
  /** How long a start may take, milliseconds; 30 s when it does not say. */
  readonly startMs?: number;
  /**
   * Brings the part up and resolves when it can be used. `signal` aborts the start only, not what is up.
   * A retryable Failure is the fault of the outside (infra), any other rejection its own (launch).
   */
  start(signal: AbortSignal, epoch: number): Promise<Running>;
}

/** One incarnation of a part. */
export interface PartRun {
  /** Ends it, also in the middle of its start. Resolves when nothing of it is left, or at the deadline. */
  stop(): Promise<void>;
}

interface RunOptions {
  readonly part: Part;
  readonly epoch: number;
  readonly shutdownMs: number;
  readonly clock: Clock;
  readonly onStarted: () => void;
  readonly onEnded: (ended: Ended) => void;
  /** It could not be stopped, or not in time; something of it may be left. */
  readonly onAbandoned: (error: unknown) => void;
}

// Longer than a cold start of the slowest part, the store's check of its file after a kill.
const START_MS = 30_000;

/** The end of a part that is one piece of work: of what it was made of nothing is left when it is told. */
export async function endOf(work: Promise<unknown>, stop: () => Promise<void>): Promise<Ended> {
  try {
    await work;
    return { cause: "clean" };
  } catch (error) {
    await stop();
    return { cause: "crash", error };
  }
}

/** Starts one incarnation of a part. */
export function runPart(options: RunOptions): PartRun {
  const { part, epoch, clock, onStarted, onEnded } = options;
  const startMs = part.startMs ?? START_MS;
  const aborting = new AbortController();
  let phase: "coming" | "up" | "over" = "coming";
  let closing: Promise<void> | undefined;

  // A start that throws at once rejects, too.
  const coming = new Promise<Running>((resolve) => resolve(part.start(aborting.signal, epoch)));
  const cancelDeadline = clock.after(startMs, () => {
    const error = new Failure(
      "DEADLINE_PASSED",
      `start part ${part.id}: not up after ${startMs} ms`,
    );
    void close(error).then(() => onEnded({ cause: causeOfStart(error), error }));
  });
  void watch();

  async function watch(): Promise<void> {
    let running: Running;
    try {
      running = await coming;
    } catch (error) {
      return end({ cause: causeOfStart(error), error });
    } finally {
      cancelDeadline();
    }
    if (closing !== undefined) return undefined;
    phase = "up";
    onStarted();
    return end(await running.exited.catch((error: unknown): Ended => ({ cause: "crash", error })));
  }

  function end(ended: Ended): void {
    if (closing !== undefined) return;
    phase = "over";
    onEnded(ended);
  }

  function close(reason: unknown): Promise<void> {
    cancelDeadline();
    if (phase === "over") return Promise.resolve();
    if (phase === "coming") aborting.abort(reason);
    closing ??= closeInTime(options, coming);
    return closing;
  }

  return { stop: () => close(new Error(`part ${part.id} was told to stop`)) };
}

/** The outside may be ready the next time; the part itself will hardly have changed. */
function causeOfStart(error: unknown): Cause {
  return error instanceof Failure && error.isRetryable ? "infra" : "launch";
}

function closeInTime(
  { part, shutdownMs, clock, onAbandoned }: RunOptions,
  coming: Promise<Running>,
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(shutdownMs, () => {
      onAbandoned(
        new Failure("DEADLINE_PASSED", `stop part ${part.id}: not down after ${shutdownMs} ms`),
      );
      resolve();
    });
    // Half of the time to be polite, so that force has the other half before the deadline.
    void stopWhenUp(coming, shutdownMs / 2)
      .catch(onAbandoned)
      .finally(() => {
        cancel();
        resolve();
      });
  });
}

async function stopWhenUp(coming: Promise<Running>, graceMs: number): Promise<void> {
  const running = await coming.catch(() => undefined);
  await running?.stop(graceMs);
}
