import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import { z } from "zod";
import type { System } from "../actors/system.ts";
import { wordingOf } from "../machines/wording.ts";
import { actorRoutes } from "./actors.ts";
import { backupRoute } from "./backup.ts";
import { ANSWER_WITHIN_MS } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { Failure } from "../machines/failures.ts";
import { eventRoutes } from "./events.ts";
import { answerBroken, answerFailures, answerUnrouted } from "./failures.ts";
import { fleetRoutes } from "./fleet.ts";
import { healthRoutes, metricsOf } from "./health.ts";
import { hindsightRoutes } from "./hindsight.ts";
import { causeRoutes } from "./causes.ts";
import { intakeRoutes } from "./intake.ts";
import { hostRoutes } from "./hosts.ts";
import { loadRoute } from "./load.ts";
import { keys } from "./keys.ts";
import { machineRoutes } from "./machines.ts";
import { muxRoute, takeSockets } from "./mux.ts";
import { directoryRoutes } from "./directories.ts";
import { preservedRoutes } from "./preserved.ts";
import { noticeRoutes } from "./notices.ts";
import { objectiveRoutes } from "./objective/objectives.ts";
import { orchestratorRoutes } from "./orchestrators.ts";
import { projectRoutes } from "./projects.ts";
import { questionRoutes } from "./objective/questions.ts";
import { openApi } from "./openapi.ts";
import { openPullRoutes } from "./open-pulls.ts";
import { pullRoutes } from "./pulls.ts";
import { boardRoutes } from "./board.ts";
import { changeRoutes } from "./changes.ts";
import { NoQuery } from "./schemas.ts";
import { guard } from "./security.ts";
import { reviewReader } from "./review/reader.ts";
import { sessionReader, type SessionReader } from "./session/reader.ts";
import { reviewRoutes } from "./review/reviews.ts";
import { sessionRoutes } from "./session/sessions.ts";
import { STREAM_OPTIONS, type StreamOptions } from "./sse.ts";
import { signIn, signInRoutes, type SignIn } from "./sign-in.ts";
import type { SessionTokens } from "./tokens.ts";
import { supervisionRoutes } from "./supervision.ts";
import { actorViews } from "./views.ts";
import { webRoutes } from "./web.ts";
import { webhookRoutes } from "./webhooks.ts";

// Server
//
// The way of one request: host, origin and token (security) → shape (zod) → route → actor or view → answer.
// Every error leaves in one shape (failures). Routes are written once: the OpenAPI document is made from them.

export interface ServerOptions extends Pick<
  Edge,
  | "health"
  | "inspectRepository"
  | "isBare"
  | "withMirror"
  | "preserved"
  | "checkPublished"
  | "checkGithub"
  | "capture"
  | "watch"
  | "trees"
  | "screens"
  | "isDirty"
  | "usedNumbers"
  | "checkBranch"
  | "survey"
  | "attach"
  | "toldOf"
  | "hasProgram"
  | "ring"
  | "isolation"
  | "reviewerTokens"
  | "version"
> {
  readonly system: System;
  /** Of the store; "" when it is not told. */
  readonly generation?: string;
  /** The owner's token. */
  readonly token: string;
  readonly sessionTokens?: SessionTokens;
  /** Host names by which the daemon may be addressed, besides loopback. */
  readonly hosts?: readonly string[];
  /** Told of every answer that was a defect of ours. */
  readonly report?: (error: unknown, requestId: string) => void;
  readonly events?: Partial<StreamOptions>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly patienceMs?: number;
}

/** Bodies are JSON. Many a client names a type with every request, also with one without a body: it is one that was left out. */
function takeBodies(app: App): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser<string>(
    "application/json",
    { parseAs: "string" },
    (request, body, done) => {
      if (body === "") done(null);
      else void parse(request, body, done);
    },
  );
  app.removeContentTypeParser("text/plain");
  app.addContentTypeParser<string>("*", { parseAs: "string" }, (request, body, done) => {
    const type = request.headers["content-type"] ?? "no type";
    const failure = `a body of ${type} is not read: send JSON, as content-type: application/json`;
    if (body === "") done(null);
    else done(new Failure("BODY_TYPE_UNKNOWN", failure));
  });
}

