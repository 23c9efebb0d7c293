import { z } from "zod";
import type { Json } from "../json.ts";
import type { PullRequestFacts } from "../observations.ts";
import type { Trouble } from "../children.ts";
import type { PreservedWork } from "../effects.ts";
import type { Permissions } from "../harness/harness.ts";
import type { Leases } from "../supervision/leases.ts";
import type { Doubt, RuntimeState } from "./liveness.ts";
import type { Notice } from "../notices.ts";
import type { PrState } from "./pull-requests.ts";
import type { Tracker } from "./reaction-budgets.ts";
import { GROUNDED, type Flight } from "./tool-flight.ts";
import type { Decided } from "../recording.ts";
import { NO_REVIEWS, type ReviewLink } from "../review/worker.ts";
import { supervisor, type SupervisorState } from "../supervision/supervision.ts";

// Session record
//
// What is kept of one session: four axes of what is seen, what is wanted, and its children.
//
//   The state of each axis stands here and in the chart; a step moves both or neither.
//   `since` moves only with state or reason.

export type LifecycleState =
  | "not_started"
  | "working"
  | "idle"
  | "needs_input"
  | "stuck"
  | "detecting"
  | "done"
  | "terminated";
export type ActivityState =
  | "none"
  | "active"
  | "ready"
  | "idle"
  | "waiting_input"
  | "blocked"
  | "exited";

export type Axis<State> = {
  readonly state: State;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
};

export type Axes = {
  readonly lifecycle: Axis<LifecycleState>;
  readonly runtime: Axis<RuntimeState>;
  readonly activity: {
    readonly state: ActivityState;
    readonly since: number;
    readonly lastActivityAt: number | null;
    readonly source: string;
    /** Valid signals so far: each one is news. */
    readonly signals: number;
  };
  readonly pr: Axis<PrState> & { readonly number?: number; readonly url?: string };
  /** The doubt that lasts. */
  readonly detecting: Doubt | null;
  /** The evidence on which liveness gave up; the same again is no news. */
  readonly stuckOn: string | null;
};

export type MessageState = "queued" | "delivering" | "delivered" | "expired" | "undeliverable";
/** Feedback is worth saying while one of these commits is the head. */
export type ReviewedHead = { readonly url: string; readonly headSha: string };

/** A person's words, those of the machinery, and those of a manager or another agent. */
export type MessageKind = "text" | "nudge" | "coordination";
export type SessionMessage = {
  readonly id: string;
  readonly text: string;
  readonly state: MessageState;
  readonly at: number;
  readonly deliveredAt?: number;
  readonly reason?: string;
  /** When it was last told to the terminal. */
  readonly handedAt?: number;
  /** Told to the terminal so often. */
  readonly attempts: number;
  /** What may stand in its way; `text` of a person unless said. */
  readonly kind?: MessageKind;
  /** Typed, and awaiting its agent's word until `by`, milliseconds since 1970. */
  readonly confirm?: { readonly by: number; readonly epoch: number; readonly enters: number };
  /** Its agent took it before the terminal said that it was typed. */
  readonly isTaken?: boolean;
  /** How the objective that sent it names it. */
  readonly ref?: string;
  /** Worth saying only while this cause stands. */
  readonly about?: {
    readonly tracker: string;
    readonly signature: string;
    /** What it says that was not said before. */
    readonly parts: readonly string[];
  };
  /** Feedback of a review, worth saying while one of these commits is a head. */
  readonly review?: readonly ReviewedHead[];
};

export type WorkspaceFacts = {
  readonly epoch: number;
  readonly state: "absent" | "preparing" | "ready" | "dirty" | "reclaiming" | "archived" | "failed";
  readonly path: string | null;
  readonly branch: string | null;
  readonly headSha: string | null;
  /** What its branch was cut from. */
  readonly baseSha: string | null;
  readonly dirty: boolean;
  readonly unpushed: number;
  /** Why it is kept, or could not be made. */
  readonly reason: string | null;
  /** Work that was not committed when it was removed: put back since, or waiting in its ref. */
  readonly preserved: PreservedWork | null;
};

/** How a restored agent goes on: with its conversation, with its prompt, or with nothing. */
export type RestoreMode = "native" | "saved_prompt" | "fresh";
/** A restore that has not come to run yet, and what it goes back to if it never does. */
export type Restore = {
  readonly mode: RestoreMode;
  /** It begins when the end that is under way is done. */
  readonly isWaiting: boolean;
  readonly former: Pick<Axes, "lifecycle" | "pr"> & Pick<SessionContext, "prs" | "report">;
};

