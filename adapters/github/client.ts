import type { Octokit } from "@octokit/core";
import { execa } from "execa";
import { Failure } from "../../machines/failures.ts";
import { failureOf, retryAtOf } from "./failures.ts";

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
      const given = givenToken(env, host);
      const auth = tokens.get(host) ?? given?.token ?? (await signedIn(env, host));
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
        const renewal = given === undefined ? SIGN_IN : `start the daemon with a new ${given.name}`;
        const failure = failureOf(`${tried} at ${repository}`, error, renewal);
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

const SIGN_IN = "run gh auth login";

function namesFor(host: string): readonly [string, string] {
  return host === PUBLIC
    ? ["GH_TOKEN", "GITHUB_TOKEN"]
    : ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
}

function givenToken(
  env: NodeJS.ProcessEnv,
  host: string,
): { readonly name: string; readonly token: string } | undefined {
  const name = namesFor(host).find((each) => (env[each] ?? "") !== "");
  return name === undefined ? undefined : { name, token: env[name] ?? "" };
}

async function signedIn(env: NodeJS.ProcessEnv, host: string): Promise<string> {
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
    `sign in at ${host}: nobody is; ${SIGN_IN}, or start the daemon with ${namesFor(host)[0]}`,
  );
}
