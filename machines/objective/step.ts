import { idOf, ROOT } from "../ids.ts";
import { canceled, commanded, type Command } from "./commands.ts";
import { isListening, sending, toManager, waitingItems, withDelivery } from "./inbox.ts";
import { managerDue, managerSeen, respawned, stopped, supervised } from "./manager.ts";
import type { ObjectiveEvent, ObjectiveEventNamed } from "./protocol.ts";
import { withPullNews } from "./pulls.ts";
import { answered, closed, decisionOf, escalated } from "./questions.ts";
import {
  quiet,
  chained,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
} from "./record.ts";
import { standingOf, verdictOf, wakeAt, type Verdict } from "./standing.ts";
import {
  slotGranted,
  slotWaiting,
  withAskers,
  workersDue,
  workerSeen,
  withStarts,
} from "./workers.ts";
import { isLoss, lossTold } from "./losses.ts";
import { receiptSeen } from "./receipts.ts";
import { limitNews } from "./limits.ts";
import { closedAgain, withClosings } from "./closings.ts";
import type { Order } from "../order.ts";
import { poked, pokesJudged } from "./poke.ts";
import { pokeText } from "./poke-text.ts";
import { forgiven, type Cause } from "../supervision/supervision.ts";

// Objective step
//
// The whole answer of an objective to one message. Pure.
//
//   E-1. Whatever came, the record is then settled: what can be done now is ordered in the same step, where it stands is
//        worked out anew, and the one timer is armed for the next look.
//   E-2. `revision` grows by one with every step that changes the record, and by none otherwise.
//   E-3. After its end an objective only takes note.

type Decide = { readonly limits: ObjectiveLimits; readonly at: number };

/** The next context and what to order. */
export function stepObjective(
  context: ObjectiveContext,
  event: ObjectiveEvent,
  limits: ObjectiveLimits,
): ObjectiveStep {
  const told = answer(context, event, limits);
  const isLook = event.type === "timer.next" || event.type === "objective.audit";
  if (told.context === context && !isLook) return told;
  const { at } = event;
  const settled = settle(context, told, { limits, at });
  if (settled.context === context) return settled;
  return {
    context: { ...settled.context, revision: context.revision + 1, updatedAt: at },
    orders: settled.orders,
  };
}

function isCommand(event: ObjectiveEvent): event is Command {
  return event.type.startsWith("objective.") && event.type !== "objective.audit";
}

function answer(
  context: ObjectiveContext,
  event: ObjectiveEvent,
  limits: ObjectiveLimits,
): ObjectiveStep {
  if (isCommand(event)) return commanded(context, event, limits);
  if (isLoss(event)) return lossTold(context, event);
  switch (event.type) {
    case "member.seen":
      return memberSeen(context, event);
    case "slot.granted":
      return slotGranted(context, event.data.worker, event.at);
    case "slot.waiting":
      return quiet(slotWaiting(context, event));
    case "question.answered":
      return questionAnswered(context, event);
    case "question.canceled":
      return questionCanceled(context, event);
    case "timer.next":
      return quiet({ ...context, wakeAt: null });
    case "objective.audit":
      return audited(context, event, limits);
  }
  return event satisfies never;
}

/** A session of the objective, or one that a person gave to it. */
function memberSeen(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"member.seen">,
): ObjectiveStep {
  const id = idOf(event);
  const { at } = event;
  const { facts, receipts } = event.data;
  const isManager = /-m\d+$/.test(id) && facts.kind === "manager";
  const seen = isManager
    ? managerSeen(context, { id, facts, at })
    : chained(workerSeen(context, { id, facts, at }), (so) => closedAgain(so, { id, facts }));
  const settled = receipts.reduce<ObjectiveStep>(
    (step, receipt) => chained(step, (so) => receiptSeen(so, receipt, at)),
    seen,
  );
  const known = { ...settled, orders: [...settled.orders, ...limitNews(context, id, facts)] };
  if (facts.ended === null || isManager) return known;
  return chained(known, (so) => closed(so, ({ asker }) => asker === id));
}

function questionAnswered(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"question.answered">,
): ObjectiveStep {
  const id = idOf(event);
  const { at } = event;
  const { answer: text } = event.data;
  const step = answered(context, { id, answer: text, at });
  if (step.context === context || context.escalation?.questionId !== id) return step;
  return chained(step, (so) => decided({ ...so, escalation: null }, text, at));
}

/** The person decided what becomes of an objective that was escalated. */
function decided(context: ObjectiveContext, text: string, at: number): ObjectiveStep {
  // An older version took any words, as a grant.
  const decision = decisionOf(text) ?? { type: "grant", text };
  if (decision.type === "cancel") {
    const { context: over, orders } = canceled(context, at);
    return { context: over, orders: orders.filter(({ type }) => type !== "reply") };
  }
  const { prompt } = context;
  const isNew = decision.type === "rescope";
  const scoped: ObjectiveContext = {
    ...context,
    useless: 0,
    shaken: 0,
    prompt: isNew ? `${prompt}\n\nRe-scoped by a person:\n${decision.text}`.slice(-65_536) : prompt,
  };
  const told =
    decision.text === ""
      ? quiet(scoped)
      : toManager(scoped, { from: "person", text: decision.text, at });
  const supervisor = ABNORMAL.reduce(forgiven, told.context.supervisor);
  return chained({ ...told, context: { ...told.context, supervisor } }, (so) =>
    so.supervisor.phase === "escalated" ? supervised(so, { type: "start", at }) : quiet(so),
  );
}

