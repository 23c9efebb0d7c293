import { pullUrl } from "../own-addresses.ts";
import { isOpenPull } from "../pull-state.ts";
import { assertEvent } from "xstate";
import type { FailureCode } from "../failures.ts";
import type { ForgeEvent } from "./messages.ts";
import {
  checksOf,
  including,
  NOTHING,
  outOf,
  settled,
  toBeMerged,
  withJobs,
  withPull,
  type ForgeContext,
} from "./jobs.ts";
import type { Json } from "../json.ts";
import type { Order } from "../order.ts";
import { ended, mergeObstacle, owing, reviewed, undecided, type Pull } from "./pulls.ts";
import { decidedBy } from "./followed.ts";
import type { Decided, Seen } from "../recording.ts";

// Forge commands
//
// What each command makes of the forge. Every one is answered once; a refused one changes nothing.

const PULL_LIMIT = 1_000;
const COMMENT_LIMIT = 200;

type SeenBy = Seen<ForgeContext, ForgeEvent>;
type Step = Decided<ForgeContext>;

/** Takes over what the project says of its repository. */
export function noteRepository({ context, event }: SeenBy): Step {
  assertEvent(event, ["forge.open", "forge.configure"]);
  const { projectId, root, defaultBranch, origin, checks, env, owesReview } = event.data;
  const github = event.data.github ?? null;
  const repository = { projectId, root, defaultBranch, origin: origin ?? null, checks, env };
  const told = { ...context, ...repository, owesReview, github };
  // Numbers are those of whoever keeps them.
  if (github !== context.github) {
    const jobs = outOf(context.jobs);
    return { context: { ...told, ...NOTHING, jobs, trouble: null }, orders: [] };
  }
  const decide = github === null ? owing : decidedBy;
  const pulls = Object.values(context.pulls).map((pull) => decide(pull, owesReview));
  return settled(context, pulls.reduce(withPull, told));
}

/** Opens a pull request, or answers with the live one of the same branches. */
export function openPull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.open");
  const baseRef = event.data.baseRef ?? context.defaultBranch;
  const same = Object.values(context.pulls).find(
    (pull) => isOpenPull(pull) && pull.headRef === event.data.headRef && pull.baseRef === baseRef,
  );
  if (same !== undefined) {
    return { context, orders: [replyOf({ number: same.number, url: same.url, created: false })] };
  }
  const roomy = withRoom(context);
  if (roomy === undefined) {
    return refused(context, "LIMIT_REACHED", `open a pull request: ${PULL_LIMIT} are open`);
  }
  const pull = newPull(roomy, { event, baseRef });
  const next = withJobs(
    { ...withPull(roomy, pull), nextNumber: pull.number + 1 },
    { toInspect: including(roomy.jobs.toInspect, [pull.number]) },
  );
  return settled(context, next, [replyOf({ number: pull.number, url: pull.url, created: true })]);
}

function newPull(
  context: ForgeContext,
  { event, baseRef }: { event: Extract<ForgeEvent, { type: "pull.open" }>; baseRef: string },
): Pull {
  const { title, headRef, session, body, draft, author } = event.data;
  const number = context.nextNumber;
  return {
    url: pullUrl(context.projectId, number),
    number,
    title,
    state: draft === true ? "draft" : "open",
    headSha: "",
    headRef,
    baseRef,
    ci: { state: "none" },
    reviewDecision: undecided(context.owesReview),
    comments: [],
    mergeable: null,
    author: author ?? session ?? "owner",
    ...(session !== undefined && { session }),
    body: body ?? "",
    baseSha: null,
    wasAhead: false,
    checkRounds: 0,
    merging: false,
    mergeSha: null,
    trouble: null,
    createdAt: event.at,
    updatedAt: event.at,
  };
}

/** The forge with room for one more: the oldest ended one makes it. Undefined when all are live. */
export function withRoom(context: ForgeContext): ForgeContext | undefined {
  const pulls = Object.values(context.pulls);
  if (pulls.length < PULL_LIMIT) return context;
  const oldest = pulls.find((pull) => !isOpenPull(pull));
  if (oldest === undefined) return undefined;
  const { [oldest.number]: _, ...others } = context.pulls;
  return { ...context, pulls: others };
}

/** Adds a comment; its id is told. Below one that ended nobody would hear it. */
export function commentPull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.comment");
  const { number, body, author, isBot, path, line } = event.data;
  const pull = context.pulls[number];
  if (pull === undefined) return unknown(context, event.type, number);
  if (!isOpenPull(pull)) return over(context, event.type, pull);
  if (pull.comments.length >= COMMENT_LIMIT) {
    return refused(
      context,
      "LIMIT_REACHED",
      `comment ${pull.url}: it has ${COMMENT_LIMIT} comments`,
    );
  }
  const id = `${number}-${pull.comments.length + 1}`;
  const comment = {
    id,
    author,
    isBot,
    body,
    resolved: false,
    ...(path !== undefined && { path }),
    ...(line !== undefined && { line }),
  };
  const next = { ...pull, comments: [...pull.comments, comment], updatedAt: event.at };
  return settled(context, withPull(context, next), [replyOf({ id })]);
}

