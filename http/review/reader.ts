import { LRUCache } from "lru-cache";
import type { System } from "../../actors/system.ts";
import { type Address, addressOf } from "../../machines/ids.ts";
import type { SnapshotRow } from "../../storage/store.ts";

// Review reader
//
// Rows of reviews as they are committed. A review of many runs is a large row: it is read from the store once, and then
// kept as each commit leaves it.
//
//   C1. Whoever was answered by a review reads at least what it was answered with.
//   C2. Only what was asked for is kept, at most `ROWS` of it.

const ROWS = 32;

export interface ReviewReader {
  /** The review of a session; undefined while there is none. */
  of(session: string): SnapshotRow | undefined;
  close(): void;
}

/** Reads reviews of a system. */
export function reviewReader(system: Pick<System, "snapshot" | "onCommitted">): ReviewReader {
  const kept = new LRUCache<Address, SnapshotRow>({ max: ROWS });
  const close = system.onCommitted(({ snapshots }) => {
    for (const row of snapshots) if (kept.has(row.address)) kept.set(row.address, row);
  });
  return {
    of(session) {
      const address = addressOf("review", session);
      const row = kept.get(address) ?? system.snapshot(address);
      if (row !== undefined) kept.set(address, row);
      return row;
    },
    close,
  };
}
