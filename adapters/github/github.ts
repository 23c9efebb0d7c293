import { LRUCache } from "lru-cache";
import type { EffectData } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import { OBSERVED_COMMENTS, OBSERVED_TEXT } from "../../machines/forge/pulls.ts";
import type { FollowedPull } from "../../machines/observations.ts";
import type { Adapter, Attempt } from "../adapter.ts";
import { ask } from "./ask.ts";
import { deadline } from "../deadline.ts";
import { githubClient, type GithubClient, type RateLimit, type Repository } from "./client.ts";
import { Answer, type FailedJob, pullsIn, type Seen } from "./pull-facts.ts";
import { EarlierThreads, openLast, threadComments } from "./comments.ts";
import { merge } from "./merging.ts";
import { open } from "./opening.ts";
import { EARLIER_THREADS, queryFor, type Wanted } from "./pull-query.ts";

// GitHub
//
// Pull requests that GitHub keeps: looked at, opened and merged over its API.
//
//   G1. A look asks for the wanted pull requests alone, whatever else the repository has.
//   G4. The log of a failed job is read once, and no more of it is kept than its end; one that could not be read is asked
//       for again.
//   G5. A look ends within a minute, whether GitHub answers or not.

export interface Look {
  readonly pulls: readonly FollowedPull[];
  /** How long to wait at least before the next one, milliseconds. */
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
  const logs = new LRUCache<string, string>({ max: 200, perf: Date, ttlResolution: 0 });
  const look: Github["look"] = async (repository, wanted, signal) => {
    using limit = deadline(LOOK_MS);
    const until = AbortSignal.any([signal, limit.signal]);
    return await client.at(repository, {
      tried: "look at pull requests",
      run: async (at) => {
        const pulls: FollowedPull[] = [];
        let restMs = 0;
        for (const part of parted(wanted)) {
          // One after the other: GitHub asks for it.
          // oxlint-disable-next-line eslint/no-await-in-loop
          const seen = await lookOnce(at, { part, signal: until, logs });
          pulls.push(...seen.pulls);
          if (seen.limit !== undefined) restMs += client.restAfter(repository, seen.limit);
        }
        return { pulls, restMs };
      },
    });
  };
  return {
    check: async (repository, signal) => {
      const run = async ({ owner, name, octokit }: Repository): Promise<unknown> =>
        octokit.request("GET /repos/{owner}/{repo}", { owner, repo: name, request: { signal } });
      await client.at(repository, { tried: "look for the repository", run });
    },
    look,
    openPullRequest: (data, attempt) => openAndLook(client, look, data, attempt),
    mergePullRequest: (data, signal) =>
      client.at(data.github, {
        tried: `merge #${data.number}`,
        run: (at) => merge(at, data, signal),
      }),
  };
}

const LOOK_MS = 60_000;

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
): Promise<{ readonly pulls: FollowedPull[]; readonly limit: RateLimit | undefined }> {
  const { query, variables } = queryFor(part);
  const answer = Answer.parse(await ask(at, query, { ...variables, signal }));
  if (answer.repository === null) {
    throw new Failure("FORGE_REFUSED", "look at pull requests: there is no such repository for us");
  }
  const pulls: FollowedPull[] = [];
  for (const seen of pullsIn(answer, part)) {
    // oxlint-disable-next-line eslint/no-await-in-loop
    const facts = await withLogs(at, await withThreads(at, seen, signal), { signal, logs });
    pulls.push(facts);
  }
  return { pulls, limit: answer.rateLimit ?? undefined };
}

// Five hundred threads; nobody reads on after that.
const MOST_PAGES = 5;

/** With the threads before those that were told, since an open one may be the oldest of all. */
async function withThreads(at: Repository, seen: Seen, signal: AbortSignal): Promise<Seen> {
  let before = seen.threadsBefore;
  let earlier: FollowedPull["comments"] = [];
  const { number } = seen.facts;
  for (let page = 0; before !== undefined && page < MOST_PAGES; page += 1) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- each page names the next
    const answer = EarlierThreads.parse(await ask(at, EARLIER_THREADS, { number, before, signal }));
    const { reviewThreads } = answer.repository.pullRequest;
    earlier = [...threadComments(reviewThreads, seen.ours), ...earlier];
    const { hasPreviousPage, startCursor } = reviewThreads.pageInfo;
    before = hasPreviousPage ? (startCursor ?? undefined) : undefined;
  }
  if (earlier.length === 0) return seen;
  const comments = openLast([...earlier, ...seen.facts.comments]).slice(-OBSERVED_COMMENTS);
  return { ...seen, facts: { ...seen.facts, comments } };
}

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
const LOG_AGAIN_MS = 60_000;

/** The end of a job's log; "" where it cannot be had, as for one that expired (G4). */
async function logTail(
  { owner, name, octokit }: Repository,
  { id }: FailedJob,
  { signal, logs }: { signal: AbortSignal; logs: LRUCache<string, string> },
): Promise<string> {
  const key = `${owner}/${name}/${id}`;
  const known = logs.get(key);
  if (known !== undefined) return known;
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", {
      owner,
      repo: name,
      job_id: id,
      request: { signal, parseSuccessResponseBody: false },
    });
    const tail = await endOfStream(data);
    logs.set(key, tail);
    return tail;
  } catch (error) {
    if (signal.aborted) throw error;
    // It may not be there yet, or not any more: not with every look.
    logs.set(key, "", { ttl: LOG_AGAIN_MS });
    return "";
  }
}

/** The last lines of a stream of text, without the time before each. */
async function endOfStream(stream: unknown): Promise<string> {
  if (!(stream instanceof ReadableStream)) return "";
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = `${text}${chunk}`.slice(-2 * OBSERVED_TEXT);
  }
  return text
    .replaceAll(/^\d{4}-\d\d-\d\dT[\d:.]+Z ?/gm, "")
    .trimEnd()
    .slice(-OBSERVED_TEXT);
}

/** What was opened, as it is there. */
async function openAndLook(
  client: GithubClient,
  look: Github["look"],
  data: EffectData<"openPullRequest">,
  attempt: Attempt,
): Promise<FollowedPull> {
  const { github: repository } = data;
  const number = await open(client, data, attempt);
  const { pulls } = await look(repository, { branches: [], numbers: [number] }, attempt.signal);
  const [pull] = pulls;
  if (pull !== undefined) return unsettled(pull);
  throw new Failure(
    "REMOTE_UNREACHABLE",
    `look at #${number} at ${repository}: it is not there yet`,
  );
}

/** A new head has no checks for some seconds: that is none yet, not none. */
export function unsettled(pull: FollowedPull): FollowedPull {
  return pull.ci.state === "none" ? { ...pull, ci: { state: "pending" } } : pull;
}
