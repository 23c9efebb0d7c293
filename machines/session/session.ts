import { setup } from "xstate";
import { addressOf, type Address } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import { isOpenNotice } from "../notices.ts";
import type { Order } from "../order.ts";
import { decides, type Seen } from "../recording.ts";
import { accepts, type SessionEvent } from "./protocol.ts";
import {
  newbornSession,
  type Axes,
  type SessionContext,
  type SessionLimits,
  type SessionStep,
} from "./record.ts";
import { foreignPull, type ScmSeen } from "./observed.ts";
import { stepSession } from "./step.ts";
import { withDefaults } from "./upgrade.ts";
import { CLEARED_OR_BACK, ENDING, lifeFrom, SILENT, STAYS } from "./targets.ts";
import type { Settings } from "../settings.ts";
import { typed } from "../typed.ts";
import { USUAL_SESSION } from "./usual.ts";

// Session
//
// One agent on one branch: four axes of what is seen, and one of what is wanted, side by side.
// The deciders (the files beside this one) say what a message comes to; this chart shows where it leads.
//
//   N1. Every guard asks the same question: what does this message make of this record? So the regions agree.
//   N2. The record is written once per step, by the home region of the message; the other regions only move.
//   N3. `wanted` is what was decided, apart from what is seen; a kill pre-empts whatever is under way.
//   N4. The first end and its reason stay, until a person restores the session.

type SeenBy = Seen<SessionContext, SessionEvent>;
type Decide = (seen: SeenBy) => SessionStep;

/** Asks once per step, however many guards want to know: the answer depends on nothing but the two. */
function deciderWith(limits: SessionLimits): Decide {
  let last: { readonly seen: SeenBy; readonly step: SessionStep } | undefined;
  return ({ context, event }) => {
    if (last?.seen.context !== context || last.seen.event !== event) {
      last = { seen: { context, event }, step: stepSession(context, event, limits) };
    }
    return last.step;
  };
}

function guardsWith(decide: Decide) {
  type AxisName = "lifecycle" | "runtime" | "activity" | "pr";
  const says =
    <Name extends AxisName>(axis: Name, state: Axes[Name]["state"]) =>
    (seen: SeenBy): boolean =>
      seen.context.axes[axis].state !== state && decide(seen).context.axes[axis].state === state;
  const wants =
    (wanted: SessionContext["wanted"]) =>
    (seen: SeenBy): boolean =>
      seen.context.wanted !== wanted && decide(seen).context.wanted === wanted;
  return {
    beginsAnew: says("lifecycle", "not_started"),
    isSeenAlive: says("lifecycle", "working"),
    witnessesDisagree: says("lifecycle", "detecting"),
    doubtLasts: says("lifecycle", "stuck"),
    deathIsConfirmed: says("lifecycle", "terminated"),
    agentWorks: says("lifecycle", "working"),
    agentRests: says("lifecycle", "idle"),
    agentAsks: says("lifecycle", "needs_input"),
    agentIsBlocked: says("lifecycle", "stuck"),
    pullRequestsAreOver: says("lifecycle", "idle"),
    resultIsReported: says("lifecycle", "done"),
    isKilled: says("lifecycle", "terminated"),
    agentHasEnded: says("lifecycle", "terminated"),
    restoreHasFailed: says("lifecycle", "done"),
    childIsLost: says("lifecycle", "stuck"),
    seesUnknown: says("runtime", "unknown"),
    seesAlive: says("runtime", "alive"),
    seesExited: says("runtime", "exited"),
    seesMissing: says("runtime", "missing"),
    seesProbeFailed: says("runtime", "probe_failed"),
    hearsNothing: says("activity", "none"),
    hearsActive: says("activity", "active"),
    hearsReady: says("activity", "ready"),
    hearsIdle: says("activity", "idle"),
    hearsWaitingInput: says("activity", "waiting_input"),
    hearsBlocked: says("activity", "blocked"),
    hearsExited: says("activity", "exited"),
    showsNone: says("pr", "none"),
    showsDraft: says("pr", "draft"),
    showsOpen: says("pr", "open"),
    showsMerged: says("pr", "merged"),
    showsClosed: says("pr", "closed"),
    wantsRunning: wants("running"),
    wantsClosing: wants("closing"),
    wantsClosed: wants("closed"),
    isNews: (seen: SeenBy): boolean => {
      const { context, orders } = decide(seen);
      return context !== seen.context || orders.length > 0;
    },
  };
}

