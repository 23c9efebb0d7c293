import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../actors/clock.ts";
import { superviseParts, type Escalation, type Parts, type PartsTree } from "../../actors/parts.ts";
import type { Part, Running } from "../../actors/part-run.ts";
import { startNatsServer } from "../../bus/nats-server.ts";
import { reviewerTokens, sessionTokens } from "../../http/tokens.ts";
import { Failure } from "../../machines/failures.ts";
import { shellWord } from "../../machines/shell-word.ts";
import type { SupervisorSpec } from "../../machines/supervision/supervision.ts";
import { holderOf, lockForLife } from "../../storage/writer-lock.ts";
import { coreParts } from "./core.ts";
import { sweepDrafts } from "./drafts.ts";
import { guardHome, type HomeGuard } from "./home-guard.ts";
import { checkHosts, givenEndpoint } from "./given-nats.ts";
import { fileNotes } from "./notes.ts";
import { outsideOf } from "./outside.ts";
import { makeHome, readSettings, secretsOf } from "../home.ts";
import { readRunFile, removeRunFile } from "../run-file.ts";
import { NO_SEAMS, type DaemonOptions, type Workshop } from "./workshop.ts";

// Daemon
//
// One per home. Brings up the parts under supervision and keeps them up: the nats-server by itself, and the core
// (store, bus, system, probes, http), where each part stands on the ones before it.
//
//   D1. One daemon per home: the lock goes with the process, however that ends, and no sooner. Once all parts have
//       stopped, work that did not heed that may still write there.
//   D2. `run.json` is there only while HTTP answers.
//   D3. Agents outlive the daemon; so does the nats-server, unless the daemon is stopped in order.
//   D4. Once it was up, no outage of the nats-server ends the daemon: it is restarted for ever, ever less often, while
//       HTTP answers from the store.
//   D5. A daemon whose home was moved or removed ends, and takes its nats-server along; neither writes anything there.

export interface Daemon {
  readonly url: string;
  readonly token: string;
  /** The parts and what it took to keep them up. */
  tree(): readonly PartsTree[];
  /** Settles when the parts cannot be kept up any more; the process should end. */
  readonly escalated: Promise<Escalation>;
  /** Resolves with HOME_LOST, once nothing of it writes there any more but this process, which has to exit at once (D5). */
  readonly lost: Promise<Failure>;
  /** Resolves when all parts have stopped. The home is this process's until it ends (D1). */
  stop(): Promise<void>;
}

/** Resolves when HTTP answers. Fails with DAEMON_RUNNING, CONFIG_INVALID, or what kept a part from starting. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { home, env, log } = options;
  makeHome(home);
  lockHome(home);
  const guard = guardHome(home);
  // Node ignores it, but whoever listened for a while leaves it deadly (execa does): a write that is too large for
  // the limit on files shall fail like one on a full disk.
  process.on("SIGXFSZ", ignore);
  try {
    // One that is there now is of a daemon that was killed.
    removeRunFile(home);
    sweepDrafts(home, Date.now());
    const settings = readSettings(home);
    const endpoint = givenEndpoint(settings, env);
    if (endpoint !== undefined) await checkHosts(endpoint);
    const secrets = secretsOf(home);
    writeShim(home, options.entry);
    const clock = systemClock();
    const outside = outsideOf({
      home,
      agentsSecret: secrets.agents,
      env,
      settings,
      version: options.version,
      log,
      now: () => clock.now(),
    });
    const generation = (): string => outside.known.generation;
    const seams = { ...NO_SEAMS, ...options.seams };
    const workshop: Workshop = {
      ...options,
      settings,
      clock,
      token: secrets.token,
      sessionTokens: sessionTokens(secrets.agents, generation),
      reviewerTokens: reviewerTokens(secrets.agents, generation),
      bells: new Map(),
      nats: { endpoint },
      address: undefined,
      trees: () => [],
      bases: () => [],
      outside: seams.outside(outside),
      guard,
      seams,
    };
    const nats = superviseNats(workshop);
    if (nats !== undefined) await untilReady(nats);
    const root = superviseRoot(workshop);
    await untilReady(root).catch(async (error: unknown) => {
      await nats?.parts.stop();
      throw error;
    });
    const url = workshop.address ?? "";
    log(`ready at ${url}`);
    const parts = nats === undefined ? [root.parts] : [root.parts, nats.parts];
    return daemonOf({ parts, workshop, url });
  } catch (error) {
    process.off("SIGXFSZ", ignore);
    guard.close();
    throw error;
  }
}

function ignore(): void {}

/** `parts`: those that stand on others first. */
function daemonOf({
  parts,
  workshop,
  url,
}: {
  parts: readonly Parts[];
  workshop: Workshop;
  url: string;
}): Daemon {
  return {
    url,
    token: workshop.token,
    tree: () => [...parts.map((each) => each.tree()), ...workshop.trees()],
    escalated: escalatedOf(parts),
    lost: lostOf(workshop),
    async stop() {
      workshop.guard.close();
      for (const each of parts) await each.stop();
      removeRunFile(workshop.home);
      process.off("SIGXFSZ", ignore);
    },
  };
}

