import { isOpenPull } from "../pull-state.ts";
import { HARNESSES } from "../harness/harnesses.ts";
import { addressOf } from "../ids.ts";
import type { Order } from "../order.ts";
import type { Undeliverable } from "../children.ts";
import { branchUrl } from "../own-addresses.ts";
import type {
  MessageKind,
  ReviewedHead,
  SessionContext,
  SessionMessage,
  SessionStep,
} from "./record.ts";
import { withRefund } from "./trackers.ts";

// Session messages
//
// The inbox of one session: what was said to its agent, and what became of it.
//
//   M1. At most one message is with the terminal.
//   M2. Nothing is typed into a permission, nor to an agent that has said goodbye. What is automatic is not typed into
//       a question or a doubt either, also one that was given up on, and what managers and other agents say not into a turn that cannot be steered.
//       What comes while a limit holds its agent waits until that is over, a person's words apart.
//   M3. What is no longer true when its turn comes expires untyped.
//   M4. A message that surely was not typed waits for the next live terminal; one that may have been does not.

const OPEN_LIMIT = 64;
const OPEN_CHARS = 2_097_152;
const KEPT = 200;
const KEPT_CHARS = 500;
// A terminal that is never live for it is no inbox.
const MOST_ATTEMPTS = 5;

/** The session with one more message waiting; undefined when its queue is full. */
export function queued(
  context: SessionContext,
  message: Pick<SessionMessage, "id" | "text" | "at" | "about" | "ref" | "review" | "kind">,
): SessionContext | undefined {
  const open = context.messages.filter(isPending);
  const chars = open.reduce((sum, { text }) => sum + text.length, message.text.length);
  if (open.length >= OPEN_LIMIT || chars > OPEN_CHARS) return undefined;
  const entry: SessionMessage = { ...message, state: "queued", attempts: 0 };
  const most = KEPT - open.length - 1;
  const past = context.messages.filter((each) => !isPending(each)).slice(-most);
  const kept = context.messages.filter((each) => isPending(each) || past.includes(each));
  return { ...context, messages: [...kept, entry] };
}

/** Hands the next message to the terminal, if it may be typed now (M1, M2, M3). */
export function handedOver(context: SessionContext, at: number): SessionStep {
  const current = expired(context, (message) => !stillHolds(context, message));
  const next = mayType(current)
    ? current.messages.find((message) => message.state === "queued" && mayHear(current, message))
    : undefined;
  if (next === undefined) return { context: current, orders: [] };
  const attempts = next.attempts + 1;
  const delivering: SessionMessage = { ...next, state: "delivering", handedAt: at, attempts };
  const order: Order = {
    type: "mail",
    to: addressOf("terminal", context.id),
    name: "terminal.deliver",
    data: { deliveryId: next.id, text: next.text, epoch: context.terminal.epoch },
  };
  return { context: replaced(current, delivering), orders: [order] };
}

function mayType({ axes, terminal, wanted, messages }: SessionContext): boolean {
  const isFree = messages.every(({ state }) => state !== "delivering");
  const isEnded = axes.lifecycle.state === "terminated" || wanted !== "running";
  return terminal.state === "live" && isFree && !isEnded;
}

/** Whether the agent may be given this text as it is now (M2). */
function mayHear({ axes, harness, limit }: SessionContext, message: SessionMessage): boolean {
  const { state } = axes.activity;
  if (state === "blocked" || state === "exited") return false;
  const sort = sortOf(message);
  // An objective's words wait for the end of a limit like all that no person says.
  if (sort === "text") return message.ref === undefined || limit === null;
  if (state === "waiting_input" || isHeldUp({ axes, limit })) return false;
  return sort === "nudge" || state !== "active" || HARNESSES.get(harness)?.steers === true;
}

function sortOf({ kind, about, review }: SessionMessage): MessageKind {
  const isAutomatic = about !== undefined || review !== undefined;
  return kind ?? (isAutomatic ? "nudge" : "text");
}

const ASKING_OR_DOUBTED: ReadonlySet<string> = new Set(["detecting", "stuck", "needs_input"]);

function isHeldUp({ axes, limit }: Pick<SessionContext, "axes" | "limit">): boolean {
  return limit !== null || ASKING_OR_DOUBTED.has(axes.lifecycle.state);
}

function stillHolds(context: SessionContext, { about, review }: SessionMessage): boolean {
  if (review !== undefined) return isReviewCurrent(context, review);
  return about === undefined || context.trackers[about.tracker]?.signature === about.signature;
}

/** The session with those waiting messages gone that are no longer true; the very same one when there are none. */
export function expired(
  context: SessionContext,
  isOver: (message: SessionMessage) => boolean,
): SessionContext {
  const messages = context.messages.map((message) =>
    message.state === "queued" && isOver(message)
      ? ended(message, { state: "expired", reason: "it no longer holds" })
      : message,
  );
  const gone = context.messages.filter((message, index) => message !== messages[index]);
  return gone.reduce(withRefund, gone.length === 0 ? context : { ...context, messages });
}

/** Whether a reviewed commit still is what it was: of its pull request, or of the branch, until that has one. */
function isReviewCurrent(context: SessionContext, heads: readonly ReviewedHead[]): boolean {
  const { prs, workspace } = context;
  if (prs.length === 0) return heads.some(({ headSha }) => headSha === workspace.headSha);
  const branch = branchUrl(context.projectId, context.workspace.branch);
  return heads.some(({ url, headSha }) =>
    prs.some((pr) => {
      const isIt = pr.url === url || (url === branch && pr.headRef === workspace.branch);
      return isIt && isOpenPull(pr) && pr.headSha === headSha;
    }),
  );
}

/** The receipt: it was not, or may not have been, typed (M4). */
export function returned(
  context: SessionContext,
  { deliveryId, reason, detail }: Undeliverable,
): SessionContext {
  const message = context.messages.find(({ id }) => id === deliveryId);
  if (message?.state !== "delivering") return context;
  const isEnded = context.axes.lifecycle.state === "terminated" || context.wanted !== "running";
  const isAgain = reason === "not_live" && !isEnded && message.attempts < MOST_ATTEMPTS;
  if (isAgain) return replaced(context, { ...message, state: "queued" });
  const end = { state: "undeliverable", reason: `${reason}: ${detail}` } as const;
  return withRefund(replaced(context, ended(message, end)), message);
}

/** Nobody is left to read what waits. */
export function abandoned(context: SessionContext): SessionContext {
  if (context.messages.every(({ state }) => state !== "queued")) return context;
  const messages = context.messages.map((message) =>
    message.state === "queued"
      ? ended(message, { state: "undeliverable", reason: "the session has ended" })
      : message,
  );
  return { ...context, messages };
}

/** The message at its end, with no more of its text than people need to know it by. */
export function ended(
  message: SessionMessage,
  end: Pick<SessionMessage, "state" | "reason">,
): SessionMessage {
  return { ...message, ...end, text: message.text.slice(0, KEPT_CHARS) };
}

function isPending({ state }: SessionMessage): boolean {
  return state === "queued" || state === "delivering";
}

/** The session with one message replaced. */
export function replaced(context: SessionContext, message: SessionMessage): SessionContext {
  return {
    ...context,
    messages: context.messages.map((each) => (each.id === message.id ? message : each)),
  };
}
