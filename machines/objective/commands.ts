import type { FailureCode } from "../failures.ts";
import { ROOT } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import { isFull, sending, toManager } from "./inbox.ts";
import { managerSupervisor, supervised, worked } from "./manager.ts";
import type { By, ObjectiveEventNamed } from "./protocol.ts";
import { pullsOf } from "./pulls.ts";
import { isOpenPull } from "../pull-state.ts";
import { pokesJudged } from "./poke.ts";
import { asked, closed } from "./questions.ts";
import {
  isEnded,
  KEPT,
  progressed,
  quiet,
  chained,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
} from "./record.ts";
import { endedAs, killOrder, planned, workerRefusal } from "./workers.ts";
import type { Order } from "../order.ts";

// Objective commands
//
// What a manager, a worker or a person orders. Each is answered once; a refused one changes nothing.
//
//   C1. Only the manager of the present epoch drives; an older one is refused with EPOCH_STALE, anybody else with
//       FORBIDDEN. A worker may note and ask. The owner may do everything.
//   C2. Nothing is done for an objective that has ended.
//   C3. Done is refused while a pull request is open or a worker has not ended, with their names and what to do.
//   C4. With its end an objective ends all that it runs.

export type Command = ObjectiveEventNamed<
  | "objective.start"
  | "objective.worker"
  | "objective.stop"
  | "objective.note"
  | "objective.plan"
  | "objective.ask"
  | "objective.send"
  | "objective.done"
  | "objective.cancel"
>;

/** What a command comes to. */
export function commanded(
  context: ObjectiveContext,
  event: Command,
  limits: ObjectiveLimits,
): ObjectiveStep {
  if (event.type === "objective.start") return begun(context, event, limits);
  const refusal = refusalOf(context, event);
  if (refusal !== undefined) return refused(context, refusal.code, refusal.message);
  switch (event.type) {
    case "objective.worker":
      return workerPlanned(context, event);
    case "objective.stop":
      return workerStopped(context, event);
    case "objective.note":
      return noted(context, event);
    case "objective.plan":
      return planMade(context, event);
    case "objective.ask":
      return personAsked(context, event);
    case "objective.send":
      return textSent(context, event);
    case "objective.done":
      return finished(context, event);
    case "objective.cancel":
      return canceled(context, event.at);
  }
  return event satisfies never;
}

type Refusal = { readonly code: FailureCode; readonly message: string };
type Steering = Exclude<Command, { type: "objective.start" }>;

function refusalOf(context: ObjectiveContext, event: Steering): Refusal | undefined {
  const by = "by" in event.data ? event.data.by : undefined;
  const tried = `give ${event.type} to objective ${context.id}`;
  const isShared = event.type === "objective.note" || event.type === "objective.ask";
  const stranger = by === undefined ? undefined : strangerRefusal(context, { by, tried, isShared });
  if (stranger !== undefined) return stranger;
  if (context.end === null || event.type === "objective.cancel") return undefined;
  return { code: "OBJECTIVE_ENDED", message: `${tried}: it is ${context.end.state}` };
}

/** Why an agent may not give a command (C1). */
function strangerRefusal(
  { manager, lives, workers }: ObjectiveContext,
  { by, tried, isShared }: { by: By; tried: string; isShared: boolean },
): Refusal | undefined {
  const isStopping = manager.stopping !== null;
  if (by.session === manager.sessionId && !isStopping) return undefined;
  if (by.session === manager.sessionId || lives.some(({ sessionId }) => sessionId === by.session)) {
    const seen = `${by.session} is no longer its manager; ${manager.sessionId ?? "nobody"} is at epoch ${manager.epoch}`;
    return { code: "EPOCH_STALE", message: `${tried}: ${seen}` };
  }
  const isMember = workers.some(({ id }) => id === by.session);
  if (isMember && isShared) return undefined;
  const seen = isMember ? "a worker may only note and ask" : `${by.session} is not one of its own`;
  return { code: "FORBIDDEN", message: `${tried}: ${seen}` };
}

