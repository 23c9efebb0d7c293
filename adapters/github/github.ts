import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { EffectData } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { FollowedPull } from "../../machines/observations.ts";
import type { Adapter } from "../adapter.ts";
import { githubClient, type GithubClient, type Repository } from "./client.ts";
import { Answer, type FailedJob, pullsIn, type Seen } from "./pull-facts.ts";
import { queryFor, type Wanted } from "./pull-query.ts";

// GitHub
//
// Pull requests that GitHub keeps: looked at, opened and merged over its API.
//
//   G1. A look asks for the wanted pull requests alone, whatever else the repository has.
//   G2. What is opened or merged already is found, not done again.
//   G3. Nothing is merged but the head that was asked for, in the way that the repository prefers.
//   G5. Looks take no more than half of what GitHub still answers until its limit is reset: the rest is people's.
//   G4. The log of a failed job is read once, and no more of it is kept than its end.

export interface Look {
  readonly pulls: readonly FollowedPull[];
  /** How long to wait at least before the next one, milliseconds (G5). */
  readonly restMs: number;
}

export interface Github {
  /** Fails with FORGE_UNAUTHORIZED or FORGE_REFUSED when we cannot work with a repository there. */
  check(repository: string, signal: AbortSignal): Promise<void>;
  /** The wanted pull requests as they are there. Fails as `GithubClient.at` does. */
  look(repository: string, wanted: Wanted, signal: AbortSignal): Promise<Look>;
  readonly openPullRequest: Adapter<"openPullRequest">;
  /** For those that name a repository there. */
  readonly mergePullRequest: (
    data: EffectData<"mergePullRequest"> & { readonly github: string },
    signal: AbortSignal,
  ) => Promise<{ mergeSha: string; repeated: boolean }>;
}

/** GitHub, spoken to as whoever `env` says. */
export function github(env: NodeJS.ProcessEnv, version: string): Github {
  const client = githubClient(env, version);
  const logs = new LRUCache<string, string>({ max: 200 });
  const look: Github["look"] = async (repository, wanted, signal) =>
    client.at(repository, {
      tried: "look at pull requests",
      run: async (at) => {
        const pulls: FollowedPull[] = [];
        let restMs = 0;
        for (const part of parted(wanted)) {
          // One after the other: GitHub asks for it.
          // oxlint-disable-next-line eslint/no-await-in-loop
          const seen = await lookOnce(at, { part, signal, logs });
          pulls.push(...seen.pulls);
          restMs += seen.restMs;
        }
        return { pulls, restMs };
      },
    });
  return {
    check: async (repository, signal) => {
      const run = async ({ owner, name, octokit }: Repository): Promise<unknown> =>
        octokit.request("GET /repos/{owner}/{repo}", { owner, repo: name, request: { signal } });
      await client.at(repository, { tried: "look for the repository", run });
    },
    look,
    openPullRequest: (data, { signal }) => open(client, look, data, signal),
    mergePullRequest: (data, signal) =>
      client.at(data.github, {
        tried: `merge #${data.number}`,
        run: (at) => merge(at, data, signal),
      }),
  };
}

// What one question may cost there is bounded; so many stay far below it.
const MOST_IN_ONE = 10;

function parted({ branches, numbers }: Wanted): Wanted[] {
  const parts: Wanted[] = [];
  const most = Math.max(branches.length, numbers.length);
  for (let from = 0; from < most; from += MOST_IN_ONE) {
    const to = from + MOST_IN_ONE;
    parts.push({ branches: branches.slice(from, to), numbers: numbers.slice(from, to) });
  }
  return parts;
}

async function lookOnce(
  at: Repository,
  { part, signal, logs }: { part: Wanted; signal: AbortSignal; logs: LRUCache<string, string> },
): Promise<Look> {
  const { query, variables } = queryFor(part);
  const answer = Answer.parse(await ask(at, query, { ...variables, signal }));
  if (answer.repository === null) {
    throw new Failure("FORGE_REFUSED", "look at pull requests: there is no such repository for us");
  }
  const pulls: FollowedPull[] = [];
  // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other, as above
  for (const seen of pullsIn(answer, part)) pulls.push(await withLogs(at, seen, { signal, logs }));
  return { pulls, restMs: restAfter(answer.rateLimit ?? undefined) };
}

// Of what is left.
const OUR_SHARE = 0.5;

/** How long the cost of one question is to last, so that our share lasts until the reset (G5). */
function restAfter(
  limit: { cost: number; remaining: number; resetAt: string } | undefined,
): number {
  if (limit === undefined) return 0;
  const untilReset = Math.max(0, Date.parse(limit.resetAt) - Date.now());
  return Math.min(untilReset, (untilReset * limit.cost) / Math.max(1, limit.remaining * OUR_SHARE));
}

/** The data of an answer, also where a number that was asked for is no pull request. */
async function ask(
  { owner, name, octokit }: Repository,
  query: string,
  { signal, ...variables }: Record<string, unknown> & { signal: AbortSignal },
): Promise<unknown> {
  try {
    return await octokit.graphql(query, { ...variables, owner, name, request: { signal } });
  } catch (error) {
    const partial = Partial.safeParse(error).data;
    if (partial === undefined) throw error;
    return partial.data;
  }
}

const Partial = z.object({
  errors: z.array(z.object({ type: z.literal("NOT_FOUND") })).min(1),
  data: z.object({ repository: z.object({}).loose() }),
});

