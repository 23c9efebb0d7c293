import type { MemberSeen } from "../session/member.ts";
import type { Decided } from "../recording.ts";
import type { Settings } from "../settings.ts";
import { supervisor, type Cause, type SupervisorState } from "../supervision/supervision.ts";

// Objective record
//
// What is kept of one objective. Written with every step, so every list has its bound.
//
//   Where it stands (`standing`) is worked out at the end of each step, in one place; the chart shows the same.
//   At most one manager epoch has authority: that of `manager.epoch`; its session is `manager.sessionId`.
//   What was said to the objective stays in the inbox until a manager has it, whichever one that is.

export type Facts = MemberSeen["facts"];

export const PHASES = [
  "starting",
  "turn_running",
  "turn_ended",
  "waiting_for_workers",
  "parked_on_pr",
  "waiting_for_user",
  "waiting_for_quota",
  "poked",
  "recovering",
  "escalated",
  "done",
  "canceled",
  "failed",
] as const;
export type Phase = (typeof PHASES)[number];

/** The answer to "why is nothing happening". `nextAt` is when this is looked at again at the latest. */
export type Standing = {
  readonly phase: Phase;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly nextAt: number | null;
  /** What is done at `nextAt`, in a few words. */
  readonly next: string | null;
};

export type WorkerState =
  | "waiting"
  | "starting"
  | "running"
  | "idle"
  | "asking"
  | "succeeded"
  | "failed"
  | "canceled";

/** A task of the plan and the session that does it; both have the same id. */
export type Worker = {
  readonly id: string;
  readonly title: string;
  /** Emptied once its session has it. */
  readonly prompt: string;
  readonly harness?: string;
  readonly command?: string | readonly string[];
  readonly dependsOn: readonly string[];
  readonly state: WorkerState;
  /** What it waits for, or how it ended. */
  readonly reason: string;
  /** The first line of its result. */
  readonly summary: string;
  readonly evidence: readonly string[];
  /** Whether it was asked for a slot, and has it. */
  readonly slot: "none" | "wanted" | "held";
  /** When it was last asked for a slot; null before the first time. */
  readonly slotAskedAt: number | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** The newest sign that it is getting on. */
  readonly evidenceAt: number;
  /** The commit it began with. */
  readonly baseSha: string | null;
  /** Its turn ended without a result, and the manager was told of that turn. */
  readonly toldIdleAt: number | null;
  readonly facts: Facts | null;
  /** Nothing of it is needed any more, and its session was told to close. */
  readonly isReleased: boolean;
  /** The order to close its session did not reach it: it gets another one when it is heard of. Absent: it did. */
  readonly isUnclosed?: true;
  /** A person or another session began it, not this objective. */
  readonly isGuest: boolean;
};

export type Manager = {
  readonly epoch: number;
  /** Null before the first was ordered. */
  readonly sessionId: string | null;
  readonly orderedAt: number;
  /** When it was first seen to run; null while it never did. */
  readonly startedAt: number | null;
  readonly facts: Facts | null;
  /** When something was last typed into it. */
  readonly deliveredAt: number;
  /** Why it is being ended by us. */
  readonly stopping: {
    readonly cause: Cause;
    /** When it was told last, milliseconds since 1970. */
    readonly at: number;
    /** How often, once it was more than once. */
    readonly asked?: number;
  } | null;
  /** Something it was told, or did, in this life: a clean end is then no waste. */
  readonly hasWorked: boolean;
  /** A limit of its harness holds it until then. */
  readonly quotaUntil: number | null;
  /** When something that was said to it did not arrive last. */
  readonly astrayAt?: number;
};

/** A life of a manager that is over. */
export type Life = {
  readonly epoch: number;
  readonly sessionId: string;
  readonly orderedAt: number;
  readonly endedAt: number;
  readonly hasRun: boolean;
  readonly cause: Cause;
};

/** Something a manager must know. */
export type Item = {
  readonly id: string;
  readonly at: number;
  readonly from: "person" | "worker" | "pull_request" | "answer" | "supervisor";
  readonly text: string;
  readonly state: "waiting" | "sending" | "delivered";
  /** The sending it is part of. */
  readonly ref: string | null;
  /** The manager that has it. */
  readonly epoch: number | null;
};

/** One text on its way to a session. */
export type Sending = {
  readonly ref: string;
  readonly to: string;
  readonly at: number;
  readonly what: "items" | "poke" | "answer" | "word";
  /** The question that an answer is to. */
  readonly question?: string;
};

export type Poke = {
  readonly n: number;
  readonly at: number;
  readonly epoch: number;
  readonly state: "sending" | "delivered" | "failed";
  /** Whether the end of a turn was seen, or only guessed from silence. */
  readonly after: "turn" | "silence";
  /** Progress that was counted before it. */
  readonly progress: number;
  readonly outcome: "open" | "progress" | "none";
};

export type AskedQuestion = {
  readonly id: string;
  /** The session that asked; null for an escalation. */
  readonly asker: string | null;
  readonly kind: "ask" | "escalation";
  readonly text: string;
  readonly options: readonly string[];
  readonly state: "open" | "answered" | "delivered" | "canceled";
  readonly answer: string | null;
  readonly at: number;
};

