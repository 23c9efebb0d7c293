import { assertEvent } from "xstate";
import type { FollowedPull } from "../observations.ts";
import type { Decided, Seen } from "../recording.ts";
import { refused, replyOf, unknown, withRoom } from "./commands.ts";
import { settled, withJobs, withPull, type ForgeContext, type Opening } from "./jobs.ts";
import type { ForgeEvent } from "./messages.ts";
import { decidedBy, followed } from "./followed.ts";
import { type Pull, shortened } from "./pulls.ts";
import { isOpenPull } from "../pull-state.ts";

// Following
//
// Pull requests that GitHub keeps. A probe tells what they are; what is decided of them there stands.
//
//   H1. What GitHub said last is what the pull request is; one that was merged as we asked stays merged.
//   H2. A failed look changes no pull request; it is told as trouble until the next that succeeds.
//   H3. What our reviewers say of a head counts as long as it is the head, and only where GitHub's people said nothing
//       of it; a request for changes counts in any case.
//   H4. A pull request belongs to the session whose branch it is, unless another claimed it.

type SeenBy = Seen<ForgeContext, ForgeEvent>;
type Step = Decided<ForgeContext>;
/** What the probe saw at GitHub, or why it saw nothing (H1, H2). */
export function notePulls({ context, event }: SeenBy): Step {
  assertEvent(event, "pulls.observed");
  const {
    fetched,
    pulls,
    gone = [],
    reason = "no reason was given",
    code = "REMOTE_UNREACHABLE",
  } = event.data;
  if (!fetched) {
    const trouble = { at: event.at, code, message: reason };
    return { context: { ...context, trouble }, orders: [] };
  }
  const heard = pulls.reduce(withFollowed, { ...context, trouble: null });
  return settled(context, gone.reduce(without, heard));
}

/** GitHub opened it, or said why not. */
export function noteOpening({ context, event }: SeenBy): Step {
  assertEvent(event, ["openPullRequest.done", "openPullRequest.failed"]);
  if (!context.jobs.isOpening) return { context, orders: [] };
  const { opening } = context.jobs;
  const first = opening.find(({ isOut }) => isOut === true);
  const idle = withJobs(context, {
    opening: opening.filter((each) => each !== first),
    isOpening: false,
  });
  // It was for another keeper.
  if (first === undefined) return settled(context, idle);
  if (event.type === "openPullRequest.failed") {
    const { code, message } = event.data;
    const { headRef, baseRef } = first;
    const failed = { headRef, baseRef, trouble: { at: event.at, code, message } };
    const failedOpenings = [...context.failedOpenings, failed].slice(-OPENING_LIMIT);
    return settled(context, { ...idle, failedOpenings });
  }
  const { session } = first;
  const pull = { ...event.data.result, ...(session !== undefined && { session }) };
  return settled(context, withFollowed(idle, pull));
}

/** Orders that a pull request be opened there; the answer says that it is under way. */
export function openThere({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.open");
  const { title, headRef, baseRef = context.defaultBranch, body = "", draft = false } = event.data;
  const isSame = (other: { headRef: string; baseRef: string }): boolean =>
    other.headRef === headRef && other.baseRef === baseRef;
  const open = Object.values(context.pulls).find((pull) => isOpenPull(pull) && isSame(pull));
  if (open !== undefined) {
    return { context, orders: [replyOf({ number: open.number, url: open.url, created: false })] };
  }
  const reply = replyOf({ opening: true });
  const { opening } = context.jobs;
  if (opening.some(isSame)) return { context, orders: [reply] };
  if (opening.length >= OPENING_LIMIT) {
    return refused(context, "LIMIT_REACHED", `open a pull request: ${OPENING_LIMIT} wait for it`);
  }
  const { session } = event.data;
  const wanted: Opening = {
    title,
    headRef,
    baseRef,
    body,
    draft,
    ...(session !== undefined && { session }),
  };
  // Whoever waits for this one would take an older failure for its own.
  const failedOpenings = context.failedOpenings.filter((failed) => !isSame(failed));
  const next = { ...withJobs(context, { opening: [...opening, wanted] }), failedOpenings };
  return settled(context, next, [reply]);
}

const OPENING_LIMIT = 100;

/** What a reviewer says of one head (H3). */
export function noteVerdict({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.review");
  const { number, headSha, verdict, author } = event.data;
  const pull = context.pulls[number];
  if (pull?.followed === undefined || !isOpenPull(pull) || pull.headSha !== headSha) {
    return { context, orders: [] };
  }
  const verdicts = { ...pull.followed.verdicts, [author]: verdict };
  const judged = { ...pull, followed: { ...pull.followed, verdicts } };
  return settled(context, withPull(context, decidedBy(judged, context.owesReview)));
}

/** Refuses what is done at GitHub itself. */
export function refuseThere({ context, event }: SeenBy): Step {
  const number = "number" in event.data ? event.data.number : 0;
  const pull = context.pulls[number];
  if (pull === undefined) return unknown(context, event.type, number);
  const message = `give ${event.type} to ${pull.url}: GitHub keeps it; do it there`;
  return refused(context, "SCM_UNSUPPORTED", message);
}

/** Somebody told of one that is not there: it is closed, so that its session hears of it once more. */
function without(context: ForgeContext, number: number): ForgeContext {
  const pull = context.pulls[number];
  if (pull === undefined || pull.state === "closed" || pull.asked?.isDone === true) return context;
  const closed: Pull = { ...pull, state: "closed", mergeSha: null, merging: false };
  return withPull(context, shortened(closed));
}

function withFollowed(context: ForgeContext, told: FollowedPull): ForgeContext {
  const known = context.pulls[told.number];
  const roomy = known === undefined ? withRoom(context) : context;
  if (roomy === undefined) return context;
  return withPull(roomy, followed(known, told, context.owesReview));
}
