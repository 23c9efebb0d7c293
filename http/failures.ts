import { randomUUID } from "node:crypto";
import { maxHeaderSize, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { issuesOf } from "../actors/intake.ts";
import { Failure, FAILURES, type FailureCode } from "../machines/failures.ts";
import type { App } from "./edge.ts";
import { sendMissing, wantsPage } from "./web.ts";

/** What every answer that is not a success looks like. */
interface FailureBody {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly requestId: string;
}

// Long enough for a batch to be committed and a mailbox to move on.
const RETRY_AFTER_S = "1";

/**
 * Answers every error in one shape: a Failure with the status of its row, bad input as MALFORMED, anything else as
 * DEFECT, told to `report` and not to the caller.
 */
export function answerFailures(
  app: App,
  report: (error: unknown, requestId: string) => void,
): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const failure = failureOf(error, request.routeOptions.bodyLimit);
    if (failure.code === "DEFECT") report(error, request.id);
    return answerFailure(request, reply, failure);
  });
  const methodsOf = routesSeen(app);
  app.setNotFoundHandler((request, reply) => {
    if (wantsPage(request)) return sendMissing(reply);
    const [path = ""] = request.url.split("?");
    const tried = `there is no ${request.method} ${path}`;
    const methods = methodsOf(path).join(", ");
    if (methods === "") {
      const failure = new Failure(
        "ROUTE_UNKNOWN",
        `${tried}; GET /openapi.json names all there is`,
      );
      return answerFailure(request, reply, failure);
    }
    void reply.header("allow", methods);
    return answerFailure(request, reply, new Failure("METHOD_UNKNOWN", `${tried}, but ${methods}`));
  });
}

/** Looks at the routes that are registered after it; tells which methods a path has. */
function routesSeen(app: App): (path: string) => readonly string[] {
  const seen: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook("onRoute", ({ url, method }) => {
    const pattern = url.replaceAll(".", String.raw`\.`).replaceAll(/:\w+/g, "[^/]+");
    seen.push({ pattern: new RegExp(`^${pattern}$`), methods: [method].flat() });
  });
  return (path) => [
    ...new Set(seen.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)),
  ];
}

/** Answers a path that cannot be decoded, or a part of it that is too long: no route and no hook sees it. */
export function answerUnrouted(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (wantsPage(request)) void sendMissing(reply);
  else void answerFailure(request, reply, failureOf(error));
}

/** A Failure for a code that was stored as text; a code of a newer version is a DEFECT that names it. */
export function failureFrom(code: string, message: string, details?: unknown): Failure {
  return isFailureCode(code)
    ? new Failure(code, message, { details })
    : new Failure("DEFECT", `${code}: ${message}`, { details });
}

/** MALFORMED for each wrong part of a request; `path` is as `body/prompt`. */
function malformed(
  issues: readonly { readonly path: string; readonly message: string }[],
): Failure {
  const text = issuesOf(issues.map(({ path, message }) => ({ path: [path], message })));
  return new Failure("MALFORMED", text, { details: issues });
}

/** Answers with a failure, in the one shape of all. */
function answerFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: Failure,
): FastifyReply {
  const { status } = FAILURES[failure.code];
  if (status === 429 || status === 503) void reply.header("retry-after", RETRY_AFTER_S);
  if (status === 401) void reply.header("www-authenticate", "Bearer");
  const body: FailureBody = {
    code: failure.code,
    message: failure.message,
    ...(failure.details === undefined ? {} : { details: failure.details }),
    requestId: request.id,
  };
  // As text: the body must not pass through the route's own response schema.
  return reply
    .code(status)
    .header("content-type", "application/json; charset=utf-8")
    .serializer(String)
    .send(JSON.stringify(body));
}

/** Answers what never became a request, in the shape of all failures, and ends its connection. */
export function answerBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const { code, message } = brokenBy(error);
  const { status } = FAILURES[code];
  const body = JSON.stringify({ code, message, requestId: randomUUID() } satisfies FailureBody);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function brokenBy({ code }: NodeJS.ErrnoException): Failure {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new Failure("REQUEST_SLOW", "the whole request did not come within http.requestMs");
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    return new Failure("HEADERS_TOO_LARGE", `the headers are over ${maxHeaderSize} bytes`);
  }
  return new Failure("MALFORMED", "the request is not HTTP/1.1");
}

/** What an error of fastify, of a route, or of a feed is to the caller; `bodyLimit`, in bytes, is that of the route. */
export function failureOf(error: Error & Partial<FastifyError>, bodyLimit?: number): Failure {
  if (error instanceof Failure) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    return malformed(
      error.validation.map((issue) => ({
        path: `${error.validationContext ?? "request"}${issue.instancePath.replace(/\/$/, "")}`,
        message: issue.message ?? issue.keyword,
      })),
    );
  }
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    const limit = bodyLimit === undefined ? "" : `, which is ${bodyLimit} bytes`;
    return new Failure("BODY_TOO_LARGE", `the request body is over limits.bodyBytes${limit}`);
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new Failure("MALFORMED", error.message);
  }
  return new Failure(
    "DEFECT",
    "something that should not happen happened; the daemon's log has it",
  );
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}
