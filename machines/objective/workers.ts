import { idleToldAt, slotAskAt } from "./leases.ts";
import { harnessOfProject } from "./limits.ts";
import { verdictOn, type Verdict } from "./verdict.ts";
import { addressOf, ROOT } from "../ids.ts";
import type { ObjectiveEventNamed } from "./protocol.ts";
import { toManager } from "./inbox.ts";
import {
  hasCommitted,
  isEnded,
  isUp,
  KEPT,
  progressed,
  quiet,
  chained,
  withWorker,
  type Facts,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
  type Worker,
  type WorkerState,
} from "./record.ts";
import type { FailureCode } from "../failures.ts";
import type { MailOrder } from "../order.ts";

// Objective workers
//
// The plan's tasks: when each may start, what its session says of it, and how it ended.
//
//   W1. A task starts when all it depends on succeeded and it was given a slot; each waits for a reason that is told.
//   W2. An unknown dependency and a circle are errors of the order, not waits.
//   W3. What depends on a task that failed is canceled, and so on down.
//   W4. How a task ended is what the verdict on it says (`verdict.ts`).
//   W5. An end is told to the manager, whichever one that is by then.
//   W6. A request for a slot that nobody answers is asked again; a slot is held once, however often it is given.

type Refusal = { readonly code: FailureCode; readonly message: string };

/** Why a task cannot be taken into the plan; undefined when it can (W2). */
export function workerRefusal(
  context: ObjectiveContext,
  { data }: ObjectiveEventNamed<"objective.worker">,
): Refusal | undefined {
  const tried = `plan a worker of ${context.id}`;
  const open = context.workers.filter((worker) => !isEnded(worker)).length;
  if (open >= KEPT.workers) {
    return { code: "LIMIT_REACHED", message: `${tried}: ${open} have not ended` };
  }
  const own = nextWorkerId(context);
  const known = new Set(context.workers.map(({ id }) => id));
  const unknown = data.dependsOn.find((id) => !known.has(id));
  if (unknown === undefined) return undefined;
  if (unknown === own) {
    return { code: "DEPENDENCY_CIRCULAR", message: `${tried}: ${own} would wait for itself` };
  }
  const ids = [...known].slice(-20).join(", ");
  const seen = known.size === 0 ? "it has no workers yet" : `its workers are ${ids}`;
  return { code: "DEPENDENCY_UNKNOWN", message: `${tried}: there is no ${unknown}; ${seen}` };
}

function nextWorkerId({ id, counts }: ObjectiveContext): string {
  return `${id}-w${counts.workers + 1}`;
}

/** The plan with one more task. */
export function planned(
  context: ObjectiveContext,
  { data, at }: ObjectiveEventNamed<"objective.worker">,
): ObjectiveContext {
  const { title, prompt, harness, command, dependsOn } = data;
  const worker: Worker = {
    ...newWorker(nextWorkerId(context), at),
    title: title.slice(0, 200),
    prompt,
    ...(harness !== undefined && { harness }),
    ...(command !== undefined && { command }),
    dependsOn: [...new Set(dependsOn)],
    reason: "it was just planned",
  };
  const counts = { ...context.counts, workers: context.counts.workers + 1 };
  const workers = shortened([...context.workers, worker]);
  return progressed({ ...context, counts, workers }, at);
}

function newWorker(id: string, at: number): Worker {
  return {
    id,
    title: "",
    prompt: "",
    dependsOn: [],
    state: "waiting",
    reason: "",
    summary: "",
    evidence: [],
    slot: "none",
    slotAskedAt: null,
    createdAt: at,
    startedAt: null,
    endedAt: null,
    evidenceAt: at,
    baseSha: null,
    toldIdleAt: null,
    facts: null,
    isReleased: false,
    isGuest: false,
  };
}

/** Ended tasks that nothing waits for go first; what has not ended always stays. */
function shortened(workers: readonly Worker[]): readonly Worker[] {
  if (workers.length <= KEPT.workers) return workers;
  const awaited = new Set(
    workers.filter((each) => !isEnded(each)).flatMap((each) => each.dependsOn),
  );
  const oldest = workers.find((each) => isEnded(each) && !awaited.has(each.id));
  return workers.filter((each) => each !== oldest);
}

