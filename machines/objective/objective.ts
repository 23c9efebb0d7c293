import { setup } from "xstate";
import type { Birth, Kind, MachineState } from "../kind.ts";
import { accepts, type ObjectiveEvent } from "./protocol.ts";
import {
  newbornObjective,
  type ObjectiveContext,
  type ObjectiveLimits,
  type ObjectiveStep,
  type Phase,
} from "./record.ts";
import { stepObjective } from "./step.ts";
import type { Order } from "../order.ts";
import { decides, type Seen } from "../recording.ts";
import type { Settings } from "../settings.ts";
import { typed } from "../typed.ts";
import { USUAL_OBJECTIVE } from "./usual.ts";

// Objective
//
// A goal with a manager and workers. Its state is the answer to "why is nothing happening".
// The deciders (the files beside this one) say what a message comes to; this chart shows where it leads.
//
//   N1. Every guard asks the same question: where does this message leave this record? So chart and record agree.
//   N2. Every state but the ends waits for a time that is armed; the standing in the record says which, and why.
//   N3. An end is final. What is said afterwards is only noted.

type SeenBy = Seen<ObjectiveContext, ObjectiveEvent>;
type Decide = (seen: SeenBy) => ObjectiveStep;

/** Asks once per step, however many guards want to know: the answer depends on nothing but the two. */
function deciderWith(limits: ObjectiveLimits): Decide {
  let last: { readonly seen: SeenBy; readonly step: ObjectiveStep } | undefined;
  return ({ context, event }) => {
    if (last?.seen.context !== context || last.seen.event !== event) {
      last = { seen: { context, event }, step: stepObjective(context, event, limits) };
    }
    return last.step;
  };
}

function guardsWith(decide: Decide) {
  const comesTo =
    (phase: Phase) =>
    (seen: SeenBy): boolean =>
      seen.context.standing.phase !== phase && decide(seen).context.standing.phase === phase;
  return {
    isStarting: comesTo("starting"),
    isTurnRunning: comesTo("turn_running"),
    isTurnEnded: comesTo("turn_ended"),
    isWaitingForWorkers: comesTo("waiting_for_workers"),
    isParkedOnPr: comesTo("parked_on_pr"),
    isWaitingForUser: comesTo("waiting_for_user"),
    isWaitingForQuota: comesTo("waiting_for_quota"),
    isPoked: comesTo("poked"),
    isRecovering: comesTo("recovering"),
    isEscalated: comesTo("escalated"),
    isDone: comesTo("done"),
    isCanceled: comesTo("canceled"),
    isFailed: comesTo("failed"),
    isNews: (seen: SeenBy): boolean => {
      const { context, orders } = decide(seen);
      return context !== seen.context || orders.length > 0;
    },
  };
}

function actionsWith(decide: Decide) {
  const take = decides(decide);
  return {
    startManager: take,
    noteMember: take,
    noteSlot: take,
    noteAnswer: take,
    noteLoss: take,
    lookAround: take,
    planWorker: take,
    stopWorker: take,
    noteText: take,
    notePlan: take,
    askPerson: take,
    sendText: take,
    finish: take,
    cancelAll: take,
  };
}

const plainLimits: ObjectiveLimits = {
  tickMs: 1,
  idleAfterMs: 1,
  cooldownMs: 1,
  maxManagers: 1,
  windowMs: 1,
  turnLeaseMs: 1,
  workerLeaseMs: 1,
  restMs: 1,
  parkMs: 1,
  startMs: 1,
  keepEndedMs: 1,
};
const plainDecider = deciderWith(plainLimits);