export type Escalation = {
  readonly questionId: string;
  readonly cause: Cause;
  readonly at: number;
};

export type Note = { readonly at: number; readonly by: string; readonly text: string };
export type PlanItem = { readonly title: string; readonly done: boolean };

export type ObjectiveContext = {
  readonly id: string;
  readonly projectId: string;
  readonly title: string;
  readonly prompt: string;
  readonly harness: string | null;
  readonly command: string | readonly string[] | null;
  readonly manager: Manager;
  readonly supervisor: SupervisorState;
  readonly lives: readonly Life[];
  readonly workers: readonly Worker[];
  readonly inbox: readonly Item[];
  readonly sendings: readonly Sending[];
  readonly pokes: readonly Poke[];
  /** Pokes in a row that nothing followed. */
  readonly useless: number;
  /** Managers ended because they ignored pokes, since there was progress. */
  readonly shaken: number;
  readonly questions: readonly AskedQuestion[];
  readonly escalation: Escalation | null;
  readonly notes: readonly Note[];
  readonly plan: readonly PlanItem[];
  /** Grows with everything that brings the objective on. */
  readonly progress: number;
  readonly progressAt: number;
  /** The last poke or respawn: the cooldown runs from here. */
  readonly actedAt: number;
  /** The last change of any of its pull requests. */
  readonly pullsAt: number;
  readonly end: {
    readonly state: "done" | "canceled" | "failed";
    readonly at: number;
    readonly summary: string;
  } | null;
  readonly standing: Standing;
  /** Counts names: items, sendings, workers, questions. */
  readonly counts: {
    readonly items: number;
    readonly sendings: number;
    readonly workers: number;
    readonly questions: number;
    readonly pokes: number;
  };
  /** Times that the tick had to do what an event should have done. */
  readonly repairs: number;
  /** What the one timer is armed for. */
  readonly wakeAt: number | null;
  readonly auditedAt: number;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
};

export type ObjectiveStep = Decided<ObjectiveContext>;
export type ObjectiveLimits = Settings["supervisor"];

/** The end of lists that grow: newest last, the oldest go. */
export const KEPT = { lives: 50, pokes: 50, notes: 100, questions: 100, workers: 200, plan: 100 };

/** An objective of which nothing is known but its name. */
export function newbornObjective({ id, at }: { id: string; at: number }): ObjectiveContext {
  return {
    id,
    projectId: "",
    title: "",
    prompt: "",
    harness: null,
    command: null,
    manager: noManager(0),
    supervisor: supervisor({
      strategy: "one_for_one",
      intensity: 0,
      periodMs: 1,
      backoff: { minMs: 0, maxMs: 0 },
      children: [],
    }),
    lives: [],
    workers: [],
    inbox: [],
    sendings: [],
    pokes: [],
    useless: 0,
    shaken: 0,
    questions: [],
    escalation: null,
    notes: [],
    plan: [],
    progress: 0,
    progressAt: at,
    actedAt: 0,
    pullsAt: at,
    end: null,
    standing: { phase: "starting", reason: "", since: at, nextAt: null, next: null },
    counts: { items: 0, sendings: 0, workers: 0, questions: 0, pokes: 0 },
    repairs: 0,
    wakeAt: null,
    auditedAt: at,
    revision: 0,
    createdAt: at,
    updatedAt: at,
  };
}

/** The manager before it was ordered. */
export function noManager(epoch: number): Manager {
  return {
    epoch,
    sessionId: null,
    orderedAt: 0,
    startedAt: null,
    facts: null,
    deliveredAt: 0,
    stopping: null,
    hasWorked: false,
    quotaUntil: null,
  };
}

/** The context with one of the plan's workers replaced. */
export function withWorker(context: ObjectiveContext, worker: Worker): ObjectiveContext {
  const workers = context.workers.map((each) => (each.id === worker.id ? worker : each));
  return { ...context, workers };
}

/** One more sign that the objective gets on. */
export function progressed(context: ObjectiveContext, at: number): ObjectiveContext {
  return { ...context, progress: context.progress + 1, progressAt: at };
}

/** Whether its program runs, as far as its session knows. */
export function isUp({ runtime, terminal }: Facts): boolean {
  return runtime === "alive" || terminal.state === "live";
}

/** Whether the head of its branch moved. */
export function hasCommitted(before: Facts | null, { workspace }: Facts): boolean {
  const was = before?.workspace.headSha ?? null;
  return was !== null && workspace.headSha !== null && was !== workspace.headSha;
}

/** Whether a worker has come to its end. */
export function isEnded({ state }: Pick<Worker, "state">): boolean {
  return state === "succeeded" || state === "failed" || state === "canceled";
}

export function quiet(context: ObjectiveContext): ObjectiveStep {
  return { context, orders: [] };
}

/** One step after another. */
export function chained(
  { context, orders }: ObjectiveStep,
  next: (context: ObjectiveContext) => ObjectiveStep,
): ObjectiveStep {
  const step = next(context);
  return step.orders.length === 0
    ? { context: step.context, orders }
    : {
        context: step.context,
        orders: [...orders, ...step.orders],
      };
}
