// What is asked of GitHub about pull requests, as one question.

/** Which pull requests are looked for: those whose branch is one of these, and those of these numbers. */
export interface Wanted {
  readonly branches: readonly Branch[];
  readonly numbers: readonly number[];
}

export interface Branch {
  readonly name: string;
  /** One that ended before this moment was of an earlier branch of that name; milliseconds since 1970. */
  readonly since: number;
}

// What the question cost, and what is left until when.
const LIMIT = "rateLimit { cost remaining resetAt }";
const NEWEST = "orderBy: {field: CREATED_AT, direction: DESC}";
const SAID = "id body url createdAt author { ...actor }";
const THREADS = `pageInfo { hasPreviousPage startCursor }
    nodes { isResolved path line begun: comments(first: 1) { nodes { ${SAID} } } comments(last: 5) { nodes { ${SAID} } } }`;
const FIELDS = `
fragment actor on Actor { kind: __typename login }
fragment facts on PullRequest {
  number url title isDraft state headRefOid headRefName baseRefName mergeable reviewDecision createdAt updatedAt isCrossRepository
  author { ...actor }
  mergeCommit { oid }
  comments(last: 30) { nodes { ${SAID} } }
  reviews(last: 20, states: [COMMENTED, CHANGES_REQUESTED]) { nodes { ${SAID} } }
  reviewThreads(last: 20) { ${THREADS} }
  commits(last: 1) { nodes { commit { committedDate statusCheckRollup { state contexts(first: 100) { nodes {
    kind: __typename
    ... on CheckRun { name status conclusion detailsUrl databaseId summary checkSuite { app { slug } } }
    ... on StatusContext { context state targetUrl description }
  } } } } } }
}`;

/** One query for all of them, and its variables. */
export function queryFor({ branches, numbers }: Wanted): {
  readonly query: string;
  readonly variables: Record<string, string | number>;
} {
  const byBranch = branches.map(
    (_, n) =>
      // By the branch itself, so that those of forks, which may bear its name, do not hide it; and by name where it is gone.
      `b${n}: ref(qualifiedName: $r${n}) { associatedPullRequests(first: 2, ${NEWEST}) { nodes { ...facts } } }
      h${n}: pullRequests(headRefName: $b${n}, first: 1, ${NEWEST}) { nodes { ...facts } }`,
  );
  const byNumber = numbers.map((_, n) => `p${n}: pullRequest(number: $p${n}) { ...facts }`);
  const types = [
    "$owner: String!",
    "$name: String!",
    ...branches.flatMap((_, n) => [`$b${n}: String!`, `$r${n}: String!`]),
    ...numbers.map((_, n) => `$p${n}: Int!`),
  ];
  const variables: Record<string, string | number> = {};
  for (const [n, { name }] of branches.entries()) {
    variables[`b${n}`] = name;
    variables[`r${n}`] = `refs/heads/${name}`;
  }
  for (const [n, number] of numbers.entries()) variables[`p${n}`] = number;
  return {
    query: `query(${types.join(", ")}) { viewer { login } repository(owner: $owner, name: $name) { ${[...byBranch, ...byNumber].join(" ")} } ${LIMIT} } ${FIELDS}`,
    variables,
  };
}

/** Asks for the threads of a pull request before those that were told. */
export const EARLIER_THREADS = `query($owner: String!, $name: String!, $number: Int!, $before: String!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { reviewThreads(last: 100, before: $before) {
    ${THREADS}
  } } } ${LIMIT}
}
fragment actor on Actor { kind: __typename login }`;
