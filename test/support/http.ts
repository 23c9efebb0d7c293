/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import type { InjectOptions } from "fastify";
import { onTestFinished } from "vitest";
import { ActorSystem } from "../../actors/actor-system.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Attempt } from "../../adapters/adapter.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import type { App } from "../../http/edge.ts";
import { httpServer, type ServerOptions } from "../../http/server.ts";
import { sessionTokens, type SessionTokens } from "../../http/tokens.ts";
import { Failure } from "../../machines/failures.ts";
import { forge } from "../../machines/forge.ts";
import type { KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";
import { project } from "../../machines/project.ts";
import { Settings } from "../../machines/settings.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import { toySession } from "./toy-session.ts";

/** The token of the owner in every test. */
export const OWNER = "owner-token";

const KINDS: ReadonlyMap<KindName, Kind> = new Map(
  [project, forge, toySession].map((kind) => [kind.name, kind]),
);

/** Work outside takes for ever, until the system stops. */
async function never(_data: unknown, { signal }: Attempt): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(new Failure("DEADLINE_PASSED", "nothing is outside"));
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** A system in memory: real actors, store and bus; no effect ever gets done. */
export function memorySystem(settings: Parameters<typeof Settings.parse>[0] = {}): ActorSystem {
  const clock = systemClock();
  const system = new ActorSystem({
    store: memoryStore({ disk: memoryDisk() }),
    bus: memoryBus({
      stream: memoryStream({ now: () => clock.now() }),
      now: () => clock.now(),
    }),
    adapters: {
      launchTerminal: never,
      destroyTerminal: never,
      typeText: never,
      prepareWorkspace: never,
      reclaimWorkspace: never,
      inspectBranches: never,
      runChecks: never,
      mergePullRequest: never,
    },
    kinds: KINDS,
    settings: Settings.parse(settings),
    clock,
    newId: () => crypto.randomUUID(),
    onTrouble: () => {},
  });
  system.finished.catch(() => {});
  onTestFinished(async () => system.stop());
  return system;
}

export interface Served {
  readonly app: App;
  readonly system: ActorSystem;
  readonly tokens: SessionTokens;
  /** Status and body of a request by the owner, unless headers say otherwise. */
  request(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body?: object,
    headers?: Headers,
  ): Promise<Answer>;
}
type Headers = Readonly<Record<string, string>>;
export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The HTTP side over a system in memory; `path` of a request is below /api/v1 unless it begins with two slashes. */
export async function served(
  options: Partial<Omit<ServerOptions, "system">> & {
    system?: ActorSystem;
    settings?: Parameters<typeof Settings.parse>[0];
  } = {},
): Promise<Served> {
  const { settings, system: given, ...others } = options;
  const system = given ?? memorySystem(settings);
  const tokens = sessionTokens("secret");
  const app = await httpServer({
    system,
    token: OWNER,
    sessionTokens: tokens,
    version: "0.0.0",
    health: () => ({ isReady: true, parts: [{ name: "store", state: "running" }] }),
    inspectRepository: async (path) => {
      if (path.includes("missing"))
        throw new Failure("REPOSITORY_INVALID", `look at ${path}: no repository`);
      return Promise.resolve({ root: path, defaultBranch: "main" });
    },
    ...others,
  });
  onTestFinished(async () => app.close());
  return {
    app,
    system,
    tokens,
    async request(method, path, body, headers = {}) {
      const inject: InjectOptions = {
        method,
        url: path.startsWith("//") ? path.slice(1) : `/api/v1${path}`,
        headers: { authorization: `Bearer ${OWNER}`, ...headers },
        ...(body === undefined ? {} : { payload: body }),
      };
      const response = await app.inject(inject);
      const isJson = String(response.headers["content-type"]).includes("json");
      return {
        status: response.statusCode,
        body: isJson ? response.json<unknown>() : response.body,
        headers: response.headers,
      };
    },
  };
}

/** A registered project, `demo`, whose workers run `true`. */
export async function withProject(server: Served, scm: "none" | "local" = "none"): Promise<void> {
  const config = { worker: { harness: "command", command: ["true"] } };
  await server.request("POST", "/projects", {
    id: "demo",
    path: "/repositories/demo",
    scm,
    config,
  });
}

/** A session of `demo`; its id. */
export async function withSession(server: Served): Promise<string> {
  const { body } = await server.request("POST", "/sessions", {
    projectId: "demo",
    prompt: "Do it.",
  });
  return String(body.id);
}
