import { fingerprint } from "./liveness.ts";
import type { PullRequestFacts } from "./observations.ts";

// Nudges
//
// The texts that are typed to agents, and what makes one news.
//
//   N1. The same failure is told once: same failing checks of the same head, same signature.
//   N2. Foreign text stands inside a fence longer than any fence in it, without control characters.

const CHECKS_TOLD = 5;
const LOG_CHARS = 4_096;

/** Names one failure of one pull request; undefined when its checks do not fail. */
export function ciSignatureOf({ ci, headSha }: PullRequestFacts): string | undefined {
  if (ci.state !== "failing") return undefined;
  const names = (ci.failing ?? []).map(({ name }) => name).toSorted();
  return fingerprint(JSON.stringify([headSha, ...names]));
}

/** Tells an agent that the checks of its pull request fail, with the end of each log. */
export function ciNudge({ number, title, headSha, headRef, ci }: PullRequestFacts): string {
  const failing = ci.failing ?? [];
  const names = failing.map(({ name }) => clean(name)).join(", ");
  const what = names === "" ? "its checks" : names;
  return [
    `Pull request #${number} "${clean(title)}" (${clean(headRef)} at ${headSha.slice(0, 12)}) fails: ${what}.`,
    ...failing.slice(0, CHECKS_TOLD).flatMap(logOf),
    "Find the cause, fix it on this branch, commit and push. The checks run again on every push.",
  ].join("\n\n");
}

type Failing = NonNullable<PullRequestFacts["ci"]["failing"]>[number];

function logOf({ name, logTail }: Failing): string[] {
  if (logTail === undefined || logTail.trim() === "") return [];
  return [`The log of ${clean(name)} ends with:`, fenced(clean(logTail.slice(-LOG_CHARS)))];
}

/** The text between fences that nothing in it can close (N2). */
export function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.replace(/\n$/, "")}\n${fence}`;
}

function clean(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(/[^\P{Cc}\t\n]/gu, "");
}
