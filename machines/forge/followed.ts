import type { FollowedPull, PullRequestFacts } from "../observations.ts";
import { isOpenPull } from "../pull-state.ts";
import { type Followed, type Pull, shortened } from "./pulls.ts";

// Followed
//
// What a pull request that GitHub keeps is here: what was said there, and what our reviewers say of its head. Pure.

type Decision = PullRequestFacts["reviewDecision"];

/** The record of what GitHub told last; `known` is that of before (H1, H3, H4). */
export function followed(known: Pull | undefined, told: FollowedPull, owesReview: boolean): Pull {
  // GitHub's answers may be from a moment before our merge.
  if (known?.asked?.isDone === true) return known;
  const pull = known ?? newborn(told);
  const { session: owner, reviewDecision: decided, ...facts } = told;
  const isSameHead = pull.headSha === facts.headSha;
  const verdicts = isSameHead ? verdictsOn(pull) : {};
  const isOpen = isOpenPull(facts);
  const next: Pull = {
    ...pull,
    ...facts,
    followed: { decided, verdicts },
    reviewDecision: decided,
    merging: isOpen && pull.merging,
    trouble: isOpen && isSameHead ? pull.trouble : null,
  };
  const session = pull.session ?? owner;
  const owned = session === undefined ? next : { ...next, session };
  return shortened(decidedBy(owned, owesReview));
}

function verdictsOn({ followed: kept }: Pull): Followed["verdicts"] {
  return kept?.verdicts ?? {};
}

/** With what only our own forge keeps. */
function newborn({ session: _, ...facts }: FollowedPull): Pull {
  const { updatedAt: createdAt } = facts;
  const ours = { body: "", baseSha: null, wasAhead: true, checkRounds: 0, merging: false };
  return { ...facts, ...ours, trouble: null, createdAt };
}

/** The same where reviews are owed from now on, or not any more. */
export function decidedBy(pull: Pull, owesReview: boolean): Pull {
  if (pull.followed === undefined || !isOpenPull(pull)) return pull;
  const reviewDecision = decisionOf(pull.followed, owesReview);
  return reviewDecision === pull.reviewDecision ? pull : { ...pull, reviewDecision };
}

/** How a pull request there may be merged as far as reviews go; GitHub is asked once more what it says itself. */
export function reviewOf(
  { asked, followed: kept }: Pull,
  owesReview: boolean,
): "waived" | "given" | "owed" {
  if (asked?.isUnreviewed === true) return "waived";
  const ours = Object.values(kept?.verdicts ?? {});
  return !owesReview || ours.includes("approved") ? "given" : "owed";
}

function decisionOf({ decided, verdicts }: Followed, owesReview: boolean): Decision {
  const ours = Object.values(verdicts);
  if (ours.includes("changes_requested")) return "changes_requested";
  if (decided !== "none") return decided;
  if (ours.length > 0) return "approved";
  return owesReview ? "required" : "none";
}
