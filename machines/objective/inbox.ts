import { addressOf } from "../ids.ts";
import type { MemberSeen } from "../session/member.ts";
import {
  quiet,
  type Item,
  type ObjectiveContext,
  type ObjectiveStep,
  type Sending,
} from "./record.ts";
import type { MailOrder } from "../order.ts";

// Objective inbox
//
// What must reach a manager, whichever one there is when its turn comes. Addressed to the objective, kept here.
//
//   I1. An item stays until the receipt of a manager's terminal, or the launch of a manager that has it in its prompt.
//   I2. Items go in the order in which they came, together, one sending at a time.
//   I3. What did not arrive waits again; an item is never in two sendings.
//   I5. After one that did not arrive the next one waits a while: who refuses it now would do so again at once.
//   I4. The list is bounded: what a person said is refused when it is full, of the rest the oldest is left out, and said.

const MOST_WAITING = 300;
const KEPT_DELIVERED = 50;
const KEPT_CHARS = 280;
const AGAIN_MS = 1_000;
const ITEM_CHARS = 16_384;
const SENDING_CHARS = 60_000;
const LEFT_OUT = "(Older messages were left out; ao objective show tells the rest.)\n";

/** What is said, before it has its place in the list. */
type Said = Omit<Item, "id" | "state" | "ref" | "epoch">;

/** Whether a person's message can still be taken (I4). */
export function isFull({ inbox }: ObjectiveContext): boolean {
  return inbox.filter(({ state }) => state !== "delivered").length >= MOST_WAITING;
}

/** One more item for whichever manager there is; it goes out with the step. */
export function toManager(context: ObjectiveContext, { from, text, at }: Said): ObjectiveStep {
  if (context.end !== null) return quiet(context);
  const items = context.counts.items + 1;
  const item: Item = {
    id: `i${items}`,
    at,
    from,
    text: text.slice(0, ITEM_CHARS),
    state: "waiting",
    ref: null,
    epoch: null,
  };
  const inbox = bounded([...context.inbox, item]);
  return quiet({ ...context, inbox, counts: { ...context.counts, items } });
}

function bounded(inbox: readonly Item[]): readonly Item[] {
  const waiting = inbox.filter(({ state }) => state === "waiting");
  if (waiting.length <= MOST_WAITING) return inbox;
  const oldest = waiting.find(({ from }) => from !== "person") ?? waiting[0];
  const rest = inbox.filter((item) => item !== oldest);
  const first = rest.find(({ state }) => state === "waiting");
  return rest.map((item) =>
    item === first && !item.text.startsWith(LEFT_OUT)
      ? { ...item, text: `${LEFT_OUT}${item.text}` }
      : item,
  );
}

/** The items that the next manager, or the next sending, takes along. */
export function waitingItems({ inbox }: ObjectiveContext): readonly Item[] {
  const waiting = inbox.filter(({ state }) => state === "waiting");
  let chars = 0;
  return waiting.filter(({ text }, index) => {
    chars += text.length;
    return index === 0 || chars <= SENDING_CHARS;
  });
}

/** Sends what waits to the manager that runs (I2). */
export function withDelivery(context: ObjectiveContext, at: number): ObjectiveStep {
  const items = waitingItems(context);
  const isBusy = context.sendings.some(({ what }) => what === "items" || what === "poke");
  const isHeld = at < (sendAgainAt(context) ?? at);
  if (items.length === 0 || isBusy || isHeld || !isListening(context)) return quiet(context);
  const text = items.map(({ text: each }) => each).join("\n\n");
  const { context: sent, order } = sending(context, { what: "items", text, at });
  return { context: takenAlong(sent, items, order.ref), orders: [order.mail] };
}

/** When what did not arrive is sent again; null when nothing waits for that (I5). */
export function sendAgainAt(context: ObjectiveContext): number | null {
  const { astrayAt } = context.manager;
  const isAwaited = astrayAt !== undefined && isListening(context);
  return isAwaited && waitingItems(context).length > 0 ? astrayAt + AGAIN_MS : null;
}

