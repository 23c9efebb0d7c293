import { z } from "zod";
import { isOpenPull, PullState } from "../pull-state.ts";
import type { Trouble } from "../children.ts";
import type { Check, EffectResult } from "../effects.ts";
import { bytesOf, type JsonObject } from "../json.ts";
import type { PullRequestFacts } from "../observations.ts";

// Pulls
//
// Pull requests of a forge as records, and what each fact makes of one. Pure.
//
//   G1. A function gives back the very same record when nothing about it changed.
//   G2. A result for another head than the present one changes nothing.
//   G3. A pull request that ended stays as it ended.
//   G4. Where reviews are owed, a head without a verdict is `required`; a verdict holds for its own head only.
//   G5. One that ended keeps its newest comments and its text, each cut short, and no logs.

export type Pull = Omit<PullRequestFacts, "updatedAt"> & {
  readonly author: string;
  readonly session?: string;
  readonly body: string;
  readonly baseSha: string | null;
  /** Its present head was seen with commits that its base did not have. */
  readonly wasAhead: boolean;
  /** So often the checks of its present head could not be run. */
  readonly checkRounds: number;
  readonly merging: boolean;
  readonly mergeSha: string | null;
  /** What could not be done with it last. */
  readonly trouble: Trouble | null;
  /** Of one that GitHub keeps. */
  readonly followed?: Followed;
  /** How it was asked to be merged last. */
  readonly asked?: Asked;
  readonly createdAt: number;
  readonly updatedAt: number;
};

export type Asked = {
  readonly headSha: string;
  /** A person does without the review that it owes. */
  readonly isUnreviewed: boolean;
  /** A session asked, which does not ask again: what fails is tried again. */
  readonly isStanding: boolean;
  readonly failures: number;
  /** It was merged as asked. */
  readonly isDone?: true;
};

/** What is kept of a pull request beside its facts when GitHub keeps it. */
export type Followed = {
  /** What GitHub says that its people decided. */
  readonly decided: PullRequestFacts["reviewDecision"];
  /** What our reviewers say of its present head, by reviewer. */
  readonly verdicts: Readonly<Record<string, "approved" | "changes_requested">>;
};

type Inspected = EffectResult<"inspectBranches">["pulls"][number];
type Checked = EffectResult<"runChecks">["checks"];

// An observation must fit into one message of the bus with room to spare.
export const OBSERVATION_BYTES = 400_000;
const OBSERVED_PULLS = 50;
/** As many of its comments, the newest; and so much of each, as of each log, characters. */
export const OBSERVED_COMMENTS = 50;
export const OBSERVED_TEXT = 4_096;

const Stored = z.object({
  context: z.object({
    pulls: z.record(z.string(), z.object({ number: z.number(), state: PullState })),
  }),
});

/** Numbers of the live ones of a forge, as its snapshot has them. */
export function livePullsOf(snapshot: unknown): number[] {
  const pulls = Object.values(Stored.safeParse(snapshot).data?.context.pulls ?? {});
  return pulls.filter(isOpenPull).map(({ number }) => number);
}

/** What git says of its branches. `hasChecks`: the new head is to be checked; `owesReview`: and to be reviewed. */
export function inspected(
  pull: Pull,
  found: Inspected,
  { at, hasChecks, owesReview }: { at: number; hasChecks: boolean; owesReview: boolean },
): Pull {
  if (!isOpenPull(pull)) return pull;
  const { headSha, baseSha } = found;
  if (headSha !== null && headSha !== pull.headSha) {
    const ci: Pull["ci"] = { state: hasChecks ? "pending" : "none" };
    const standing = { headSha, baseSha, mergeable: found.mergeable, wasAhead: !found.contained };
    const unreviewed = withoutReview(pull, owesReview);
    return { ...unreviewed, ...standing, ci, checkRounds: 0, trouble: null, updatedAt: at };
  }
  if (found.contained && pull.wasAhead && !pull.merging) {
    return ended(pull, { state: "merged", mergeSha: baseSha, at });
  }
  return stoodStill(pull, found, at);
}

