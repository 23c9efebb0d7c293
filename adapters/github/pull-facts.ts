import { z } from "zod";
import type { FollowedPull } from "../../machines/observations.ts";
import { OBSERVED_COMMENTS, OBSERVED_TEXT } from "../../machines/forge/pulls.ts";
import { Actor, type AllSaid, commentsOf, listOf, openLast, Said, Threads } from "./comments.ts";
import type { Wanted } from "./pull-query.ts";

// The facts that GitHub's answer about pull requests means.

/** One check of either sort, as it matters here. */
interface Check {
  readonly name: string;
  readonly state: "passing" | "pending" | "failing";
  readonly url: string | undefined;
  readonly said: string | undefined;
  /** Number of the job whose log tells more. */
  readonly job: number | undefined;
}

// One that is skipped or neutral does not stand in the way of a merge.
const PASSED: ReadonlySet<string> = new Set(["SUCCESS", "NEUTRAL", "SKIPPED"]);
const AWAITED: ReadonlySet<string> = new Set(["PENDING", "EXPECTED"]);
const Text = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const CheckRun = z
  .object({
    kind: z.literal("CheckRun"),
    name: z.string(),
    status: z.string(),
    conclusion: z.string().nullable(),
    detailsUrl: Text,
    databaseId: z.number().nullish(),
    summary: Text,
    checkSuite: z.object({ app: z.object({ slug: z.string() }).nullish() }).nullish(),
  })
  .transform((run): Check => {
    const ended = PASSED.has(run.conclusion ?? "") ? "passing" : "failing";
    const isJob = run.checkSuite?.app?.slug === "github-actions";
    return {
      name: run.name,
      state: run.status === "COMPLETED" ? ended : "pending",
      url: run.detailsUrl,
      said: run.summary,
      job: isJob ? (run.databaseId ?? undefined) : undefined,
    };
  });
const StatusContext = z
  .object({
    kind: z.literal("StatusContext"),
    context: z.string(),
    state: z.string(),
    targetUrl: Text,
    description: Text,
  })
  .transform(({ context, state, targetUrl, description }): Check => {
    const ended = state === "SUCCESS" ? "passing" : "failing";
    return {
      name: context,
      state: AWAITED.has(state) ? "pending" : ended,
      url: targetUrl,
      said: description,
      job: undefined,
    };
  });
const Rollup = z.object({
  state: z.string(),
  contexts: z.object({ nodes: listOf(z.union([CheckRun, StatusContext])) }),
});
const Pull = z.object({
  number: z.number(),
  url: z.string(),
  title: z.string(),
  isDraft: z.boolean(),
  state: z.enum(["OPEN", "CLOSED", "MERGED"]),
  headRefOid: z.string(),
  headRefName: z.string(),
  baseRefName: z.string(),
  mergeable: z.enum(["MERGEABLE", "CONFLICTING", "UNKNOWN"]),
  reviewDecision: z.enum(["APPROVED", "CHANGES_REQUESTED", "REVIEW_REQUIRED"]).nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  isCrossRepository: z.boolean(),
  author: Actor,
  mergeCommit: z.object({ oid: z.string() }).nullish(),
  comments: z.object({ nodes: listOf(Said) }),
  reviews: z.object({ nodes: listOf(Said) }).nullable(),
  reviewThreads: Threads,
  commits: z.object({
    nodes: z.array(
      z.object({
        commit: z.object({
          committedDate: z.string().transform(Date.parse),
          statusCheckRollup: Rollup.nullable(),
        }),
      }),
    ),
  }),
});
type Pull = z.infer<typeof Pull>;

const Found = z.object({ nodes: listOf(Pull) });
const Branch = z.object({ associatedPullRequests: Found });

/** What GitHub answers to `queryFor`. */
export const Answer = z.object({
  /** Whom our token makes us. */
  viewer: z.object({ login: z.string() }),
  // Null where it is not, or may not be seen.
  repository: z.record(z.string(), z.union([Pull, Found, Branch]).nullable()).nullable(),
  // Null where nothing is limited.
  rateLimit: z.object({ cost: z.number(), remaining: z.number(), resetAt: z.string() }).nullish(),
});

/** A job of GitHub's actions whose log says why a check fails. */
export interface FailedJob {
  readonly check: string;
  readonly id: number;
}

