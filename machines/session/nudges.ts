import { clean } from "../plain-text.ts";
import { isOpenPull } from "../pull-state.ts";
import { evidenceTextOf } from "./liveness.ts";
import { fingerprint } from "../fingerprint.ts";
import type { PullRequestFacts } from "../observations.ts";
import { isBlocked, isPending } from "./pull-requests.ts";
import type { ReactionKey } from "./reaction-budgets.ts";

// Nudges
//
// What a pull request asks of its agent: the texts that are typed, and what makes one news.
//
//   N1. The same failure is told once while it stands: same head, same failing checks, logs that differ in times only.
//   N2. Foreign text stands inside a fence longer than any fence in it, without control characters.
//   N3. A draft asks for nothing but that its checks pass, and one that builds on another for no merge and no rebase.

/** Something that a pull request asks of its agent as it stands now. */
export interface Wanted {
  readonly reaction: ReactionKey;
  readonly url: string;
  /** What it is made of; a part that was not told before makes it news. */
  readonly parts: readonly string[];
  /** All of it was answered where it was said. */
  readonly isAnswered?: boolean;
  readonly text: () => string;
}

const CHECKS_TOLD = 5;
const LOG_CHARS = 4_096;
const COMMENTS_TOLD = 10;
const COMMENT_CHARS = 2_000;

/** What a pull request asks for, most pressing first; `all` are those of the same session. */
export function wantedBy(pr: PullRequestFacts, all: readonly PullRequestFacts[]): Wanted[] {
  if (!isOpenPull(pr)) return [];
  const isHidden = pr.state === "draft";
  const signature = ciSignatureOf(pr);
  const isInherited = signature !== undefined && failsBelow(pr, all);
  const comments = isHidden ? [] : pr.comments.filter(({ resolved }) => !resolved);
  const human = comments.filter(({ isBot }) => !isBot);
  const bots = comments.filter(({ isBot }) => isBot);
  const isRefused = !isHidden && pr.reviewDecision === "changes_requested";
  const isConflict = !isHidden && pr.mergeable === false && !isBlocked(pr, all);
  const decision = isRefused ? ["changes_requested"] : [];
  const wanted: Wanted[] = [
    {
      reaction: "ci-failed",
      url: pr.url,
      parts: signature === undefined || isInherited ? [] : [signature],
      text: () => ciNudge(pr),
    },
    {
      reaction: "changes-requested",
      url: pr.url,
      parts: [...decision, ...human.map(({ id }) => id)],
      isAnswered: !isRefused && !human.some(isPending),
      text: () => reviewNudge(pr, human),
    },
    {
      reaction: "bugbot-comments",
      url: pr.url,
      parts: bots.map(({ id }) => id),
      isAnswered: !bots.some(isPending),
      text: () => botNudge(pr, bots),
    },
    {
      reaction: "merge-conflicts",
      url: pr.url,
      parts: isConflict ? ["conflict"] : [],
      text: () => conflictNudge(pr),
    },
  ];
  return wanted.filter(({ parts }) => parts.length > 0);
}

/** Whether the failure may be that of the one it builds on: that one's agent is told, once. */
function failsBelow(pr: PullRequestFacts, all: readonly PullRequestFacts[]): boolean {
  return all.some(
    (other) =>
      other !== pr &&
      isOpenPull(other) &&
      other.headRef === pr.baseRef &&
      other.baseRef !== pr.headRef &&
      other.ci.state === "failing",
  );
}

/** Names one failure of one pull request; undefined when its checks do not fail. */
function ciSignatureOf({ ci, headSha }: PullRequestFacts): string | undefined {
  if (ci.state !== "failing") return undefined;
  const checks = (ci.failing ?? []).map(
    ({ name, logTail = "" }) => `${name} ${evidenceTextOf(logTail)}`,
  );
  return fingerprint(JSON.stringify([headSha, ...checks.toSorted()]));
}