/** The server would write on where the home was (D5). It is not ours when another one is given. */
async function lostOf({ guard, nats }: Workshop): Promise<Failure> {
  const failure = await guard.lost;
  await nats.server?.stop(0);
  return failure;
}

/** Whoever gives up takes the others along. */
async function escalatedOf(parts: readonly Parts[]): Promise<Escalation> {
  const escalation = await Promise.race(parts.map(async ({ escalated }) => escalated));
  for (const each of parts) await each.stop();
  return escalation;
}

/** Fails with what kept a part from starting, once nothing of the others is left. */
async function untilReady({ parts, hopeless }: Supervised): Promise<void> {
  try {
    await Promise.race([parts.ready, hopeless]);
  } catch (error) {
    // Whoever gave up says why in the same turn.
    const escalation = await Promise.race([parts.escalated, nextTurn(undefined)]);
    if (escalation === undefined) await parts.stop();
    throw escalation?.error ?? error;
  }
}

function lockHome(home: string): void {
  try {
    lockForLife(home);
  } catch (cause) {
    const run = readRunFile(home);
    const pid = run?.pid ?? holderOf(home);
    const who = pid === undefined ? "another process" : `process ${pid}`;
    const how = run === undefined ? "starting or ending" : `at ${run.url}`;
    const tried = `start a daemon in ${home}`;
    throw new Failure("DAEMON_RUNNING", `${tried}: ${who}, ${how}, holds it`, { cause });
  }
}

const KEEP = { restart: "permanent", shutdownMs: 10_000 } as const;
/** More restarts than this of one cause within a minute and something is wrong that restarting does not mend. */
const TOLERANCE = { intensity: 8, periodMs: 60_000, backoff: { minMs: 100, maxMs: 5_000 } };

function superviseRoot(workshop: Workshop): Supervised {
  return supervised(workshop, {
    name: "daemon",
    strategy: "one_for_one",
    parts: [corePart(workshop)],
  });
}

/** Its own server has a supervisor of its own, so that the core need not wait for it (D4). */
function superviseNats(workshop: Workshop): Supervised | undefined {
  if (workshop.nats.endpoint !== undefined) return undefined;
  const nats = supervised(workshop, {
    name: "nats",
    strategy: "one_for_one",
    parts: [natsPart(workshop)],
    isEndless: true,
  });
  workshop.bases = () => [nats.parts.tree()];
  return nats;
}

interface Supervised {
  readonly parts: Parts;
  /** Rejects when a part cannot start and never will: a damaged store, a port that is taken. */
  readonly hopeless: Promise<never>;
}

