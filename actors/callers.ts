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
  /** Nobody is answered any more: who waits learns it with NOT_READY. */
  end(): void;
  readonly size: number;
}

/** At most `max` callers wait at once. */
export function callers(max: number): Callers {
  const waiting = new Map<string, Set<PromiseWithResolvers<Outcome>>>();
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
      const caller = Promise.withResolvers<Outcome>();
      const abort = (): void => caller.reject(unanswered(id, "the caller gave up"));
      const others = waiting.get(id) ?? new Set();
      waiting.set(id, others.add(caller));
      size += 1;
      signal?.addEventListener("abort", abort, { once: true });
      try {
        return await caller.promise;
      } finally {
        size -= 1;
        others.delete(caller);
        if (others.size === 0) waiting.delete(id);
        signal?.removeEventListener("abort", abort);
      }
    },
    answer(id, outcome) {
      for (const { resolve } of waiting.get(id) ?? []) resolve(outcome);
    },
    end() {
      for (const [id, all] of waiting) {
        for (const { reject } of all) reject(unanswered(id, "the host has ended"));
      }
    },
    get size() {
      return size;
    },
  };
}

function unanswered(id: string, why: string): Failure {
  return new Failure("NOT_READY", `wait for ${id}: ${why}; ask again with the same id`);
}
