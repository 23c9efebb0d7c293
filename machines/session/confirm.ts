import { addressOf } from "../ids.ts";
import { HARNESSES } from "../harness/harnesses.ts";
import type { Order } from "../order.ts";
import { ended, replaced } from "./messages.ts";
import type { SessionContext, SessionLimits, SessionMessage, SessionStep } from "./record.ts";

// Session confirm
//
// Whether an agent took what was typed to it. Where its hooks say so, their word counts; elsewhere the receipt of the
// terminal does, which saw the text in the pane.
//
//   K1. A text that awaits its agent's word is still the one that is out: nothing else is typed meanwhile.
//   K2. Enter is pressed at most three times for one text, and only while the agent rests: never into a question.
//   K3. Without a word the text counts as delivered in the end, and its reason says that nobody confirmed it.

const MOST_ENTERS = 3;
const COMPARED_CHARS = 200;
const UNCONFIRMED = "typed, and not confirmed by its agent";

/** The receipt of the terminal: it was typed. */
export function delivered(
  context: SessionContext,
  { deliveryId, at }: { deliveryId: string; at: number },
  { confirmMs }: SessionLimits,
): SessionContext {
  const message = context.messages.find(({ id }) => id === deliveryId);
  if (message?.state !== "delivering" || message.confirm !== undefined) return context;
  if (message.isTaken === true || !hasWord(context)) return taken(context, message, at);
  const confirm = { by: at + confirmMs, epoch: context.terminal.epoch, enters: 1 };
  return replaced(context, { ...message, confirm });
}

/** Whether this agent's hooks say what it takes, and have spoken. */
function hasWord({ harness, axes }: SessionContext): boolean {
  const says = HARNESSES.get(harness)?.says;
  const isHeard = axes.activity.signals > 0 && axes.activity.source === "hook";
  return says?.submits === true && says.blocked && isHeard;
}

function taken(context: SessionContext, message: SessionMessage, at: number): SessionContext {
  const { confirm: _, isTaken: _t, ...most } = message;
  return replaced(context, { ...ended(most, { state: "delivered" }), deliveredAt: at });
}

/** The agent says that it took a prompt; `said` is how that begins, where it is told. */
export function confirmed(
  context: SessionContext,
  { said, at }: { said: string | undefined; at: number },
): SessionContext {
  const message = context.messages.find(({ state }) => state === "delivering");
  if (message === undefined || !isSame(message.text, said)) return context;
  if (message.confirm !== undefined) return taken(context, message, at);
  return message.isTaken === true ? context : replaced(context, { ...message, isTaken: true });
}

function isSame(text: string, said: string | undefined): boolean {
  if (said === undefined) return true;
  const [one, other] = [text, said].map((each) => each.replaceAll(/\s+/g, " ").trim());
  const chars = Math.min(COMPARED_CHARS, one?.length ?? 0, other?.length ?? 0);
  return one?.slice(0, chars) === other?.slice(0, chars);
}

/** The agent's word did not come in time (K2, K3). */
export function confirmOver(
  context: SessionContext,
  { at }: { at: number },
  { confirmMs }: SessionLimits,
): SessionStep {
  const message = context.messages.find(({ state }) => state === "delivering");
  const confirm = message?.confirm;
  if (message === undefined || confirm === undefined || at < confirm.by) {
    return { context, orders: [] };
  }
  if (!mayPress(context, confirm)) {
    const { confirm: _, ...most } = message;
    const end = { state: "delivered", reason: UNCONFIRMED } as const;
    return { context: replaced(context, { ...ended(most, end), deliveredAt: at }), orders: [] };
  }
  const enters = confirm.enters + 1;
  const order: Order = {
    type: "mail",
    to: addressOf("terminal", context.id),
    name: "terminal.deliver",
    data: { deliveryId: `${message.id}#enter${enters}`, text: "", epoch: confirm.epoch },
  };
  const next = { ...message, confirm: { ...confirm, enters, by: at + confirmMs } };
  return { context: replaced(context, next), orders: [order] };
}

function mayPress(
  { axes, terminal }: SessionContext,
  { epoch, enters }: NonNullable<SessionMessage["confirm"]>,
): boolean {
  const { state } = axes.activity;
  const isAtRest = state === "idle" || state === "ready";
  return isAtRest && terminal.state === "live" && terminal.epoch === epoch && enters < MOST_ENTERS;
}

/** The end of a step: one timer, for the text that awaits its agent's word. */
export function withConfirmTimer(before: SessionContext, step: SessionStep): SessionStep {
  const dueAt = dueOf(step.context);
  if (dueAt === dueOf(before)) return step;
  const order: Order =
    dueAt === undefined
      ? { type: "cancel", name: "confirm" }
      : { type: "arm", name: "confirm", dueAt };
  return { ...step, orders: [...step.orders, order] };
}

function dueOf({ messages }: SessionContext): number | undefined {
  return messages.find(({ state }) => state === "delivering")?.confirm?.by;
}
