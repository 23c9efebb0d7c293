import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { ActorSystem } from "../../actors/actor-system.ts";
import { admitCharts } from "../../actors/charts.ts";
import { endOf, type Part, type Running } from "../../actors/part-run.ts";
import { retention } from "../../actors/retention.ts";
import type { Bus } from "../../bus/bus.ts";
import { connectNatsBus } from "../../bus/nats-bus.ts";
import type { NatsEndpoint } from "../../bus/nats-endpoint.ts";
import { checkPublished } from "../../adapters/forge/local.ts";
import { git } from "../../adapters/git/git.ts";
import { checkBranchIsFree } from "../../adapters/worktree/branch-name.ts";
import {
  describeRepository,
  inspectRepository,
  isBareRepository,
} from "../../adapters/git/repository.ts";
import { dropPreserved, listPreserved } from "../../adapters/worktree/preserve.ts";
import { usedNumbers } from "../../adapters/worktree/used-names.ts";
import { natsApi } from "../../http/nats-api.ts";
import { httpServer } from "../../http/server.ts";
import { Failure } from "../../machines/failures.ts";
import { isClosed, projectsWith, repositoriesOf } from "../../actors/survey.ts";
import { addressOf, type KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";
import { kinds } from "../../machines/kinds.ts";
import { openLmdbStore } from "../../storage/lmdb-store.ts";
import type { Store } from "../../storage/store.ts";
import { listening } from "./listening.ts";
import { fullDisk } from "./disk-room.ts";
import { startProbes } from "./probes.ts";
import { removeRunFile, writeRunFile } from "../run-file.ts";
import type { Workshop } from "./workshop.ts";

// Somebody waits for the answer, and HTTP gives it up after half a minute.
const ORIGIN_MS = 20_000;

/** What is up of the core. */
interface Core {
  readonly kinds: ReadonlyMap<KindName, Kind>;
  store?: Store;
  bus?: Bus;
  system?: ActorSystem;
  /** Why the last commit failed, until one succeeds. */
  refusal?: string | undefined;
}

/** Store, bus, system, probes and http: each stands on the ones before it. */
export function coreParts(workshop: Workshop): Part[] {
  const core: Core = { kinds: kinds(workshop.settings) };
  return [
    storePart(workshop, core),
    busPart(workshop, core),
    systemPart(workshop, core),
    probesPart(workshop, core),
    httpPart(workshop, core),
  ];
}

/** The host of the daemon. */
const LOCAL = "local";
const NEVER = new Promise<never>(() => {});

function storePart({ home, outside }: Workshop, core: Core): Part {
  return {
    id: "store",
    startMs: 110_000,
    async start() {
      const store = openLmdbStore(join(home, "lmdb"));
      try {
        await admitCharts(store, core.kinds.values());
      } catch (error) {
        await store.close();
        throw error;
      }
      core.store = store;
      outside.known.generation = store.generation;
      return { exited: NEVER, stop: async () => store.close() };
    },
  };
}

export function busPart({ nats }: Pick<Workshop, "nats">, core: Core): Part {
  return {
    id: "bus",
    async start() {
      const bus = await connectNatsBus({ endpoint: () => endpointOf(nats) });
      core.bus = bus;
      const error = new Failure("BUS_DOWN", "talk to NATS: its client gave the connection up");
      const exited = bus.finished.then(() => ({ cause: "infra" as const, error }));
      return { exited, stop: async () => bus.close() };
    },
  };
}

function endpointOf(nats: Workshop["nats"]): NatsEndpoint {
  const known = nats.endpoint ?? nats.own;
  if (known !== undefined) return known;
  throw new Failure("BUS_DOWN", "connect to NATS: its server is not up yet");
}

function systemPart(workshop: Workshop, core: Core): Part {
  return {
    id: "system",
    async start() {
      const { settings, clock, outside, log, seams } = workshop;
      const store = up(core.store);
      const system = new ActorSystem({
        store,
        bus: up(core.bus),
        adapters: outside.adapters,
        directories: outside.directories,
        kinds: core.kinds,
        settings,
        clock,
        newId: randomUUID,
        onTrouble: (trouble) => {
          const told = trouble instanceof Error ? trouble.message : String(trouble);
          if (trouble instanceof Failure && trouble.code.startsWith("STORE_")) core.refusal = told;
          log(`trouble: ${told}`);
        },
        onBoundary: seams.onBoundary,
      });
      core.system = system;
      core.refusal = undefined;
      system.onCommitted(() => {
        core.refusal = undefined;
        workshop.guard.look();
      });
      outside.known.isWanted = (id) => store.snapshot(addressOf("workspace", id)) !== undefined;
      const registered = (): ReturnType<typeof repositoriesOf> => repositoriesOf({ store });
      outside.known.isProject = (id) => registered().some(({ projectId }) => projectId === id);
      outside.known.isRegistered = (root) => projectsWith({ store }, root).length > 0;
      outside.known.isClosed = (id) => isClosed(system, id);
      const collector = addressOf("collector", LOCAL);
      const woken = system.ask({ to: collector, type: "collector.wake", data: {} });
      woken.catch((error: unknown) => log(`trouble: wake the collector: ${String(error)}`));
      const { keepDays, maxBytes } = settings.journal;
      const pruning = retention({ store, clock, keepMs: keepDays * 86_400_000, maxBytes });
      const stop = async (): Promise<void> => {
        pruning.stop();
        await system.stop();
      };
      return Promise.resolve({ exited: endOf(system.finished, stop), stop });
    },
  };
}

function probesPart(workshop: Workshop, core: Core): Part {
  return { id: "probes", start: async () => startProbes(workshop, up(core.system)) };
}

function httpPart(workshop: Workshop, core: Core): Part {
  return {
    id: "http",
    async start(): Promise<Running> {
      const { home, settings, token, version, outside, log, clock } = workshop;
      const system = up(core.system);
      void outside.reviewerFence.obstacle().catch(() => undefined);
      const app = await httpServer({
        system,
        generation: outside.known.generation,
        token,
        sessionTokens: workshop.sessionTokens,
        reviewerTokens: workshop.reviewerTokens,
        hasProgram: outside.hasProgram,
        checkGithub: async (repository) =>
          outside.github.check(repository, AbortSignal.timeout(ORIGIN_MS)),
        ring: (project) => workshop.bells.get(project)?.ring(),
        isolation: outside.reviewerFence.isolationOf,
        version,
        health: () => healthOf(workshop, core),
        ...repositories(outside),
        capture: async (terminal, lines) => outside.terminals.capture(terminal, lines),
        trees: () => [...workshop.bases(), ...workshop.trees()],
        watch: async (terminal, viewer) => outside.terminals.watch(terminal, viewer),
        survey: async (signal) => system.survey({ host: LOCAL, at: clock.now(), signal }),
        isDirty: async (cwd) => (await git(["status", "--porcelain"], { cwd })) !== "",
        screens: async (terminals) => outside.terminals.screens(terminals),
        attach: (terminal) => outside.terminals.attachCommand(terminal),
        toldOf: (noticeId) => outside.notices.toldOf(noticeId),
        report: (error, id) =>
          log(
            `defect ${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          ),
      });
      const { host, port } = settings.http;
      const address = await listening(settings.http, async () => app.listen({ host, port }));
      const stopApi = natsApi(system.bus, app, token);
      workshop.address = address;
      const stop = async (): Promise<void> => {
        if (workshop.guard.look() === undefined) removeRunFile(home);
        stopApi();
        await app.close();
      };
      try {
        writeRunFile(home, {
          pid: process.pid,
          url: address,
          token,
          natsUrl: natsUrlOf(workshop),
          startedAt: workshop.clock.now(),
          version,
        });
      } catch (error) {
        // What listens keeps the process: it would never end.
        await stop();
        throw error;
      }
      return { exited: NEVER, stop };
    },
  };
}

/** What is asked of repositories before an actor is. */
function repositories({ mirrors }: Workshop["outside"]): Repositories {
  return {
    inspectRepository,
    isBare: async (path) => isBareRepository(path),
    withMirror: async (url, options, run) =>
      mirrors.use(
        url,
        async (root) => run(await describeRepository(root, options)),
        options.signal,
      ),
    checkBranch: checkBranchIsFree,
    preserved: {
      list: async (cwd) => listPreserved({ cwd }),
      drop: async (cwd, session) => dropPreserved(session, { cwd }),
    },
    usedNumbers: async (root, projectId) => usedNumbers(root, projectId),
    checkPublished: async (cwd, branches) =>
      checkPublished(branches, { cwd, timeoutMs: ORIGIN_MS }),
  };
}
type Repositories = Pick<
  Parameters<typeof httpServer>[0],
  | "inspectRepository"
  | "isBare"
  | "withMirror"
  | "checkBranch"
  | "usedNumbers"
  | "preserved"
  | "checkPublished"
>;

/** A part that is up may still be unable to work: a store or a disk without room, a bus without its server. */
function healthOf(
  workshop: Workshop,
  { refusal, bus }: Core,
): ReturnType<Parameters<typeof httpServer>[0]["health"]> {
  const state = bus?.state();
  const troubles = new Map<string, string>();
  const full = fullDisk(workshop.home);
  if (full !== undefined) troubles.set("store", full);
  if (refusal !== undefined) troubles.set("store", refusal);
  if (state?.type === "down") troubles.set("bus", state.reason);
  const lost = workshop.guard.look();
  if (lost !== undefined) troubles.set("store", lost.message);
  const own = workshop.trees();
  const parts = [...workshop.bases(), ...own].flatMap((tree) => tree.parts);
  const isUp = parts.every((part) => part.state === "running" || part.id === "http");
  return {
    isReady: own.length > 0 && isUp && troubles.size === 0,
    parts: parts.map((part) => {
      const reason = troubles.get(part.id) ?? part.error;
      return {
        name: part.id,
        state: troubles.has(part.id) ? "failing" : part.state,
        ...(reason !== undefined && { reason }),
      };
    }),
  };
}

function natsUrlOf({ nats }: Workshop): string {
  const { servers, user, pass } = endpointOf(nats);
  const login =
    user === undefined ? "" : `${encodeURIComponent(user)}:${encodeURIComponent(pass ?? "")}@`;
  return servers.map((server) => `nats://${login}${server}`).join(",");
}

function up<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("a part was started before the one it stands on");
  return part;
}