/** What can be done for the plan now: starts, slots, cancellations (W1, W3). */
export function withStarts(context: ObjectiveContext, at: number): ObjectiveStep {
  return context.workers
    .filter(({ state }) => state === "waiting")
    .reduce<ObjectiveStep>(
      (step, { id }) => chained(step, (so) => lookedAt(so, id, at)),
      quiet(context),
    );
}

function lookedAt(context: ObjectiveContext, id: string, at: number): ObjectiveStep {
  const worker = context.workers.find((each) => each.id === id);
  if (worker?.state !== "waiting") return quiet(context);
  const needs = worker.dependsOn.map((need) => context.workers.find((each) => each.id === need));
  const lost = needs.find((need) => need?.state === "failed" || need?.state === "canceled");
  if (lost !== undefined) {
    const reason = `${lost.id}, which it depends on, ${lost.state === "failed" ? "failed" : "was canceled"}`;
    return endedAs(context, { worker, state: "canceled", reason, evidence: [], at });
  }
  const open = needs.filter((need) => need !== undefined && need.state !== "succeeded");
  if (open.length > 0) {
    const names = open.slice(0, 5).map((need) => need?.id);
    return quiet(waitingFor(context, worker, `waiting for ${names.join(", ")}`));
  }
  const askAt = slotAskAt(worker);
  if (askAt === null || at < askAt) return quiet(context);
  const harness = worker.harness ?? harnessOfProject(context);
  const reason = worker.slot === "none" ? "waiting for a slot" : worker.reason;
  return {
    context: withWorker(context, { ...worker, slot: "wanted", slotAskedAt: at, reason }),
    orders: [
      rootMail("slot.wanted", { worker: id, host: "local", harness, projectId: context.projectId }),
    ],
  };
}

function waitingFor(context: ObjectiveContext, worker: Worker, reason: string): ObjectiveContext {
  return worker.reason === reason ? context : withWorker(context, { ...worker, reason });
}

function rootMail(name: string, data: MailOrder["data"]): MailOrder {
  return { type: "mail", to: ROOT, name, data };
}

/** It has a slot: its session is ordered. */
export function slotGranted(context: ObjectiveContext, id: string, at: number): ObjectiveStep {
  const worker = context.workers.find((each) => each.id === id);
  if (worker?.state === "waiting" && context.end === null) return begun(context, worker, at);
  // It has it already, and asked once more before it knew (W6).
  if (worker?.slot === "held" && context.end === null) return quiet(context);
  return { context, orders: [rootMail("slot.released", { worker: id })] };
}

function begun(context: ObjectiveContext, worker: Worker, at: number): ObjectiveStep {
  const { id } = worker;
  const predecessor = context.workers.find(({ id: need }) => need === worker.dependsOn.at(-1));
  const baseRef = predecessor?.facts?.workspace.branch ?? undefined;
  const { title, prompt, harness, command } = worker;
  const order: MailOrder = {
    type: "mail",
    to: addressOf("project", context.projectId),
    name: "project.spawn",
    data: {
      kind: "worker",
      sessionId: id,
      objectiveId: context.id,
      title,
      prompt,
      ...(harness !== undefined && { harness }),
      ...(command !== undefined && { command }),
      ...(baseRef !== undefined && { baseRef }),
    },
  };
  const starting = {
    ...worker,
    state: "starting" as const,
    reason: "its session was ordered",
    slot: "held" as const,
    prompt: "",
    evidenceAt: at,
  };
  return { context: withWorker(context, starting), orders: [order] };
}

export function slotWaiting(
  context: ObjectiveContext,
  { data }: ObjectiveEventNamed<"slot.waiting">,
): ObjectiveContext {
  const worker = context.workers.find(({ id }) => id === data.worker);
  if (worker?.state !== "waiting") return context;
  return waitingFor(context, worker, data.reason);
}

