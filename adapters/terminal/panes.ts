import { Failure } from "../../machines/failures.ts";
import { livenessOf } from "./processes.ts";
import { exitFacts } from "./records.ts";
import type {
  Incarnation,
  ProcessName,
  RecordName,
  RecordSuffix,
  TerminalRecords,
} from "./records.ts";
import type { Tmux } from "./tmux.ts";

// Terminal panes
//
// What tmux shows of our terminals, and what can be concluded from it.
//
//   N1. A pane is ours by its own options @ao_terminal, @ao_epoch and @ao_store, never by a session's name alone. One of
//       another generation of the store is not: a backup that was restored gives its name and epoch again.
//   N2. Dead is said only with proof: an exit record, or the pid with its start time is no more.
//   N3. How it ended is told by the exit record alone: tmux learns of an end later, and what it knows is the end of the
//       launcher, of which 3.3a misses one in 150.

/** A pane as tmux lists it. */
export interface Pane extends Incarnation {
  /** `%5`; unique in the life of one server. */
  readonly id: string;
  /** `$3`. */
  readonly session: string;
  /** The launcher. */
  readonly pid: number;
  readonly isDead: boolean;
  /** When it printed last, milliseconds since 1970, whole seconds. */
  readonly lastActivityAt: number;
  /** The generation of the store that it was made for. */
  readonly store: string;
}

/** Where panes are, and whose are ours. */
export interface PaneSource {
  readonly tmux: Tmux;
  /** The generation of our store; the same for as long as it is open. */
  readonly generation: () => string;
}

/** One terminal of the fleet with what is known of its program. */
export interface PaneRow extends Incarnation {
  /** False when tmux has no pane for it (any more). */
  readonly hasPane: boolean;
  readonly process: "alive" | "dead" | "indeterminate";
  readonly exitCode?: number;
  readonly signal?: string;
  readonly lastActivityAt?: number;
  /** Why its process is indeterminate, where a record is to blame. */
  readonly doubt?: string;
}

const FIELDS = [
  "@ao_terminal",
  "@ao_epoch",
  "@ao_store",
  "pane_id",
  "session_id",
  "pane_pid",
  "pane_dead",
  "window_activity",
].map((name) => `#{${name}}`);

/** Every pane of ours; none when there is no server. Fails with TMUX_UNREACHABLE. */
export async function listed(source: PaneSource, signal?: AbortSignal): Promise<Pane[]> {
  const store = source.generation();
  return (await everyPane(source.tmux, signal)).filter((found) => found.store === store);
}

/** Panes of this and of every other generation. */
async function everyPane(tmux: Tmux, signal?: AbortSignal): Promise<Pane[]> {
  const answer = await tmux.run(["list-panes", "-a", "-F", FIELDS.join("|")], signal && { signal });
  if (answer.type === "no-server") return [];
  // A server without any session, about to end.
  if (answer.type === "refused" && answer.message === "no current target") return [];
  if (answer.type !== "done") {
    throw new Failure("TMUX_UNREACHABLE", `list all panes: tmux said ${answer.message}`);
  }
  return answer.stdout.split("\n").flatMap((line) => pane(line) ?? []);
}

/** The pane of a terminal, whatever its epoch. Fails with TMUX_UNREACHABLE. */
export async function findPane(
  source: PaneSource,
  terminal: string,
  signal?: AbortSignal,
): Promise<Pane | undefined> {
  return (await listed(source, signal)).find((found) => found.terminal === terminal);
}

/** Panes of other generations: nobody here looks at them, types into them or ends them. Fails with TMUX_UNREACHABLE. */
export async function foreignPanes({ tmux, generation }: PaneSource): Promise<Pane[]> {
  return (await everyPane(tmux)).filter(({ store }) => store !== generation());
}

/** The pane of a terminal that is about to be launched. Fails with PANE_FOREIGN when it is of another generation. */
export async function launchedPane(
  { tmux, generation }: PaneSource,
  terminal: string,
  signal: AbortSignal,
): Promise<Pane | undefined> {
  const panes = await everyPane(tmux, signal);
  const found = panes.filter((each) => each.terminal === terminal);
  const own = found.find(({ store }) => store === generation());
  const [foreign] = found;
  if (own !== undefined || foreign === undefined) return own;
  const show = `tmux -S '${tmux.socket}' attach -t '=${terminal}'`;
  throw new Failure(
    "PANE_FOREIGN",
    `launch ${terminal}: pane ${foreign.id} of that name was made before this store was put in the place of another; ` +
      `look at it (${show}), then end it: ${show.replace("attach", "kill-session")}`,
  );
}