/** The HTTP side of a running system, ready to listen or to be injected; close it before the system. */
export async function httpServer(options: ServerOptions): Promise<App> {
  const { system, token, sessionTokens, report = () => {} } = options;
  const { requestMs } = system.settings.http;
  const app = Fastify({
    logger: false,
    genReqId: () => randomUUID(),
    bodyLimit: system.settings.limits.bodyBytes,
    requestTimeout: requestMs,
    http: {
      // Node swaps the two when this one is larger.
      headersTimeout: requestMs,
      // Node looks for late ones in turns: they are refused within this of their time.
      connectionsCheckingInterval: Math.ceil(requestMs / 10),
      // Node's own refusal is of another shape than ours.
      requireHostHeader: false,
      // Many a client offers HTTP/2 with each request, and goes on with 1.1 when that is not taken.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    },
    clientErrorHandler: answerBroken,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512 },
    // Else Fastify loads its own, which nothing here uses.
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    frameworkErrors: answerUnrouted,
  }).withTypeProvider<ZodTypeProvider>();
  // Zod has one place for it in a process; fastify gives none.
  z.config({ customError: wordingOf });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  takeBodies(app);
  answerFailures(app, report);
  await takeSockets(app);
  const now = options.now ?? Date.now;
  const sign = signIn(token);
  const principalOf = guard(app, {
    system,
    token,
    isPage: (given) => sign.verify(given, now()),
    hosts: [system.settings.http.host, ...(options.hosts ?? [])],
    ...(sessionTokens === undefined ? {} : { sessionTokens }),
    ...(options.reviewerTokens === undefined ? {} : { reviewerTokens: options.reviewerTokens }),
  });
  const document = openApi(app, options.version);
  const views = actorViews(system);
  const reviews = reviewReader(system);
  app.addHook("onClose", (_app, done) => {
    for (const each of [views, reviews]) each.close();
    done();
  });
  const edge: Edge = {
    ...options,
    views,
    reviews,
    sessions: sessionsOf(options, now),
    report,
    now,
    generation: options.generation ?? "",
    principalOf,
    keys: keys(),
    patienceMs: options.patienceMs ?? ANSWER_WITHIN_MS,
  };
  await registerRoutes(app, edge, { sign, document, ...options });
  await app.ready();
  return app;
}

function unused(): never {
  throw new Error("schemas are zod's, and so are their compilers");
}

function sessionsOf({ system, attach }: ServerOptions, now: () => number): SessionReader {
  const limit = system.settings.limits.liveActors;
  return sessionReader({ system, now, attach, limit });
}

/** All that is asked of the API, part by part. */
const API = [
  projectRoutes,
  objectiveRoutes,
  questionRoutes,
  sessionRoutes,
  orchestratorRoutes,
  directoryRoutes,
  preservedRoutes,
  noticeRoutes,
  reviewRoutes,
  pullRoutes,
  openPullRoutes,
  actorRoutes,
  hindsightRoutes,
  machineRoutes,
  fleetRoutes,
  supervisionRoutes,
  hostRoutes,
  loadRoute,
  causeRoutes,
  intakeRoutes,
  backupRoute,
  muxRoute,
  boardRoutes,
] as const;

async function registerRoutes(
  app: App,
  edge: Edge,
  {
    sign,
    document,
    token,
    events: given,
  }: {
    sign: SignIn;
    document: ReturnType<typeof openApi>;
    token: string;
    events?: Partial<StreamOptions>;
  },
): Promise<void> {
  const events = { ...STREAM_OPTIONS, ...given };
  const metrics = metricsOf(app, edge);
  await app.register((root, _options, done) => {
    healthRoutes(root.withTypeProvider<ZodTypeProvider>(), edge, metrics);
    root.get(
      "/openapi.json",
      {
        schema: {
          tags: ["health"],
          summary: "This document",
          response: { 200: z.record(z.string(), z.unknown()) },
        },
      },
      async () => document(),
    );
    done();
  });
  await app.register(async (pages) => webRoutes(pages.withTypeProvider<ZodTypeProvider>()));
  await app.register(
    (scope, _options, done) => {
      // A query that a route does not take is a slip, and is refused like one.
      scope.addHook("onRoute", (route) => {
        route.schema = { querystring: NoQuery, ...route.schema };
      });
      const api = scope.withTypeProvider<ZodTypeProvider>();
      for (const routes of API) routes(api, edge);
      eventRoutes(api, edge, events);
      changeRoutes(api, edge, events);
      signInRoutes(api, sign, edge.now);
      webhookRoutes(api, edge, token);
      done();
    },
    { prefix: "/api/v1" },
  );
}