const ABNORMAL: readonly Cause[] = ["crash", "infra", "launch", "no_progress"];

/** A person closed the question without an answer. */
function questionCanceled(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"question.canceled">,
): ObjectiveStep {
  const id = idOf(event);
  const { at } = event;
  const { context: known } = closed(context, (question) => question.id === id);
  // The cooldown keeps a question that is closed again and again from being asked as often.
  const isEscalation = context.escalation?.questionId === id;
  return quiet(isEscalation ? { ...known, actedAt: at } : known);
}

/** The tick found this objective overdue: its timer was lost if it is not what wakes it (S1). */
function audited(
  context: ObjectiveContext,
  { at }: ObjectiveEventNamed<"objective.audit">,
  limits: ObjectiveLimits,
): ObjectiveStep {
  if (context.end !== null) return quiet(context);
  const isLost = context.wakeAt === null || context.wakeAt + limits.tickMs < at;
  const known = { ...context, auditedAt: at };
  if (!isLost) return quiet(known);
  const data = { objective: context.id, what: "timer" };
  return {
    context: { ...known, wakeAt: null, repairs: context.repairs + 1 },
    orders: [{ type: "mail", to: ROOT, name: "root.repaired", data }],
  };
}

/** All that follows from a message, until nothing more can be done now (E-1). */
function settle(
  before: ObjectiveContext,
  told: ObjectiveStep,
  { limits, at }: Decide,
): ObjectiveStep {
  if (told.context.end !== null) return withTimer(standing(told, { limits, at }), { limits, at });
  let step = chained(told, (so) => quiet(withAskers(so, at)));
  step = chained(step, (so) => managerDue(so, limits, at));
  step = chained(step, (so) => workersDue(so, limits, at));
  step = chained(step, (so) => withPullNews(before, so, at));
  step = chained(step, (so) => withoutNeed(so));
  step = chained(step, (so) => withStarts(so, at));
  step = chained(step, (so) => withDelivery(so, at));
  step = chained(step, (so) => withClosings(so, limits, at));
  step = chained(step, (so) => acted(so, { limits, at }));
  return withTimer(standing(step, { limits, at }), { limits, at });
}

/** An escalation that its manager answered by getting on is over. */
function withoutNeed(context: ObjectiveContext): ObjectiveStep {
  const { escalation, supervisor, pokes, progress } = context;
  const last = pokes.at(-1);
  if (escalation === null || supervisor.phase === "escalated" || last === undefined)
    return quiet(context);
  if (progress <= last.progress) return quiet(context);
  return closed(context, ({ id }) => id === escalation.questionId);
}

function acted(context: ObjectiveContext, { limits, at }: Decide): ObjectiveStep {
  const first = verdictOf(context, limits, at);
  const judged = first.isResting ? pokesJudged(context) : context;
  const verdict = judged === context ? first : verdictOf(judged, limits, at);
  return carriedOut(judged, verdict, at);
}

function carriedOut(context: ObjectiveContext, { act, after }: Verdict, at: number): ObjectiveStep {
  switch (act) {
    case "poke":
      return pokeSent(context, { after, at });
    case "restart": {
      const shaken = { ...context, shaken: context.shaken + 1, useless: 0 };
      return stopped(shaken, { cause: "no_progress", at });
    }
    case "escalate":
      return escalated({ ...context, actedAt: at }, { cause: causeOf(context), at });
    case "respawn":
      return respawned(context, at);
    case null:
      break;
  }
  return quiet(context);
}

/** Why a person is asked: what the supervisor gave up on, or pokes that nobody answered. */
function causeOf({ supervisor, lives }: ObjectiveContext): Cause {
  return supervisor.phase === "escalated" ? (lives.at(-1)?.cause ?? "crash") : "no_progress";
}

function pokeSent(
  context: ObjectiveContext,
  { after, at }: { after: Verdict["after"]; at: number },
): ObjectiveStep {
  if (!isListening(context) || waitingItems(context).length > 0) return quiet(context);
  const text = pokeText(context);
  const sent = sending(poked(context, { after, at }), { what: "poke", text, at });
  return { context: sent.context, orders: [sent.order.mail] };
}

function standing({ context, orders }: ObjectiveStep, { limits, at }: Decide): ObjectiveStep {
  const now = standingOf(context, verdictOf(context, limits, at), at);
  return { context: now === context.standing ? context : { ...context, standing: now }, orders };
}

// A time that has passed and asks for nothing must not wake the objective at once, again and again.
const AT_LEAST_MS = 1_000;

function withTimer({ context, orders }: ObjectiveStep, { limits, at }: Decide): ObjectiveStep {
  const time = wakeAt(context, { limits, at });
  const due = time !== null && time <= at ? at + AT_LEAST_MS : time;
  if (due === context.wakeAt) return { context, orders };
  const order: Order =
    due === null ? { type: "cancel", name: "next" } : { type: "arm", name: "next", dueAt: due };
  return { context: { ...context, wakeAt: due }, orders: [...orders, order] };
}