/** What the session of a task says of itself. */
export function workerSeen(
  context: ObjectiveContext,
  { id, facts, at }: { id: string; facts: Facts; at: number },
): ObjectiveStep {
  const known = context.workers.find((each) => each.id === id);
  if (known === undefined) return guestSeen(context, { id, facts, at });
  const seen = withFacts(known, facts, { at, isAsker: isAsker(context, id) });
  const told = withWorker(context, seen);
  // The order to close it was quicker than its session. Before the end of all, its claims decide when it is closed.
  const isLate = context.end !== null && known.facts === null && facts.ended === null;
  if (isEnded(known)) return { context: told, orders: isLate ? [killOrder(id, "cleanup")] : [] };
  const verdict = verdictOn(seen);
  if (verdict !== undefined) return endedAs(told, { worker: seen, ...verdict, at });
  const moved = seen.startedAt !== known.startedAt || seen.state !== known.state;
  return quiet(moved ? progressed(told, at) : told);
}

/** A session that a person began for this objective: seen, and counted as progress, but not driven. */
function guestSeen(
  context: ObjectiveContext,
  { id, facts, at }: { id: string; facts: Facts; at: number },
): ObjectiveStep {
  if (facts.kind !== "worker" || facts.ended !== null || context.end !== null) {
    return quiet(context);
  }
  const title = facts.title.slice(0, 200);
  const guest: Worker = { ...newWorker(id, at), title, isGuest: true, state: "starting" };
  const workers = shortened([...context.workers, guest]);
  return workerSeen({ ...context, workers }, { id, facts, at });
}

/** Whether a question of a worker waits for an answer. */
function isAsker({ questions }: ObjectiveContext, id: string): boolean {
  return questions.some(({ state, asker }) => state === "open" && asker === id);
}

/** Workers as their questions have them: the answer to one is a sign, like any that it gives itself. */
export function withAskers(context: ObjectiveContext, at: number): ObjectiveContext {
  return context.workers.reduce((so, worker) => {
    if (worker.facts === null || isEnded(worker)) return so;
    const now = stateOf(worker, worker.facts, isAsker(so, worker.id));
    if (now.state === worker.state || !QUIET.has(now.state) || !QUIET.has(worker.state)) return so;
    const evidenceAt = now.state === "idle" ? at : worker.evidenceAt;
    return withWorker(so, { ...worker, ...now, evidenceAt });
  }, context);
}

const QUIET: ReadonlySet<WorkerState> = new Set(["idle", "asking"]);

function withFacts(
  worker: Worker,
  facts: Facts,
  { at, isAsker: asks }: { readonly at: number; readonly isAsker: boolean },
): Worker {
  const isLive = isUp(facts);
  const isNew = isLive && worker.startedAt === null;
  // At the end of a limit its session tells it to go on: it may rest from then.
  const isReset = (worker.facts?.limitedUntil ?? null) !== null && facts.limitedUntil === null;
  const sign = isNew || isReset || hasCommitted(worker.facts, facts) ? at : 0;
  return {
    ...worker,
    facts,
    baseSha: worker.baseSha ?? facts.workspace.headSha,
    startedAt: isNew ? at : worker.startedAt,
    evidenceAt: Math.max(worker.evidenceAt, facts.evidenceAt ?? 0, sign),
    ...(isEnded(worker) ? {} : stateOf(worker, facts, asks)),
  };
}

function stateOf(
  worker: Worker,
  facts: Facts,
  asks: boolean,
): { state: WorkerState; reason: string } {
  const { activity, lifecycle, limitedUntil } = facts;
  if (!isUp(facts) && worker.startedAt === null) {
    return { state: "starting", reason: lifecycle.reason.replaceAll("_", " ") };
  }
  if (activity.state === "waiting_input" || activity.state === "blocked") {
    return { state: "asking", reason: "it waits for a person" };
  }
  if (limitedUntil !== null) {
    return { state: "idle", reason: "it has reached a limit of its harness" };
  }
  if (activity.state === "idle" || activity.state === "ready") {
    if (asks) return { state: "asking", reason: "its question waits for an answer" };
    return { state: "idle", reason: "its turn ended without a result" };
  }
  return { state: "running", reason: lifecycle.reason.replaceAll("_", " ") };
}