const objective = setup({
  types: {
    context: typed<ObjectiveContext>(),
    events: typed<ObjectiveEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: guardsWith(plainDecider),
  actions: actionsWith(plainDecider),
});

// Where a record can be left while its objective goes on, whoever tells of what.
const WHEREVER = [
  { guard: "isStarting", target: "#objective.starting" },
  { guard: "isTurnRunning", target: "#objective.driving.turn_running" },
  { guard: "isTurnEnded", target: "#objective.driving.turn_ended" },
  { guard: "isWaitingForWorkers", target: "#objective.driving.waiting_for_workers" },
  { guard: "isParkedOnPr", target: "#objective.driving.parked_on_pr" },
  { guard: "isWaitingForUser", target: "#objective.driving.waiting_for_user" },
  { guard: "isWaitingForQuota", target: "#objective.driving.waiting_for_quota" },
  { guard: "isPoked", target: "#objective.driving.poked" },
  { guard: "isRecovering", target: "#objective.recovering" },
  { guard: "isEscalated", target: "#objective.escalated" },
] as const;

function leading<Action extends keyof ReturnType<typeof actionsWith>>(actions: Action) {
  return [...WHEREVER.map((way) => ({ ...way, actions })), { guard: "isNews" as const, actions }];
}

const CANCELED = { guard: "isCanceled", target: "#objective.canceled" } as const;

const machine = objective.createMachine({
  id: "objective",
  description: "A goal that a manager drives with workers until it is reached.",
  context: ({ input }) => newbornObjective(input),
  initial: "starting",
  on: {
    "objective.start": leading("startManager"),
    "objective.worker": leading("planWorker"),
    "objective.stop": leading("stopWorker"),
    "objective.note": leading("noteText"),
    "objective.plan": leading("notePlan"),
    "objective.ask": leading("askPerson"),
    "objective.send": leading("sendText"),
    "objective.done": [
      { guard: "isDone", target: "#objective.done", actions: "finish" },
      { guard: "isFailed", target: "#objective.failed", actions: "finish" },
      { guard: "isNews", actions: "finish" },
    ],
    "objective.cancel": [
      { ...CANCELED, actions: "cancelAll" },
      { guard: "isNews", actions: "cancelAll" },
    ],
    "member.seen": leading("noteMember"),
    "member.refused": leading("noteLoss"),
    "mail.undeliverable": leading("noteLoss"),
    "child.quarantined": leading("noteLoss"),
    "child.stopped": leading("noteLoss"),
    "slot.granted": leading("noteSlot"),
    "slot.waiting": leading("noteSlot"),
    "question.answered": [{ ...CANCELED, actions: "noteAnswer" }, ...leading("noteAnswer")],
    "question.canceled": leading("noteAnswer"),
    "timer.next": leading("lookAround"),
    "objective.audit": leading("lookAround"),
  },
  states: {
    starting: { description: "A manager was ordered and does not run yet." },
    driving: {
      description: "It gets on, or rests for a reason.",
      initial: "turn_running",
      states: {
        turn_running: { description: "Its manager is in a turn." },
        turn_ended: { description: "Its manager rests, and will be poked when it rests too long." },
        waiting_for_workers: { description: "A worker makes progress." },
        parked_on_pr: { description: "A pull request owns the next step, until its watchdog." },
        waiting_for_user: { description: "Its manager waits for a person." },
        waiting_for_quota: {
          description: "A limit of the harness holds its manager until it is reset.",
        },
        poked: { description: "Its manager was poked and has not answered yet." },
      },
    },
    recovering: { description: "Its manager has ended, and another one will be started." },
    escalated: { description: "Its managers came to nothing; a person decides how it goes on." },
    done: { description: "The goal is reached, and everything it ran is being ended." },
    canceled: { description: "It is no longer wanted, and everything it ran is being ended." },
    failed: { description: "The goal cannot be reached, and everything it ran is being ended." },
  },
});

function contextOf(state: MachineState): ObjectiveContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as ObjectiveContext;
}

// A look that a lost timer would have given comes two ticks late at most; a look for its own sake is rare.
const SLACK_TICKS = 2;
const AUDIT_TICKS = 40;

/** `objective/<id>`: a goal with a manager and workers. The settings give its limits. */
export function objectiveKind({ supervisor: limits }: Settings): Kind {
  const decide = deciderWith(limits);
  return {
    name: "objective",
    description: "A goal with a manager and workers",
    version: 4,
    // What a worker was asked for, the limits of its harness, and that it is unclosed, are absent in an older one, and
    // read as never. Version 3 did not wait for the agent of a quarantined manager: there is none that is waited for.
    migrations: { 1: (state) => state, 2: (state) => state, 3: (state) => state },
    machine: machine.provide({ guards: guardsWith(decide), actions: actionsWith(decide) }),
    accepts,
    creates: ["objective.start"],
    usual: USUAL_OBJECTIVE,
    summarize: (state) => {
      const { projectId, title, standing, end, auditedAt, manager, revision } = contextOf(state);
      const auditAt = auditedAt + AUDIT_TICKS * limits.tickMs;
      const watchAt = Math.min(auditAt, (standing.nextAt ?? auditAt) + SLACK_TICKS * limits.tickMs);
      return {
        projectId,
        title: title.slice(0, 120),
        reason: standing.reason.slice(0, 200),
        nextAt: standing.nextAt,
        ...(end === null && { watchAt }),
        managerId: manager.sessionId,
        revision,
      };
    },
  };
}
