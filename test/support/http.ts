/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import type { InjectOptions } from "fastify";
import { expect, onTestFinished } from "vitest";
import { ActorSystem } from "../../actors/actor-system.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Bus } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import type { App } from "../../http/edge.ts";
import { httpServer, type ServerOptions } from "../../http/server.ts";
import {
  reviewerTokens,
  sessionTokens,
  type ReviewerTokens,
  type SessionTokens,
} from "../../http/tokens.ts";
import { Failure } from "../../machines/failures.ts";
import type { KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import { outside, type Outside } from "./outside.ts";

/** The token of the owner in every test. */
export const OWNER = "owner-token";

export interface SystemOptions {
  readonly settings?: Parameters<typeof Settings.parse>[0];
  readonly bus?: Bus;
  readonly outside?: Outside;
  /** Told how it is ended; with the test unless somebody else does it. */
  readonly endWith?: (end: () => Promise<void>) => void;
  /** What runs in place of the real kinds of the same names. */
  readonly kinds?: (real: ReadonlyMap<KindName, Kind>) => ReadonlyMap<KindName, Kind>;
}

/** The real actors over a store, a bus and an outside in memory, unless others are given. */
export function memorySystem(options: SystemOptions = {}): ActorSystem {
  const clock = systemClock();
  const now = (): number => clock.now();
  const settings = Settings.parse(options.settings ?? {});
  const real = kinds(settings);
  const system = new ActorSystem({
    store: memoryStore({ disk: memoryDisk() }),
    bus: options.bus ?? memoryBus({ stream: memoryStream({ now }), now }),
    adapters: (options.outside ?? outside()).adapters,
    kinds: options.kinds?.(real) ?? real,
    settings,
    clock,
    newId: () => crypto.randomUUID(),
    onTrouble: () => {},
  });
  system.finished.catch(() => {});
  (options.endWith ?? onTestFinished)(async () => system.stop());
  return system;
}

export interface Served {
  readonly app: App;
  readonly system: ActorSystem;
  readonly outside: Outside;
  readonly tokens: SessionTokens;
  readonly reviewers: ReviewerTokens;
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

/** Status and code of an answer that is a failure. */
export function coded({ status, body }: Answer): [number, string] {
  return [status, body.code];
}

/** The HTTP side over a system in memory; `path` of a request is below /api/v1 unless it begins with two slashes. */
export async function served(
  options: Partial<Omit<ServerOptions, "system">> & SystemOptions & { system?: ActorSystem } = {},
): Promise<Served> {
  const { settings, bus, kinds: played, endWith, outside: world = outside(), ...others } = options;
  const system =
    options.system ??
    memorySystem({
      outside: world,
      ...(settings !== undefined && { settings }),
      ...(bus !== undefined && { bus }),
      ...(endWith !== undefined && { endWith }),
      ...(played !== undefined && { kinds: played }),
    });
  const tokens = sessionTokens("secret");
  const reviewers = reviewerTokens("secret");
  const app = await httpServer({
    token: OWNER,
    sessionTokens: tokens,
    reviewerTokens: reviewers,
    version: "0.0.0",
    health: () => ({ isReady: true, parts: [{ name: "store", state: "running" }] }),
    inspectRepository: async (path) => {
      if (path.includes("missing"))
        throw new Failure("REPOSITORY_INVALID", `look at ${path}: no repository`);
      return Promise.resolve({ root: path, defaultBranch: "main" });
    },
    ...others,
    system,
  });
  (endWith ?? onTestFinished)(async () => {
    await app.close();
  });
  return {
    app,
    system,
    outside: world,
    tokens,
    reviewers,
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
export async function withProject(
  server: Served,
  scm: "none" | "local" | "github" = "none",
): Promise<void> {
  const config = { worker: { harness: "command", command: ["true"] } };
  await server.request("POST", "/projects", {
    id: "demo",
    path: "/repositories/demo",
    scm,
    config,
  });
}

/** A session of `demo` whose agent runs; its id. */
export async function withSession(server: Served): Promise<string> {
  const id = await withOrder(server);
  await expect
    .poll(async () => (await server.request("GET", `/sessions/${id}/terminal`)).body.state)
    .toBe("live");
  return id;
}

/** A session of `demo` that was just ordered; its id. */
export async function withOrder(server: Served): Promise<string> {
  const order = { projectId: "demo", prompt: "Do it." };
  const { status, body } = await server.request("POST", "/sessions", order);
  if (status !== 201) throw new Error(`no session was started: ${body.code} ${body.message}`);
  return String(body.id);
}
