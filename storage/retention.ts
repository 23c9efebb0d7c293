import type { Address } from "../machines/ids.ts";
import type { Engine, Op } from "./engine.ts";
import { put, readerOf, removalOfEntry, removalOfLetter, type Reader } from "./rows.ts";
import type { Retention } from "./store.ts";
import type { WriteQueue } from "./write-queue.ts";

// Retention
//
// Removes what is older than the cut. Walks the log once, from where the last slice stopped: when the walk comes to a
// checkpoint, the entries of that actor before it are no longer needed to rebuild any state that is kept.
//
//   P1. An actor keeps its newest checkpoint before the cut and every entry after that checkpoint.
//   P2. An entry leaves together with its log and seen rows, in one transaction with the mark of how far the walk is.
//   P3. A slice removes at most `limit` entries, letters and marks of stale messages; fewer only when none is left.

/** How far a slice came: the log up to here, so many entries, and for each actor the seq before which all go. */
interface Walk {
  upTo: number;
  removed: number;
  readonly cleared: Map<Address, number>;
}

// Log rows read between two breaths: about 2 ms of work.
const CHUNK = 1_000;

/** Prunes one slice; how many entries, letters and marks of stale messages were removed. */
export async function pruneSlice(
  engine: Engine,
  queue: WriteQueue,
  { before, limit }: Retention,
): Promise<number> {
  const reader = readerOf(engine);
  const ops: Op[] = [];
  let count = pruneLetters(reader, ops, { before, limit });
  count += pruneStale(reader, ops, { before, limit: limit - count });
  const pruned = reader.get("meta", ["pruned"])?.pruned ?? { upTo: 0, removed: 0 };
  const walk: Walk = { upTo: pruned.upTo, removed: 0, cleared: new Map() };
  while (count + walk.removed < limit) {
    const from = walk.upTo;
    const isEnd = walkLog(reader, ops, walk, { before, limit: limit - count });
    if (isEnd || walk.upTo === from) break;
    // oxlint-disable-next-line no-await-in-loop -- a slice is work in turn
    await engine.breathe();
  }
  if (walk.upTo !== pruned.upTo || walk.removed > 0) {
    const removed = pruned.removed + walk.removed;
    ops.push(put("meta", ["pruned"], { pruned: { upTo: walk.upTo, removed } }));
  }
  if (ops.length > 0) await queue.write(ops);
  return count + walk.removed;
}

function pruneLetters(reader: Reader, ops: Op[], { before, limit }: Retention): number {
  let count = 0;
  for (const letter of reader.each("dead", { limit })) {
    if (letter.at >= before) break;
    ops.push(...removalOfLetter(letter));
    count += 1;
  }
  return count;
}

function pruneStale(reader: Reader, ops: Op[], { before, limit }: Retention): number {
  const rows = reader.list("stale", { end: [before], limit });
  for (const [at, id] of rows) {
    ops.push({ table: "stale", key: [at, id] }, { table: "seen", key: [id] });
  }
  return rows.length;
}

// Goes one chunk on through the log; whether it came to the cut or to the limit.
function walkLog(reader: Reader, ops: Op[], walk: Walk, { before, limit }: Retention): boolean {
  for (const row of reader.each("log", { start: [walk.upTo + 1], limit: CHUNK })) {
    const [globalSeq, address, seq, committedAt, hasCheckpoint] = row;
    if (committedAt >= before) return true;
    if (hasCheckpoint === 1) {
      const start = [address, walk.cleared.get(address) ?? 0];
      const room = limit - walk.removed;
      for (const entry of reader.each("journal", { start, end: [address, seq], limit: room })) {
        ops.push(...removalOfEntry(address, entry));
        walk.removed += 1;
      }
      // There may be more before this checkpoint: the next slice comes to it again.
      if (walk.removed === limit) return true;
      walk.cleared.set(address, seq);
    }
    walk.upTo = globalSeq;
  }
  return false;
}
