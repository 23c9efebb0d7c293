import { Failure } from "../machines/failures.ts";
import type { Address, KindName } from "../machines/ids.ts";
import { TABLES, type Engine, type Range } from "./engine.ts";
import { unmark } from "./generation.ts";
import { prunableBytes, pruneSlice } from "./retention.ts";
import { journalIndex, type JournalIndex } from "./journal-index.ts";
import {
  headAfter,
  logRowsOf,
  opsOf,
  orderKey,
  put,
  readerOf,
  type HeadRow,
  type Reader,
} from "./rows.ts";
import type { OutboxRow, SnapshotRow, Store } from "./store.ts";
import { writeQueue, type WriteQueue } from "./write-queue.ts";

/** Raised with every change of how rows are kept. */
const STORE_FORMAT = 2;
/** Summaries were one object of JSON each; they are read as that, and written anew with their actor's next step. */
const FORMER_FORMAT = 1;

const EMPTY_HEAD: HeadRow = {
  globalSeq: 0,
  deadSeq: 0,
  books: { received: 0, applied: 0, duplicate: 0, stale: 0, dead: 0 },
};
// Above every seq and every time that a key can hold.
const LAST = Number.MAX_SAFE_INTEGER;

/**
 * A store over an engine's tables; `newCluster` names it if it is new, `place` names it in failures.
 * Fails with STORE_FORMAT when the tables were written in another format.
 */
export function rowStore(engine: Engine, options: { place: string; newCluster: string }): Store {
  const reader = readerOf(engine);
  const cluster = clusterOf(engine, reader, options);
  const index = journalIndex(reader);
  const head = reader.get("meta", ["head"])?.head ?? EMPTY_HEAD;
  const queue = writeQueue(engine, { head, index });
  let closing: Promise<void> | undefined;
  return {
    head: () => ({ commits: 0, position: undefined, ...structuredClone(queue.head()), cluster }),
    commit: async (changes) => {
      // Encoded before anything is awaited, so the caller may change its objects; and before anything is
      // written, so an object that cannot be encoded leaves no half of its batch behind.
      const log = logRowsOf(changes);
      const ops = opsOf(changes, log);
      const books = { ...changes.books };
      const advance = (from: HeadRow) => headAfter(from, { ...changes, books });
      await queue.write(ops, { advance, log: log.rows });
    },
    ...actorReads(reader, index),
    ...journalReads(reader, index),
    ...waitingReads(reader),
    note: (key) => reader.get("notes", [key]),
    putNote: async (key, value) => queue.write([put("notes", [key], value)]),
    prune: async (retention) => pruneSlice({ engine, queue, index }, retention),
    backup: async (folder) => engine.backup(folder, unmark),
    timerCount: () => engine.count("timers"),
    stats: () => ({
      rows: {
        ...Object.fromEntries(TABLES.map((table) => [table, engine.count(table)])),
        journal: engine.count("log"),
        seen: engine.count("seen") + index.unwrittenIds,
      },
      bytes: engine.bytes(),
      journalBytes: prunableBytes(engine),
    }),
    close: async () => {
      closing ??= closeAfter(queue, engine, index);
      await closing;
    },
  };
}

async function closeAfter(queue: WriteQueue, engine: Engine, index: JournalIndex): Promise<void> {
  await queue.close();
  indexNow(engine, index);
  await engine.close();
}

// Spares the next boot the reading of what is recent; it can do without.
function indexNow(engine: Engine, index: JournalIndex): void {
  try {
    const ops = index.ops();
    if (ops.length > 0) engine.writeNow(ops);
  } catch {
    // J2.
  }
}

