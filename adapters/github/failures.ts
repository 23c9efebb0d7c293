import { z } from "zod";
import { Failure } from "../../machines/failures.ts";

// Failures of GitHub
//
// What its errors mean, in words for a person. Its limits come in many forms: of some only the message tells.

/** What the client of the API throws for an answer that is no success. */
const HttpError = z.object({
  status: z.number(),
  message: z.string(),
  response: z
    .object({ headers: z.record(z.string(), z.unknown()).catch({}), data: z.unknown() })
    .optional(),
});
/** What it throws for an answer with errors in it. */
const GraphqlError = z.object({
  name: z.literal("GraphqlResponseError"),
  headers: z.record(z.string(), z.unknown()).catch({}),
  errors: z.array(z.object({ type: z.string().optional(), message: z.string() })),
});
type Headers = Readonly<Record<string, unknown>>;

/** What failed, as a Failure; `renewal` is what helps where we are not known any more. */
export function failureOf(tried: string, error: unknown, renewal: string): Failure {
  if (error instanceof Failure) return error;
  const graphql = GraphqlError.safeParse(error).data;
  if (graphql !== undefined) return graphqlFailure(tried, graphql);
  const http = HttpError.safeParse(error).data;
  if (error instanceof z.ZodError) {
    const at = error.issues[0]?.path.join(".") ?? "";
    return new Failure("FORGE_REFUSED", `${tried}: its answer is not what was expected, at ${at}`);
  }
  if (http === undefined) {
    const said = error instanceof Error ? error.message : String(error);
    return new Failure("REMOTE_UNREACHABLE", `${tried}: ${said}`, { cause: error });
  }
  return httpFailure(tried, http, renewal);
}

// It says so for one that took too long, too; the next one may not.
const TRANSIENT = /something went wrong|timed? ?out/i;
const LIMIT = /secondary rate limit|abuse detection/i;

function graphqlFailure(tried: string, { headers, errors }: z.infer<typeof GraphqlError>): Failure {
  const said = errors.map(({ message }) => message).join("; ");
  const told = `${tried}: ${said}`;
  if (LIMIT.test(said) || errors.some(({ type }) => type === "RATE_LIMITED")) {
    return limited(told, headers);
  }
  return new Failure(TRANSIENT.test(said) ? "REMOTE_UNREACHABLE" : "FORGE_REFUSED", told);
}

const Refused = z.object({
  message: z.string(),
  errors: z.array(
    z.union([
      z.string(),
      z.object({ message: z.string() }).transform(({ message }) => message),
      z
        .object({ field: z.string(), code: z.string() })
        .transform(({ field, code }) => `${field} is ${code}`),
    ]),
  ),
});

/** What an answer says: no page of HTML, no JSON, no address of a page that explains it. */
export function wordsOf(error: unknown): string {
  const { message, response } = HttpError.parse(error);
  const refused = Refused.safeParse(response?.data).data;
  if (refused !== undefined) return `${refused.message}: ${refused.errors.join("; ")}`;
  const [said = ""] = message.split(" - https://docs.github.com");
  return /^\s*</.test(said) ? "it answered with a page instead of data" : said;
}

function httpFailure(tried: string, error: z.infer<typeof HttpError>, renewal: string): Failure {
  const { status, response } = error;
  const headers = response?.headers ?? {};
  const told = `${tried}: ${wordsOf(error)} (${status})`;
  if (status === 401) return new Failure("FORGE_UNAUTHORIZED", `${told}; ${renewal}`);
  const isLimit =
    headers["x-ratelimit-remaining"] === "0" ||
    headers["retry-after"] !== undefined ||
    LIMIT.test(told);
  if (status === 429 || (status === 403 && isLimit)) return limited(told, headers);
  // One without an answer is given 500 by the client.
  if (status >= 500) return new Failure("REMOTE_UNREACHABLE", told);
  // What a token may not see is not there for it.
  const hint = status === 404 ? "; it is not there, or our token may not see or do that" : "";
  return new Failure("FORGE_REFUSED", `${told}${hint}`);
}

/** When a limit is over (K2); milliseconds since 1970. */
const Limited = z.object({ retryAt: z.number() });

// Where nothing is said of it, GitHub asks for a minute.
const MINUTE_MS = 60_000;
// Its own are over within an hour.
const LONGEST_MS = 60 * MINUTE_MS;

function limited(message: string, headers: Headers): Failure {
  const retryAt = Math.min(Date.now() + LONGEST_MS, overAt(headers));
  const over = new Date(retryAt).toISOString().replace(/\.\d+Z$/, "Z");
  return new Failure("FORGE_LIMITED", `${message}; not before ${over}`, { details: { retryAt } });
}

function overAt(headers: Headers): number {
  const after = Number(headers["retry-after"] ?? Number.NaN);
  if (Number.isFinite(after)) return Date.now() + after * 1_000;
  // The hour counts only once nothing of it is left.
  const isSpent = headers["x-ratelimit-remaining"] === "0";
  const reset = Number((isSpent ? headers["x-ratelimit-reset"] : undefined) ?? Number.NaN);
  return Number.isFinite(reset) ? reset * 1_000 : Date.now() + MINUTE_MS;
}

/** When what failed can be asked again; undefined when nothing was said of it. */
export function retryAtOf(error: unknown): number | undefined {
  return error instanceof Failure ? Limited.safeParse(error.details).data?.retryAt : undefined;
}