function begun(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"objective.start">,
  limits: ObjectiveLimits,
): ObjectiveStep {
  if (context.supervisor.spec.children.length > 0) {
    return refused(
      context,
      "ALREADY_EXISTS",
      `start objective ${context.id}: it was started before`,
    );
  }
  const { projectId, title, prompt, harness, command } = event.data;
  const known: ObjectiveContext = {
    ...context,
    projectId,
    title: title.trim() === "" ? firstLine(prompt) : title.trim(),
    prompt,
    harness: harness ?? null,
    command: command ?? null,
    supervisor: managerSupervisor(limits),
  };
  const awake: Order = {
    type: "mail",
    to: ROOT,
    name: "root.wake",
    data: {},
  };
  return chained(supervised(known, { type: "start", at: event.at }), (so) => ({
    context: so,
    orders: [awake],
  }));
}

function firstLine(text: string): string {
  const line = text.split("\n").find((each) => each.trim() !== "") ?? "";
  return line.trim().slice(0, 60);
}

function replied(step: ObjectiveStep, data: JsonObject): ObjectiveStep {
  return { context: step.context, orders: [{ type: "reply", data }, ...step.orders] };
}

function refused(context: ObjectiveContext, code: FailureCode, message: string): ObjectiveStep {
  return { context, orders: [{ type: "refuse", code, message }] };
}

/** Progress that a manager makes is its work; that of a person only counts. */
function counted(context: ObjectiveContext, by: By | undefined, at: number): ObjectiveContext {
  return by?.session === context.manager.sessionId ? worked(context, at) : progressed(context, at);
}

function workerPlanned(
  context: ObjectiveContext,
  event: ObjectiveEventNamed<"objective.worker">,
): ObjectiveStep {
  const refusal = workerRefusal(context, event);
  if (refusal !== undefined) return refused(context, refusal.code, refusal.message);
  const next = counted(planned(context, event), event.data.by, event.at);
  return replied(quiet(next), { workerId: next.workers.at(-1)?.id ?? "" });
}

function workerStopped(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.stop">,
): ObjectiveStep {
  const worker = context.workers.find(({ id }) => id === data.worker);
  const tried = `stop ${data.worker} of objective ${context.id}`;
  if (worker === undefined) {
    return refused(context, "ACTOR_UNKNOWN", `${tried}: it is not one of its workers`);
  }
  const reply = { workerId: worker.id };
  if (isEnded(worker)) return replied(quiet(context), reply);
  const reason = data.by === undefined ? "it was stopped by a person" : "its manager stopped it";
  const over = endedAs(context, { worker, state: "canceled", reason, evidence: [], at });
  const kill = worker.slot === "held" || worker.isGuest ? [killOrder(worker.id, "cleanup")] : [];
  const step = { context: over.context, orders: [...over.orders, ...kill] };
  return replied(
    chained(step, (so) => closed(counted(so, data.by, at), ({ asker }) => asker === worker.id)),
    reply,
  );
}

function noted(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.note">,
): ObjectiveStep {
  const note = { at, by: data.by?.session ?? "owner", text: data.text };
  const notes = [...context.notes, note].slice(-KEPT.notes);
  return replied(quiet({ ...context, notes }), { objectiveId: context.id });
}

function planMade(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.plan">,
): ObjectiveStep {
  const plan = data.items.slice(0, KEPT.plan);
  const isSame = JSON.stringify(plan) === JSON.stringify(context.plan);
  const next = isSame ? context : counted({ ...context, plan }, data.by, at);
  return replied(quiet(next), { objectiveId: context.id });
}

function personAsked(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.ask">,
): ObjectiveStep {
  const asker = data.by?.session ?? context.manager.sessionId;
  const { question: text, options } = data;
  const { step, id } = asked(context, { asker, kind: "ask", text, options, at });
  const isManagers = data.by?.session === context.manager.sessionId;
  const known = isManagers ? worked(step.context, at) : step.context;
  return replied({ ...step, context: known }, { questionId: id });
}

