import type { PaneRow } from "../adapters/terminal/panes.ts";
import { exitFacts } from "../adapters/terminal/records.ts";
import type { ExitRecord, Incarnation, RecordName } from "../adapters/terminal/records.ts";
import type { JsonObject } from "../machines/json.ts";
import type { ObservationLane } from "../machines/observations.ts";
import { LEAST_DEAD, nameOf, outageReader } from "./outage.ts";

// Terminal probe
//
// Looks at all terminals at once and publishes what changed, as level facts. Does not decide what a fact means.
//
//   O1. One listing per interval for the whole fleet, and none while no program runs.
//   O2. A listing that failed makes nobody dead. Two in a row make everybody "failed", once.
//   O3. A fact is published again, under its own id, until it was accepted; then only another fact follows it.
//   O4. An end is published when its record appears, not at the next interval, and its id is the same for ever.
//   O5. A fresh probe publishes the facts of all terminals anew.
//   O6. A session is told whether its terminal and program are there; of an end its terminal tells, which knows how.
//   O8. Many deaths at once are one outage, told once as trouble: see outage.ts. Where so many run, an end is looked at
//       with all others before it is told.
//   O7. A doubt is told to a session when two listings in a row had it.
//   O9. While the records cannot be watched, for want of watches say, it looks at every interval, and tries to watch anew.
//   O10. What another says to a session of its terminal is answered at the next look: whoever lies of a program is found
//       out within an interval.

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
  /** Whose liveness hangs on a terminal; undefined when nobody's does. */
  readonly sessionOf: (terminal: string) => string | undefined;
  /** Tells, until the signal aborts, that others spoke to the session of a terminal (O10). */
  readonly overhear?: (listener: (terminal: string) => void) => void;
  /** Who ran when last heard of, for what was lost while nobody looked. */
  readonly ran?: readonly Incarnation[];
  readonly everyMs: number;
  /** After so many milliseconds without output a live program is reported once more, with `quietMs`. Ascending. */
  readonly quietAfterMs?: readonly number[];
  readonly clock: ProbeClock;
  /** Ends the probe. */
  readonly signal: AbortSignal;
  /** Told of every listing, publication and watch that failed; all are tried again. */
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
// A server that is started again has its panes back by then.
const HELD_INTERVALS = 3;
// Well within what an observation may carry.
const EVIDENCE_CHARS = 500;

/** What was last said of a terminal, on one lane. */
interface Fact extends Incarnation {
  readonly lane: "terminal" | "runtime";
  /** Whom it is said to. */
  readonly id: string;
  /** What must differ for another publication. */
  readonly level: string;
  readonly messageId: string;
  readonly data: JsonObject;
  isAccepted: boolean;
}

/** By terminal. */
type Facts = Readonly<Record<Fact["lane"], Map<string, Fact>>>;

/** Runs until its signal aborts. */
export async function terminalProbe(options: TerminalProbeOptions): Promise<void> {
  const { signal } = options;
  const facts: Facts = { terminal: new Map(), runtime: new Map() };
  const bell = new Bell();
  const ring = () => bell.ring();
  signal.addEventListener("abort", ring);
  const fallen = new Set<string>();
  const alarm = intervalAlarm(options, ring);
  const look = looker(options, facts, fallen);
  options.overhear?.((terminal) => {
    if (facts.runtime.get(terminal)?.isAccepted === true) facts.runtime.delete(terminal);
  });
  let watching: Promise<void> | undefined;
  while (!signal.aborted) {
    watching ??= watchRecords(options, facts, { look: ring, fallen }).catch((error: unknown) => {
      options.onTrouble?.(error);
      watching = undefined;
      alarm.set();
    });
    if ((await look()) === "more") alarm.set();
    await bell.heard();
    alarm.cancel();
  }
  signal.removeEventListener("abort", ring);
  await watching;
}

