// The way of one message, measured: publish to JetStream → step → flushed commit, with publisher, server and daemon
// on this machine. The baseline (one transaction per message) is measured in the same run.
//
//   node bench/path.ts [MESSAGES [ENTRIES]]

import { fork } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { Address } from "../machines/ids.ts";
import type { Store } from "../storage/store.ts";
import { commitOf, journalEntry, seenRow } from "../test/storage/rows.ts";
import { print } from "./rows.ts";
import { openSessions, reached, withWorld, type BenchWorld } from "./world.ts";

const SESSIONS = 1_000;
const MESSAGES = Number(process.argv[2] ?? 60_000);
const ENTRIES = Number(process.argv[3] ?? 1_000_000);
const PUBLISHER = fileURLToPath(new URL("publisher.ts", import.meta.url));

const LOOK_MS = 1;

type Kind = "moving" | "same";

function publish({ login }: BenchWorld, count: number, kind: Kind): ReturnType<typeof fork> {
  return fork(PUBLISHER, [...login, String(count), String(SESSIONS), kind]);
}

interface Speed {
  readonly perSecond: number;
  /** Of this process, without publisher and server. */
  readonly cpuMicros: number;
  /** For how long the thread was held at most, in 99 of 100 looks, milliseconds. */
  readonly heldMs: number;
}

async function speedOf(count: number, run: () => Promise<void>): Promise<Speed> {
  const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  delay.enable();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await run();
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedAt) / 1_000;
  delay.disable();
  // What it measures is from one look to the next.
  const heldMs = delay.percentile(99) / 1e6 - LOOK_MS;
  return { perSecond: count / seconds, cpuMicros: (user + system) / count, heldMs };
}

/** From the first publish to the last flush. */
async function throughput(world: BenchWorld, count: number): Promise<Speed> {
  const system = world.start();
  await openSessions(system, SESSIONS);
  const before = system.report().received;
  const speed = await speedOf(count, async () => {
    const publisher = publish(world, count, "moving");
    await reached(system, before + count);
    publisher.kill();
  });
  await system.stop();
  return speed;
}

/** From the start of a daemon that finds the stream full to the last flush. */
async function replay(world: BenchWorld, count: number, kind: Kind): Promise<Speed> {
  const first = world.start();
  await openSessions(first, SESSIONS);
  const before = first.report().received;
  await first.stop();
  await once(publish(world, count, kind), "exit");
  let system = first;
  const speed = await speedOf(count, async () => {
    system = world.start();
    await reached(system, before + count);
  });
  await system.stop();
  return speed;
}

/** From the start of a daemon that reads the whole stream again, of which it applied all before, to the last flush. */
async function reread(world: BenchWorld, count: number): Promise<Speed> {
  const first = world.start();
  await openSessions(first, SESSIONS);
  const opened = first.report().received;
  await once(publish(world, count, "moving"), "exit");
  await reached(first, opened + count);
  await first.stop();
  const { position, books } = world.store.head();
  const start = { stream: position?.stream ?? "", seq: 0 };
  await world.store.commit(commitOf({ position: start, books }));
  let system = first;
  // What opened the sessions is read again as well; marks in the stream are in no book.
  const speed = await speedOf(count, async () => {
    system = world.start();
    await reached(system, books.received + count);
  });
  if (system.report().applied !== books.applied) throw new Error("a repeat was applied");
  await system.stop();
  return speed;
}

/** Entries of sessions that were: the journal as it is after weeks. */
async function fill(store: Store, count: number): Promise<void> {
  const pending: Promise<void>[] = [];
  for (let first = 0; first < count; first += 5_000) {
    const journal = Array.from({ length: 5_000 }, (_, n) => {
      const address: Address = `session/old${(first + n) % SESSIONS}`;
      const seq = Math.floor((first + n) / SESSIONS) + 1;
      return journalEntry(address, seq, { globalSeq: first + n + 1 });
    });
    pending.push(store.commit(commitOf({ journal, seen: journal.map(seenRow) })));
    // oxlint-disable-next-line no-await-in-loop -- two at a time
    if (pending.length > 1) await pending.shift();
  }
  await Promise.all(pending);
}

const built = await withWorld(async (world) => throughput(world, MESSAGES));
const naive = await withWorld(async (world) => throughput(world, 4_000), { batch: 1 });
const moving = await withWorld(async (world) => replay(world, MESSAGES, "moving"));
const same = await withWorld(async (world) => replay(world, MESSAGES, "same"));
const again = await withWorld(async (world) => reread(world, MESSAGES), { keepsStream: true });
const full =
  ENTRIES > 0 &&
  (await withWorld(async (world) => {
    await fill(world.store, ENTRIES);
    return throughput(world, MESSAGES);
  }));

print(`The way of one message: ${MESSAGES.toLocaleString("en")} observations, 1,000 sessions`, [
  {
    what: "publish to flushed commit",
    value: built.perSecond,
    unit: "obs/s",
    goal: { atLeast: 12_000 },
  },
  { what: "  processor time in the daemon", value: built.cpuMicros, unit: "µs/obs" },
  {
    what: "  the thread was held, 99 of 100",
    value: built.heldMs,
    unit: "ms",
    goal: { atMost: 20 },
  },
  { what: "one transaction per message", value: naive.perSecond, unit: "obs/s" },
  {
    what: "  ratio built / one per message",
    value: built.perSecond / naive.perSecond,
    unit: "times",
  },
  {
    what: "replay: the whole stream again, all of it seen",
    value: again.perSecond,
    unit: "obs/s",
    goal: { atLeast: 40_000 },
  },
  { what: "  processor time in the daemon", value: again.cpuMicros, unit: "µs/obs" },
  {
    what: "backlog of new messages that change nothing",
    value: same.perSecond,
    unit: "obs/s",
  },
  { what: "  processor time in the daemon", value: same.cpuMicros, unit: "µs/obs" },
  {
    what: "backlog of new messages that move sessions",
    value: moving.perSecond,
    unit: "obs/s",
    goal: { atLeast: 12_000 },
  },
  { what: "  processor time in the daemon", value: moving.cpuMicros, unit: "µs/obs" },
  ...(full
    ? [
        {
          what: `publish to flushed commit over ${ENTRIES.toLocaleString("en")} entries`,
          value: full.perSecond,
          unit: "obs/s",
        },
        {
          what: "  of the empty store's",
          value: (100 * full.perSecond) / built.perSecond,
          unit: "%",
          goal: { atLeast: 90 },
        },
      ]
    : []),
]);
