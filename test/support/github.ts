import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { schema as published } from "@octokit/graphql-schema";
import { buildSchema, graphql, GraphQLError, type GraphQLSchema } from "graphql";
import { onTestFinished } from "vitest";
import { z } from "zod";

// A GitHub of our own on loopback. Questions are answered by the schema that GitHub publishes, so one that it would not
// take is refused here too.

let schema: GraphQLSchema | undefined;

export interface GithubPull {
  number: number;
  title: string;
  body: string;
  isDraft: boolean;
  state: "OPEN" | "CLOSED" | "MERGED";
  headRefName: string;
  headRefOid: string;
  baseRefName: string;
  mergeable: "MERGEABLE" | "CONFLICTING" | "UNKNOWN";
  reviewDecision: "APPROVED" | "CHANGES_REQUESTED" | "REVIEW_REQUIRED" | null;
  createdAt: string;
  updatedAt: string;
  isCrossRepository: boolean;
  author: { __typename: string; login: string } | null;
  mergeCommit: { oid: string } | null;
  comments: { nodes: object[] };
  reviews: { nodes: object[] };
  reviewThreads: { nodes: GithubThread[] };
  /** When its head was made. */
  committedDate: string;
  checks: object[] | null;
  rollup: string;
}

export interface GithubThread {
  isResolved: boolean;
  path: string;
  line: number | null;
  comments: { nodes: object[] };
}

export interface Refusal {
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** In the words of GitHub; a page of HTML when it begins as one. */
  readonly message?: string;
  /** The whole answer, where it is more than a message. */
  readonly body?: object;
  readonly only?: RegExp;
}

export interface FakeGithub {
  readonly url: string;
  /** The token that it takes. */
  readonly token: string;
  /** Whose token it is. */
  viewer: string;
  readonly pulls: Map<number, GithubPull>;
  /** Logs of jobs, by number. */
  readonly logs: Map<number, string>;
  /** What it was asked: method and path, a question with the names it asks for. */
  readonly asked: string[];
  /** Opens one as somebody there would. */
  open(pull: Partial<GithubPull> & { readonly headRefName: string }): GithubPull;
  /** Answers everything with this from now on, `only` what it matches as "POST /path"; undefined ends that. */
  refuse(answer: Refusal | undefined): void;
  /** It has another name by now: what is asked of the old one is sent on, as GitHub does. */
  isRenamed: boolean;
  /** What one question costs there, and what is left for the hour. */
  readonly limit: { cost: number; remaining: number; resetAt: string };
  /** How the repository wants its pull requests merged. */
  mergeMethod: "MERGE" | "SQUASH" | "REBASE";
  /** Why a merge is refused; undefined lets it through. */
  mergeRefusal: { status: number; message: string } | undefined;
  /** Somebody else opens what is asked for first, and the one who asks is refused with these words. */
  refuseOpening: string | undefined;
  /** Called when something was opened or merged, before it is answered. */
  beforeAnswer: (() => void) | undefined;
  /** How each was merged. */
  readonly merged: { number: number; method: string; sha: string }[];
}

const WHO = { __typename: "User", login: "agent" };

/** A run of GitHub's actions. */
export function checkRun(name: string, conclusion: string | null, databaseId = 1): object {
  return {
    __typename: "CheckRun",
    name,
    status: conclusion === null ? "IN_PROGRESS" : "COMPLETED",
    conclusion,
    detailsUrl: `https://github.com/acme/app/actions/${databaseId}`,
    databaseId,
    summary: null,
    checkSuite: { app: { slug: "github-actions" } },
  };
}

/** What somebody wrote. */
export function said(
  id: string,
  body: string,
  login = "rita",
  { type = "User", createdAt = "2026-01-01T00:00:00Z" } = {},
): object {
  const url = `https://github.com/acme/app/pull/1#${id}`;
  return { id, body, url, createdAt, state: "COMMENTED", author: { __typename: type, login } };
}