function textSent(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.send">,
): ObjectiveStep {
  const { text, to, by } = data;
  const reply = { objectiveId: context.id };
  if (to === undefined || to === context.manager.sessionId) {
    if (isFull(context)) {
      return refused(
        context,
        "QUEUE_FULL",
        `send to objective ${context.id}: too much waits already`,
      );
    }
    const from = by === undefined ? "person" : "worker";
    return replied(toManager(context, { from, text, at }), reply);
  }
  const worker = context.workers.find(({ id }) => id === to);
  if (worker === undefined || (isEnded(worker) && worker.facts?.ended !== null)) {
    const seen = worker === undefined ? "it is not one of its workers" : `it has ${worker.state}`;
    return refused(context, "ACTOR_UNKNOWN", `send to ${to} of objective ${context.id}: ${seen}`);
  }
  if (worker.facts === null) {
    return refused(
      context,
      "TERMINAL_NOT_LIVE",
      `send to ${to}: it has not started (${worker.reason})`,
    );
  }
  const sent = sending(counted(context, by, at), { to, what: "word", text, at });
  return replied({ context: sent.context, orders: [sent.order.mail] }, { ...reply, workerId: to });
}

function finished(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.done">,
): ObjectiveStep {
  const { summary, outcome } = data;
  const open = outcome === "failed" ? undefined : openWork(context);
  if (open !== undefined) {
    return refused(context, "WORK_IS_OPEN", `finish objective ${context.id}: ${open}`);
  }
  const state = outcome === "failed" ? "failed" : "done";
  return replied(ended(context, { state, summary, at }), { objectiveId: context.id });
}

/** What must be brought to its end first (C3). */
function openWork(context: ObjectiveContext): string | undefined {
  const pulls = pullsOf(context).filter(isOpenPull);
  if (pulls.length > 0) {
    const names = pulls.map(({ number }) => `#${number}`).join(", ");
    return `${names} not merged; have each merged (ao pr merge) or closed (ao pr close) first`;
  }
  const workers = context.workers.filter((worker) => !isEnded(worker));
  if (workers.length === 0) return undefined;
  const names = workers.map(({ id, state }) => `${id} (${state})`).join(", ");
  return `${names} not ended; wait for each, or stop it: ao objective stop ${context.id} ${workers[0]?.id ?? ""}`;
}

export function canceled(context: ObjectiveContext, at: number): ObjectiveStep {
  const reply = { objectiveId: context.id };
  if (context.end !== null) return replied(quiet(context), reply);
  return replied(ended(context, { state: "canceled", summary: "", at }), reply);
}

/** The objective over, and all that it runs told to end (C4). */
function ended(
  context: ObjectiveContext,
  { state, summary, at }: { state: "done" | "canceled" | "failed"; summary: string; at: number },
): ObjectiveStep {
  // A manager that read its last news and finished at once is quicker than the receipt of that.
  const sendings = context.sendings.filter(({ what }) => what === "items" || what === "poke");
  // An end that its manager or a person came to is what a poke was for.
  const known = state === "canceled" ? context : progressed(context, at);
  const over: ObjectiveContext = { ...pokesJudged(known), end: { state, at, summary }, sendings };
  const open = over.workers.filter((worker) => !isEnded(worker));
  const reason = `the objective is ${state}`;
  const workers = open.reduce<ObjectiveStep>(
    (step, worker) =>
      chained(step, (so) => endedAs(so, { worker, state: "canceled", reason, evidence: [], at })),
    quiet(over),
  );
  const step = chained(workers, (so) => closed(so, () => true));
  // Those that may still have a process or a worktree.
  const live = context.workers.filter(({ facts, slot }) => facts !== null || slot === "held");
  const told = {
    ...step,
    orders: [...step.orders, ...live.map(({ id }) => killOrder(id, "cleanup"))],
  };
  return chained(told, (so) => supervised(so, { type: "stop", at }));
}
