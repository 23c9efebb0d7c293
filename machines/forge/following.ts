import { assertEvent } from "xstate";
import type { FollowedPull } from "../observations.ts";
import type { Decided, Seen } from "../recording.ts";
import { refused, replyOf, unknown, withRoom } from "./commands.ts";
import { settled, withJobs, withPull, type ForgeContext, type Opening } from "./jobs.ts";
import type { ForgeEvent } from "./messages.ts";
import { decidedBy, followed } from "./followed.ts";
import { isOpenPull } from "../pull-state.ts";

// Following
//
// Pull requests that GitHub keeps. A probe tells what they are; what is decided of them there stands.
//
//   H1. What GitHub said last is what the pull request is; one that it merged stays merged.
//   H2. A failed look changes no pull request; it is told as trouble until the next that succeeds.
//   H3. What our reviewers say of a head counts as long as it is the head, and only where GitHub's people said nothing
//       of it; a request for changes counts in any case.
//   H4. A pull request belongs to the session whose branch it is, unless another claimed it.

type SeenBy = Seen<ForgeContext, ForgeEvent>;
type Step = Decided<ForgeContext>;
/** What the probe saw at GitHub, or why it saw nothing (H1, H2). */
export function notePulls({ context, event }: SeenBy): Step {
  assertEvent(event, "pulls.observed");
  const { fetched, pulls, reason = "no reason was given" } = event.data;
  if (!fetched) {
    const trouble = { at: event.at, code: "REMOTE_UNREACHABLE", message: reason };
    return { context: { ...context, trouble }, orders: [] };
  }
  return settled(context, pulls.reduce(withFollowed, { ...context, trouble: null }));
}

/** GitHub opened it, or said why not. */
export function noteOpening({ context, event }: SeenBy): Step {
  assertEvent(event, ["openPullRequest.done", "openPullRequest.failed"]);
  const [opening, ...opened] = context.jobs.opening;
  if (opening === undefined) return { context, orders: [] };
  const rest = withJobs(context, { opening: opened, isOpening: false });
  // It was for another keeper.
  if (context.github === null) return { context: rest, orders: [] };
  if (event.type === "openPullRequest.failed") {
    const { code, message } = event.data;
    const tried = `open a pull request of ${opening.headRef}: ${message}`;
    return settled(context, { ...rest, trouble: { at: event.at, code, message: tried } });
  }
  const { session } = opening;
  const pull = { ...event.data.result, ...(session !== undefined && { session }) };
  return settled(context, withFollowed({ ...rest, trouble: null }, pull));
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
  // Whoever waits for this one would take an older trouble for its own.
  const next = { ...withJobs(context, { opening: [...opening, wanted] }), trouble: null };
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

function withFollowed(context: ForgeContext, told: FollowedPull): ForgeContext {
  const known = context.pulls[told.number];
  const roomy = known === undefined ? withRoom(context) : context;
  if (roomy === undefined) return context;
  return withPull(roomy, followed(known, told, context.owesReview));
}
