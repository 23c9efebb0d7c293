import type { PaneRow } from "../adapters/terminal-panes.ts";
import { exitFacts } from "../adapters/terminal-records.ts";
import type { ExitRecord, Incarnation, RecordName } from "../adapters/terminal-records.ts";
import type { JsonObject } from "../machines/json.ts";
import type { ObservationLane } from "../machines/observations.ts";

// Terminal probe
//
// Looks at all terminals at once and publishes what changed, as level facts. Does not decide what a fact means.
//
//   O1. One listing per interval for the whole fleet, and none while no program runs.
//   O2. A listing that failed makes nobody dead. Two in a row make everybody "failed", once.
//   O3. A fact is published again, under its own id, until it was accepted; then only another fact follows it.
//   O4. An end is published when its record appears, not at the next interval, and its id is the same for ever.
//   O5. A fresh probe publishes the facts of all terminals anew.

export interface TerminalProbeOptions {
  readonly list: () => Promise<PaneRow[]>;
  readonly exitOf: (of: Incarnation) => Promise<ExitRecord | undefined>;
  /** Records as they appear. */
  readonly changes: (signal: AbortSignal) => AsyncIterable<RecordName>;
  /** Resolves when the observation is stored. */
  readonly publish: (
    lane: ObservationLane,
    id: string,
    data: JsonObject,
    messageId: string,
  ) => Promise<void>;
  readonly everyMs: number;
  /** After so many milliseconds without output a live program is reported once more, with `quietMs`. Ascending. */
  readonly quietAfterMs?: readonly number[];
  readonly clock: ProbeClock;
  /** Ends the probe. */
  readonly signal: AbortSignal;
  /** Told of every listing and publication that failed; both are tried again. */
  readonly onTrouble?: (error: unknown) => void;
}

/** Time as a probe needs it; `after` returns how to cancel. */
export interface ProbeClock {
  now(): number;
  after(ms: number, run: () => void): () => void;
}

const QUIET_AFTER_MS = [30_000, 120_000, 600_000];
// One call that fails under load says nothing about the fleet.
const FAILED_AFTER = 2;

/** What was last said of a terminal. */
interface Fact extends Incarnation {
  /** What must differ for another publication. */
  readonly level: string;
  readonly messageId: string;
  readonly data: JsonObject;
  isAccepted: boolean;
}

/** By terminal. */
type Facts = Map<string, Fact>;

/** Runs until its signal aborts. Rejects only when the records cannot be watched any more. */
export async function terminalProbe(options: TerminalProbeOptions): Promise<void> {
  const { clock, everyMs, signal } = options;
  const facts: Facts = new Map();
  const bell = new Bell();
  const ring = () => bell.ring();
  signal.addEventListener("abort", ring);
  const watching = watchRecords(options, facts, ring);
  try {
    const look = looker(options, facts);
    while (!signal.aborted) {
      const cancel = (await look()) === "more" ? clock.after(everyMs, ring) : undefined;
      await Promise.race([bell.heard(), watching]);
      cancel?.();
    }
    await watching;
  } finally {
    signal.removeEventListener("abort", ring);
  }
}

/** Wakes its one waiter; rung before anyone waits, it is heard at once. */
class Bell {
  #wake: (() => void) | undefined;
  #isRung = false;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  async heard(): Promise<void> {
    if (!this.#isRung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#isRung = false;
  }
}

/** Looks once; "more" when there is something to look at again. */
function looker(options: TerminalProbeOptions, facts: Facts): () => Promise<"more" | "nothing"> {
  let failures = 0;
  return async () => {
    try {
      const rows = await options.list();
      failures = 0;
      const listed = new Set(rows.map((row) => row.terminal));
      for (const terminal of facts.keys()) if (!listed.has(terminal)) facts.delete(terminal);
      await Promise.all(rows.map((row) => say(options, facts, factOf(options, row))));
    } catch (error) {
      options.onTrouble?.(error);
      failures += 1;
      if (failures >= FAILED_AFTER) await sayFailed(options, facts);
      return "more";
    }
    const isSettled = [...facts.values()].every((fact) => fact.isAccepted && isDead(fact));
    return isSettled ? "nothing" : "more";
  };
}

async function watchRecords(
  options: TerminalProbeOptions,
  facts: Facts,
  look: () => void,
): Promise<void> {
  for await (const { suffix, terminal, epoch } of options.changes(options.signal)) {
    if (suffix === "start") look();
    if (suffix !== "exit") continue;
    const exit = await options.exitOf({ terminal, epoch });
    if (exit) await say(options, facts, ended({ terminal, epoch }, exitFacts(exit)));
  }
}

async function sayFailed(options: TerminalProbeOptions, facts: Facts): Promise<void> {
  const open = [...facts.values()].filter((fact) => !isDead(fact));
  await Promise.all(
    open.map(({ terminal, epoch }) =>
      say(
        options,
        facts,
        levelFact(options, { terminal, epoch, level: "failed", process: "failed" }),
      ),
    ),
  );
}

/** Publishes a fact unless it is known, or overtaken by what was said already. */
async function say(options: TerminalProbeOptions, facts: Facts, news: Fact): Promise<void> {
  const was = facts.get(news.terminal);
  const current = was && outranks(was, news) ? was : news;
  facts.set(current.terminal, current);
  if (current.isAccepted) return;
  try {
    await options.publish("terminal", current.terminal, current.data, current.messageId);
    current.isAccepted = true;
  } catch (error) {
    options.onTrouble?.(error);
  }
}

function outranks(was: Fact, news: Fact): boolean {
  if (was.epoch !== news.epoch) return was.epoch > news.epoch;
  // A listing that began before the end can still arrive after it.
  return was.level === news.level || isDead(was);
}

function factOf(options: TerminalProbeOptions, row: PaneRow): Fact {
  const { terminal, epoch, process, exitCode, signal, lastActivityAt } = row;
  if (process === "dead") {
    return ended(row, { ...(exitCode !== undefined && { exitCode }), ...(signal && { signal }) });
  }
  if (process === "indeterminate")
    return levelFact(options, { terminal, epoch, level: process, process });
  const quietMs = Math.max(0, options.clock.now() - (lastActivityAt ?? options.clock.now()));
  const passed = (options.quietAfterMs ?? QUIET_AFTER_MS).filter((limit) => quietMs >= limit);
  return levelFact(options, { terminal, epoch, level: `alive${passed.length}`, process, quietMs });
}

function ended({ terminal, epoch }: Incarnation, how: JsonObject): Fact {
  const data = { process: "dead", epoch, ...how };
  return {
    terminal,
    epoch,
    level: "dead",
    messageId: `terminal:${terminal}:${epoch}:dead`,
    data,
    isAccepted: false,
  };
}

function levelFact(
  { clock }: TerminalProbeOptions,
  { terminal, level, ...data }: Incarnation & { level: string; process: string; quietMs?: number },
): Fact {
  // Unlike an end it can come back, so its id has the time since when it holds.
  const messageId = `terminal:${terminal}:${data.epoch}:${level}:${clock.now()}`;
  return { terminal, epoch: data.epoch, level, messageId, data, isAccepted: false };
}

function isDead({ level }: Fact): boolean {
  return level === "dead";
}
