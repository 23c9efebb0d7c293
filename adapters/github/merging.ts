import { z } from "zod";
import type { EffectData } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import { ask } from "./ask.ts";
import type { Repository } from "./client.ts";
import { wordsOf } from "./failures.ts";

// Merging at GitHub
//
//   G2. What is merged already is found, not merged again.
//   G3. Nothing is merged but the head that was asked for, in the way that the repository prefers.
//   G6. Whatever was observed before, GitHub itself is asked whether checks and reviews stand in its way.

const Rollup = z.object({ state: z.string() }).nullable();
const Standing = z.object({
  repository: z.object({
    viewerDefaultMergeMethod: z.enum(["MERGE", "REBASE", "SQUASH"]),
    pullRequest: z
      .object({
        state: z.string(),
        isDraft: z.boolean(),
        headRefOid: z.string(),
        reviewDecision: z.string().nullable(),
        mergeCommit: z.object({ oid: z.string() }).nullish(),
        commits: z.object({
          nodes: z.array(z.object({ commit: z.object({ statusCheckRollup: Rollup }) })),
        }),
      })
      .nullable(),
  }),
});
type Standing = NonNullable<z.infer<typeof Standing>["repository"]["pullRequest"]>;
const STANDING = `query($owner: String!, $name: String!, $number: Int!) { repository(owner: $owner, name: $name) {
  viewerDefaultMergeMethod
  pullRequest(number: $number) {
    state isDraft headRefOid reviewDecision mergeCommit { oid }
    commits(last: 1) { nodes { commit { statusCheckRollup { state } } } }
  }
} }`;

/** Why GitHub says that it is not to be merged; undefined when it does not (G6). */
function obstacleOf(
  { isDraft, reviewDecision, commits }: Standing,
  review: "waived" | "given" | "owed",
): string | undefined {
  const checks = commits.nodes[0]?.commit.statusCheckRollup?.state ?? "SUCCESS";
  if (isDraft) return "it is a draft";
  if (checks !== "SUCCESS") return `its checks are not passing: ${checks.toLowerCase()}`;
  if (reviewDecision === "CHANGES_REQUESTED") return "its review asks for changes";
  const isOwed = reviewDecision === null ? review === "owed" : reviewDecision !== "APPROVED";
  return isOwed && review !== "waived" ? "its head was not reviewed yet" : undefined;
}

/**
 * Merges a head in the way that its repository prefers, or finds it merged. Fails with NOT_MERGEABLE when GitHub says that
 * something stands in its way.
 */
export async function merge(
  at: Repository,
  { number, headSha, review = "owed" }: EffectData<"mergePullRequest">,
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
  if (pull.state === "CLOSED") throw refused("it is closed");
  const obstacle = obstacleOf(pull, review);
  if (obstacle !== undefined) throw refused(obstacle);
  return { mergeSha: await put(at, { number, headSha, method, signal, refused }), repeated: false };
}

async function put(
  { owner, name, octokit }: Repository,
  {
    number,
    headSha,
    method,
    signal,
    refused,
  }: {
    readonly number: number;
    readonly headSha: string;
    readonly method: keyof typeof METHODS;
    readonly signal: AbortSignal;
    readonly refused: (why: string) => Failure;
  },
): Promise<string> {
  try {
    const { data } = await octokit.request("PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", {
      owner,
      repo: name,
      pull_number: number,
      sha: headSha,
      merge_method: METHODS[method],
      request: { signal },
    });
    return data.sha;
  } catch (error) {
    if (REFUSALS.has(Status.safeParse(error).data?.status ?? 0)) throw refused(wordsOf(error));
    throw error;
  }
}

const METHODS = { MERGE: "merge", REBASE: "rebase", SQUASH: "squash" } as const;
const Status = z.object({ status: z.number() });
/** Not mergeable, head moved, a rule of the repository is not kept. */
const REFUSALS: ReadonlySet<number> = new Set([405, 409, 422]);