/** Rings after an interval, once however often it was set. */
function intervalAlarm(
  { clock, everyMs }: TerminalProbeOptions,
  ring: () => void,
): { set(): void; cancel(): void } {
  let cancel: (() => void) | undefined;
  return {
    set() {
      cancel ??= clock.after(everyMs, ring);
    },
    cancel() {
      cancel?.();
      cancel = undefined;
    },
  };
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

/** Looks once; "more" when there is something to look at again. `fallen`: who went with a server. */
function looker(
  options: TerminalProbeOptions,
  facts: Facts,
  fallen: Set<string>,
): () => Promise<"more" | "nothing"> {
  let failures = 0;
  let doubted: ReadonlySet<string> = new Set();
  const readOutage = outageReader(
    { now: () => options.clock.now(), holdMs: HELD_INTERVALS * options.everyMs },
    options.ran,
  );
  return async () => {
    try {
      const rows = await options.list();
      failures = 0;
      const { sound, held, lost, outage } = readOutage(rows);
      forget(facts, [...sound, ...held, ...lost], held);
      fallen.clear();
      for (const row of [...held, ...lost]) fallen.add(nameOf(row));
      const evidence =
        outage && `server lost: ${outage.dead} of ${outage.of} terminals ended at once`;
      if (evidence !== undefined) options.onTrouble?.(new Error(evidence));
      const news = sound.map((row) => factOf(options, row));
      news.push(...held.flatMap((row) => lostWithServer(options, row)));
      news.push(
        ...lost.map((row) => (row.process === "dead" ? ended(row, {}) : factOf(options, row))),
      );
      const before = doubted;
      doubted = new Set(sound.filter(isDoubtful).map(nameOf));
      const told = sound.filter((row) => !isDoubtful(row) || before.has(nameOf(row)));
      news.push(...told.flatMap((row) => runtimeOf(options, row)));
      await Promise.all(news.map((fact) => say(options, facts, fact)));
      if (held.length > 0) return "more";
    } catch (error) {
      options.onTrouble?.(error);
      failures += 1;
      if (failures >= FAILED_AFTER) await sayFailed(options, facts, error);
      return "more";
    }
    const isSettled = [...facts.terminal.values()].every((fact) => fact.isAccepted && isDead(fact));
    return isSettled ? "nothing" : "more";
  };
}

/** Forgets the terminals that are no more, and of those that were called dead what was said to their sessions. */
function forget(
  { terminal, runtime }: Facts,
  rows: readonly PaneRow[],
  held: readonly PaneRow[],
): void {
  const listed = new Set(rows.map((row) => row.terminal));
  const present = [...rows.filter((row) => row.process !== "dead"), ...held];
  const running = new Set(present.map((row) => row.terminal));
  for (const name of terminal.keys()) if (!listed.has(name)) terminal.delete(name);
  for (const name of runtime.keys()) if (!running.has(name)) runtime.delete(name);
}

function isDoubtful({ process, hasPane }: PaneRow): boolean {
  return process === "indeterminate" || (process === "alive" && !hasPane);
}

async function watchRecords(
  options: TerminalProbeOptions,
  facts: Facts,
  { look, fallen }: { readonly look: () => void; readonly fallen: ReadonlySet<string> },
): Promise<void> {
  for await (const { suffix, terminal, epoch } of options.changes(options.signal)) {
    if (suffix === "start") look();
    if (suffix !== "exit") continue;
    const exit = await options.exitOf({ terminal, epoch });
    const running = [...facts.terminal.values()].filter((fact) => !isDead(fact)).length;
    // How it ended was not its own doing: the next look tells of it.
    if (running >= LEAST_DEAD || fallen.has(nameOf({ terminal, epoch }))) look();
    else if (exit) await say(options, facts, ended({ terminal, epoch }, exitFacts(exit)));
  }
}

async function sayFailed(
  options: TerminalProbeOptions,
  facts: Facts,
  error: unknown,
): Promise<void> {
  const seen = error instanceof Error ? error.message : String(error);
  const evidence = `terminals cannot be listed: ${seen}`.slice(0, EVIDENCE_CHARS);
  const open = [...facts.terminal.values()].filter((fact) => !isDead(fact));
  const news = open.flatMap(({ terminal, epoch }) => [
    levelFact(options, { terminal, epoch, level: "failed", process: "failed" }),
    ...runtimeFact(options, {
      terminal,
      epoch,
      runtime: "failed",
      process: "indeterminate",
      evidence,
    }),
  ]);
  await Promise.all(news.map((fact) => say(options, facts, fact)));
}

/** Publishes a fact unless it is known, or overtaken by what was said already. */
async function say(options: TerminalProbeOptions, facts: Facts, news: Fact): Promise<void> {
  const said = facts[news.lane];
  const was = said.get(news.terminal);
  const current = was && outranks(was, news) ? was : news;
  said.set(current.terminal, current);
  if (current.isAccepted) return;
  try {
    await options.publish(current.lane, current.id, current.data, current.messageId);
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
    lane: "terminal",
    id: terminal,
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
  return {
    lane: "terminal",
    id: terminal,
    terminal,
    epoch: data.epoch,
    level,
    messageId,
    data,
    isAccepted: false,
  };
}

/** What is said of one that may have gone with its server (O8). */
function lostWithServer(options: TerminalProbeOptions, { terminal, epoch }: PaneRow): Fact[] {
  const evidence = "server lost: its program ended at once with many others";
  const liveness = { runtime: "failed", process: "failed", evidence };
  return runtimeFact(options, { terminal, epoch, ...liveness });
}

/** What a listing says to the session of a terminal; nothing of an end (O6). */
function runtimeOf(options: TerminalProbeOptions, row: PaneRow): Fact[] {
  const { terminal, epoch, hasPane, process, doubt } = row;
  if (process === "dead") return [];
  const runtime = hasPane ? "alive" : "dead";
  const pane = hasPane ? "its pane is there" : "its pane is gone";
  const why = `${pane}, its program may still run${doubt === undefined ? "" : `: ${doubt}`}`;
  const evidence = isDoubtful(row) ? { evidence: why } : {};
  return runtimeFact(options, { terminal, epoch, runtime, process, ...evidence });
}

function runtimeFact(
  { clock, sessionOf }: TerminalProbeOptions,
  { terminal, ...data }: Incarnation & { runtime: string; process: string; evidence?: string },
): Fact[] {
  const id = sessionOf(terminal);
  if (id === undefined) return [];
  const { epoch, runtime, process } = data;
  const level = `${runtime}-${process}`;
  const messageId = `runtime:${id}:${epoch}:${level}:${clock.now()}`;
  return [{ lane: "runtime", id, terminal, epoch, level, messageId, data, isAccepted: false }];
}

function isDead({ level }: Fact): boolean {
  return level === "dead";
}
