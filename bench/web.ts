// What viewers cost: messages per second through the whole path, and processor time of the daemon for each of them, alone
// and with 10 viewers, 7 of boards and 3 of actors, and how soon a change is there. They take turns, so that what else
// the machine does falls on both; the middle of the pairs counts. What the daemon pays is its thread's time: everything
// waits for that, and others who take the machine hardly change it. The throughput also has what the viewers themselves
// take of the two cores. A viewer that was told nothing while messages flowed fails the run.
//
//   node bench/web.ts

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ActorSystem } from "../actors/actor-system.ts";
import { pagesOver, TOKEN } from "./pages-server.ts";
import { percentile, print } from "./rows.ts";
import { openSessions, reached, withWorld } from "./world.ts";

const SESSIONS = 500;
const MESSAGES = 12_000;
const PAIRS = 16;
const BOARDS = 7;
const ACTORS = ["session/s7", "session/s8", "session/s9"];

interface Told {
  /** Milliseconds, a number for each line. */
  readonly late: readonly number[];
  /** Frames, a number for each viewer. */
  readonly told: readonly number[];
}
interface Cost {
  /** Milliseconds for each message. */
  readonly wall: number;
  /** Milliseconds of processor time of this process, which is the daemon, for each message. */
  readonly cpu: number;
  /** Of its main thread, on which all is stepped and told. */
  readonly thread: number;
}

interface Pair {
  readonly alone: Cost;
  readonly seen: Cost;
}

/** The viewers; they do what they are told, one order at a time. */
class Viewers {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines;

  constructor(url: string) {
    const program = fileURLToPath(new URL("viewers.ts", import.meta.url));
    const args = [program, url, TOKEN, String(BOARDS), ...ACTORS];
    this.#process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async order(what: "look" | "leave" | "tell"): Promise<Told> {
    this.#process.stdin.write(`${what}\n`);
    const { value } = await this.#lines.next();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what viewers.ts writes
    return JSON.parse(value ?? "") as Told;
  }

  async end(): Promise<void> {
    const gone = once(this.#process, "exit");
    this.#process.stdin.end();
    await gone;
  }
}

/** Until all are durable. */
async function costOf(system: ActorSystem, round: number): Promise<Cost> {
  const from = system.report().received;
  const startedAt = performance.now();
  const before = process.cpuUsage();
  const threadBefore = process.threadCpuUsage();
  await Promise.all(
    Array.from({ length: MESSAGES }, async (_, n) =>
      system.observe("activity", `s${n % SESSIONS}`, {
        state: (Math.floor(n / SESSIONS) + round) % 2 === 0 ? "active" : "idle",
      }),
    ),
  );
  await reached(system, from + MESSAGES);
  const [cpu, thread] = [process.cpuUsage(before), process.threadCpuUsage(threadBefore)].map(
    ({ user, system: kernel }) => (user + kernel) / 1_000 / MESSAGES,
  );
  return { wall: (performance.now() - startedAt) / MESSAGES, cpu: cpu ?? 0, thread: thread ?? 0 };
}

async function watched(system: ActorSystem, viewers: Viewers): Promise<Cost> {
  await viewers.order("look");
  const cost = await costOf(system, 1);
  await viewers.order("leave");
  // Their connections are let go.
  await delay(200);
  return cost;
}

/** One change of each of the sessions within a second or two, as a busy fleet makes them. */
async function calmly(system: ActorSystem): Promise<void> {
  for (let n = 0; n < SESSIONS; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- at this pace
    await system.observe("activity", `s${n}`, { state: "ready" });
    // oxlint-disable-next-line no-await-in-loop -- at this pace
    await delay(2);
  }
}

function tell(pairs: readonly Pair[], late: readonly number[]): void {
  const middle = (of: (pair: Pair) => number): number => percentile(pairs.map(of), 0.5);
  print(`Pages: ${SESSIONS} sessions, ${BOARDS + ACTORS.length} viewers`, [
    {
      what: "messages, nobody looks",
      value: middle(({ alone }) => 1_000 / alone.wall),
      unit: "messages/s",
    },
    {
      what: "messages, all look",
      value: middle(({ seen }) => 1_000 / seen.wall),
      unit: "messages/s",
    },
    {
      what: "cost of the viewers, of the throughput",
      value: middle(({ alone, seen }) => (1 - alone.wall / seen.wall) * 100),
      unit: "%",
      goal: { atMost: 3 },
    },
    {
      what: "cost of the viewers, of the daemon's thread",
      value: middle(({ alone, seen }) => (seen.thread / alone.thread - 1) * 100),
      unit: "%",
      goal: { atMost: 3 },
    },
    {
      what: "  the thread's time for a message, nobody looks",
      value: middle(({ alone }) => alone.thread * 1_000),
      unit: "µs",
    },
    {
      what: "  and all look",
      value: middle(({ seen }) => seen.thread * 1_000),
      unit: "µs",
    },
    {
      what: "cost of the viewers, of a core",
      value: middle(({ alone, seen }) => ((seen.cpu - alone.cpu) / seen.wall) * 100),
      unit: "%",
    },
    {
      what: "from the fact to the page, 95 of 100",
      value: percentile(late, 0.95),
      unit: "ms",
      goal: { atMost: 100 },
    },
  ]);
}

await withWorld(async ({ start }) => {
  const system = start();
  const { app, url } = await pagesOver(system);
  await openSessions(system, SESSIONS);
  const viewers = new Viewers(url);
  for (const round of [0, 1]) {
    // oxlint-disable-next-line no-await-in-loop -- what is compiled on the way is nobody's cost
    await costOf(system, round);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await watched(system, viewers);
  }
  const pairs: Pair[] = [];
  for (let n = 0; n < PAIRS; n += 1) {
    const isFirst = n % 2 === 0;
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const first = isFirst ? await costOf(system, 0) : await watched(system, viewers);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const second = isFirst ? await watched(system, viewers) : await costOf(system, 0);
    pairs.push(isFirst ? { alone: first, seen: second } : { alone: second, seen: first });
  }
  const { told } = await viewers.order("tell");
  if (told.includes(0)) throw new Error(`some viewers were told nothing: ${told.join(", ")}`);
  await viewers.order("look");
  await calmly(system);
  // The last ones are on their way.
  await delay(300);
  const { late } = await viewers.order("tell");
  tell(pairs, late);
  await viewers.end();
  await app.close();
  await system.stop();
});