/** A condition inside tmux: whether a pane is still the one that was found. */
export function isStill({ terminal, epoch, store }: Pane): string {
  const incarnation = `#{&&:${same("@ao_terminal", terminal)},${same("@ao_epoch", epoch)}}`;
  return `#{&&:${incarnation},${same("@ao_store", store)}}`;
}

function same(option: string, value: string | number): string {
  return `#{==:#{${option}},${value}}`;
}

function pane(line: string): Pane | undefined {
  const [terminal, epoch, store = "", id, session, pid, dead, activity] = line.split("|");
  if (!terminal || !epoch || !id || !session) return undefined;
  return {
    terminal,
    epoch: Number(epoch),
    store,
    id,
    session,
    pid: Number(pid),
    isDead: dead === "1",
    lastActivityAt: Number(activity) * 1_000,
  };
}

/**
 * Every terminal that has a pane or whose process may still run: one tmux call and one read of the records.
 * A terminal that is still being launched is not listed, nor one that was destroyed. Fails with TMUX_UNREACHABLE.
 */
export async function fleet(source: PaneSource, records: TerminalRecords): Promise<PaneRow[]> {
  // First the records: else what begins in between would have one and no pane.
  const kept = byIncarnation(await records.names());
  const found = await listed(source);
  const rows: Promise<PaneRow>[] = [];
  for (const seen of found) {
    const has = kept.get(keyOf(seen))?.suffixes;
    kept.delete(keyOf(seen));
    if (has?.has("exit") || seen.isDead) rows.push(endedRow(records, seen));
    else if (has?.has("start")) rows.push(Promise.resolve(liveRow(seen)));
  }
  for (const { terminal, epoch, suffixes } of kept.values()) {
    if (suffixes.has("start") && !suffixes.has("gone"))
      rows.push(lostRow(records, { terminal, epoch }));
  }
  return Promise.all(rows);
}

interface Kept extends Incarnation {
  readonly suffixes: Set<RecordSuffix>;
}

function byIncarnation(names: readonly RecordName[]): Map<string, Kept> {
  const kept = new Map<string, Kept>();
  for (const { terminal, epoch, suffix } of names) {
    const key = keyOf({ terminal, epoch });
    const entry = kept.get(key) ?? { terminal, epoch, suffixes: new Set() };
    kept.set(key, entry);
    entry.suffixes.add(suffix);
  }
  return kept;
}

function keyOf(of: Incarnation): string {
  return `${of.terminal}.${of.epoch}`;
}

function liveRow({ terminal, epoch, lastActivityAt }: Pane): PaneRow {
  return { terminal, epoch, hasPane: true, process: "alive", lastActivityAt };
}

async function endedRow(records: TerminalRecords, seen: Pane): Promise<PaneRow> {
  const { terminal, epoch, lastActivityAt } = seen;
  const row = { terminal, epoch, hasPane: true, lastActivityAt };
  const exit = await records.exit(seen);
  if (exit && !("unreadable" in exit)) return { ...row, process: "dead", ...exitFacts(exit) };
  const start = await records.start(seen);
  if (!start || "withdrawn" in start) return { ...row, process: "dead" };
  if ("unreadable" in start) return { ...row, ...unnamed(start, exit) };
  // The launcher ended without a record, so it was killed; its program may have outlived it.
  const programs = start.program ? [start.program] : [];
  return { ...row, process: await areDead(programs, start.boot) };
}

async function lostRow(records: TerminalRecords, of: Incarnation): Promise<PaneRow> {
  const row = { terminal: of.terminal, epoch: of.epoch, hasPane: false };
  const exit = await records.exit(of);
  if (exit && !("unreadable" in exit)) return { ...row, process: "dead", ...exitFacts(exit) };
  const start = await records.start(of);
  if (!start || "withdrawn" in start) return { ...row, process: "dead" };
  if ("unreadable" in start) return { ...row, ...unnamed(start, exit) };
  // The launcher still has to write how its program ended.
  const processes = start.program ? [start.leader, start.program] : [start.leader];
  return { ...row, process: await areDead(processes, start.boot) };
}

/** What is known of a program whose name cannot be read: that its end was written down tells that it came. */
function unnamed(
  start: { readonly unreadable: string },
  exit: object | undefined,
): Pick<PaneRow, "process" | "doubt"> {
  return exit === undefined
    ? { process: "indeterminate", doubt: start.unreadable }
    : { process: "dead" };
}

async function areDead(
  processes: readonly ProcessName[],
  boot: string,
): Promise<"dead" | "indeterminate"> {
  const liveness = await Promise.all(processes.map((name) => livenessOf(name, boot)));
  return liveness.every((is) => is === "dead") ? "dead" : "indeterminate";
}