function supervised(
  workshop: Workshop,
  {
    name,
    strategy,
    parts,
    isEndless = false,
  }: {
    name: string;
    strategy: SupervisorSpec["strategy"];
    parts: readonly Part[];
    isEndless?: boolean;
  },
): Supervised {
  const { promise: hopeless, reject } = Promise.withResolvers<never>();
  hopeless.catch(() => {});
  const { guard } = workshop;
  const supervisedParts = superviseParts({
    name,
    parts: parts.map((part) => guarded(part, guard)),
    spec: { strategy, ...TOLERANCE, children: parts.map(({ id }) => ({ id, ...KEEP, isEndless })) },
    clock: workshop.clock,
    notes: fileNotes(join(workshop.home, "supervision", `${name}.json`), guard),
    onEvent: (event) => {
      const { type, ...facts } = event;
      if (type === "part.starting" || type === "part.stopping") return;
      workshop.log(`${name}: ${type} ${describe(facts)}`);
      if (event.type === "part.exited" && event.cause === "launch") reject(event.error);
    },
  });
  return { parts: supervisedParts, hopeless };
}

/** Nothing is started where the home was. */
function guarded(part: Part, guard: HomeGuard): Part {
  return {
    ...part,
    async start(...given) {
      const failure = guard.look();
      if (failure !== undefined) throw failure;
      return part.start(...given);
    },
  };
}

function describe(facts: object): string {
  return Object.entries(facts)
    .map(
      ([key, value]: [string, unknown]) =>
        `${key}=${value instanceof Error ? value.message : JSON.stringify(value)}`,
    )
    .join(" ");
}

/** Our own nats-server: adopted when one was left by a killed daemon. */
function natsPart(workshop: Workshop): Part {
  return {
    id: "nats-server",
    async start() {
      const server = await startNatsServer({ home: workshop.home });
      const { user, pass } = server.credentials.ao;
      workshop.nats.server = server;
      workshop.nats.own = { servers: [new URL(server.url).host], user, pass };
      return {
        exited: server.exited.then(({ code, signal, isStuck }) => {
          const why = isStuck
            ? "nats-server answered nobody any more, so it was killed"
            : `nats-server ended: code ${code}, signal ${signal}`;
          return { cause: "crash" as const, error: new Failure("BUS_DOWN", why) };
        }),
        stop: async (graceMs) => server.stop(graceMs),
      };
    },
  };
}

/** The core is a part like any other: when its own supervisor gives up, the root starts all of it again. */
function corePart(workshop: Workshop): Part {
  return {
    id: "core",
    startMs: 120_000,
    async start(signal): Promise<Running> {
      const core = supervised(workshop, {
        name: "core",
        strategy: "rest_for_one",
        parts: coreParts(workshop).map((part) => workshop.seams.part(part)),
      });
      const { parts } = core;
      workshop.trees = () => [parts.tree()];
      const abandon = (): void => void parts.stop();
      signal.addEventListener("abort", abandon, { once: true });
      try {
        await untilReady(core);
      } finally {
        signal.removeEventListener("abort", abandon);
      }
      return {
        exited: parts.escalated.then(({ cause, error }) => ({ cause, error })),
        stop: async () => parts.stop(),
      };
    },
  };
}

/** `bin/ao` of the home: what agents find first on their PATH. It starts at once, and prepares nothing. */
function writeShim(home: string, entry: readonly string[]): void {
  const folder = join(home, "bin");
  mkdirSync(folder, { recursive: true });
  const argv = entry.map((part) => shellWord(part)).join(" ");
  const file = join(folder, "ao");
  rmSync(file, { force: true });
  const hook = shellWord(fileURLToPath(new URL("../hook", import.meta.url)));
  // What agents' hooks call needs no Node.
  const text = `#!/bin/sh
if [ $# -eq 3 ] && [ "$1" = hook ]; then exec perl ${hook} "$2" "$3"; fi
exec ${argv} "$@"
`;
  writeFileSync(file, text, { mode: 0o755 });
}