/** The end of a task: its slot goes back, the manager is told, and what it asked is closed (W5). */
export function endedAs(
  context: ObjectiveContext,
  end: Verdict & { readonly worker: Worker; readonly at: number },
): ObjectiveStep {
  const { worker, state, reason, evidence, at } = end;
  const summary = summaryOf(worker.facts?.report?.summary ?? "");
  const over: Worker = {
    ...worker,
    state,
    reason,
    evidence,
    summary,
    prompt: "",
    slot: "none",
    endedAt: at,
  };
  const known = progressed(withWorker(context, over), at);
  const text = endText(known, over);
  const told = worker.isGuest ? quiet(known) : toManager(known, { from: "worker", text, at });
  const orders: MailOrder[] =
    worker.slot === "none" ? [] : [rootMail("slot.released", { worker: worker.id })];
  return { context: told.context, orders: [...told.orders, ...orders] };
}

/** The first line that says something, at most 280 characters. */
function summaryOf(text: string): string {
  const line = text.split("\n").find((each) => each.trim() !== "") ?? "";
  return line.trim().slice(0, 280);
}

function endText(context: ObjectiveContext, worker: Worker): string {
  const { id, title, state, reason, facts } = worker;
  const result = facts?.report?.summary ?? "";
  const how = state === "canceled" ? "been canceled" : state;
  return [
    `Worker ${id} "${title}" has ${how}: ${reason}.`,
    ...(result === "" ? [] : [`Its result:\n${result}`]),
    ...(state === "succeeded" ? publishText(context, worker) : []),
    ...(state === "failed" ? [`Read more: ao show ${id}, ao logs ${id}`] : []),
  ].join("\n");
}

/** How its work gets out, unless it already is. */
function publishText({ workers }: ObjectiveContext, { id, title, facts }: Worker): string[] {
  const branch = facts?.workspace.branch ?? null;
  if (branch === null || (facts?.pulls.length ?? 0) > 0) return [];
  const waiting = workers.filter((each) => !isEnded(each) && each.dependsOn.includes(id));
  if (waiting.length === 0) {
    const command = `ao pr open --head ${branch} --title "${title}"`;
    return [`Its work is on branch ${branch}. To publish it: ${command}`];
  }
  const names = waiting.map((each) => each.id).join(", ");
  return [`Its work is on branch ${branch}. Do not publish it yet: ${names} depends on it.`];
}

/** What of the plan is due at `at` though nobody said anything: starts that take too long, turns without a result. */
export function workersDue(
  context: ObjectiveContext,
  limits: ObjectiveLimits,
  at: number,
): ObjectiveStep {
  return context.workers.reduce<ObjectiveStep>((step, { id }) => {
    return chained(step, (so) => workerDue(so, id, { limits, at }));
  }, quiet(context));
}

function workerDue(
  context: ObjectiveContext,
  id: string,
  { limits, at }: { limits: ObjectiveLimits; at: number },
): ObjectiveStep {
  const worker = context.workers.find((each) => each.id === id);
  if (worker === undefined || worker.isGuest) return quiet(context);
  if (worker.state === "starting" && at >= worker.evidenceAt + limits.startMs) {
    const reason = "it did not start in time";
    const step = endedAs(context, { worker, state: "failed", reason, evidence: [], at });
    return { context: step.context, orders: [...step.orders, killOrder(id, "error")] };
  }
  const toldAt = idleToldAt(worker, limits);
  if (toldAt === null || at < toldAt) return quiet(context);
  const known = withWorker(context, { ...worker, toldIdleAt: worker.facts?.activity.since ?? at });
  const text =
    `Worker ${id} "${worker.title}" has ended its turn without a result. ` +
    `Look at it (ao logs ${id}), tell it how to go on (ao objective send ${context.id} --to ${id} TEXT), ` +
    `or stop it (ao objective stop ${context.id} ${id}).`;
  return toManager(known, { from: "worker", text, at });
}

export function killOrder(sessionId: string, kind: "cleanup" | "error" | "manual"): MailOrder {
  return {
    type: "mail",
    to: addressOf("session", sessionId),
    name: "session.kill",
    data: { kind },
  };
}

// What an agent gets to end by itself, as where its own session ends it.
const GRACE_MS = 10_000;

/** Ends the agent of a session that can be told nothing any more, through its terminal. */
export function agentOrder(sessionId: string, facts: Facts | null): MailOrder {
  const epoch = Math.max(1, facts?.terminal.epoch ?? 1);
  return {
    type: "mail",
    to: addressOf("terminal", sessionId),
    name: "child.stop",
    data: { epoch, shutdownMs: GRACE_MS },
  };
}
