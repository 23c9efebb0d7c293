// Measures the LMDB store on the disk of the temporary folder: node bench/store.ts [entries]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbStore } from "../storage/lmdb-store.ts";
import type { Store } from "../storage/store.ts";
import { busyCommit, commitOf, summaryRow } from "../test/storage/rows.ts";

const MESSAGES = 500;
const BATCHES = 60;
const SINGLES = 400;
const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const ACTORS = 100_000;

const folder = mkdtempSync(join(tmpdir(), "ao-bench-"));
const rows: [string, string][] = [];
try {
  await measure(openLmdbStore(join(folder, "store")));
  measureOpening();
} finally {
  rmSync(folder, { recursive: true });
}
for (const [what, value] of rows) process.stdout.write(`${what.padEnd(58)} ${value}\n`);

async function measure(store: Store): Promise<void> {
  await commitBatches(store, 0, 10);
  const empty = await commitBatches(store, 10, BATCHES);
  note("group commit of 500 messages, messages/s", empty.perSecond);
  note("  processor time of the JavaScript thread per batch, ms", empty.threadMs);
  note("  until durable, ms", empty.wallMs);

  const single = await commitSingles(store, (10 + BATCHES) * MESSAGES);
  note("one transaction per message, messages/s", single);
  note("  group commit is so many times faster", empty.perSecond / single);

  let number = 10 + BATCHES + Math.ceil(SINGLES / MESSAGES);
  while (number * MESSAGES < ENTRIES) {
    // oxlint-disable-next-line no-await-in-loop -- batches follow each other
    await store.commit(busyCommit(number));
    number += 1;
  }
  const full = await commitBatches(store, number, BATCHES);
  note(`group commit with ${ENTRIES} entries, messages/s`, full.perSecond);
  note("  of the empty store's, %", (100 * full.perSecond) / empty.perSecond);
  note("  file, MB", store.stats().bytes / 1e6);

  await fillSummaries(store);
  let count = 0;
  const scanMs = timed(() => {
    for (const row of store.summaries()) count += row.isDone ? 0 : 1;
  });
  note(`scan of ${count} summaries, ms`, scanMs);
  const started = performance.now();
  const removed = await store.prune({ before: Number.MAX_SAFE_INTEGER, limit: 1_000 });
  note(`prune a slice of ${removed} entries, ms`, performance.now() - started);
  await store.close();
}

function measureOpening(): void {
  note(
    "open it again, checked, ms",
    timed(() => {
      const store = openLmdbStore(join(folder, "store"));
      store.head();
      void store.close();
    }),
  );
}

async function commitBatches(store: Store, first: number, batches: number) {
  const commits = Array.from({ length: batches }, (_, n) => busyCommit(first + n));
  let threadMs = 0;
  const started = performance.now();
  for (const changes of commits) {
    const before = process.threadCpuUsage();
    const done = store.commit(changes);
    const { user, system } = process.threadCpuUsage(before);
    threadMs += (user + system) / 1_000;
    // oxlint-disable-next-line no-await-in-loop -- one batch after the other, as the daemon commits them
    await done;
  }
  const wallMs = performance.now() - started;
  return {
    perSecond: (batches * MESSAGES * 1_000) / wallMs,
    threadMs: threadMs / batches,
    wallMs: wallMs / batches,
  };
}

async function commitSingles(store: Store, first: number): Promise<number> {
  const commits = Array.from({ length: SINGLES }, (_, n) =>
    busyCommit(first + n, { messages: 1, actors: 1 }),
  );
  const started = performance.now();
  for (const changes of commits) {
    // oxlint-disable-next-line no-await-in-loop -- what is measured
    await store.commit(changes);
  }
  return (SINGLES * 1_000) / (performance.now() - started);
}

async function fillSummaries(store: Store): Promise<void> {
  for (let n = 0; n < ACTORS; n += 5_000) {
    const summaries = Array.from({ length: 5_000 }, (_, k) => summaryRow(`session/s-${n + k}`, k));
    // oxlint-disable-next-line no-await-in-loop -- batches follow each other
    await store.commit(commitOf({ summaries }));
  }
}

function timed(act: () => void): number {
  const started = performance.now();
  act();
  return performance.now() - started;
}

function note(what: string, value: number): void {
  rows.push([what, value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2)]);
}