/** The head is where it was, or gone; only what is around it may be new. */
function stoodStill(pull: Pull, { headSha, baseSha, ...found }: Inspected, at: number): Pull {
  const mergeable = headSha === null ? null : found.mergeable;
  const wasAhead = pull.wasAhead || (headSha !== null && !found.contained);
  const isSame =
    mergeable === pull.mergeable &&
    baseSha === pull.baseSha &&
    wasAhead === pull.wasAhead &&
    pull.trouble === null;
  return isSame ? pull : { ...pull, baseSha, mergeable, wasAhead, trouble: null, updatedAt: at };
}

/** Begins the id of every comment that a review posted. */
export const REVIEW_COMMENT = "review-";
// As many as a pull request may have of all sorts.
const MOST_COMMENTS = 200;

/** What a reviewer says of its present head: a comment, and a decision that holds for this head (G2). */
export function reviewed(
  pull: Pull,
  review: {
    readonly headSha: string;
    readonly verdict: "approved" | "changes_requested";
    readonly body: string;
    readonly runId: string;
    readonly author: string;
    readonly at: number;
  },
): Pull {
  const { headSha, verdict, body, runId, author, at } = review;
  const id = `${REVIEW_COMMENT}${runId}`;
  const isKnown = pull.comments.some((comment) => comment.id === id);
  if (!isOpenPull(pull) || pull.headSha !== headSha || isKnown) return pull;
  const name = `${author} (review)`;
  const resolved = verdict === "approved";
  const text = body.trim() === "" ? verdict : body;
  const others = pull.comments.map((comment) =>
    comment.author === name ? { ...comment, resolved: true } : comment,
  );
  const said = { id, author: name, isBot: true, body: text, resolved };
  const comments = [...others, said].slice(-MOST_COMMENTS);
  const asksForChanges = comments.some((one) => one.id.startsWith(REVIEW_COMMENT) && !one.resolved);
  const reviewDecision = asksForChanges ? "changes_requested" : "approved";
  return { ...pull, comments, reviewDecision, updatedAt: at };
}

/** A new head was not reviewed yet: what reviewers said of the one before is settled by it. */
function withoutReview(pull: Pull, owesReview: boolean): Pull {
  const comments = pull.comments.map((comment) =>
    comment.id.startsWith(REVIEW_COMMENT) && !comment.resolved
      ? { ...comment, resolved: true }
      : comment,
  );
  return { ...pull, comments, reviewDecision: undecided(owesReview) };
}

/** What is said of a head that nobody has judged (G4). */
export function undecided(owesReview: boolean): "required" | "none" {
  return owesReview ? "required" : "none";
}

/** The same pull request where reviews are owed from now on, or not any more (G1, G4). */
export function owing(pull: Pull, owesReview: boolean): Pull {
  const isJudged = pull.reviewDecision !== "none" && pull.reviewDecision !== "required";
  const reviewDecision = undecided(owesReview);
  if (!isOpenPull(pull) || isJudged || pull.reviewDecision === reviewDecision) return pull;
  return { ...pull, reviewDecision };
}

/** What the checks of one head said (G2). */
export function checked(
  pull: Pull,
  { headSha, checks, at }: { headSha: string; checks: Checked; at: number },
): Pull {
  if (!isOpenPull(pull) || pull.headSha !== headSha) return pull;
  const failing = checks
    .filter((check) => !check.passed)
    .map(({ name, logTail }) => ({ name, logTail: logTail.slice(-OBSERVED_TEXT) }));
  const ci: Pull["ci"] =
    failing.length > 0
      ? { state: "failing", failing }
      : { state: checks.length > 0 ? "passing" : "none" };
  return { ...pull, ci, checkRounds: 0, trouble: null, updatedAt: at };
}

