import { request as httpRequest, type IncomingMessage } from "node:http";
import { damagedRunFile, homeOf, readRunFile, type RunFile } from "../run-file.ts";
import { Failure, FAILURES, type FailureCode } from "../../machines/failures.ts";

// Client
//
// Speaks to the daemon of a home. Light on purpose: agents' hooks load it many times a minute.

export interface Client {
  readonly url: string;
  /** The answer's body. Fails with the code that the daemon answered, DAEMON_DOWN when nobody did. */
  request(method: Method, path: string, options?: RequestOptions): Promise<unknown>;
  /** The running answer of a stream of events. */
  stream(
    path: string,
    headers?: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<IncomingMessage>;
}
export type Method = "GET" | "POST" | "PUT" | "DELETE";
export interface RequestOptions {
  readonly body?: unknown;
  /** Becomes the message's id: asking again changes nothing. */
  readonly key?: string;
  readonly timeoutMs?: number;
  /** Ends the asking, as if nobody had answered. */
  readonly signal?: AbortSignal;
}

// A command waits for its commit; only a daemon in trouble takes longer.
const ANSWER_WITHIN_MS = 60_000;

/** A client of the running daemon. Inside an agent's terminal it speaks as that agent. Fails with DAEMON_DOWN. */
export function client(env: NodeJS.ProcessEnv): Client {
  const { url, token } = readRun(homeOf(env));
  const own = agentOf(env)?.token ?? reviewerOf(env)?.token;
  const headers = { authorization: `Bearer ${own ?? token}` };
  return {
    url,
    async request(method, path, options = {}) {
      const body = options.body === undefined ? undefined : JSON.stringify(options.body);
      const response = await send({
        url: `${url}/api/v1${path}`,
        method,
        headers: {
          ...headers,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(options.key === undefined ? {} : { "idempotency-key": options.key }),
        },
        body,
        signals: [
          AbortSignal.timeout(options.timeoutMs ?? ANSWER_WITHIN_MS),
          ...(options.signal === undefined ? [] : [options.signal]),
        ],
      });
      return answerOf(response, await textOf(response));
    },
    async stream(path, more = {}, signal) {
      const response = await send({
        url: `${url}/api/v1${path}`,
        method: "GET",
        headers: { ...headers, ...more, accept: "text/event-stream" },
        signals: signal === undefined ? [] : [signal],
      });
      if (response.statusCode === 200) return response;
      answerOf(response, await textOf(response));
      throw new Failure("DAEMON_DOWN", `follow ${path}: answered ${response.statusCode}`);
    },
  };
}

/** The agent whose terminal this is, by its environment. */
export function agentOf(
  env: NodeJS.ProcessEnv,
): { sessionId: string; epoch: number | undefined; token: string | undefined } | undefined {
  const sessionId = env["AO_SESSION_ID"];
  if (sessionId === undefined || sessionId === "") return undefined;
  const epoch = env["AO_EPOCH"];
  const isNumber = epoch !== undefined && /^\d+$/.test(epoch);
  return { sessionId, epoch: isNumber ? Number(epoch) : undefined, token: env["AO_TOKEN"] };
}

/** The reviewer whose terminal this is, by its environment: of which session, and with which token. */
export function reviewerOf(
  env: NodeJS.ProcessEnv,
): { sessionId: string; token: string | undefined } | undefined {
  const sessionId = env["AO_REVIEW_WORKER_SESSION_ID"];
  const isReviewer =
    (env["AO_REVIEW_SESSION_ID"] ?? "") !== "" && (env["AO_SESSION_ID"] ?? "") === "";
  if (!isReviewer || sessionId === undefined) return undefined;
  return { sessionId, token: env["AO_TOKEN"] };
}

/** Where `run.json` says the daemon is. Fails with DAEMON_DOWN when it says nothing, CONFIG_INVALID without a home. */
export function readRun(home: string): RunFile {
  const run = readRunFile(home);
  if (run !== undefined) return run;
  const damaged = damagedRunFile(home);
  const why =
    damaged === undefined ? "no daemon runs" : `${damaged} is damaged, no daemon is found`;
  throw new Failure("DAEMON_DOWN", `${why} for ${home}`);
}

/** Why nobody answered: there is no daemon, or it hangs. */
export function unanswered(url: string, error: Error): Failure {
  const { cause } = error;
  const isLate = cause instanceof Error && cause.name === "TimeoutError";
  const seen = isLate ? "the daemon does not answer in time, it may hang" : error.message;
  return new Failure("DAEMON_DOWN", `ask ${url}: ${seen}`, { cause: error });
}

interface Sent {
  readonly url: string;
  readonly method: Method;
  readonly headers: Record<string, string>;
  readonly body?: string | undefined;
  readonly signals: readonly AbortSignal[];
}

async function send({ url, method, headers, body, signals }: Sent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const down = (error: Error): void => reject(unanswered(url, error));
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const signal = AbortSignal.any([...signals]);
    const options = { method, headers: { ...headers, ...length }, agent: false, signal } as const;
    const request = httpRequest(url, options);
    request.once("response", resolve).once("error", down).end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(Buffer.from(chunk));
  } catch (cause) {
    throw new Failure("DAEMON_DOWN", "the answer broke off", { cause });
  }
  return Buffer.concat(chunks).toString();
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, text: string): unknown {
  const isJson = headers["content-type"]?.includes("json") === true;
  const body: unknown = isJson ? JSON.parse(text) : text;
  if (statusCode < 400) return body;
  throw failureOf(body);
}

/** The failure that a body of the daemon's tells; DEFECT with its text when it tells none. */
export function failureOf(body: unknown): Failure {
  const isTold = typeof body === "object" && body !== null;
  const code: unknown = isTold ? Reflect.get(body, "code") : undefined;
  const message: unknown = isTold ? Reflect.get(body, "message") : body;
  return new Failure(isCode(code) ? code : "DEFECT", String(message));
}

function isCode(code: unknown): code is FailureCode {
  return typeof code === "string" && Object.hasOwn(FAILURES, code);
}