export type TerminalFacts = {
  readonly epoch: number;
  /** `clearing`: it ended by itself, and what it left is being ended. */
  readonly state: "absent" | "starting" | "live" | "exited" | "clearing" | "stopping" | "stopped";
  readonly pid: number | null;
  /** By what it is kept, and its name there, as far as it was told. */
  readonly runtime?: string;
  readonly handle?: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
};

export type ObservedAxis = "runtime" | "activity" | "scm" | "workspace";

export type SessionContext = {
  readonly id: string;
  readonly projectId: string;
  readonly objectiveId?: string;
  readonly kind: string;
  readonly harness: string;
  readonly title: string;
  readonly prompt: string;
  readonly scm: string;
  readonly root: string;
  readonly branch: string;
  readonly baseRef: string;
  readonly argv: readonly string[];
  readonly model?: string;
  readonly permissions?: Permissions;
  readonly env: Readonly<Record<string, string>>;
  readonly axes: Axes;
  readonly wanted: "running" | "closing" | "closed";
  readonly prs: readonly PullRequestFacts[];
  /** What is remembered of each reaction. */
  readonly trackers: Readonly<Record<string, Tracker>>;
  /** Whether a pull request that is ready is merged without being asked. */
  readonly mergeOnGreen: boolean;
  readonly quotaPause: boolean;
  /** The limit of its harness that it rests at; times are milliseconds since 1970. */
  readonly limit: { readonly since: number; readonly until: number } | null;
  /** The heads whose merge was ordered, per pull request. */
  readonly merges: Readonly<Record<string, string>>;
  readonly messages: readonly SessionMessage[];
  /** Tools that the agent has begun. */
  readonly flight: Flight;
  /** What a person was told, the newest last. */
  readonly notices: readonly Notice[];
  /** Notices so far. */
  readonly noticed: number;
  /** What its review was asked, and how its project wants it. */
  readonly reviews: ReviewLink;
  readonly workspace: WorkspaceFacts;
  readonly terminal: TerminalFacts;
  readonly supervisor: SupervisorState;
  /** What its children owe an answer to. */
  readonly leases: Leases;
  /** Its own lease; null where nothing is expected of it. */
  readonly watch: Watch | null;
  /** The child that could not be told, and was given up. */
  readonly trouble: (Trouble & { readonly child: "workspace" | "terminal" }) | null;
  /** Its end could not be told to its project; `dueAt` is when it is told again. */
  readonly farewell: { readonly asked: number; readonly dueAt: number | null } | null;
  /**
   * The time of the newest observation that changed something, or showed life while a look was out, per axis,
   * milliseconds since 1970.
   */
  readonly observedAt: Readonly<Record<ObservedAxis, number>>;
  readonly report: {
    readonly at: number;
    readonly summary: string;
    readonly outcome: string;
  } | null;
  readonly agentSessionId: string | null;
  readonly restore: Restore | null;
  /** Grows by one with every step that changes something here. */
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
};

/** How long nothing may be heard of an agent. Times are milliseconds since 1970. */
export type Watch = {
  /** When it is asked whether anything was heard, or the look that is out is given up. */
  readonly dueAt: number;
  /** The last look at its screen; 0 when there was none. */
  readonly lookedAt: number;
  readonly isLooking: boolean;
};

/** What a step of a session comes to. */
export type SessionStep = Decided<SessionContext>;

/** What of the settings a session must know. Durations are milliseconds. */
export interface SessionLimits {
  readonly maxAttempts: number;
  readonly maxMs: number;
  readonly recentMs: number;
  readonly graceMs: number;
  /** How long an agent whose hooks say so has to take what was typed. */
  readonly confirmMs: number;
  /** How long an agent may rest without a word before it is spoken to. */
  readonly idleAfterMs: number;
  /** How long nothing may be heard of one that works, and of one that waits. */
  readonly workingMs: number;
  readonly restingMs: number;
  /** The same at first for one that asked, or has not spoken, where its screen can tell that it rests. */
  readonly askingMs: number;
  /** The same for one that is doubted. */
  readonly doubtMs: number;
}

const NO_WORKSPACE: WorkspaceFacts = {
  epoch: 0,
  state: "absent",
  path: null,
  branch: null,
  headSha: null,
  baseSha: null,
  dirty: false,
  unpushed: 0,
  reason: null,
  preserved: null,
};

