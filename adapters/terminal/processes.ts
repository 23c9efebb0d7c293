import { readdir, readFile, readlink } from "node:fs/promises";
import type { Incarnation, ProcessName } from "./records.ts";

// Terminal processes
//
// Which processes belong to a terminal, read from /proc, and how they are ended. Nothing here depends on tmux:
// processes outlive it.
//
//   P1. A process belongs to an incarnation if its environment says so, or it is in the session of the launcher,
//       or it descends from one that belongs.
//   P2. A process whose environment names another terminal, another home, another generation of the store or a newer
//       epoch belongs to that one.
//   P3. A process is signalled under its pid only while its start time is still the same.
//   P4. This process never belongs.

/** What /proc says of one process. */
export interface ProcessRow extends ProcessName {
  readonly parent: number;
  readonly session: number;
  /** The terminal that its environment names. */
  readonly mark?: Incarnation & { readonly home: string; readonly store: string };
}

/** Whose processes to find: everything of this terminal up to and with the epoch. */
export interface Owner extends Incarnation {
  readonly home: string;
  /** The generation of the store. */
  readonly store: string;
  /** Launchers that are known; they lead the sessions of their panes. */
  readonly leaders: readonly ProcessName[];
}

// Enough to keep the file threads busy, few enough not to hold thousands of descriptors.
const READS_AT_ONCE = 32;

/** Every process of this machine that can be read. Fails with a plain Error where there is no /proc. */
export async function processTable(): Promise<ProcessRow[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const rows: ProcessRow[] = [];
  for (let from = 0; from < pids.length; from += READS_AT_ONCE) {
    const read = await Promise.all(pids.slice(from, from + READS_AT_ONCE).map(processRow));
    rows.push(...read.filter((row) => row !== undefined));
  }
  return rows;
}

/** The processes of an owner among those of a table. */
export function belonging(table: readonly ProcessRow[], owner: Owner): ProcessRow[] {
  const byPid = new Map(table.map((row) => [row.pid, row]));
  const ours = new Set<number>();
  const candidates = table.filter(
    (row) => row.pid !== process.pid && row.pid !== 1 && !isForeign(row, owner),
  );
  for (const row of candidates) {
    if (row.mark || owner.leaders.some((leader) => isInSessionOf(row, leader, byPid)))
      ours.add(row.pid);
  }
  for (let before = -1; before !== ours.size;) {
    before = ours.size;
    for (const row of candidates) if (ours.has(row.parent)) ours.add(row.pid);
  }
  return candidates.filter((row) => ours.has(row.pid));
}

function isForeign(row: ProcessRow, owner: Owner): boolean {
  const mark = row.mark;
  return (
    mark !== undefined &&
    (mark.home !== owner.home ||
      mark.store !== owner.store ||
      mark.terminal !== owner.terminal ||
      mark.epoch > owner.epoch)
  );
}

function isInSessionOf(
  row: ProcessRow,
  leader: ProcessName,
  byPid: ReadonlyMap<number, ProcessRow>,
): boolean {
  const current = byPid.get(leader.pid);
  if (current && current.start !== leader.start) return false;
  return row.session === leader.pid && row.start >= leader.start;
}

/** Ends a process, unless its pid names another one by now. True when there was one to signal. */
export async function signalProcess(row: ProcessName, signal: NodeJS.Signals): Promise<boolean> {
  if ((await startOf(row.pid)) !== row.start) return false;
  try {
    return process.kill(row.pid, signal);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

/** Whether a process that was seen in one boot of the machine still runs. Indeterminate where there is no /proc. */
export async function livenessOf(
  name: ProcessName,
  boot: string,
): Promise<"alive" | "dead" | "indeterminate"> {
  const now = await bootId();
  if (now === undefined || boot === "") return "indeterminate";
  if (now !== boot) return "dead";
  return (await startOf(name.pid)) === name.start ? "alive" : "dead";
}

/** Names this boot of the machine; undefined where there is no /proc. */
export async function bootId(): Promise<string | undefined> {
  const text = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  return text?.trim();
}

async function startOf(pid: number): Promise<number | undefined> {
  const stat = await statOf(pid);
  return stat?.start;
}

async function processRow(pid: number): Promise<ProcessRow | undefined> {
  const stat = await statOf(pid);
  // A kernel thread has no program, and another user's process does not let us look.
  if (!stat || (await readlink(`/proc/${pid}/exe`).catch(() => undefined)) === undefined)
    return undefined;
  const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  const mark = markOf(environ);
  return { pid, ...stat, ...(mark && { mark }) };
}

// The name of a program may hold blanks and brackets: the fields are counted from its last bracket.
async function statOf(
  pid: number,
): Promise<{ parent: number; session: number; start: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const hasEnded = fields[0] === "Z" || fields[0] === "X";
  return hasEnded
    ? undefined
    : { parent: Number(fields[1]), session: Number(fields[3]), start: Number(fields[19]) };
}

function markOf(environ: string): ProcessRow["mark"] {
  if (!environ.includes("AO_TERMINAL_ID=")) return undefined;
  const values = new Map<string, string>();
  for (const entry of environ.split("\0")) {
    const equals = entry.indexOf("=");
    values.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  const [home, terminal, epoch] = [
    values.get("AO_HOME"),
    values.get("AO_TERMINAL_ID"),
    Number(values.get("AO_EPOCH")),
  ];
  const store = values.get("AO_STORE") ?? "";
  return home && terminal && Number.isInteger(epoch) ? { home, store, terminal, epoch } : undefined;
}
