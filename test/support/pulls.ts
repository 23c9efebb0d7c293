import { PullRequestFacts } from "../../machines/observations.ts";

/** A pull request as a forge tells it. */
export function pullFacts(change: Partial<PullRequestFacts> = {}): PullRequestFacts {
  return PullRequestFacts.parse({
    url: "https://forge.test/1",
    number: 1,
    title: "A change",
    state: "open",
    headSha: "a".repeat(40),
    headRef: "topic",
    baseRef: "main",
    ci: { state: "none" },
    reviewDecision: "none",
    comments: [],
    mergeable: true,
    updatedAt: 1,
    ...change,
  });
}
