import { Failure } from "../machines/failures.ts";
import type { Engine, Op } from "./engine.ts";
import { put, type HeadRow } from "./rows.ts";

// Write queue
//
// Takes writes in the order they are asked for and hands them to the engine, one transaction at a time. Those that
// come while a transaction is on its way to disk share the next one.
//
//   Q1. Writes become durable in the order they were asked for.
//   Q2. When one fails, so do all that were asked for before the failure was known: a position is never kept
//       without the rows it stands for.
//   Q3. The head is written with the rows that moved it.

interface Request {
  readonly ops: readonly Op[];
  readonly advance: ((head: HeadRow) => HeadRow) | undefined;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

export interface WriteQueue {
  /** Durable when it resolves. `advance` says how the rows move the head. */
  write(ops: readonly Op[], advance?: (head: HeadRow) => HeadRow): Promise<void>;
  head(): HeadRow;
  /** Refuses what comes from now on; resolves when what came before has settled. */
  close(): Promise<void>;
}

/** A queue before an engine, continuing from a head. */
export function writeQueue(engine: Engine, first: HeadRow): WriteQueue {
  let head = first;
  let waiting: Request[] = [];
  let running: Promise<void> | undefined;
  let isClosed = false;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const requests = waiting;
      waiting = [];
      const next = requests.reduce((row, { advance }) => advance?.(row) ?? row, head);
      const ops = requests.flatMap((request) => request.ops);
      if (next !== head) ops.push(put("meta", ["head"], { head: next }));
      try {
        // oxlint-disable-next-line no-await-in-loop -- one transaction at a time is the point
        await engine.write(ops);
      } catch (error) {
        for (const request of [...requests, ...waiting]) request.reject(error);
        waiting = [];
        continue;
      }
      head = next;
      for (const request of requests) request.resolve();
    }
    running = undefined;
  }

  return {
    write: async (ops, advance) => {
      if (isClosed) throw new Failure("STORE_CLOSED", "write to the store: it was closed");
      await new Promise<void>((resolve, reject) => {
        waiting.push({ ops, advance, resolve, reject });
        running ??= run();
      });
    },
    head: () => head,
    close: async () => {
      isClosed = true;
      await running;
    },
  };
}
