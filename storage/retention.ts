import type { Address } from "../machines/ids.ts";
import type { Engine, Op } from "./engine.ts";
import type { JournalIndex } from "./journal-index.ts";
import {
  put,
  readerOf,
  removalOfEntry,
  removalOfLetter,
  removalOfStale,
  type Reader,
  type Run,
} from "./rows.ts";
import type { Retention } from "./store.ts";
import type { WriteQueue } from "./write-queue.ts";

// Retention
//
// Removes what is older than the cut, and what is too much. Walks the log once, from where the last slice stopped: when
// the walk comes to a checkpoint, the entries of that actor before it are no longer needed to rebuild any state that is
// kept.
//
//   P1. An actor keeps its newest checkpoint before the cut and every entry after that checkpoint.
//   P2. An entry leaves together with its seen row and its place in a run, in one transaction with the row that says how far the walk is.
//   P3. A slice removes at most `limit` entries, letters and seen rows of stale messages; fewer only when none is left that
//       is too old.
//   P4. Over `maxBytes` each of the log, the letters and the seen rows gives up its oldest rows in proportion, but for what
//       P1 keeps.

/** How far a slice came: the log up to here, so many entries, and for each actor the seq before which all go. */
interface Walk {
  upTo: number;
  removed: number;
  readonly cleared: Map<Address, number>;
}

const PRUNED = ["log", "runs", "seen", "stale", "dead"] as const;
// Entries read between two breaths: about 2 ms of work.
const CHUNK = 500;

/** What a slice is taken from. */
interface Shelf {
  readonly engine: Engine;
  readonly queue: WriteQueue;
  readonly index: JournalIndex;
}

/** Prunes one slice; how many entries, letters and seen rows of stale messages were removed. */
export async function pruneSlice(
  { engine, queue, index }: Shelf,
  { before: asked, maxBytes, limit }: Retention,
): Promise<number> {
  const reader = readerOf(engine);
  const ops: Op[] = [];
  const share = maxBytes === undefined ? 0 : shareOver(engine, maxBytes);
  const all = engine.count("log") + engine.count("stale") + engine.count("dead");
  // Of a slice, too, each gives its part: else the first kind would be gone before the next one gave anything.
  const over = (table: "dead" | "stale"): number =>
    Math.ceil(engine.count(table) * Math.min(share, limit / all));
  let count = pruneLetters(reader, ops, { before: asked, over: over("dead"), limit });
  count += pruneStale(reader, ops, { before: asked, over: over("stale"), limit: limit - count });
  const before = Math.max(asked, endOfShare(reader, share));
  const pruned = reader.get("meta", ["pruned"])?.pruned ?? { upTo: 0, removed: 0 };
  const walk: Walk = { upTo: pruned.upTo, removed: 0, cleared: new Map() };
  // What is not indexed yet has no row to remove.
  if (isOlder(reader, walk.upTo, before)) await queue.writeIndex();
  while (count + walk.removed < limit) {
    const from = walk.upTo;
    const isEnd = walkLog({ reader, index }, ops, walk, { before, limit: limit - count });
    if (isEnd || walk.upTo === from) break;
    // oxlint-disable-next-line no-await-in-loop -- a slice is work in turn
    await engine.breathe();
  }
  for (const [address, seq] of walk.cleared) shortenRuns(reader, ops, address, seq);
  if (walk.upTo !== pruned.upTo || walk.removed > 0) {
    const removed = pruned.removed + walk.removed;
    ops.push(put("meta", ["pruned"], { pruned: { upTo: walk.upTo, removed } }));
  }
  if (ops.length > 0) await queue.write(ops);
  return count + walk.removed;
}

/** What the rows take of which old ones are removed here. */
export function prunableBytes(engine: Engine): number {
  return PRUNED.reduce((sum, table) => sum + engine.size(table), 0);
}

/** The part of all that can be pruned which is more than `maxBytes` (P4), 0 to 1. */
function shareOver(engine: Engine, maxBytes: number): number {
  const used = prunableBytes(engine);
  return used <= maxBytes ? 0 : 1 - maxBytes / used;
}

/** The time before which this share of the log was committed. */
function endOfShare(reader: Reader, share: number): number {
  if (share === 0) return 0;
  const [oldest] = reader.list("log", { limit: 1 });
  const [newest] = reader.list("log", { isReverse: true, limit: 1 });
  if (oldest === undefined || newest === undefined) return 0;
  const [first, last] = [oldest[0].globalSeq, newest[0].globalSeq];
  const at = first + Math.ceil((last - first) * share);
  const [end] = reader.list("log", { start: [at], limit: 1 });
  // All that came with it goes too, else one large commit could hold everything up.
  return (end?.[0].committedAt ?? 0) + 1;
}

interface Cut {
  readonly before: number;
  /** So many go however young they are. */
  readonly over: number;
  readonly limit: number;
}

function pruneLetters(reader: Reader, ops: Op[], { before, over, limit }: Cut): number {
  let count = 0;
  for (const letter of reader.each("dead", { limit })) {
    if (letter.at >= before && count >= over) break;
    ops.push(...removalOfLetter(reader, letter));
    count += 1;
  }
  return count;
}

function pruneStale(reader: Reader, ops: Op[], { before, over, limit }: Cut): number {
  let count = 0;
  for (const [at, id] of reader.list("stale", { limit })) {
    if (at >= before && count >= over) break;
    ops.push(...removalOfStale(reader, at, id));
    count += 1;
  }
  return count;
}

function isOlder(reader: Reader, upTo: number, before: number): boolean {
  const [next] = reader.list("log", { start: [upTo + 1], limit: 1 });
  return next !== undefined && next[0].committedAt < before;
}

// Goes one chunk on through the log; whether it came to the cut or to the limit.
function walkLog(
  { reader, index }: { reader: Reader; index: JournalIndex },
  ops: Op[],
  walk: Walk,
  { before, limit }: { before: number; limit: number },
): boolean {
  for (const [entry] of reader.each("log", { start: [walk.upTo + 1], limit: CHUNK })) {
    const { address, seq, globalSeq, committedAt, checkpoint } = entry;
    if (committedAt >= before) return true;
    if (checkpoint !== undefined) {
      const after = (walk.cleared.get(address) ?? 0) - 1;
      const room = Math.min(limit - walk.removed, seq - after - 1);
      for (const row of index.entries(address, { after, limit: room })) {
        if (row[0].seq >= seq) break;
        ops.push(...removalOfEntry(reader, row));
        walk.cleared.set(address, row[0].seq + 1);
        walk.removed += 1;
      }
      // There may be more before this checkpoint: the next slice comes to it again.
      if (walk.removed === limit) return true;
    }
    walk.upTo = globalSeq;
  }
  return false;
}

/** Takes the places of entries before `seq` out of an actor's runs. */
function shortenRuns(reader: Reader, ops: Op[], address: Address, seq: number): void {
  for (const run of reader.each("runs", { start: [address, 0], end: [address, seq] })) {
    const [first, globalSeqs, checkpoints] = run;
    ops.push({ table: "runs", key: [address, first] });
    const rest: Run = [seq, globalSeqs.slice(seq - first), checkpoints.filter((at) => at >= seq)];
    if (rest[1].length > 0) ops.push(put("runs", [address, seq], rest));
  }
}
