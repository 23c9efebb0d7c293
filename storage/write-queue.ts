import { Failure } from "../machines/failures.ts";
import type { Engine, Op, Prepared } from "./engine.ts";
import type { JournalIndex } from "./journal-index.ts";
import { put, type HeadRow, type LogRow } from "./rows.ts";

// Write queue
//
// Takes writes in the order they are asked for and hands them to the engine, one transaction at a time. Those that
// come while a transaction is on its way to disk share the next one.
//
//   Q1. Writes become durable in the order they were asked for.
//   Q2. When one fails, so do all that were asked for before the failure was known: a position is never kept
//       without the rows it stands for.
//   Q3. The head is written with the rows that moved it.
//   Q4. The index learns of log rows when they are durable, and before anyone who waits for them goes on.
//   Q5. A write whose `advance` throws fails with that, alone.

/** What rows mean for the head and the index. */
interface Moves {
  /** How the rows move the head; throws at a head that they cannot move. */
  readonly advance?: (head: HeadRow) => HeadRow;
  readonly log?: readonly LogRow[];
}

interface Request {
  readonly rows: Prepared;
  readonly moves: Moves;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

export interface WriteQueue {
  /** Durable when it resolves. */
  write(ops: readonly Op[], moves?: Moves): Promise<void>;
  /** Writes what the index has in memory. */
  writeIndex(): Promise<void>;
  head(): HeadRow;
  /** Refuses what comes from now on; resolves when what came before has settled. */
  close(): Promise<void>;
}

/** A queue before an engine, continuing from a head. */
export function writeQueue(
  engine: Engine,
  { head: first, index }: { head: HeadRow; index: JournalIndex },
): WriteQueue {
  let head = first;
  let mustIndex = false;
  let waiting: Request[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;

  async function run(): Promise<void> {
    // `running` is set by the time this ends, also when every request is refused.
    await Promise.resolve();
    while (waiting.length > 0) {
      const { requests, next } = accepted(head, waiting);
      waiting = [];
      // oxlint-disable-next-line no-await-in-loop -- one transaction at a time is the point
      if (requests.length > 0) await send(requests, next);
    }
    running = undefined;
  }

  async function send(requests: readonly Request[], next: HeadRow): Promise<void> {
    const isIndexing = mustIndex || index.isDue;
    const own = isIndexing ? index.ops() : [];
    if (next !== head) own.push(put("meta", ["head"], { head: next }));
    try {
      await engine.write([...requests.map(({ rows }) => rows), engine.prepare(own)]);
    } catch (error) {
      for (const request of [...requests, ...waiting]) request.reject(error);
      waiting = [];
      return;
    }
    head = next;
    if (isIndexing) index.clear();
    mustIndex &&= !isIndexing;
    for (const { moves } of requests) index.add(moves.log ?? []);
    for (const request of requests) request.resolve();
  }

  async function write(ops: readonly Op[], moves: Moves = {}): Promise<void> {
    if (isClosed) throw new Failure("STORE_CLOSED", "write to the store: it was closed");
    // Bytes by now: text would live until its turn comes, and the garbage collector would carry it along.
    const rows = engine.prepare(ops);
    await new Promise<void>((resolve, reject) => {
      waiting.push({ rows, moves, resolve, reject });
      running ??= run();
    });
  }

  return {
    write,
    writeIndex: async () => {
      mustIndex = true;
      await write([]);
    },
    head: () => head,
    close: async () => {
      isClosed = true;
      await running;
    },
  };
}

// The requests that the head can be moved by, and where they move it.
function accepted(
  head: HeadRow,
  waiting: readonly Request[],
): { readonly requests: readonly Request[]; readonly next: HeadRow } {
  let next = head;
  const requests = waiting.filter(({ moves, reject }) => {
    try {
      next = moves.advance?.(next) ?? next;
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  });
  return { requests, next };
}