async function withLogs(
  at: Repository,
  { facts, jobs }: Seen,
  { signal, logs }: { signal: AbortSignal; logs: LRUCache<string, string> },
): Promise<FollowedPull> {
  const { failing } = facts.ci;
  if (failing === undefined || jobs.length === 0 || facts.state === "merged") return facts;
  const tails = new Map<string, string>();
  for (const job of jobs.slice(0, MOST_LOGS)) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other, as above
    const tail = await logTail(at, job, { signal, logs });
    if (tail !== "") tails.set(job.check, tail);
  }
  const told = failing.map((check) => {
    const tail = tails.get(check.name);
    return tail === undefined ? check : { ...check, logTail: tail };
  });
  return { ...facts, ci: { ...facts.ci, failing: told } };
}

const MOST_LOGS = 5;
const LOG_CHARS = 4_096;

/** The end of a job's log; "" where it cannot be had, as for one that expired (G4). */
async function logTail(
  { owner, name, octokit }: Repository,
  { id }: FailedJob,
  { signal, logs }: { signal: AbortSignal; logs: LRUCache<string, string> },
): Promise<string> {
  const key = `${owner}/${name}/${id}`;
  const known = logs.get(key);
  if (known !== undefined) return known;
  let tail = "";
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", {
      owner,
      repo: name,
      job_id: id,
      request: { signal, parseSuccessResponseBody: false },
    });
    tail = await endOfStream(data);
  } catch (error) {
    if (signal.aborted) throw error;
  }
  logs.set(key, tail);
  return tail;
}

/** The last lines of a stream of text, without the time before each. */
async function endOfStream(stream: unknown): Promise<string> {
  if (!(stream instanceof ReadableStream)) return "";
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = `${text}${chunk}`.slice(-2 * LOG_CHARS);
  }
  return text
    .replaceAll(/^\d{4}-\d\d-\d\dT[\d:.]+Z ?/gm, "")
    .trimEnd()
    .slice(-LOG_CHARS);
}

async function open(
  client: GithubClient,
  look: Github["look"],
  data: EffectData<"openPullRequest">,
  signal: AbortSignal,
): Promise<FollowedPull> {
  const { github: repository, headRef, baseRef, title, body, draft } = data;
  const opened = async (): Promise<number | undefined> => {
    const wanted = { branches: [{ name: headRef, since: 0 }], numbers: [] };
    const { pulls } = await look(repository, wanted, signal);
    return pulls.find(
      (pull) => pull.baseRef === baseRef && (pull.state === "open" || pull.state === "draft"),
    )?.number;
  };
  const number =
    (await opened()) ??
    (await client.at(repository, {
      tried: `open a pull request of ${headRef}`,
      run: async ({ owner, name, octokit }) => {
        const { data: made } = await octokit.request("POST /repos/{owner}/{repo}/pulls", {
          owner,
          repo: name,
          title,
          head: headRef,
          base: baseRef,
          body,
          draft,
          request: { signal },
        });
        return made.number;
      },
    }));
  const { pulls } = await look(repository, { branches: [], numbers: [number] }, signal);
  const [pull] = pulls;
  if (pull !== undefined) return pull;
  throw new Failure(
    "REMOTE_UNREACHABLE",
    `look at #${number} at ${repository}: it is not there yet`,
  );
}

const Standing = z.object({
  repository: z.object({
    viewerDefaultMergeMethod: z.enum(["MERGE", "REBASE", "SQUASH"]),
    pullRequest: z
      .object({
        state: z.string(),
        headRefOid: z.string(),
        mergeCommit: z.object({ oid: z.string() }).nullish(),
      })
      .nullable(),
  }),
});
const STANDING = `query($owner: String!, $name: String!, $number: Int!) { repository(owner: $owner, name: $name) {
  viewerDefaultMergeMethod
  pullRequest(number: $number) { state headRefOid mergeCommit { oid } }
} }`;

async function merge(
  at: Repository,
  { number, headSha }: EffectData<"mergePullRequest">,
  signal: AbortSignal,
): Promise<{ mergeSha: string; repeated: boolean }> {
  const { repository } = Standing.parse(await ask(at, STANDING, { number, signal }));
  const { pullRequest: pull, viewerDefaultMergeMethod: method } = repository;
  const refused = (why: string): Failure =>
    new Failure("NOT_MERGEABLE", `merge #${number} at ${at.owner}/${at.name}: ${why}`);
  if (pull === null) throw refused("there is no such pull request");
  if (pull.headRefOid !== headSha) throw refused(`its head is ${pull.headRefOid}, not ${headSha}`);
  if (pull.state === "MERGED")
    return { mergeSha: pull.mergeCommit?.oid ?? headSha, repeated: true };
  try {
    const { data } = await at.octokit.request(
      "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge",
      {
        owner: at.owner,
        repo: at.name,
        pull_number: number,
        sha: headSha,
        merge_method: METHODS[method],
        request: { signal },
      },
    );
    return { mergeSha: data.sha, repeated: false };
  } catch (error) {
    if (REFUSALS.has(Status.safeParse(error).data?.status ?? 0) && error instanceof Error) {
      throw refused(error.message.split(" - https://docs.github.com")[0] ?? "");
    }
    throw error;
  }
}

const METHODS = { MERGE: "merge", REBASE: "rebase", SQUASH: "squash" } as const;
const Status = z.object({ status: z.number() });
/** Not mergeable, head moved, a rule of the repository is not kept. */
const REFUSALS: ReadonlySet<number> = new Set([405, 409, 422]);
