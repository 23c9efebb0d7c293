import type { FastifyRequest } from "fastify";
import type { System } from "../actors/system.ts";
import { Failure } from "../machines/failures.ts";
import { addressOf } from "../machines/ids.ts";
import type { App, Principal } from "./edge.ts";
import { epochOf, sessionView, type SessionView } from "./session/view.ts";
import { OPEN_PAGES, wantsPage } from "./web.ts";
import { isSame, type ReviewerTokens, type SessionTokens } from "./tokens.ts";

// Security
//
// Decides who may ask, before a body is read.
//
//   A1. Only OPEN routes answer without a token; a route that does not exist is no exception, but for a browser that
//       asks for a page.
//   A2. A Host, or an Origin, that is not this machine's own name is refused (a web page elsewhere cannot rebind to us).
//   A3. An agent's token reaches only AGENT routes, about its own session, project or objective. Everything else is
//       refused; which tools of its objective it may use, the objective says.
//   A5. A reviewer's token reaches only REVIEWER routes, of the session that it reviews.
//   A4. It ends with its incarnation: once a newer epoch began, once its session is not wanted running, and once its
//       terminal neither starts nor lives. What arrives after that, a last report too, is refused.
//
// A path that cannot be decoded never gets here: it is refused before anybody is asked for a token.

/**
 * Health, the pages, which hold no secret, the exchange of a code for their token, and the door of GitHub, whose messages
 * are signed.
 */
export const OPEN: readonly string[] = [
  "/healthz",
  "/readyz",
  "/api/v1/web/tokens",
  "/api/v1/webhooks/github",
  ...OPEN_PAGES,
];

/** `member`: its own session, or for a manager one of its objective. */
type Scope = "session" | "member" | "project" | "objective";

/** What an agent may call, and what `:id` must be. */
export const AGENT: Readonly<Record<string, Scope>> = {
  "GET /api/v1/sessions/:id": "member",
  "GET /api/v1/sessions/:id/messages": "member",
  "GET /api/v1/sessions/:id/pr": "member",
  "GET /api/v1/sessions/:id/workspace": "member",
  "GET /api/v1/sessions/:id/terminal": "member",
  "POST /api/v1/sessions/:id/activity": "session",
  "POST /api/v1/sessions/:id/report": "session",
  "GET /api/v1/sessions/:id/reviews": "session",
  "POST /api/v1/sessions/:id/reviews/trigger": "session",
  "GET /api/v1/objectives/:id": "objective",
  "GET /api/v1/objectives/:id/workers": "objective",
  "POST /api/v1/objectives/:id/workers": "objective",
  "POST /api/v1/objectives/:id/workers/:worker/stop": "objective",
  "POST /api/v1/objectives/:id/note": "objective",
  "POST /api/v1/objectives/:id/plan": "objective",
  "POST /api/v1/objectives/:id/ask": "objective",
  "POST /api/v1/objectives/:id/send": "objective",
  "POST /api/v1/objectives/:id/done": "objective",
  "GET /api/v1/projects/:id/pulls": "project",
  "GET /api/v1/projects/:id/pulls/:number": "project",
  "POST /api/v1/projects/:id/pulls": "project",
  "POST /api/v1/projects/:id/pulls/:number/comment": "project",
  "POST /api/v1/projects/:id/pulls/:number/close": "project",
  "POST /api/v1/projects/:id/pulls/:number/ready": "project",
};

/** What a reviewer may call, and what `:id` must be: the session that it reviews, or its own terminal. */
const REVIEWER: Readonly<Record<string, "session" | "terminal">> = {
  "GET /api/v1/sessions/:id/reviews": "session",
  "POST /api/v1/sessions/:id/reviews/submit": "session",
  "POST /api/v1/reviews/:id/activity": "terminal",
};

export interface SecurityOptions {
  readonly system: System;
  readonly token: string;
  readonly sessionTokens?: SessionTokens;
  /** Whether a token is of a page that the owner signed in. */
  readonly isPage: (token: string) => boolean;
  readonly reviewerTokens?: ReviewerTokens;
  /** Host names, without port, besides the loopback ones. */
  readonly hosts: readonly string[];
}

/** Guards every route of `app`. The answer tells who sent a request that passed. */
export function guard(app: App, options: SecurityOptions): (request: FastifyRequest) => Principal {
  const principals = new WeakMap<FastifyRequest, Principal>();
  const hosts = new Set(["localhost", "127.0.0.1", "[::1]", ...options.hosts]);
  app.addHook("onRequest", (request, _reply, done) => {
    checkHost(request, hosts);
    if (!isOpen(request)) {
      const principal = authenticate(request, options);
      authorize(request, principal, options.system);
      principals.set(request, principal);
    }
    done();
  });
  return (request) => {
    const principal = principals.get(request);
    if (principal === undefined) throw new Error(`nobody was authenticated for ${request.url}`);
    return principal;
  };
}

