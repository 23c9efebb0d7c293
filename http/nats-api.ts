import { jsonBytes, type Bus } from "../bus/bus.ts";
import { API_SUBJECTS } from "../bus/subjects.ts";
import { Failure, FAILURES } from "../machines/failures.ts";
import type { App } from "./edge.ts";

// NATS API
//
// The HTTP routes for NATS clients: `ao.api.<method>.<path>`, the path below /api/v1 with dots for slashes.
//
//   ao.api.get.sessions.mer-1            {}                        the session
//   ao.api.get.actors                    {"kind":"session"}        the body of a get is its query
//   ao.api.post.sessions.mer-1.send      {"text":"hello"}          a command
//
// The answer is `{ status, body }`. A part of the path that holds a dot or a slash is percent-encoded, the dot as %2E.
// Whoever may publish here is the owner: the probe credential may not.

const decoder = new TextDecoder("utf-8", { fatal: true });
const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

/** Answers requests on the bus with the routes of `app`, until the returned function is called. */
export function natsApi(bus: Bus, app: App, token: string): () => void {
  return bus.serve(API_SUBJECTS, async ({ subject, body }) => {
    const answer = await ask(app, token, { subject, body }).catch((error: unknown) =>
      refusal(error, subject),
    );
    return jsonBytes(answer);
  });
}

interface Request {
  readonly subject: string;
  readonly body: Uint8Array;
}
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function ask(app: App, token: string, { subject, body }: Request): Promise<Answer> {
  const [, , verb = "", ...path] = subject.split(".");
  const method = METHODS.find((name) => name.toLowerCase() === verb);
  if (method === undefined || path.length === 0) {
    throw new Failure("SUBJECT_UNKNOWN", `read ${subject}: a request is ao.api.<method>.<path>`);
  }
  if (["events", "changes", "mux"].includes(path[0] ?? "")) {
    // Its answer would never end.
    throw new Failure("SUBJECT_UNKNOWN", `read ${subject}: listen to ao.evt.> for events`);
  }
  const payload = parseBody(subject, body);
  const response = await app.inject({
    method,
    url: `/api/v1/${path.join("/")}`,
    headers: { authorization: `Bearer ${token}` },
    ...(method === "GET" ? { query: textsOf(payload) } : { payload }),
  });
  const isJson = String(response.headers["content-type"]).includes("json");
  return { status: response.statusCode, body: isJson ? response.json<unknown>() : response.body };
}

function parseBody(subject: string, body: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = body.length === 0 ? {} : JSON.parse(decoder.decode(body));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return { ...parsed };
    throw new TypeError("not an object");
  } catch (error) {
    throw new Failure("BAD_JSON", `read ${subject}: its body is not a JSON object`, {
      cause: error,
    });
  }
}

function textsOf(query: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

function refusal(error: unknown, subject: string): Answer {
  const failure =
    error instanceof Failure ? error : new Failure("DEFECT", `answer ${subject}: something broke`);
  const { code, message } = failure;
  return { status: FAILURES[code].status, body: { code, message } };
}
