// The real daemon on a store with many sessions: from the start of its process to its first answer, and its memory.
//
//   node bench/boot.ts [SESSIONS]

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Address } from "../machines/ids.ts";
import { openLmdbStore } from "../storage/lmdb-store.ts";
import type { JournalEntry, SnapshotRow, SummaryRow } from "../storage/store.ts";
import { commitOf } from "../test/storage/rows.ts";
import { memoryOf, startDaemonProcess, withHome } from "./daemon.ts";
import { percentile, print } from "./rows.ts";
import { openSessions, withWorld } from "./world.ts";

const SESSIONS = Number(process.argv[2] ?? 100_000);
const AT_ONCE = 5_000;
const BOOTS = 3;
// What is only needed to start is given back by then.
const SETTLE_MS = 3_000;

interface Model {
  readonly snapshot: SnapshotRow;
  readonly summary: SummaryRow;
  readonly entry: JournalEntry;
}

/** The rows of a real session. */
async function model(): Promise<Model> {
  return withWorld(async ({ store, start }) => {
    const system = start();
    await openSessions(system, 1);
    await system.stop();
    const address: Address = "session/s0";
    const snapshot = store.snapshot(address);
    const summary = [...store.summaries()].find((row) => row.address === address);
    const [entry] = store.journal(address, { after: 0, limit: 1 });
    if (snapshot === undefined || summary === undefined || entry === undefined) {
      throw new Error("the session was not kept");
    }
    return { snapshot, summary, entry };
  });
}

function of(n: number): { readonly address: Address } {
  return { address: `session/s${n}` };
}

async function fill(folder: string, { snapshot, summary, entry }: Model): Promise<void> {
  const store = openLmdbStore(folder);
  for (let first = 0; first < SESSIONS; first += AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(AT_ONCE, SESSIONS - first) },
      (_, n) => first + n,
    );
    // oxlint-disable-next-line no-await-in-loop -- batches follow each other
    await store.commit(
      commitOf({
        snapshots: numbers.map((n) => ({ ...snapshot, ...of(n) })),
        summaries: numbers.map((n) => ({ ...summary, ...of(n) })),
        journal: numbers.map((n) => ({ ...entry, ...of(n), globalSeq: n + 1 })),
      }),
    );
  }
  await store.close();
}

await withHome(async (home) => {
  await fill(join(home, "lmdb"), await model());
  const ready: number[] = [];
  const all: number[] = [];
  const own: number[] = [];
  for (let n = 0; n < BOOTS; n += 1) {
    // oxlint-disable no-await-in-loop -- one boot after the other
    const daemon = await startDaemonProcess(home);
    try {
      ready.push(daemon.readyMs);
      await delay(SETTLE_MS);
      const memory = memoryOf(daemon.pid);
      all.push(memory.all);
      own.push(memory.own);
    } finally {
      await daemon.stop();
    }
    // oxlint-enable no-await-in-loop
  }
  print(`Boot with ${SESSIONS.toLocaleString("en")} sessions, median of ${BOOTS}`, [
    {
      what: "start of the process to its first answer",
      value: percentile(ready, 0.5),
      unit: "ms",
      goal: { atMost: 1_000 },
    },
    { what: "resident memory", value: percentile(all, 0.5), unit: "MB", goal: { atMost: 250 } },
    { what: "  of it not pages of files", value: percentile(own, 0.5), unit: "MB" },
  ]);
});
