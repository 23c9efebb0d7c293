import { Failure } from "../machines/failures.ts";
import type { Outcome } from "../storage/store.ts";

// Callers
//
// Who waits for the outcome of which message. Bounded (R10); answered only by committed outcomes (R2).

export interface Callers {
  /** Fails with MAILBOX_FULL over the bound: to be asked before anything is sent. */
  throwIfFull(id: string): void;
  /** Waits for one message. Fails with MAILBOX_FULL over the bound, or with the signal's reason. */
  wait(id: string, signal?: AbortSignal): Promise<Outcome>;
  answer(id: string, outcome: Outcome): void;
  readonly size: number;
}

/** At most `max` callers wait at once. */
export function callers(max: number): Callers {
  const waiting = new Map<string, Set<(outcome: Outcome) => void>>();
  let size = 0;

  function throwIfFull(id: string): void {
    if (size < max) return;
    throw new Failure("MAILBOX_FULL", `wait for ${id}: ${max} callers are waiting already`);
  }

  return {
    throwIfFull,
    async wait(id, signal) {
      throwIfFull(id);
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      const abort = (): void =>
        reject(
          new Failure(
            "NOT_READY",
            `wait for ${id}: the caller gave up; ask again with the same id`,
          ),
        );
      const others = waiting.get(id) ?? new Set();
      waiting.set(id, others.add(resolve));
      size += 1;
      signal?.addEventListener("abort", abort, { once: true });
      try {
        return await promise;
      } finally {
        size -= 1;
        others.delete(resolve);
        if (others.size === 0) waiting.delete(id);
        signal?.removeEventListener("abort", abort);
      }
    },
    answer(id, outcome) {
      for (const resolve of waiting.get(id) ?? []) resolve(outcome);
    },
    get size() {
      return size;
    },
  };
}
