import type { Octokit } from "@octokit/core";
import { execa } from "execa";
import { z } from "zod";
import { Failure } from "../../machines/failures.ts";

// GitHub client
//
// Speaks to the API of GitHub for one repository: whom we are there, and what its errors mean.
//
//   K1. The token is asked for when it is needed and kept in memory alone; one that is refused is asked for anew.
//   K2. A limit is told with the time at which it is over (`retryAt`), and nothing is asked of that host before.
//   K3. Whoever only looks takes half of what is left of an hour when it is seen first, and no more: the rest is people's.

/** A repository there, and who asks. */
export interface Repository {
  readonly owner: string;
  readonly name: string;
  readonly octokit: Octokit;
}

/** What a question cost, and what is left until when. */
export interface RateLimit {
  readonly cost: number;
  readonly remaining: number;
  readonly resetAt: string;
}

export interface GithubClient {
  /** How long a look that cost so much has to last, milliseconds (K3). */
  restAfter(repository: string, limit: RateLimit): number;
  /** Does something at `[host/]owner/name`. Fails with the FORGE_ codes, or with REMOTE_UNREACHABLE. */
  at<Result>(
    repository: string,
    what: { readonly tried: string; readonly run: (at: Repository) => Promise<Result> },
  ): Promise<Result>;
}

/** A client that knows us by `GH_TOKEN` or `GITHUB_TOKEN`, or by what `gh` is signed in with. */
export function githubClient(env: NodeJS.ProcessEnv, version: string): GithubClient {
  const tokens = new Map<string, string>();
  const limits = new Map<string, Failure>();
  const floors = new Map<string, { readonly resetAt: string; readonly floor: number }>();
  return {
    restAfter(repository, { cost, remaining, resetAt }) {
      const { host } = placeOf(repository);
      const known = floors.get(host);
      const floor = known?.resetAt === resetAt ? known.floor : (remaining + cost) / 2;
      floors.set(host, { resetAt, floor });
      const untilReset = Math.max(0, Date.parse(resetAt) - Date.now());
      const spare = remaining - floor;
      return spare < cost ? untilReset : Math.min(untilReset, (untilReset * cost) / spare);
    },
    async at(repository, { tried, run }) {
      const { host, owner, name } = placeOf(repository);
      const limit = limits.get(host);
      if (limit !== undefined && (retryAtOf(limit) ?? 0) > Date.now()) throw limit;
      limits.delete(host);
      const auth = tokens.get(host) ?? (await tokenOf(env, host));
      tokens.set(host, auth);
      // Most daemons follow nothing there, and it takes 10 MB.
      const { Octokit: Client } = await import("@octokit/core");
      const octokit = new Client({
        auth,
        baseUrl: apiOf(env, host),
        userAgent: `ao/${version}`,
        log: QUIET,
      });
      try {
        return await run({ owner, name, octokit });
      } catch (error) {
        const failure = failureOf(`${tried} at ${repository}`, error);
        if (failure.code === "FORGE_UNAUTHORIZED") tokens.delete(host);
        if (failure.code === "FORGE_LIMITED") limits.set(host, failure);
        throw failure;
      }
    },
  };
}

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const PUBLIC = "github.com";

function placeOf(repository: string): { host: string; owner: string; name: string } {
  const [name = "", owner = "", host = PUBLIC] = repository.split("/").toReversed();
  return { host, owner, name };
}

/** `GITHUB_API_URL` stands for github.com, as it does in GitHub's own actions. */
function apiOf(env: NodeJS.ProcessEnv, host: string): string {
  if (host !== PUBLIC) return `https://${host}/api/v3`;
  return (env["GITHUB_API_URL"] ?? "https://api.github.com").replace(/\/+$/, "");
}

async function tokenOf(env: NodeJS.ProcessEnv, host: string): Promise<string> {
  const names =
    host === PUBLIC
      ? ["GH_TOKEN", "GITHUB_TOKEN"]
      : ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
  const given = names.map((name) => env[name]).find((token) => token !== undefined && token !== "");
  if (given !== undefined) return given;
  const args = ["auth", "token", "--hostname", host];
  const { stdout } = await execa("gh", args, {
    env,
    extendEnv: false,
    reject: false,
    timeout: 10_000,
  });
  const token = stdout?.trim() ?? "";
  if (token !== "") return token;
  throw new Failure(
    "FORGE_UNAUTHORIZED",
    `sign in at ${host}: nobody is; run gh auth login, or start the daemon with ${names[0]}`,
  );
}

/** What the client of the API throws for an answer that is no success. */
const HttpError = z.object({
  status: z.number(),
  message: z.string(),
  response: z.object({ headers: z.record(z.string(), z.unknown()).catch({}) }).optional(),
});
/** What it throws for an answer with errors in it. */
const GraphqlError = z.object({
  name: z.literal("GraphqlResponseError"),
  headers: z.record(z.string(), z.unknown()).catch({}),
  errors: z.array(z.object({ type: z.string().optional(), message: z.string() })),
});

function failureOf(tried: string, error: unknown): Failure {
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
  return httpFailure(tried, http);
}

function graphqlFailure(tried: string, { headers, errors }: z.infer<typeof GraphqlError>): Failure {
  const said = errors.map(({ message }) => message).join("; ");
  return errors.some(({ type }) => type === "RATE_LIMITED")
    ? limited(`${tried}: ${said}`, headers)
    : new Failure("FORGE_REFUSED", `${tried}: ${said}`);
}

/** What an answer says, without the address of the page that explains it. */
export function wordsOf(message: string): string {
  return message.split(" - https://docs.github.com")[0] ?? "";
}

function httpFailure(
  tried: string,
  { status, message, response }: z.infer<typeof HttpError>,
): Failure {
  const headers = response?.headers ?? {};
  const told = `${tried}: ${wordsOf(message)} (${status})`;
  if (status === 401) return new Failure("FORGE_UNAUTHORIZED", `${told}; run gh auth login`);
  const isLimit = headers["x-ratelimit-remaining"] === "0" || headers["retry-after"] !== undefined;
  if ((status === 403 || status === 429) && isLimit) return limited(told, headers);
  // One without an answer is given 500 by the client.
  return status >= 500
    ? new Failure("REMOTE_UNREACHABLE", told)
    : new Failure("FORGE_REFUSED", told);
}

/** When a limit is over (K2); milliseconds since 1970. */
const Limited = z.object({ retryAt: z.number() });

function limited(message: string, headers: Record<string, unknown>): Failure {
  const after = Number(headers["retry-after"] ?? Number.NaN);
  const reset = Number(headers["x-ratelimit-reset"] ?? Number.NaN);
  const inAMinute = Date.now() + 60_000;
  const retryAt = Number.isFinite(after)
    ? Date.now() + after * 1_000
    : Number.isFinite(reset)
      ? reset * 1_000
      : inAMinute;
  return new Failure("FORGE_LIMITED", message, { details: { retryAt } });
}

/** When what failed can be asked again; undefined when nothing was said of it. */
export function retryAtOf(error: unknown): number | undefined {
  return error instanceof Failure ? Limited.safeParse(error.details).data?.retryAt : undefined;
}
