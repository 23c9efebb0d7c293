// The way of one message, measured: publish to JetStream → step → flushed commit, with publisher, server and daemon
// on this machine. Prints a table; the baseline (one transaction per message) is measured in the same run.
//
//   npm run bench:path [-- MESSAGES]

import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ActorSystem } from "../actors/actor-system.ts";
import { systemClock } from "../actors/clock.ts";
import type { Adapters } from "../adapters/adapter.ts";
import { connectNatsBus } from "../bus/nats-bus.ts";
import { startNatsServer } from "../bus/nats-server.ts";
import type { JsonObject } from "../machines/json.ts";
import { kinds } from "../machines/kinds.ts";
import { Settings } from "../machines/settings.ts";
import { openLmdbStore } from "../storage/lmdb-store.ts";

const SESSIONS = 1_000;
const messages = Number(process.argv[2] ?? 60_000);

interface Row {
  readonly what: string;
  readonly perSecond: number;
}

async function main(): Promise<void> {
  const rows: Row[] = [];
  rows.push({ what: "group commit (as built)", perSecond: await throughput({ batch: 512, count: messages }) });
  rows.push({ what: "one transaction per message", perSecond: await throughput({ batch: 1, count: Math.min(messages, 6_000) }) });
  rows.push({ what: "replay of a backlog", perSecond: await replay(messages) });
  const [built, naive] = rows;
  for (const { what, perSecond } of rows) {
    process.stdout.write(`${what.padEnd(32)} ${Math.round(perSecond).toLocaleString("en").padStart(10)} observations/s\n`);
  }
  if (built !== undefined && naive !== undefined) {
    process.stdout.write(`ratio built / one per message     ${(built.perSecond / naive.perSecond).toFixed(1).padStart(10)}\n`);
  }
}

/** Observations per second from the first publish to the last flush. */
async function throughput({ batch, count }: { batch: number; count: number }): Promise<number> {
  return withWorld(batch, async ({ system, url, login }) => {
    await openSessions(system);
    const before = system.report().received;
    const startedAt = performance.now();
    const publisher = fork(fileURLToPath(new URL("publisher.ts", import.meta.url)), [url, login.user, login.pass, String(count), String(SESSIONS)]);
    await reached(system, before + count);
    const seconds = (performance.now() - startedAt) / 1_000;
    publisher.kill();
    return count / seconds;
  });
}

async function replay(count: number): Promise<number> {
  return withWorld(512, async ({ system, url, login, restart }) => {
    await openSessions(system);
    const before = system.report().received;
    await system.stop();
    const publisher = fork(fileURLToPath(new URL("publisher.ts", import.meta.url)), [url, login.user, login.pass, String(count), String(SESSIONS)]);
    await new Promise((resolve) => {
      publisher.on("exit", resolve);
    });
    const startedAt = performance.now();
    const again = restart();
    await reached(again, before + count);
    const seconds = (performance.now() - startedAt) / 1_000;
    await again.stop();
    return count / seconds;
  });
}

interface BenchWorld {
  readonly system: ActorSystem;
  readonly home: string;
  readonly url: string;
  readonly login: { readonly user: string; readonly pass: string };
  readonly restart: () => ActorSystem;
}

async function withWorld<T>(batch: number, run: (world: BenchWorld) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "ao-bench-"));
  const server = await startNatsServer({ home });
  const { user, pass } = server.credentials.ao;
  const bus = await connectNatsBus({ endpoint: () => ({ servers: [new URL(server.url).host], user, pass }) });
  const store = openLmdbStore(join(home, "lmdb"));
  const settings = Settings.parse({ limits: { batch, callers: 100_000 } });
  const start = (): ActorSystem =>
    new ActorSystem({
      store,
      bus,
      adapters: ADAPTERS,
      kinds: kinds(settings),
      settings,
      clock: systemClock(),
      newId: randomUUID,
      onTrouble: (trouble) => process.stderr.write(`${String(trouble)}\n`),
    });
  const system = start();
  try {
    return await run({ system, home, url: server.url, login: { user, pass }, restart: start });
  } finally {
    await system.stop();
    await bus.close();
    await store.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function openSessions(system: ActorSystem): Promise<void> {
  await Promise.all(
    Array.from({ length: SESSIONS }, async (_, n) =>
      system.ask({
        to: `session/s${n}`,
        type: "session.start",
        data: startOf(n),
      }),
    ),
  );
  await quiet(system);
}

/** Every session is up: no order is open and nothing is left in the stream. */
async function quiet(system: ActorSystem): Promise<void> {
  while (system.report().outbox > 0 || system.report().lag > 0) await delay(20);
}

function startOf(n: number): JsonObject {
  return {
    projectId: "bench",
    root: "/srv/bench",
    scm: "none",
    baseRef: "main",
    branch: `ao/s${n}`,
    kind: "worker",
    harness: "command",
    argv: ["true"],
    title: `s${n}`,
    prompt: "",
  };
}

/** An outside that is always done at once: what is measured is the way there and back. */
async function atOnce<Result>(result: Result): Promise<Result> {
  return Promise.resolve(result);
}

const ADAPTERS: Adapters = {
  launchTerminal: async () => atOnce({ pid: 1, adopted: false }),
  destroyTerminal: async () => atOnce({ killed: 0 }),
  typeText: async () => atOnce({ repeated: false }),
  prepareWorkspace: async ({ workspace, spec }) =>
    atOnce({ path: `/srv/${workspace}`, branch: spec.branch, headSha: "0", baseSha: "0", adopted: false }),
  reclaimWorkspace: async () => atOnce({ removed: true as const }),
  inspectBranches: async () => atOnce({ pulls: [] }),
  runChecks: async ({ headSha }) => atOnce({ headSha, checks: [] }),
  mergePullRequest: async () => atOnce({ mergeSha: "0", repeated: false }),
};

async function reached(system: ActorSystem, received: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = system.onCommitted(() => {
    if (system.report().received >= received) resolve();
  });
  if (system.report().received >= received) resolve();
  await promise;
  stop();
}

await main();