/** The repository acme/app there, until the test ends. */
export async function fakeGithub(): Promise<FakeGithub> {
  // It names two fields twice.
  schema ??= buildSchema(published.idl, { assumeValid: true, assumeValidSDL: true });
  const server = createServer((request, response) => {
    answer(fake, request, response).catch((error: unknown) => {
      response.writeHead(500).end(JSON.stringify({ message: String(error) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const fake: FakeGithub & { refusal: Parameters<FakeGithub["refuse"]>[0] } = {
    url: `http://127.0.0.1:${port}`,
    token: "gh-token",
    viewer: WHO.login,
    pulls: new Map(),
    logs: new Map(),
    asked: [],
    merged: [],
    limit: { cost: 1, remaining: 5_000, resetAt: new Date(Date.now() + 3_600_000).toISOString() },
    mergeMethod: "MERGE",
    mergeRefusal: undefined,
    refuseOpening: undefined,
    isRenamed: false,
    beforeAnswer: undefined,
    refusal: undefined,
    refuse: (refusal) => {
      fake.refusal = refusal;
    },
    open: (given) => {
      const number = given.number ?? fake.pulls.size + 1;
      const pull: GithubPull = {
        number,
        title: `Pull ${number}`,
        body: "",
        isDraft: false,
        state: "OPEN",
        headRefOid: "a".repeat(40),
        baseRefName: "main",
        mergeable: "MERGEABLE",
        reviewDecision: null,
        createdAt: "2026-01-01T00:00:00Z",
        updatedAt: "2026-01-01T00:00:00Z",
        isCrossRepository: false,
        author: WHO,
        mergeCommit: null,
        comments: { nodes: [] },
        reviews: { nodes: [] },
        reviewThreads: { nodes: [] },
        committedDate: "2026-01-01T00:00:00Z",
        checks: null,
        rollup: "PENDING",
        ...given,
      };
      fake.pulls.set(number, pull);
      return pull;
    },
  };
  return fake;
}

type Fake = FakeGithub & { refusal: Parameters<FakeGithub["refuse"]>[0] };

async function answer(
  fake: Fake,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? "";
  const send = (status: number, data: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof data === "string" ? data : JSON.stringify(data));
  };
  if (path.startsWith("/storage/")) {
    // Where it sends those who want a log: another host, which must not get the token.
    if (request.headers.authorization !== undefined) return send(400, { message: "a token came" });
    return send(200, fake.logs.get(Number(path.split("/").at(-1))) ?? "", {
      "content-type": "text/plain",
    });
  }
  const body: unknown = JSON.parse((await text(request)) || "{}");
  fake.asked.push(`${request.method} ${path}`);
  const refused = refusedBy(fake, `${request.method} ${path}`);
  if (refused !== undefined) return send(refused.status, refused.data, refused.headers);
  if (request.headers.authorization !== `token ${fake.token}`) {
    return send(401, { message: "Bad credentials" });
  }
  if (path === "/graphql") return send(200, await answerQuestion(fake, body));
  const rest = answerRest(fake, { method: request.method ?? "", path, body });
  return send(rest.status, rest.data, rest.headers);
}

function refusedBy({ refusal }: Fake, asked: string): Answered | undefined {
  if (refusal === undefined || refusal.only?.test(asked) === false) return undefined;
  const { status, message = "", headers, body = { message } } = refusal;
  if (!message.startsWith("<")) return { status, data: body, ...(headers && { headers }) };
  return { status, data: message, headers: { "content-type": "text/html", ...headers } };
}

const NAMED = "/repos/acme/app";
const NUMBERED = "/repositories/1";
const Question = z.object({ query: z.string(), variables: z.record(z.string(), z.unknown()) });

async function answerQuestion(fake: Fake, body: unknown): Promise<unknown> {
  const { query, variables } = Question.parse(body);
  if (schema === undefined) throw new Error("the schema was not read");
  return graphql({
    schema,
    source: query,
    variableValues: variables,
    rootValue: {
      rateLimit: fake.limit,
      viewer: { login: fake.viewer },
      repository: ({ owner, name }: { owner: string; name: string }) => {
        if (`${owner}/${name}` !== "acme/app") throw notFound("Could not resolve to a Repository");
        return {
          viewerDefaultMergeMethod: fake.mergeMethod,
          pullRequest: ({ number }: { number: number }) => {
            const pull = fake.pulls.get(number);
            if (pull === undefined)
              throw notFound(`Could not resolve to a PullRequest of ${number}`);
            return shown(pull);
          },
          ref: ({ qualifiedName }: { qualifiedName: string }) => ({
            associatedPullRequests: ({ first }: { first: number }) => ({
              nodes: newest(fake)
                .filter((pull) => `refs/heads/${pull.headRefName}` === qualifiedName)
                .filter((pull) => !pull.isCrossRepository)
                .slice(0, first)
                .map(shown),
            }),
          }),
          pullRequests: ({ headRefName, baseRefName, first }: Asked) => ({
            nodes: newest(fake)
              .filter((pull) => pull.headRefName === headRefName)
              .filter((pull) => baseRefName === undefined || pull.baseRefName === baseRefName)
              .slice(0, first)
              .map(shown),
          }),
        };
      },
    },
  }).then((result) => ({
    ...result,
    ...(result.errors !== undefined && {
      errors: result.errors.map((error) => ({
        type: error.extensions["type"] ?? "INVALID",
        message: error.message,
        path: error.path,
      })),
    }),
  }));
}

interface Asked {
  readonly headRefName: string;
  readonly baseRefName?: string;
  readonly first: number;
}

function newest({ pulls }: Fake): GithubPull[] {
  return [...pulls.values()].toSorted((one, other) => other.number - one.number);
}

function notFound(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { type: "NOT_FOUND" } });
}

function shown({ checks, rollup, committedDate, ...pull }: GithubPull): object {
  const contexts = { nodes: checks };
  const statusCheckRollup = checks === null ? null : { state: rollup, contexts };
  const { nodes: threads } = pull.reviewThreads;
  return {
    ...pull,
    // Pages end where their number says.
    reviewThreads: ({ last, before }: { last: number; before?: string }) => {
      const end = before === undefined ? threads.length : Number(before);
      const start = Math.max(0, end - last);
      const pageInfo = { hasPreviousPage: start > 0, startCursor: String(start) };
      return { pageInfo, nodes: threads.slice(start, end).map(threadShown) };
    },
    url: `https://github.com/acme/app/pull/${pull.number}`,
    commits: { nodes: [{ commit: { committedDate, statusCheckRollup } }] },
  };
}

function threadShown({ comments, ...thread }: GithubThread): object {
  return {
    ...thread,
    comments: ({ first, last = 0 }: { first?: number; last?: number }) => ({
      nodes: first === undefined ? comments.nodes.slice(-last) : comments.nodes.slice(0, first),
    }),
  };
}

interface Answered {
  readonly status: number;
  readonly data: unknown;
  readonly headers?: Record<string, string>;
}

function answerRest(
  fake: Fake,
  { method, path, body }: { method: string; path: string; body: unknown },
): Answered {
  if (fake.isRenamed && path.startsWith(NAMED)) {
    const headers = { location: `${fake.url}${path.replace(NAMED, NUMBERED)}` };
    return {
      status: method === "GET" ? 301 : 307,
      data: { message: "Moved Permanently" },
      headers,
    };
  }
  const rest = routes(fake, path.replace(NUMBERED, NAMED), body);
  if (method !== "GET" && rest.status < 300) fake.beforeAnswer?.();
  return rest;
}

function routes(fake: Fake, path: string, body: unknown): Answered {
  if (path === "/repos/acme/app") return { status: 200, data: { full_name: "acme/app" } };
  const job = /^\/repos\/acme\/app\/actions\/jobs\/(\d+)\/logs$/.exec(path)?.[1];
  if (job !== undefined) {
    return fake.logs.has(Number(job))
      ? {
          status: 302,
          data: "",
          headers: { location: `${fake.url.replace("127.0.0.1", "localhost")}/storage/${job}` },
        }
      : { status: 410, data: { message: "Gone" } };
  }
  const merged = /^\/repos\/acme\/app\/pulls\/(\d+)\/merge$/.exec(path)?.[1];
  if (merged !== undefined) return merge(fake, Number(merged), Merge.parse(body));
  if (path === "/repos/acme/app/pulls") return open(fake, Open.parse(body));
  return { status: 404, data: { message: "Not Found" } };
}

const Merge = z.object({ sha: z.string(), merge_method: z.string() });

function merge(
  fake: Fake,
  number: number,
  { sha, merge_method: method }: z.infer<typeof Merge>,
): Answered {
  const pull = fake.pulls.get(number);
  if (pull === undefined) return { status: 404, data: { message: "Not Found" } };
  const { mergeRefusal: refusal } = fake;
  if (refusal !== undefined) return { status: refusal.status, data: { message: refusal.message } };
  if (sha !== pull.headRefOid) {
    return {
      status: 409,
      data: { message: "Head branch was modified. Review and try the merge again." },
    };
  }
  const oid = "f".repeat(40);
  fake.merged.push({ number, method, sha });
  Object.assign(pull, { state: "MERGED", mergeCommit: { oid } });
  return { status: 200, data: { sha: oid, merged: true, message: "merged" } };
}

const Open = z.object({
  title: z.string(),
  head: z.string(),
  base: z.string(),
  body: z.string(),
  draft: z.boolean(),
});

function open(fake: Fake, { title, head, base, body, draft }: z.infer<typeof Open>): Answered {
  if (head === "never-pushed") {
    const errors = [{ resource: "PullRequest", field: "head", code: "invalid" }];
    return { status: 422, data: { message: "Validation Failed", errors } };
  }
  const pull = fake.open({ title, body, headRefName: head, baseRefName: base, isDraft: draft });
  if (fake.refuseOpening !== undefined) {
    return { status: 422, data: { message: `Validation Failed: ${fake.refuseOpening}` } };
  }
  return { status: 201, data: { number: pull.number } };
}