/** Its checks could not be run: it waits for another round, and after the last one that counts as a failure. */
export function uncheckable(pull: Pull, trouble: Trouble, mostRounds: number): Pull {
  const checkRounds = pull.checkRounds + 1;
  if (checkRounds < mostRounds) return { ...pull, checkRounds, trouble };
  const told = `The checks could not be run, ${checkRounds} times. ${trouble.code}: ${trouble.message}`;
  const failing = [{ name: "checks could not be run", logTail: told.slice(0, OBSERVED_TEXT) }];
  const ci = { state: "failing" as const, failing };
  return { ...pull, checkRounds, ci, trouble, updatedAt: trouble.at };
}

/** Merged or closed, for good (G3). */
export function ended(
  pull: Pull,
  { state, mergeSha, at }: { state: "merged" | "closed"; mergeSha: string | null; at: number },
): Pull {
  if (!isOpenPull(pull)) return pull;
  return shortened({ ...pull, state, mergeSha, merging: false, trouble: null, updatedAt: at });
}

// A forge keeps a thousand of them in one record. Its journal has the rest for some days, and GitHub what is there.
const ENDED_COMMENTS = 10;
const ENDED_CHARS = 500;

/** One that ended with as much of its words as is worth keeping (G5); a live one as it is. */
export function shortened(pull: Pull): Pull {
  if (isOpenPull(pull)) return pull;
  const comments = pull.comments
    .slice(-ENDED_COMMENTS)
    .map((comment) => ({ ...comment, body: comment.body.slice(0, ENDED_CHARS) }));
  const body = pull.body.slice(0, ENDED_CHARS);
  return { ...pull, comments, body, ci: { state: pull.ci.state } };
}

/** Why it cannot be merged now; undefined when it can be tried. `unreviewed`: a person does without the review it owes. */
export function mergeObstacle(
  pull: Pull,
  checks: readonly Check[],
  unreviewed: boolean,
): string | undefined {
  if (pull.state === "draft") return "it is a draft";
  if (pull.headSha === "") return `its branch ${pull.headRef} was not seen yet`;
  if (pull.mergeable === false) return `it conflicts with ${pull.baseRef}`;
  if (pull.reviewDecision === "changes_requested") return "its review asks for changes";
  if (pull.reviewDecision === "required" && !unreviewed) return "its head was not reviewed yet";
  return checks.length === 0 ? undefined : checksObstacle(pull.ci, checks);
}

function checksObstacle(
  { state, failing = [] }: Pull["ci"],
  checks: readonly Check[],
): string | undefined {
  if (state === "failing") return `its checks fail: ${namesOf(failing)}`;
  return state === "pending" ? `its checks have not passed yet: ${namesOf(checks)}` : undefined;
}

function namesOf(named: readonly { readonly name: string }[]): string {
  return named.map(({ name }) => name).join(", ");
}

/** `ao.obs.scm` of one session: its pulls, live ones first, newest first, as many as fit, and what was given away. */
export function scmObservation(
  pulls: readonly Pull[],
  session: string,
  released: readonly string[],
): JsonObject {
  const prs: JsonObject[] = [];
  let room = OBSERVATION_BYTES;
  const mine = pulls
    .filter((pull) => pull.session === session)
    .toSorted((a, b) => Number(isOpenPull(b)) - Number(isOpenPull(a)) || b.number - a.number);
  for (const pull of mine.slice(0, OBSERVED_PULLS)) {
    const facts = factsOf(pull);
    room -= bytesOf(facts);
    if (room < 0) break;
    prs.push(facts);
  }
  return { fetched: true, prs, ...(released.length > 0 && { released }) };
}

function factsOf(pull: Pull): JsonObject {
  const { url, number, title, state, headSha, headRef, baseRef, ci } = pull;
  const { reviewDecision, comments, mergeable, updatedAt } = pull;
  return {
    url,
    number,
    title,
    state,
    headSha,
    headRef,
    baseRef,
    ci,
    reviewDecision,
    comments: comments
      .slice(-OBSERVED_COMMENTS)
      .map((comment) => ({ ...comment, body: comment.body.slice(0, OBSERVED_TEXT) })),
    mergeable,
    updatedAt,
  };
}
