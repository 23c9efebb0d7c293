import type { Address } from "../machines/ids.ts";
import type { Op } from "./engine.ts";
import { put, type LogRow, type Reader, type Run } from "./rows.ts";
import type { JournalEntry, SeenRow } from "./store.ts";

// Journal index
//
// An entry is one row of the log, in the order of all actors: rows are appended, so a commit touches few pages. What
// leads to it from its actor and number, or from the id of its message, would be a page each; it is written later, for
// thousands of entries at once, and stands in memory until then.
//
//   J1. Every entry up to the watermark `indexed` is in the tables `runs` and `seen`; those after it are recent, in memory.
//   J2. The watermark moves in the transaction that writes the rows it stands for. After a crash the log from there on
//       tells what was recent.
//   J3. Recent is what is durable: entries come here only when their commit has resolved.
//   J4. The index knows an actor's newest entry; a step that changed nothing leaves no other trace of its number.

// So much of the log is read at boot after a crash, about 60 ms, and so many rows are written at once.
const MOST_RECENT = 8_192;
// What is read to find one entry of a long-lived actor.
const LONGEST_RUN = 128;
const LAST = Number.MAX_SAFE_INTEGER;

export interface JournalIndex {
  /** Takes in rows of the log that are durable now. */
  add(rows: readonly LogRow[]): void;
  /** The rows that move the watermark over all that is recent; none when nothing is. */
  ops(): Op[];
  /** Whether there is enough to write `ops` with the next commit. */
  readonly isDue: boolean;
  /** Those `ops` are durable. */
  clear(): void;
  /** Ids that no row of `seen` holds yet. */
  readonly unwrittenIds: number;
  /** One actor's entries with seq > after, oldest first. */
  entries(address: Address, query: { after: number; limit: number }): LogRow[];
  /** The newest entry with a checkpoint and seq <= `seq`. */
  checkpoint(address: Address, seq: number): JournalEntry | undefined;
  seen(id: string): SeenRow | undefined;
  /** The seq of an actor's newest entry; 0 without any. */
  newest(address: Address): number;
}

/** The index of an engine's log, with what the log tells of the time after the watermark. */
export function journalIndex(reader: Reader): JournalIndex {
  const recent = recentEntries(reader.get("meta", ["indexed"])?.indexed ?? 0);
  for (const row of reader.each("log", { start: [recent.newest() + 1] })) recent.add(row);

  function* runsFrom(address: Address, seq: number): Iterable<Run> {
    const down = { start: [address, seq], end: [address, -1], isReverse: true, limit: 1 };
    const [first] = reader.list("runs", down);
    yield* reader.each("runs", { start: [address, first?.[0] ?? seq], end: [address, LAST] });
    yield* recent.runsOf(address);
  }

  function* runsDown(address: Address, seq: number): Iterable<Run> {
    yield* recent.runsOf(address).toReversed();
    yield* reader.each("runs", { start: [address, seq], end: [address, -1], isReverse: true });
  }

  return {
    add: (rows) => {
      for (const row of sorted(rows)) recent.add(row);
    },
    ops: () => recent.ops(),
    get isDue() {
      return recent.count() >= MOST_RECENT;
    },
    clear: () => recent.clear(),
    get unwrittenIds() {
      return recent.idCount();
    },
    entries: (address, { after, limit }) => {
      const found: LogRow[] = [];
      if (limit <= 0) return found;
      for (const [first, globalSeqs] of runsFrom(address, after + 1)) {
        for (const globalSeq of globalSeqs.slice(Math.max(0, after + 1 - first))) {
          const row = reader.get("log", [globalSeq]);
          if (row !== undefined) found.push(row);
          if (found.length >= limit) return found;
        }
      }
      return found;
    },
    checkpoint: (address, seq) => {
      for (const [first, globalSeqs, checkpoints] of runsDown(address, seq)) {
        const at = checkpoints.findLast((one) => one <= seq);
        const globalSeq = at === undefined ? undefined : globalSeqs[at - first];
        if (globalSeq !== undefined) return reader.get("log", [globalSeq])?.[0];
      }
      return undefined;
    },
    newest: (address) => {
      const [last] = runsDown(address, LAST);
      return last === undefined ? 0 : last[0] + last[1].length - 1;
    },
    seen: (id) => {
      const known = recent.globalSeqOf(id) ?? reader.get("seen", [id]);
      if (typeof known !== "number") return known === undefined ? undefined : { id, ...known };
      const row = reader.get("log", [known]);
      return row === undefined ? undefined : seenOf(row);
    },
  };
}

/** What is to be found in memory; `newest` is the highest number in the log, `indexed` at first. */
function recentEntries(indexed: number) {
  const runs = new Map<Address, Run[]>();
  const ids = new Map<string, number>();
  let newest = indexed;
  let count = 0;
  return {
    newest: () => newest,
    count: () => count,
    idCount: () => ids.size,
    runsOf: (address: Address): readonly Run[] => runs.get(address) ?? [],
    globalSeqOf: (id: string) => ids.get(id),
    add: ([entry, note]: LogRow): void => {
      const { address, seq, globalSeq } = entry;
      const known = runs.get(address) ?? [];
      runs.set(address, known);
      let run = known.at(-1);
      if (run === undefined || run[1].length === LONGEST_RUN || seq !== run[0] + run[1].length) {
        run = [seq, [], []];
        known.push(run);
      }
      run[1].push(globalSeq);
      if (entry.checkpoint !== undefined) run[2].push(seq);
      if (note !== null) ids.set(entry.message.id, globalSeq);
      newest = Math.max(newest, globalSeq);
      count += 1;
    },
    ops: () => (count === 0 ? [] : opsOf(runs, ids, newest)),
    clear: (): void => {
      runs.clear();
      ids.clear();
      count = 0;
    },
  };
}

/** The seen row of an entry's message, as it was noted with the entry. */
function seenOf([entry, note]: LogRow): SeenRow | undefined {
  if (note === null) return undefined;
  const { address, seq, orders, message } = entry;
  const outcome = note.outcome ?? { type: "applied" as const, address, seq, orders };
  return { id: message.id, at: note.at, outcome };
}

function opsOf(
  runs: ReadonlyMap<Address, readonly Run[]>,
  ids: ReadonlyMap<string, number>,
  indexed: number,
): Op[] {
  const ops: Op[] = [put("meta", ["indexed"], { indexed })];
  for (const [address, known] of runs) {
    for (const run of known) ops.push(put("runs", [address, run[0]], run));
  }
  for (const [id, globalSeq] of ids) ops.push({ table: "seen", key: [id], value: `${globalSeq}` });
  return ops;
}

// Numbers come in order but for tests that give them in another.
function sorted(rows: readonly LogRow[]): readonly LogRow[] {
  const isSorted = rows.every(
    ([{ globalSeq }], n) => n === 0 || globalSeq > (rows[n - 1]?.[0].globalSeq ?? 0),
  );
  return isSorted ? rows : rows.toSorted(([a], [b]) => a.globalSeq - b.globalSeq);
}
