import { z } from "zod";
import type { FollowedPull } from "../../machines/observations.ts";
import type { Wanted } from "./pull-query.ts";

// The facts that GitHub's answer about pull requests means.

const Actor = z
  .object({ kind: z.string(), login: z.string() })
  // A deleted account.
  .nullish()
  .transform((actor) => actor ?? { kind: "User", login: "ghost" });
/** GitHub leaves out, as null, what it could not find just then. */
function listOf<Item extends z.ZodType>(item: Item) {
  return z.array(item.nullable()).transform((all) => all.filter((each) => each !== null));
}

const Said = z.object({ id: z.string(), body: z.string(), url: z.string(), author: Actor });

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
const Threads = z.object({
  pageInfo: z.object({ hasPreviousPage: z.boolean(), startCursor: z.string().nullish() }),
  nodes: listOf(
    z.object({
      isResolved: z.boolean(),
      path: z.string(),
      line: z.number().nullish(),
      comments: z.object({ nodes: listOf(Said) }),
    }),
  ),
});
type Threads = z.infer<typeof Threads>;

/** What GitHub answers to `EARLIER_THREADS`. */
export const EarlierThreads = z.object({
  repository: z.object({ pullRequest: z.object({ reviewThreads: Threads }) }),
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
  reviews: z.object({ nodes: listOf(Said.extend({ state: z.string() })) }).nullable(),
  reviewThreads: Threads,
  commits: z.object({
    nodes: z.array(z.object({ commit: z.object({ statusCheckRollup: Rollup.nullable() }) })),
  }),
});
type Pull = z.infer<typeof Pull>;

const Found = z.object({ nodes: listOf(Pull) });
const Branch = z.object({ associatedPullRequests: Found });

/** What GitHub answers to `queryFor`. */
export const Answer = z.object({
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
  readonly jobs: readonly FailedJob[];
}

/** The pull requests in an answer, each once. */
export function pullsIn({ repository }: z.infer<typeof Answer>, wanted: Wanted): Seen[] {
  const found = Object.entries(repository ?? {}).flatMap(([key, value]) => {
    if (value === null) return [];
    if ("number" in value) return [value];
    const { nodes } = "nodes" in value ? value : value.associatedPullRequests;
    const { since = 0 } = wanted.branches[Number(key.slice(1))] ?? {};
    return nodes.filter((pull) => isOf(pull, since));
  });
  return [...new Map(found.map((pull) => [pull.number, pull])).values()].map(seen);
}

/** Whether it is of the branch that there is since then, and not of one of that name elsewhere or before. */
function isOf({ isCrossRepository, state, createdAt }: Pull, since: number): boolean {
  return !isCrossRepository && (state === "OPEN" || Date.parse(createdAt) >= since);
}

const TEXT = 4_096;
export const MOST_COMMENTS = 50;
const MOST_FAILING = 20;

function seen(pull: Pull): Seen {
  const rollup = pull.commits.nodes[0]?.commit.statusCheckRollup ?? null;
  const checks = rollup?.contexts.nodes ?? [];
  const failing = checks.filter(({ state }) => state === "failing").slice(0, MOST_FAILING);
  const jobs = failing.flatMap(({ name, job }) =>
    job === undefined ? [] : [{ check: name, id: job }],
  );
  const { hasPreviousPage, startCursor } = pull.reviewThreads.pageInfo;
  return {
    jobs,
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
      comments: openLast(commentsOf(pull)).slice(-MOST_COMMENTS),
      mergeable: pull.mergeable === "UNKNOWN" ? null : pull.mergeable === "MERGEABLE",
      updatedAt: Date.parse(pull.updatedAt),
      author: pull.author.login,
      mergeSha: pull.mergeCommit?.oid ?? null,
    },
  };
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
    ...(said !== undefined && said !== "" && { logTail: said.slice(-TEXT) }),
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

/** With those that are settled first: they are left out before the others are. */
export function openLast(comments: FollowedPull["comments"]): FollowedPull["comments"] {
  return comments.toSorted((one, other) => Number(other.resolved) - Number(one.resolved));
}

/**
 * Open threads on lines, reviews with words, and what others than its author said below it. The author's account is the
 * agent's too: what it answers there is no news for it.
 */
function commentsOf(pull: Pull): FollowedPull["comments"] {
  const others = [...pull.comments.nodes, ...(pull.reviews?.nodes ?? [])]
    .filter(({ author, body }) => author.login !== pull.author.login && body.trim() !== "")
    .map((said) => commentOf(said, false));
  return [...others, ...threadComments(pull.reviewThreads)];
}

/** What was said in threads on lines. */
export function threadComments({ nodes }: Threads): FollowedPull["comments"] {
  return nodes.flatMap(({ isResolved, path, line, comments }) =>
    comments.nodes.map((said) => ({
      ...commentOf(said, isResolved),
      path: path.slice(0, 1_024),
      ...(typeof line === "number" && { line }),
    })),
  );
}

function commentOf(
  { id, body, url, author }: z.infer<typeof Said>,
  resolved: boolean,
): FollowedPull["comments"][number] {
  return {
    id: id.slice(0, 256),
    author: author.login,
    isBot: author.kind === "Bot",
    body: body.slice(0, TEXT),
    url: url.slice(0, 2_000),
    resolved,
  };
}