/** A session of which nothing is known but its name. */
export function newbornSession({ id, at }: { id: string; at: number }): SessionContext {
  return {
    id,
    projectId: "",
    kind: "worker",
    harness: "command",
    title: "",
    prompt: "",
    scm: "none",
    root: "",
    branch: "",
    baseRef: "",
    argv: [],
    env: {},
    axes: {
      lifecycle: { state: "not_started", reason: "spawn_requested", since: at },
      runtime: { state: "unknown", reason: "spawn_incomplete", since: at },
      activity: { state: "none", since: at, lastActivityAt: null, source: "none", signals: 0 },
      pr: { state: "none", reason: "not_created", since: at },
      detecting: null,
      stuckOn: null,
    },
    wanted: "running",
    prs: [],
    trackers: {},
    mergeOnGreen: false,
    quotaPause: true,
    limit: null,
    merges: {},
    messages: [],
    flight: GROUNDED,
    notices: [],
    noticed: 0,
    reviews: NO_REVIEWS,
    workspace: NO_WORKSPACE,
    terminal: { epoch: 0, state: "absent", pid: null, exitCode: null, signal: null },
    supervisor: supervisor({
      strategy: "rest_for_one",
      intensity: 0,
      periodMs: 1,
      backoff: { minMs: 0, maxMs: 0 },
      children: [],
    }),
    leases: {},
    watch: null,
    trouble: null,
    farewell: null,
    observedAt: { runtime: 0, activity: 0, scm: 0, workspace: 0 },
    report: null,
    agentSessionId: null,
    restore: null,
    revision: 0,
    createdAt: at,
    updatedAt: at,
  };
}

// Kept beside the record: what was ordered because of it, and what is on its way.
const BOOKS: ReadonlySet<string> = new Set<keyof SessionContext>([
  "messages",
  "flight",
  "notices",
  "noticed",
  "trackers",
  "merges",
  "leases",
  "watch",
  "farewell",
  "supervisor",
  "observedAt",
]);

/** The record after a step: one revision more if what it shows has changed. */
export function counted(before: SessionContext, after: SessionContext, at: number): SessionContext {
  // Names alone: with every step, pairs of all members would be a tenth of the garbage of a message.
  const isSame = Object.keys(after).every(
    (name) => BOOKS.has(name) || isEqual(Reflect.get(before, name), Reflect.get(after, name)),
  );
  return isSame ? after : { ...after, revision: before.revision + 1, updatedAt: at };
}

function isEqual(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || JSON.stringify(one) === JSON.stringify(other);
}

/** Whether its work is over, as far as anyone saw. */
export function isOver({ axes }: SessionContext): boolean {
  return axes.lifecycle.state === "done" || axes.lifecycle.state === "terminated";
}

const Persisted = z.object({ value: z.object({ lifecycle: z.string() }) });

/** Whether a liveness probe has anything to tell a session of this persisted snapshot: one that is over is left alone. */
export function isProbed(snapshot: Json): boolean {
  const lifecycle = Persisted.safeParse(snapshot).data?.value.lifecycle;
  return lifecycle !== "done" && lifecycle !== "terminated";
}

/** The axis in a state for a reason; the very same one when it is there already. */
export function movedAxis<Kept extends Axis<string>>(
  axis: Kept,
  to: Pick<Kept, "state" | "reason">,
  at: number,
): Kept {
  if (axis.state === to.state && axis.reason === to.reason) return axis;
  return { ...axis, ...to, since: at };
}

/** The context with some axes replaced; the very same one when all of them are the same. */
export function withAxes(context: SessionContext, axes: Partial<Axes>): SessionContext {
  const next: Axes = { ...context.axes, ...axes };
  const { lifecycle, runtime, activity, pr, detecting, stuckOn } = context.axes;
  const isSame =
    next.lifecycle === lifecycle &&
    next.runtime === runtime &&
    next.activity === activity &&
    next.pr === pr &&
    next.detecting === detecting &&
    next.stuckOn === stuckOn;
  return isSame ? context : { ...context, axes: next };
}

/** The session over for a reason; the first end and its reason stay. */
export function terminated(context: SessionContext, reason: string, at: number): SessionContext {
  if (context.restore !== null) return unrestored(context, context.restore);
  if (isOver(context)) return withAxes(context, { detecting: null, stuckOn: null });
  const lifecycle = movedAxis(context.axes.lifecycle, { state: "terminated", reason }, at);
  return withAxes(context, { lifecycle, detecting: null, stuckOn: null });
}

/** A restore that did not come to run: the record says again what it said before. */
function unrestored(context: SessionContext, { former }: Restore): SessionContext {
  const { lifecycle, pr, prs, report } = former;
  const axes = { lifecycle, pr, detecting: null, stuckOn: null };
  return withAxes({ ...context, prs, report, restore: null }, axes);
}
