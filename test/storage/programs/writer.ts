// Commits numbered batches into a store until it is killed, and prints each number once it is durable.

import { writeSync } from "node:fs";
import { Failure } from "../../../machines/failures.ts";
import type { Address } from "../../../machines/ids.ts";
import { openLmdbStore } from "../../../storage/lmdb-store.ts";
import type { Commit } from "../../../storage/store.ts";
import { commitOf, journalEntry, seenRow, snapshotRow, summaryRow } from "../rows.ts";

const [folder = ""] = process.argv.slice(2);
const ACTORS = Array.from({ length: 10 }, (_, n): Address => `session/w-${n}`);
const IN_FLIGHT = 3;

// Large enough to keep lmdb busy for a while: a kill falls into the middle of one.
const STEPS = 30;

function batch(number: number): Commit {
  const first = (number - 1) * STEPS * ACTORS.length;
  const journal = Array.from({ length: STEPS * ACTORS.length }, (_, n) => {
    const address = ACTORS[n % ACTORS.length] ?? "session/none";
    const seq = (number - 1) * STEPS + Math.floor(n / ACTORS.length) + 1;
    return journalEntry(address, seq, { globalSeq: first + n + 1 });
  });
  return commitOf({
    position: { stream: "mail-1", seq: number },
    snapshots: ACTORS.map((address) => snapshotRow(address, number)),
    summaries: ACTORS.map((address) => summaryRow(address, number)),
    journal,
    seen: journal.map(seenRow),
  });
}

try {
  const store = openLmdbStore(folder);
  let number = store.head().position?.seq ?? 0;
  const work = async (): Promise<void> => {
    for (;;) {
      number += 1;
      const mine = number;
      // oxlint-disable-next-line no-await-in-loop -- until it is killed
      await store.commit(batch(mine));
      writeSync(1, `${mine}\n`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
} catch (error) {
  writeSync(2, error instanceof Failure ? `${error.code} ${error.message}\n` : String(error));
  process.exitCode = 1;
}