// Reads the name of the store. A new one gets its name and format, one of the former format that of today.
function clusterOf(
  engine: Engine,
  reader: Reader,
  { place, newCluster }: { place: string; newCluster: string },
): string {
  const identity = reader.get("meta", ["identity"]);
  const { format = FORMER_FORMAT, cluster = newCluster } = identity ?? {};
  if (format !== STORE_FORMAT && format !== FORMER_FORMAT) {
    throw new Failure(
      "STORE_FORMAT",
      `open store ${place}: it is of format ${format}, this program reads ${STORE_FORMAT}; use the program that wrote it`,
    );
  }
  if (format !== STORE_FORMAT) {
    engine.writeNow([put("meta", ["identity"], { ...identity, format: STORE_FORMAT, cluster })]);
  }
  return cluster;
}

function actorReads(
  reader: Reader,
  index: JournalIndex,
): Pick<Store, "snapshot" | "snapshots" | "summaries"> {
  // A step that changed nothing wrote its entry alone (J4).
  const counted = (row: SnapshotRow): SnapshotRow => {
    const newest = index.newest(row.address);
    return newest > row.seq ? { ...row, seq: newest } : row;
  };
  return {
    snapshot: (address) => {
      const row = reader.get("snapshots", [address]);
      return row === undefined ? undefined : counted(row);
    },
    snapshots: ({ kind, after, limit }) => {
      const first = kind === undefined ? undefined : `${kind}/`;
      // Nothing lies between an address and what comes before a second part of its key.
      const next = after !== undefined && after > (first ?? "") ? [after, 0] : undefined;
      const start = next ?? (first === undefined ? undefined : [first]);
      const range = {
        ...(start === undefined ? {} : { start }),
        // "0" comes right after "/".
        ...(kind === undefined ? {} : { end: [`${kind}0`] }),
        limit,
      };
      return reader.list("snapshots", range).map(counted);
    },
    summaries: (kind) => reader.summaries(kind === undefined ? {} : ofKind(kind)),
  };
}

/** The keys of one kind: "0" comes right after "/". */
function ofKind(kind: KindName): Range {
  return { start: [`${kind}/`], end: [`${kind}0`] };
}

function journalReads(
  reader: Reader,
  index: JournalIndex,
): Pick<Store, "journal" | "checkpoint" | "log" | "oldest" | "seen"> {
  return {
    journal: (address, query) => index.entries(address, query).map(([entry]) => entry),
    checkpoint: (address, seq) => index.checkpoint(address, seq),
    log: ({ after, limit }) =>
      reader.list("log", { start: [after + 1], limit }).map(([entry]) => entry),
    oldest: () => {
      const removed = reader.get("meta", ["pruned"])?.pruned?.removed ?? 0;
      if (removed === 0) return 0;
      return reader.list("log", { limit: 1 })[0]?.[0].globalSeq ?? 0;
    },
    seen: (id) => index.seen(id),
  };
}

function waitingReads(
  reader: Reader,
): Pick<
  Store,
  "timersDue" | "nextTimerAt" | "timersOf" | "outboxRow" | "outbox" | "deadLetters" | "deadLetter"
> {
  return {
    // Every address comes before this last of characters.
    timersDue: (at, limit) => reader.list("timers", { end: [at, "\uFFFF"], limit }),
    nextTimerAt: () => reader.list("timers", { limit: 1 })[0]?.dueAt,
    timersOf: (address) =>
      reader.list("timersByActor", { start: [address, -LAST], end: [address, LAST] }),
    outboxRow: (id) => reader.get("outbox", orderKey(id)),
    outbox: (query) => reader.list("outbox", outboxRange(query)),
    deadLetters: ({ after, limit }) => reader.list("dead", { start: [after + 1], limit }),
    deadLetter: (id) => reader.get("dead", [id]),
  };
}

function outboxRange(query: {
  readonly from?: Address;
  readonly after?: OutboxRow["id"];
  readonly limit: number;
}): Range {
  const { from, after, limit } = query;
  const bound = from === undefined ? {} : { start: [from, 0], end: [from, LAST] };
  if (after === undefined) return { ...bound, limit };
  const [address, seq, n] = orderKey(after);
  if (from !== undefined && address < from) return { ...bound, limit };
  return { ...bound, start: [address, seq, n + 1], limit };
}