/** Marks a comment as resolved; again is no news. */
export function resolveComment({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.resolve");
  const { number, commentId } = event.data;
  const pull = context.pulls[number];
  if (pull === undefined) return unknown(context, event.type, number);
  const comment = pull.comments.find(({ id }) => id === commentId);
  if (comment === undefined) {
    return refused(
      context,
      "COMMENT_UNKNOWN",
      `resolve ${commentId} of ${pull.url}: no such comment`,
    );
  }
  if (comment.resolved) return { context, orders: [replyOf({ id: commentId })] };
  const comments = pull.comments.map((each) =>
    each === comment ? { ...each, resolved: true } : each,
  );
  const next = { ...pull, comments, updatedAt: event.at };
  return settled(context, withPull(context, next), [replyOf({ id: commentId })]);
}

/** Posts a review of its present head; of an older one it says nothing. */
export function reviewPull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.review");
  const { number, ...review } = event.data;
  const pull = context.pulls[number];
  if (pull === undefined) return { context, orders: [] };
  const next = reviewed(pull, { ...review, at: event.at });
  return next === pull ? { context, orders: [] } : settled(context, withPull(context, next), []);
}

/** Turns a draft into an open one. */
export function readyPull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.ready");
  const pull = context.pulls[event.data.number];
  if (pull === undefined) return unknown(context, event.type, event.data.number);
  if (!isOpenPull(pull)) return over(context, event.type, pull);
  const next =
    pull.state === "open" ? pull : { ...pull, state: "open" as const, updatedAt: event.at };
  return settled(context, withPull(context, next), [replyOf({ number: pull.number })]);
}

/** Closes without merging. */
export function closePull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.close");
  const pull = context.pulls[event.data.number];
  if (pull === undefined) return unknown(context, event.type, event.data.number);
  if (!isOpenPull(pull) || pull.merging) return over(context, event.type, pull);
  const next = ended(pull, { state: "closed", mergeSha: null, at: event.at });
  return settled(context, withPull(context, next), [replyOf({ number: pull.number })]);
}

/** Orders the merge; its end is told by the pull request's state. */
export function mergePull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.merge");
  const pull = context.pulls[event.data.number];
  if (pull === undefined) return unknown(context, event.type, event.data.number);
  if (!isOpenPull(pull)) return over(context, event.type, pull);
  const reply = replyOf({ number: pull.number, merging: true });
  if (pull.merging) return { context, orders: [reply] };
  const { headSha = pull.headSha, unreviewed } = event.data;
  const obstacle =
    headSha === pull.headSha
      ? mergeObstacle(pull, checksOf(context), unreviewed)
      : `its head is ${pull.headSha}, not ${headSha}`;
  if (obstacle !== undefined) {
    return refused(context, "NOT_MERGEABLE", `merge ${pull.url}: ${obstacle}`);
  }
  const asked = { headSha, isUnreviewed: unreviewed, isStanding: event.from !== undefined };
  const told = { ...pull, asked: { ...asked, failures: 0 }, trouble: null, updatedAt: event.at };
  return settled(context, toBeMerged(context, told), [reply]);
}

/** Runs the checks of its head again. */
export function checkPull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.check");
  const pull = context.pulls[event.data.number];
  if (pull === undefined) return unknown(context, event.type, event.data.number);
  if (!isOpenPull(pull)) return over(context, event.type, pull);
  const reply = replyOf({ number: pull.number });
  if (pull.headSha === "" || context.checks.length === 0) return { context, orders: [reply] };
  const ci = { state: "pending" as const };
  const pending = { ...pull, ci, checkRounds: 0, updatedAt: event.at };
  const toCheck = including(context.jobs.toCheck, [pull.number]);
  return settled(context, withJobs(withPull(context, pending), { toCheck }), [reply]);
}

/** Makes it the work of a session, which is told of it from now on; again is no news. */
export function claimPull({ context, event }: SeenBy): Step {
  assertEvent(event, "pull.claim");
  const { number, session } = event.data;
  const pull = context.pulls[number];
  if (pull === undefined) return unknown(context, event.type, number);
  if (!isOpenPull(pull)) return over(context, event.type, pull);
  const reply = replyOf({ number });
  if (pull.session === session) return { context, orders: [reply] };
  const next = { ...pull, session, updatedAt: event.at };
  return settled(context, withPull(context, next), [reply]);
}

/** Refuses while the project does not use its forge. */
export function refuseClosed({ context, event }: SeenBy): Step {
  const message = `give ${event.type} to forge ${context.projectId}: its project does not use it`;
  return refused(context, "SCM_UNSUPPORTED", message);
}

export function replyOf(data: Json): Order {
  return { type: "reply", data };
}

export function refused(context: ForgeContext, code: FailureCode, message: string): Step {
  return { context, orders: [{ type: "refuse", code, message }] };
}

export function unknown(context: ForgeContext, asked: string, number: number): Step {
  const { trouble } = context;
  const seen = trouble === null ? "" : `; GitHub could not be asked: ${trouble.message}`;
  const message = `give ${asked} ${number} to forge ${context.projectId}: no such pull request${seen}`;
  return refused(context, "PULL_REQUEST_UNKNOWN", message);
}

function over(context: ForgeContext, asked: string, pull: Pull): Step {
  const seen = pull.merging ? "being merged" : pull.state;
  return refused(context, "PULL_REQUEST_ENDED", `give ${asked} to ${pull.url}: it is ${seen}`);
}