function actionsWith(decide: Decide) {
  const take = decides(decide);
  return {
    startChildren: take,
    restartChildren: take,
    noteRuntime: take,
    noteActivity: take,
    notePullRequests: take,
    noteWorkspace: take,
    noteChild: take,
    noteDeadMail: take,
    askAgain: take,
    lookAtScreen: take,
    noteReport: take,
    noteReceipt: take,
    queueMessage: take,
    withdrawMessage: take,
    askReview: take,
    noteReviewers: take,
    noteSeen: take,
    noteTold: take,
    escalate: take,
    liftLimit: take,
    restartChild: take,
    stopChildren: take,
  };
}

const plainDecider = deciderWith({
  maxAttempts: 3,
  maxMs: 1,
  recentMs: 1,
  graceMs: 1,
  idleAfterMs: 1,
  confirmMs: 1,
  workingMs: 1,
  restingMs: 1,
  askingMs: 1,
  doubtMs: 1,
});

const session = setup({
  types: {
    context: typed<SessionContext>(),
    events: typed<SessionEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: guardsWith(plainDecider),
  actions: actionsWith(plainDecider),
});

function goneOrUnknown<Action extends "noteChild" | "noteDeadMail" | "askAgain">(actions: Action) {
  return [
    { guard: "seesExited", target: ".exited", actions },
    { guard: "seesMissing", target: ".missing", actions },
    { guard: "seesUnknown", target: ".unknown", actions },
    { guard: "isNews", actions },
  ] as const;
}

const SEEN = [
  { guard: "seesAlive", target: ".alive", actions: "noteRuntime" },
  { guard: "seesExited", target: ".exited", actions: "noteRuntime" },
  { guard: "seesProbeFailed", target: ".probe_failed", actions: "noteRuntime" },
  { guard: "seesUnknown", target: ".unknown", actions: "noteRuntime" },
  { guard: "isNews", actions: "noteRuntime" },
] as const;

const lifecycle = session.createStateConfig({
  description: "How far the work is, as far as anyone can tell.",
  initial: "not_started",
  states: {
    not_started: {
      description: "The agent was ordered and has not spoken yet.",
      on: lifeFrom("not_started"),
    },
    working: { description: "The agent works.", on: lifeFrom("working") },
    idle: {
      description: "The agent waits for something other than a person's answer.",
      on: lifeFrom("idle"),
    },
    needs_input: {
      description: "The agent asked a person and waits for the answer.",
      on: lifeFrom("needs_input"),
    },
    stuck: {
      description: "The agent cannot go on, or nobody can tell any more: a person must look.",
      on: lifeFrom("stuck"),
    },
    detecting: {
      description: "The witnesses disagree about whether it lives; more evidence is awaited.",
      on: lifeFrom("detecting"),
    },
    done: { description: "The agent reported its result; that stays.", on: STAYS },
    terminated: {
      description: "The session has ended, for the reason that is kept.",
      on: STAYS,
    },
  },
});

const runtime = session.createStateConfig({
  description:
    "Whether its terminal is there and its program runs, as probes and the terminal say.",
  initial: "unknown",
  on: {
    "runtime.observed": SEEN,
    "inspectTerminal.done": SEEN,
    "inspectTerminal.failed": [
      { guard: "seesProbeFailed", target: ".probe_failed", actions: "noteRuntime" },
      { guard: "isNews", actions: "noteRuntime" },
    ],
    "child.started": [
      { guard: "seesAlive", target: ".alive", actions: "noteChild" },
      { guard: "seesUnknown", target: ".unknown", actions: "noteChild" },
      { guard: "isNews", actions: "noteChild" },
    ],
    "child.exited": goneOrUnknown("noteChild"),
    "child.stopped": goneOrUnknown("noteChild"),
    "child.quarantined": { guard: "isNews", actions: "noteChild" },
    "mail.undeliverable": goneOrUnknown("noteDeadMail"),
    "timer.lease": goneOrUnknown("askAgain"),
    "timer.watch": [
      { guard: "seesProbeFailed", target: ".probe_failed", actions: "lookAtScreen" },
      { guard: "isNews", actions: "lookAtScreen" },
    ],
    "timer.restart": [
      { guard: "seesUnknown", target: ".unknown", actions: "restartChild" },
      { guard: "isNews", actions: "restartChild" },
    ],
    "session.kill": { guard: "seesExited", target: ".exited" },
    "session.restore": { guard: "seesUnknown", target: ".unknown" },
  },
  states: {
    unknown: { description: "Nothing was seen yet, or a probe could not tell." },
    alive: { description: "The terminal is there." },
    exited: { description: "The terminal, or the program in it, has ended." },
    missing: { description: "The terminal is not there at all." },
    probe_failed: { description: "The last probe failed: it says nothing about the agent." },
  },
});

const activity = session.createStateConfig({
  description: "What the agent says it is doing.",
  initial: "none",
  on: {
    "inspectTerminal.done": { guard: "hearsIdle", target: ".idle" },
    "activity.observed": [
      { guard: "hearsActive", target: ".active", actions: "noteActivity" },
      { guard: "hearsReady", target: ".ready", actions: "noteActivity" },
      { guard: "hearsIdle", target: ".idle", actions: "noteActivity" },
      { guard: "hearsWaitingInput", target: ".waiting_input", actions: "noteActivity" },
      { guard: "hearsBlocked", target: ".blocked", actions: "noteActivity" },
      { guard: "hearsExited", target: ".exited", actions: "noteActivity" },
      { guard: "isNews", actions: "noteActivity" },
    ],
    "child.started": { guard: "hearsNothing", target: ".none" },
    "child.exited": SILENT,
    "child.stopped": SILENT,
    "mail.undeliverable": SILENT,
    "timer.lease": SILENT,
    "timer.restart": { guard: "hearsNothing", target: ".none" },
    "session.restore": { guard: "hearsNothing", target: ".none" },
  },
  states: {
    none: { description: "It has not spoken since it was launched." },
    active: { description: "It works on something." },
    ready: { description: "It has finished and says so." },
    idle: { description: "It rests at its prompt." },
    waiting_input: { description: "It asked a person something." },
    blocked: { description: "It waits for a permission." },
    exited: { description: "It said goodbye, or its process has ended." },
  },
});

const pr = session.createStateConfig({
  description: "Its pull requests, the worst of the open ones first.",
  initial: "none",
  on: {
    "scm.observed": [
      { guard: "showsDraft", target: ".draft", actions: "notePullRequests" },
      { guard: "showsOpen", target: ".open", actions: "notePullRequests" },
      { guard: "showsMerged", target: ".merged", actions: "notePullRequests" },
      { guard: "showsClosed", target: ".closed", actions: "notePullRequests" },
      { guard: "showsNone", target: ".none", actions: "notePullRequests" },
      { guard: "isNews", actions: "notePullRequests" },
    ],
    "session.restore": { guard: "showsNone", target: ".none" },
    "child.exited": CLEARED_OR_BACK,
    "child.stopped": CLEARED_OR_BACK,
    "mail.undeliverable": CLEARED_OR_BACK,
    "timer.lease": CLEARED_OR_BACK,
  },
  states: {
    none: { description: "There is none, or none was seen since it was restored." },
    draft: { description: "The one that speaks for all is a draft." },
    open: { description: "At least one is open." },
    merged: { description: "None is open, and one was merged." },
    closed: { description: "All were closed without a merge." },
  },
});

const wanted = session.createStateConfig({
  description: "What was decided, apart from what is seen.",
  initial: "running",
  on: {
    "session.start": { actions: "startChildren" },
    "session.kill": [
      { guard: "wantsClosed", target: ".stopped.closed", actions: "stopChildren" },
      { guard: "wantsClosing", target: ".stopped.closing", actions: "stopChildren" },
      { actions: "stopChildren" },
    ],
    "session.restore": [
      { guard: "wantsRunning", target: ".running", actions: "restartChildren" },
      { actions: "restartChildren" },
    ],
    "child.exited": ENDING,
    "child.stopped": ENDING,
    "mail.undeliverable": ENDING,
    "timer.lease": ENDING,
  },
  states: {
    running: { description: "It shall run, or rest where it ended until someone decides." },
    stopped: {
      description: "It shall not run.",
      initial: "closing",
      states: {
        closing: { description: "Its terminal, then its worktree, are being ended." },
        closed: {
          description: "Nothing of it runs; a worktree is left only if work would be lost.",
        },
      },
    },
  },
});

const machine = session.createMachine({
  id: "session",
  description: "One agent on one branch, from its order to the end of all it left behind.",
  context: ({ input }) => newbornSession(input),
  type: "parallel",
  on: {
    "session.send": { actions: "queueMessage" },
    "session.review": { actions: "askReview" },
    "session.reviewing": { actions: "askReview" },
    "project.reviewing": { guard: "isNews", actions: "noteReviewers" },
    "review.feedback": { guard: "isNews", actions: "queueMessage" },
    "review.withdraw": { guard: "isNews", actions: "withdrawMessage" },
    "session.acknowledge": { actions: "noteSeen" },
    "session.tick": { actions: "escalate" },
    "session.lift": { actions: "liftLimit" },
    "timer.escalation": { guard: "isNews", actions: "escalate" },
    "timer.confirm": { guard: "isNews", actions: "noteReceipt" },
    "notifyPerson.done": { guard: "isNews", actions: "noteTold" },
    "notifyPerson.failed": { guard: "isNews", actions: "noteTold" },
    "terminal.delivered": { guard: "isNews", actions: "noteReceipt" },
    "terminal.undeliverable": { guard: "isNews", actions: "noteReceipt" },
    "workspace.observed": { guard: "isNews", actions: "noteWorkspace" },
  },
  states: { lifecycle, runtime, activity, pr, wanted },
});

function contextOf(state: MachineState): SessionContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as SessionContext;
}

