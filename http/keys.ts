import { LRUCache } from "lru-cache";
import { Failure } from "../machines/failures.ts";

// Keys
//
// What the newest Idempotency-Keys of observations stand for, from the moment when they are first said: two that are
// under way at once are told apart before the store knows either, and so are those of which it keeps no data.

/** More than can be on their way at once: what was applied, the journal tells apart. */
const KEPT = 10_000;

export interface Keys {
  /** The key stands for this from now on. Fails with KEY_REUSED when it stands for something else already. */
  claim(id: string, told: string): void;
  /** The store knows better what the key stands for. */
  release(id: string): void;
}

export function keys(): Keys {
  const claims = new LRUCache<string, string>({ max: KEPT });
  return {
    claim(id, told) {
      const before = claims.get(id);
      if (before !== undefined && before !== told) {
        throw new Failure("KEY_REUSED", `take ${id}: its key was used for another observation`);
      }
      claims.set(id, told);
    },
    release: (id) => void claims.delete(id),
  };
}