/** Tells an agent that the checks of its pull request fail, with the end of each log. */
export function ciNudge(pr: PullRequestFacts): string {
  const failing = pr.ci.failing ?? [];
  const names = failing.map(({ name }) => clean(name)).join(", ");
  return [
    `${identityOf(pr)} fails: ${names === "" ? "its checks" : names}.`,
    ...(isAddress(pr.url) ? [`PR: ${clean(pr.url)}`] : []),
    "CI is failing on your PR. Review the failing output below, find the cause, fix it on this branch, commit and push. The checks run again on every push.",
    ...failing.slice(0, CHECKS_TOLD).flatMap(logOf),
    ...(failing.length > CHECKS_TOLD ? [`${failing.length - CHECKS_TOLD} more checks fail.`] : []),
  ].join("\n\n");
}

type Failing = NonNullable<PullRequestFacts["ci"]["failing"]>[number];
type Comment = PullRequestFacts["comments"][number];

function logOf({ name, url, logTail }: Failing): string[] {
  const failed = `Failed: ${clean(name)} (failed)`;
  const where = url === undefined ? failed : `${failed}\n${clean(url)}`;
  if (logTail === undefined || logTail.trim() === "") return [where];
  const tail = clean(logTail.slice(-LOG_CHARS)).replace(/\n$/, "");
  const lines = tail.split("\n").length;
  return [`${where}\nLog tail (last ${lines} ${lines === 1 ? "line" : "lines"}):`, fenced(tail)];
}

function reviewNudge(pr: PullRequestFacts, comments: readonly Comment[]): string {
  const count = `${comments.length} unresolved review ${comments.length === 1 ? "comment" : "comments"}`;
  return [
    `${identityOf(pr)} was reviewed: ${comments.length === 0 ? "changes are requested" : count}.`,
    ...(isAddress(pr.url) ? [`PR: ${clean(pr.url)}`] : []),
    "A reviewer requested changes on your PR. Address each comment, commit and push.",
    ...told(comments),
  ].join("\n\n");
}

function botNudge(pr: PullRequestFacts, comments: readonly Comment[]): string {
  return [
    `${identityOf(pr)} has ${comments.length} unresolved ${comments.length === 1 ? "comment" : "comments"} of bots.`,
    ...(isAddress(pr.url) ? [`PR: ${clean(pr.url)}`] : []),
    "An automated reviewer left comments on your PR. Judge each one, address what is right, commit and push.",
    ...told(comments),
  ].join("\n\n");
}

function conflictNudge(pr: PullRequestFacts): string {
  return [
    `${identityOf(pr)} cannot be merged as it is.`,
    ...(isAddress(pr.url) ? [`PR: ${clean(pr.url)}`] : []),
    `Your PR has merge conflicts. Rebase onto ${clean(pr.baseRef)}, resolve them and push.`,
  ].join("\n\n");
}

/** Tells an agent that it seems to rest although nobody said that its work is over. */
export function idleNudge(): string {
  return "You appear idle. Continue the task, report its result with `ao report`, or explain what is blocking you.";
}

function told(comments: readonly Comment[]): string[] {
  const more = comments.length - COMMENTS_TOLD;
  return [
    ...comments.slice(0, COMMENTS_TOLD).map(commentOf),
    ...(more > 0 ? [`${more} more comments are there.`] : []),
  ];
}

function commentOf({ author, path, line, body, url }: Comment): string {
  const where = path === undefined ? "" : `${clean(path)}${line === undefined ? "" : `:${line}`} `;
  const by = `${where}(@${clean(author)}):`;
  const text = clean(body.slice(0, COMMENT_CHARS));
  return [by, fenced(text), ...(url === undefined ? [] : [clean(url)])].join("\n");
}

function identityOf({ number, title, headRef, baseRef, headSha }: PullRequestFacts): string {
  const at = headSha === "" ? "" : ` at ${clean(headSha.slice(0, 12))}`;
  return `Pull request #${number} "${clean(title)}" (${clean(headRef)} → ${clean(baseRef)}${at})`;
}

function isAddress(url: string): boolean {
  return /^https?:/.test(url);
}

/** The text between fences that nothing in it can close (N2). */
export function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.replace(/\n$/, "")}\n${fence}`;
}
