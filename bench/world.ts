import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ActorSystem } from "../actors/actor-system.ts";
import { systemClock } from "../actors/clock.ts";
import type { DirectoryLister } from "../actors/survey.ts";
import type { Adapters } from "../adapters/adapter.ts";
import type { Bus } from "../bus/bus.ts";
import { connectNatsBus } from "../bus/nats-bus.ts";
import { startNatsServer } from "../bus/nats-server.ts";
import type { KindName } from "../machines/ids.ts";
import type { JsonObject } from "../machines/json.ts";
import type { Kind } from "../machines/kind.ts";
import { kinds } from "../machines/kinds.ts";
import { Settings } from "../machines/settings.ts";
import { openLmdbStore } from "../storage/lmdb-store.ts";
import type { Store } from "../storage/store.ts";

/** The real message path in this process, over a real nats-server and a real store in a folder of its own. */
export interface BenchWorld {
  readonly store: Store;
  readonly bus: Bus;
  /** Address, user and password for a publisher. */
  readonly login: readonly [url: string, user: string, pass: string];
  /** A system over the store and the bus; the caller stops it. */
  readonly start: () => ActorSystem;
}

interface OutsideOptions {
  /** In place of those that are done at once. */
  readonly adapters?: Partial<Adapters>;
  readonly directories?: DirectoryLister;
  /** In place of the daemon's own. */
  readonly played?: ReadonlyMap<KindName, Kind>;
}
interface WorldOptions extends OutsideOptions {
  readonly batch?: number;
  readonly keepsStream?: boolean;
  /** Intervals in place of the defaults. */
  readonly pace?: object;
}

/**
 * Runs with a world and takes it down afterwards. Without `batch`, transactions are as large as by default. A stream that
 * is kept is never purged: it can be read again.
 */
export async function withWorld<T>(
  run: (world: BenchWorld) => Promise<T>,
  { batch, keepsStream = false, pace = {}, ...outside }: WorldOptions = {},
): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "ao-bench-"));
  const server = await startNatsServer({ home });
  // Whoever ends a measurement that takes too long does not leave a server behind.
  const end = (): void =>
    void server.stop(0).finally(() => {
      rmSync(home, { recursive: true, force: true });
      process.exit(1);
    });
  process.once("SIGTERM", end);
  const { user, pass } = server.credentials.ao;
  const servers = [new URL(server.url).host];
  const bus = await connectNatsBus({ endpoint: () => ({ servers, user, pass }) });
  if (keepsStream) bus.purge = async () => Promise.resolve(true);
  const store = openLmdbStore(join(home, "lmdb"));
  const limits = { callers: 100_000, ...(batch !== undefined && { batch }) };
  const settings = Settings.parse({ limits, ...pace });
  const start = (): ActorSystem => systemOver(store, bus, { settings, ...outside });
  try {
    return await run({ store, bus, login: [server.url, user, pass], start });
  } finally {
    await bus.close();
    await store.close();
    await server.stop();
    process.off("SIGTERM", end);
    rmSync(home, { recursive: true, force: true });
  }
}

/** A system whose outside is always done at once: what is measured is the way there and back. */
export function systemOver(
  store: Store,
  bus: Bus,
  {
    settings,
    adapters = {},
    directories,
    played,
  }: { readonly settings: Settings } & OutsideOptions,
): ActorSystem {
  return new ActorSystem({
    store,
    bus,
    adapters: { ...ADAPTERS, ...adapters },
    ...(directories !== undefined && { directories }),
    kinds: played ?? kinds(settings),
    settings,
    clock: systemClock(),
    newId: randomUUID,
    onTrouble: (trouble) => process.stderr.write(`${String(trouble)}\n`),
  });
}

/** Starts sessions `s0` … and waits until each is up: no order is open and nothing is left in the stream. */
export async function openSessions(system: ActorSystem, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, n) =>
      system.ask({ to: `session/s${n}`, type: "session.start", data: startOf(n) }),
    ),
  );
  while (system.report().outbox > 0 || system.report().lag > 0) {
    // oxlint-disable-next-line no-await-in-loop -- until it is quiet
    await delay(20);
  }
}

/** Resolves once so many messages were received and are durable. */
export async function reached(system: ActorSystem, received: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    if (system.report().received >= received) resolve();
  };
  const stop = system.onCommitted(look);
  // Commits without an entry (stale messages, say) are told to nobody.
  const looking = setInterval(look, 20);
  look();
  await promise;
  clearInterval(looking);
  stop();
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

async function atOnce<Result>(result: Result): Promise<Result> {
  return Promise.resolve(result);
}

const ADAPTERS: Adapters = {
  launchTerminal: async () => atOnce({ pid: 1, adopted: false }),
  destroyTerminal: async () => atOnce({ killed: 0 }),
  inspectTerminal: async ({ epoch }) =>
    atOnce({ epoch, runtime: "alive" as const, process: "alive" as const }),
  typeText: async () => atOnce({ repeated: false }),
  prepareWorkspace: async ({ workspace, spec: { branch } }) =>
    atOnce({ path: `/srv/${workspace}`, branch, headSha: "0", baseSha: "0", adopted: false }),
  reclaimWorkspace: async () => atOnce({ removed: true as const }),
  inspectBranches: async () => atOnce({ pulls: [] }),
  runChecks: async ({ headSha }) => atOnce({ headSha, checks: [] }),
  prepareReview: async ({ epoch }) => atOnce({ epoch, trees: [] }),
  verifyReview: async ({ deliveryId }) => atOnce({ deliveryId, trees: [] }),
  releaseReview: async () => atOnce({}),
  findReviewer: async ({ program }) => atOnce({ program, isThere: true }),
  mergePullRequest: async () => atOnce({ mergeSha: "0", repeated: false }),
  openPullRequest: async () => Promise.reject(new Error("nobody follows GitHub here")),
  notifyPerson: async ({ noticeId, type, priority, title }) =>
    atOnce({ noticeId, type, priority, title, ways: [], failed: [], isHeld: false }),
  sweepDirectory: async () => atOnce({ removed: true as const }),
  compactRepository: async () => atOnce({}),
  inspectHost: async () => atOnce({ loadPerCore: 0, freeBytes: 1e12 }),
};