/** Whether a manager runs that has authority and is not being ended. */
export function isListening({ manager, supervisor }: ObjectiveContext): boolean {
  const isRunning = supervisor.children.some(({ state }) => state === "running");
  return isRunning && manager.stopping === null && manager.sessionId !== null;
}

/** One text to a session, and the note that its receipt is awaited. Without `to` it is for the manager. */
export function sending(
  context: ObjectiveContext,
  { to, what, text, at }: { to?: string; what: Sending["what"]; text: string; at: number },
): { context: ObjectiveContext; order: { ref: string; mail: MailOrder } } {
  const n = context.counts.sendings + 1;
  const ref = `${context.id}:s${n}`;
  const session = to ?? context.manager.sessionId ?? "";
  const sendings = [...context.sendings, { ref, to: session, at, what }];
  const mail: MailOrder = {
    type: "mail",
    to: addressOf("session", session),
    name: "session.send",
    data: { text, ref },
  };
  return {
    context: { ...context, sendings, counts: { ...context.counts, sendings: n } },
    order: { ref, mail },
  };
}

/** The items as part of one sending, or of the prompt of one manager. */
export function takenAlong(
  context: ObjectiveContext,
  items: readonly Item[],
  ref: string,
): ObjectiveContext {
  const ids = new Set(items.map(({ id }) => id));
  const { epoch } = context.manager;
  const inbox = context.inbox.map((item) =>
    ids.has(item.id) ? { ...item, state: "sending" as const, ref, epoch } : item,
  );
  return { ...context, inbox };
}

/** The items of a sending arrived. */
export function arrived(context: ObjectiveContext, ref: string): ObjectiveContext {
  if (context.inbox.every((item) => item.ref !== ref || item.state !== "sending")) return context;
  const inbox = context.inbox.map((item) =>
    item.ref === ref && item.state === "sending"
      ? { ...item, state: "delivered" as const, text: item.text.slice(0, KEPT_CHARS) }
      : item,
  );
  const over = inbox.filter(({ state }) => state === "delivered").length - KEPT_DELIVERED;
  const gone = new Set(
    inbox.filter(({ state }) => state === "delivered").slice(0, Math.max(0, over)),
  );
  return { ...context, inbox: inbox.filter((item) => !gone.has(item)) };
}

/** The items of a sending did not arrive: they wait for the next one (I3). */
export function wentAstray(context: ObjectiveContext, ref: string): ObjectiveContext {
  if (context.inbox.every((item) => item.ref !== ref || item.state !== "sending")) return context;
  const inbox = context.inbox.map((item) =>
    item.ref === ref && item.state === "sending"
      ? { ...item, state: "waiting" as const, ref: null, epoch: null }
      : item,
  );
  return { ...context, inbox };
}

/** What the manager that ended had on its way waits for the next one (I1). */
export function ofLostManager(context: ObjectiveContext, sessionId: string): ObjectiveContext {
  const lost = context.sendings.filter(({ to, what }) => to === sessionId && what !== "answer");
  const refs = [...lost.map(({ ref }) => ref), promptRef(context.manager.epoch)];
  const sendings = context.sendings.filter((each) => !lost.includes(each));
  const pokes = context.pokes.map((poke) =>
    poke.state === "sending"
      ? { ...poke, state: "failed" as const, outcome: "none" as const }
      : poke,
  );
  return refs.reduce<ObjectiveContext>((so, ref) => wentAstray(so, ref), {
    ...context,
    sendings,
    pokes,
  });
}

/** The name of what a manager has in its prompt. */
export function promptRef(epoch: number): string {
  return `prompt:${epoch}`;
}

/** A sending that is over, and how; undefined for a receipt of nothing we know. */
export function settledSending(
  context: ObjectiveContext,
  { ref }: MemberSeen["receipts"][number],
): { context: ObjectiveContext; sending: Sending } | undefined {
  const known = context.sendings.find((each) => each.ref === ref);
  if (known === undefined) return undefined;
  const sendings = context.sendings.filter((each) => each !== known);
  return { context: { ...context, sendings }, sending: known };
}