function isOpen(request: FastifyRequest): boolean {
  return OPEN.includes(request.routeOptions.url ?? "") || (request.is404 && wantsPage(request));
}

function checkHost(request: FastifyRequest, hosts: ReadonlySet<string>): void {
  const { host = "", origin } = request.headers;
  if (!hosts.has(hostname(host))) {
    const seen =
      host === ""
        ? "there is no Host header"
        : `the Host header names ${host}, which is not this daemon`;
    throw new Failure("HOST_REFUSED", `${seen}: ask it as localhost`);
  }
  if (origin === undefined) return;
  const page = /^https?:\/\/([^/]+)$/.exec(origin)?.[1] ?? "";
  if (!hosts.has(hostname(page))) {
    throw new Failure("HOST_REFUSED", `the Origin header is ${origin}, which is not this daemon`);
  }
}

function hostname(host: string): string {
  return host.replace(/:\d{1,5}$/, "").toLowerCase();
}

function authenticate(request: FastifyRequest, options: SecurityOptions): Principal {
  const given = bearerOf(request);
  if (given === undefined) {
    throw new Failure("UNAUTHORIZED", "the request has no Authorization: Bearer header");
  }
  if (isSame(given, options.token) || options.isPage(given)) return { type: "owner" };
  const claim = options.sessionTokens?.verify(given);
  if (claim !== undefined) return { type: "agent", ...claim };
  const reviewer = options.reviewerTokens?.verify(given);
  if (reviewer !== undefined) return { type: "reviewer", ...reviewer };
  throw new Failure("UNAUTHORIZED", "the token is not one of this daemon");
}

// A browser gives a socket no Authorization header: there the token stands among the protocols.
const PROTOCOL = "ao.bearer.";

function bearerOf({ headers }: FastifyRequest): string | undefined {
  const given = /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1];
  if (given !== undefined || headers.upgrade?.toLowerCase() !== "websocket") return given;
  const protocols = (headers["sec-websocket-protocol"] ?? "").split(/, */);
  return protocols.find((name) => name.startsWith(PROTOCOL))?.slice(PROTOCOL.length);
}

function authorize(request: FastifyRequest, principal: Principal, system: System): void {
  if (principal.type === "owner") return;
  const route = `${request.method} ${request.routeOptions.url ?? ""}`;
  if (principal.type === "reviewer") {
    authorizeReviewer(request, route, principal);
    return;
  }
  const scope = AGENT[route];
  const row = system.snapshot(addressOf("session", principal.sessionId));
  if (scope === undefined || row === undefined) {
    throw new Failure(
      "FORBIDDEN",
      `the token of session ${principal.sessionId} does not reach ${route}`,
    );
  }
  const view = sessionView(row);
  checkEpoch(principal, { newest: epochOf(system, row), view });
  const id = pathId(request.params);
  if (id === ownOf(view, scope) || (scope === "member" && isOfManager(view, id, system))) return;
  const what = scope === "member" ? "session" : scope;
  throw new Failure("FORBIDDEN", `${what} ${id} is not that of session ${principal.sessionId}`);
}

function ownOf({ id, projectId, objectiveId }: SessionView, scope: Scope): string | undefined {
  if (scope === "project") return projectId;
  return scope === "objective" ? objectiveId : id;
}

/** Whether a session belongs to the objective that another one manages. */
function isOfManager({ kind, objectiveId }: SessionView, id: string, system: System): boolean {
  if (kind !== "manager" || objectiveId === undefined) return false;
  const row = system.snapshot(addressOf("session", id));
  return row !== undefined && sessionView(row).objectiveId === objectiveId;
}

/** Its epoch is compared where its word counts: by the review itself. */
function authorizeReviewer(
  request: FastifyRequest,
  route: string,
  { sessionId, terminal }: Extract<Principal, { type: "reviewer" }>,
): void {
  const scope = REVIEWER[route];
  const own = scope === "session" ? sessionId : terminal;
  if (scope !== undefined && pathId(request.params) === own) return;
  throw new Failure("FORBIDDEN", `the token of reviewer ${terminal} does not reach ${route}`);
}

// Before its launch is answered, a fast agent may speak already.
const SPEAKING: ReadonlySet<string> = new Set(["starting", "live"]);

function checkEpoch(
  { sessionId, epoch }: Extract<Principal, { type: "agent" }>,
  { newest, view }: { newest: number; view: SessionView },
): void {
  const { wanted, terminal } = view;
  const said = `the token of session ${sessionId} is of epoch ${epoch}`;
  if (epoch !== newest) {
    throw new Failure("EPOCH_STALE", `${said}, the session is at ${newest}`);
  }
  if (wanted !== "running" || !SPEAKING.has(terminal.state)) {
    const seen = `the session is wanted ${wanted} and its terminal is ${terminal.state}`;
    throw new Failure("EPOCH_STALE", `${said}, which is over: ${seen}`);
  }
}

function pathId(params: unknown): string {
  return typeof params === "object" && params !== null && "id" in params ? String(params.id) : "";
}