/** A pull request as it was told, and the jobs whose logs are worth reading. */
export interface Seen {
  readonly facts: FollowedPull;
  /** Where its earlier threads end; undefined when all were told. */
  readonly threadsBefore: string | undefined;
  /** The accounts under which its agent may write. */
  readonly ours: ReadonlySet<string>;
  readonly jobs: readonly FailedJob[];
}

/** The pull requests in an answer, each once. */
export function pullsIn({ repository, viewer }: z.infer<typeof Answer>, wanted: Wanted): Seen[] {
  const found = Object.entries(repository ?? {}).flatMap(([key, value]) => {
    if (value === null) return [];
    if ("number" in value) return [value];
    const { nodes } = "nodes" in value ? value : value.associatedPullRequests;
    const { since = 0 } = wanted.branches[Number(key.slice(1))] ?? {};
    return nodes.filter((pull) => isOf(pull, since));
  });
  return [...new Map(found.map((pull) => [pull.number, pull])).values()].map((pull) =>
    seen(pull, viewer.login),
  );
}

/** Whether it is of the branch that there is since then, and not of one of that name elsewhere or before. */
function isOf({ isCrossRepository, state, createdAt }: Pull, since: number): boolean {
  return !isCrossRepository && (state === "OPEN" || Date.parse(createdAt) >= since);
}

const MOST_FAILING = 20;

function seen(pull: Pull, viewer: string): Seen {
  const head = pull.commits.nodes[0]?.commit;
  const rollup = head?.statusCheckRollup ?? null;
  const checks = rollup?.contexts.nodes ?? [];
  const failing = checks.filter(({ state }) => state === "failing").slice(0, MOST_FAILING);
  const jobs = failing.flatMap(({ name, job }) =>
    job === undefined ? [] : [{ check: name, id: job }],
  );
  const { hasPreviousPage, startCursor } = pull.reviewThreads.pageInfo;
  const ours = new Set([pull.author.login, viewer]);
  return {
    jobs,
    ours,
    threadsBefore: hasPreviousPage ? (startCursor ?? undefined) : undefined,
    facts: {
      url: pull.url,
      number: pull.number,
      title: pull.title.slice(0, 1_000),
      state: stateOf(pull),
      headSha: pull.headRefOid,
      headRef: pull.headRefName.slice(0, 256),
      baseRef: pull.baseRefName.slice(0, 256),
      ci: {
        state: ciOf(rollup, checks),
        ...(failing.length > 0 && { failing: failing.map(failingOf) }),
      },
      reviewDecision: decisionOf(pull),
      comments: openLast(commentsOf(saidOf(pull), ours)).slice(-OBSERVED_COMMENTS),
      mergeable: pull.mergeable === "UNKNOWN" ? null : pull.mergeable === "MERGEABLE",
      updatedAt: Date.parse(pull.updatedAt),
      author: pull.author.login,
      mergeSha: pull.mergeCommit?.oid ?? null,
    },
  };
}

function saidOf({ comments, reviews, reviewThreads: threads, commits }: Pull): AllSaid {
  const below = [...comments.nodes, ...(reviews?.nodes ?? [])];
  return { below, threads, movedAt: commits.nodes[0]?.commit.committedDate ?? 0 };
}

function stateOf({ state, isDraft }: Pull): FollowedPull["state"] {
  if (state === "OPEN") return isDraft ? "draft" : "open";
  return state === "MERGED" ? "merged" : "closed";
}

function decisionOf({ reviewDecision }: Pull): FollowedPull["reviewDecision"] {
  if (reviewDecision === null) return "none";
  if (reviewDecision === "REVIEW_REQUIRED") return "required";
  return reviewDecision === "APPROVED" ? "approved" : "changes_requested";
}

function failingOf({ name, url, said }: Check): { name: string; url?: string; logTail?: string } {
  return {
    name: name.slice(0, 256),
    ...(url !== undefined && { url: url.slice(0, 2_000) }),
    ...(said !== undefined && said !== "" && { logTail: said.slice(-OBSERVED_TEXT) }),
  };
}

/** The worst of all; what GitHub itself makes of them counts too, since it knows those beyond the first hundred. */
function ciOf(
  rollup: z.infer<typeof Rollup> | null,
  checks: readonly Check[],
): FollowedPull["ci"]["state"] {
  if (rollup === null) return "none";
  const { state } = rollup;
  const isSome = (wanted: Check["state"]): boolean =>
    checks.some((check) => check.state === wanted);
  if (isSome("failing") || state === "FAILURE" || state === "ERROR") return "failing";
  return isSome("pending") || AWAITED.has(state) ? "pending" : "passing";
}