function parentOf(state: MachineState): Address | undefined {
  const { objectiveId } = contextOf(state);
  return objectiveId === undefined ? undefined : addressOf("objective", objectiveId);
}

/** What of the settings a session must know. */
export function limitsOf(settings: Settings): SessionLimits {
  return {
    ...settings.detecting,
    ...settings.leases,
    doubtMs: settings.leases.doubtMs ?? settings.detecting.maxMs,
    recentMs: settings.activity.recentMs,
    graceMs: settings.shutdown.graceMs,
    idleAfterMs: settings.reactions.idleAfterMs,
    confirmMs: settings.delivery.confirmMs,
  };
}

/** `session/<id>`: one agent on one branch. The settings give its limits. */
export function sessionKind(settings: Settings): Kind {
  const decide = deciderWith(limitsOf(settings));
  return {
    name: "session",
    description: "An agent on its branch",
    version: 8,
    migrations: {
      1: withDefaults,
      2: withDefaults,
      3: withDefaults,
      4: withDefaults,
      5: withDefaults,
      6: withDefaults,
      // Its notices of an outage went to a person by themselves.
      7: (state) => state,
    },
    machine: machine.provide({ guards: guardsWith(decide), actions: actionsWith(decide) }),
    accepts,
    creates: ["session.start"],
    usual: USUAL_SESSION,
    needless: ["session.kill"],
    epochOf: (state) => contextOf(state).terminal.epoch,
    foreign: (state, { type, from, data }) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parsed by what this kind accepts
      type === "scm.observed" ? foreignPull(contextOf(state), from, data as ScmSeen) : undefined,
    parentOf,
    summarize: (state) => {
      const { projectId, objectiveId, kind, title, axes, revision, harness, notices, limit } =
        contextOf(state);
      const isUnheard = harness !== "command" && axes.activity.lastActivityAt === null;
      return {
        projectId,
        ...(objectiveId !== undefined && { objectiveId }),
        kind,
        title: title.slice(0, 120),
        reason: axes.lifecycle.reason,
        pr: axes.pr.reason,
        revision,
        notices: notices.length,
        openNotices: notices.filter(isOpenNotice).length,
        ...(limit !== null && { limited: harness }),
        // Silence is told on read: from then on.
        ...(isUnheard && { unheardSince: axes.lifecycle.since }),
      };
    },
  };
}
