import { createHash } from "node:crypto";
import { z } from "zod";
import type { EffectData } from "../../machines/effects.ts";
import type { Attempt } from "../adapter.ts";
import { ask } from "./ask.ts";
import type { GithubClient, Repository } from "./client.ts";
import { listOf } from "./comments.ts";

// Opening at GitHub
//
//   G2. What is open already of these branches is found, not opened again.
//   G7. An order opens one pull request, whatever became of it since: what it opens bears the order's mark, and whoever
//       carries it out again looks for that first. No other order has it, not even one of a daemon that began anew.

/** Opens a pull request, or finds the one that this order opened (G7) or that is open (G2); its number there. */
export async function open(
  client: GithubClient,
  data: EffectData<"openPullRequest">,
  attempt: Attempt,
): Promise<number> {
  const { github: repository, headRef } = data;
  const { signal } = attempt;
  const mark = markOf(attempt);
  const tried = `open a pull request of ${headRef}`;
  const find = async (): Promise<number | undefined> =>
    client.at(repository, { tried, run: (at) => opened(at, { data, mark, signal }) });
  const known = await find();
  if (known !== undefined) return known;
  try {
    return await client.at(repository, { tried, run: (at) => post(at, { data, mark, signal }) });
  } catch (error) {
    // Somebody may have opened it since it was looked for.
    const theirs = await find();
    if (theirs === undefined) throw error;
    return theirs;
  }
}

interface Wanted {
  readonly data: EffectData<"openPullRequest">;
  readonly mark: string;
  readonly signal: AbortSignal;
}

/** Names one order: its id, and when it was given, since a new data directory gives the same ids again. */
function markOf({ effectId, orderedAt }: Attempt): string {
  const name = createHash("sha256").update(`${effectId} ${orderedAt}`).digest("hex");
  return `<!-- opened by ao: ${name.slice(0, 32)} -->`;
}

// The newest of all that ever were of these branches; forks have branches of that name too.
const OPENED = `query($owner: String!, $name: String!, $head: String!, $base: String!) { repository(owner: $owner, name: $name) {
  pullRequests(headRefName: $head, baseRefName: $base, first: 50, orderBy: {field: CREATED_AT, direction: DESC}) {
    nodes { number state body isCrossRepository }
  }
} }`;
const Opened = z.object({
  repository: z.object({
    pullRequests: z.object({
      nodes: listOf(
        z.object({
          number: z.number(),
          state: z.string(),
          body: z.string(),
          isCrossRepository: z.boolean(),
        }),
      ),
    }),
  }),
});

async function opened(
  at: Repository,
  { data: { headRef: head, baseRef: base }, mark, signal }: Wanted,
): Promise<number | undefined> {
  const { repository } = Opened.parse(await ask(at, OPENED, { head, base, signal }));
  const ours = repository.pullRequests.nodes.filter((pull) => !pull.isCrossRepository);
  const isOpen = ours.find((pull) => pull.state === "OPEN");
  return (ours.find((pull) => pull.body.includes(mark)) ?? isOpen)?.number;
}

// A repository of another name may answer with something else.
const Made = z.object({ number: z.number() });
// GitHub takes 65,536 characters.
const MOST_BODY = 65_000;

async function post(
  { owner, name, octokit }: Repository,
  { data: { headRef, baseRef, title, body, draft }, mark, signal }: Wanted,
): Promise<number> {
  const { data: made } = await octokit.request("POST /repos/{owner}/{repo}/pulls", {
    owner,
    repo: name,
    title,
    head: headRef,
    base: baseRef,
    body: `${body.slice(0, MOST_BODY - mark.length).trimEnd()}\n\n${mark}`.trimStart(),
    draft,
    request: { signal },
  });
  return Made.parse(made).number;
}
