import { z } from "zod";

// Supervision
//
// Decides what a parent does when children start, end or fail. A pure function over a state that lives in the
// parent's snapshot, so that a restart of the daemon forgives nothing.
//
//   V1. A child is started only when its epoch was raised; the epoch never goes down.
//   V2. Children start in the order of their specs, one after the other, and stop in reverse.
//   V3. Only crash, infra, launch and no_progress burn the budget, each class its own; clean, user and quota burn none.
//   V4. Over `intensity` restarts of one class within `periodMs`, or what its budget says, the supervisor stops all its
//       children and escalates.
//   V5. What is said of an older epoch changes nothing.
//   V6. permanent restarts always, transient only after an abnormal end, temporary never; a wanted stop restarts nobody.
//   V7. one_for_one restarts the child, rest_for_one also those after it, one_for_all all of them: stopped first, in reverse.
//   V8. An endless child makes nobody escalate once every child has run; before that it is like any other.
//
// What the parent owes: every startChild is answered by child.started or child.exited (launch, infra), every stopChild
// by child.stopped or child.exited, and either end is said only when nothing of that epoch runs any more. A parent
// whose mail can be lost holds its children to that with leases.ts.
//
// Decided where V1-V7 leave room:
//   - Abnormal is exactly what burns the budget (V3). So `quota` ends a transient child: its parent knows when to want it
//     again (`child.wanted`). `user` is a wanted stop and ends a child of any kind (V6).
//   - A child that ends while it is coming down for a restart of others is not charged: its cause was theirs.
//   - A child.stopped that nobody asked for says only that it is down: it is taken as a clean end.
//   - An ended child stays ended when its siblings are restarted; `start` and `child.wanted` bring it back.

/** Why a child ended. */
export const CAUSES = [
  "infra",
  "launch",
  "crash",
  "clean",
  "user",
  "quota",
  "no_progress",
] as const;
export const Cause = z.enum(CAUSES);
export type Cause = z.infer<typeof Cause>;

/** How one child is kept. Durations are milliseconds. */
export const ChildSpec = z.object({
  id: z.string(),
  restart: z.enum(["permanent", "transient", "temporary"]),
  shutdownMs: z.number().int().positive(),
  /** How long its start may go unanswered where leases are kept; three minutes when it is not said. */
  startMs: z.number().int().positive().exactOptional(),
  /** Once all have run it is restarted for ever: its ends use up no budget, and count for the back-off only (V8). */
  isEndless: z.boolean().exactOptional(),
});
export type ChildSpec = z.infer<typeof ChildSpec>;

export const SupervisorSpec = z.object({
  strategy: z.enum(["one_for_one", "one_for_all", "rest_for_one"]),
  /** Restarts of one cause class that are allowed within `periodMs`. */
  intensity: z.number().int().nonnegative(),
  periodMs: z.number().int().positive(),
  /** Classes that have another budget than that. */
  budgets: z
    .partialRecord(
      Cause,
      z.object({
        intensity: z.number().int().nonnegative(),
        periodMs: z.number().int().positive(),
      }),
    )
    .exactOptional(),
  /** The n-th restart in the period waits `minMs * 2^(n-1)`, at most `maxMs`. */
  backoff: z.object({
    minMs: z.number().int().nonnegative(),
    maxMs: z.number().int().nonnegative(),
  }),
  children: z.array(ChildSpec),
});
export type SupervisorSpec = z.infer<typeof SupervisorSpec>;

export interface ChildState {
  readonly id: string;
  /** Incarnation; 0 before the first start. */
  readonly epoch: number;
  readonly state: "absent" | "starting" | "running" | "stopping" | "waiting" | "ended";
  /** Why it ended when last it did so unasked. */
  readonly lastCause?: Cause;
}

/** Lives in the parent's snapshot; survives JSON. */
export interface SupervisorState {
  readonly spec: SupervisorSpec;
  readonly phase:
    | "idle"
    | "starting"
    | "running"
    | "restarting"
    | "stopping"
    | "stopped"
    | "escalated";
  readonly children: readonly ChildState[];
  /** When restarts were made, per class; older than the period are dropped. */
  readonly restarts: Restarts;
  /** The armed back-off; nothing starts before it is over. */
  readonly dueAt: number | null;
  /** The child from which on all are being stopped, by its place; null when nobody is. */
  readonly downFrom: number | null;
  /** What ends in `escalate` once all are stopped. */
  readonly failure: { readonly cause: Cause; readonly id: string } | null;
  /** Every child has run since the start; kept where a child is endless (V8). */
  readonly wasUp?: boolean;
}

/** Times of restarts, milliseconds since 1970, per class of cause. */
export type Restarts = Readonly<Partial<Record<Cause, readonly number[]>>>;

export type SupervisorEvent =
  | { readonly type: "start"; readonly at: number }
  | {
      readonly type: "child.started";
      readonly id: string;
      readonly epoch: number;
      readonly at: number;
    }
  | {
      readonly type: "child.exited";
      readonly id: string;
      readonly epoch: number;
      readonly cause: Cause;
      readonly at: number;
    }
  | {
      readonly type: "child.stopped";
      readonly id: string;
      readonly epoch: number;
      readonly at: number;
    }
  /** An ended child shall run again: the quota is back, or a person restored it. */
  | { readonly type: "child.wanted"; readonly id: string; readonly at: number }
  /** The back-off that `arm` asked for is over. */
  | { readonly type: "backoff.over"; readonly at: number }
  | { readonly type: "stop"; readonly at: number };

export type SupervisorOrder =
  | { readonly type: "startChild"; readonly id: string; readonly epoch: number }
  | {
      readonly type: "stopChild";
      readonly id: string;
      readonly epoch: number;
      readonly shutdownMs: number;
    }
  /** One back-off at a time: wake the supervisor with `backoff.over` at `dueAt`. */
  | { readonly type: "arm"; readonly dueAt: number }
  | { readonly type: "cancel" }
  /** Every child runs, for the first time or again. */
  | { readonly type: "ready" }
  /** A child ended and will not be restarted; the others go on (V6). */
  | { readonly type: "childEnded"; readonly id: string; readonly cause: Cause }
  /** All children were stopped because of a `stop`. */
  | { readonly type: "allStopped" }
  /** The budget of a class is used up and all children are stopped: the parent decides. */
  | { readonly type: "escalate"; readonly cause: Cause; readonly id: string };

export interface Supervised {
  readonly state: SupervisorState;
  readonly orders: readonly SupervisorOrder[];
}

const ABNORMAL: ReadonlySet<Cause> = new Set<Cause>(["crash", "infra", "launch", "no_progress"]);

// Free restarts count for the back-off only, and 2^31 reaches every `maxMs` that makes sense.
const FREE_RESTARTS_KEPT = 32;

type Phase = SupervisorState["phase"];
const AT_REST: ReadonlySet<Phase> = new Set<Phase>(["idle", "stopped", "escalated"]);
const AT_WORK: ReadonlySet<Phase> = new Set<Phase>(["starting", "running", "restarting"]);

/**
 * A supervisor before its `start`. Of a former life it keeps the epochs and the restarts, by id, and nothing else.
 * Throws when two children share an id: a bug.
 */
export function supervisor(spec: SupervisorSpec, former?: SupervisorState): SupervisorState {
  if (new Set(spec.children.map(({ id }) => id)).size < spec.children.length)
    throw new Error(
      `supervisor: an id is used twice among ${spec.children.map(({ id }) => id).join(", ")}`,
    );
  const known = new Map(former?.children.map((child) => [child.id, child]));
  return {
    spec,
    phase: "idle",
    children: spec.children.map(({ id }) => ({ epoch: 0, ...known.get(id), id, state: "absent" })),
    restarts: former?.restarts ?? {},
    dueAt: null,
    downFrom: null,
    failure: null,
  };
}

/**
 * The next state and what to do about it, in order. Total: an event that does not fit gives back the very same state
 * and orders nothing.
 */
export function supervise(state: SupervisorState, event: SupervisorEvent): Supervised {
  switch (event.type) {
    case "start":
      return start(state);
    case "stop":
      return stop(state);
    case "child.started":
      return noteStarted(state, event);
    case "child.exited":
      return noteEnd(state, event);
    case "child.stopped":
      return noteEnd(state, { ...event, cause: "clean" });
    case "child.wanted":
      return wantAgain(state, event.id);
    case "backoff.over":
      break;
  }
  if (state.dueAt === null || event.at < state.dueAt) return unchanged(state);
  return settle({ ...state, dueAt: null });
}

/**
 * The restarts that still count at `at`, per class. A time after `at` counts as `at`, so that a clock set back
 * forgives nothing and still forgives after one period.
 */
export function recentRestarts(state: SupervisorState, at: number): Restarts {
  const recent: Partial<Record<Cause, readonly number[]>> = {};
  for (const cause of CAUSES) {
    const { periodMs } = budgetOf(state.spec, cause);
    const times = (state.restarts[cause] ?? [])
      .map((time) => Math.min(time, at))
      .filter((time) => at - time < periodMs);
    if (times.length > 0) recent[cause] = times;
  }
  return recent;
}

/** How many restarts of one class are allowed within which period. */
function budgetOf(
  spec: SupervisorSpec,
  cause: Cause,
): { readonly intensity: number; readonly periodMs: number } {
  return spec.budgets?.[cause] ?? spec;
}

/** The state with the restarts of one class forgiven, so that a `start` begins with its full budget. */
export function forgiven(state: SupervisorState, cause: Cause): SupervisorState {
  return { ...state, restarts: { ...state.restarts, [cause]: [] } };
}

function start(state: SupervisorState): Supervised {
  if (!AT_REST.has(state.phase)) return unchanged(state);
  const children = state.children.map((child) => ({ ...child, state: "absent" as const }));
  const { wasUp: _, ...rest } = state;
  return settle({ ...rest, phase: "starting", children, failure: null });
}

function stop(state: SupervisorState): Supervised {
  if (state.phase === "stopped") return unchanged(state);
  if (state.phase !== "stopping") return takeDown(state, null);
  // The parent has decided already, so there is nothing left to escalate.
  return state.failure === null
    ? unchanged(state)
    : { state: { ...state, failure: null }, orders: [] };
}

function noteStarted(
  state: SupervisorState,
  { id, epoch }: { readonly id: string; readonly epoch: number },
): Supervised {
  const child = state.children.find((each) => each.id === id);
  if (child?.epoch !== epoch || child.state !== "starting") return unchanged(state);
  return settle(withChild(state, { ...child, state: "running" }));
}

function wantAgain(state: SupervisorState, id: string): Supervised {
  const child = state.children.find((each) => each.id === id);
  if (child?.state !== "ended" || !AT_WORK.has(state.phase)) return unchanged(state);
  const phase = state.phase === "running" ? "starting" : state.phase;
  return settle(withChild({ ...state, phase }, { ...child, state: "absent" }));
}

interface End {
  readonly id: string;
  readonly epoch: number;
  readonly cause: Cause;
  readonly at: number;
}

function noteEnd(state: SupervisorState, end: End): Supervised {
  const place = state.children.findIndex(({ id }) => id === end.id);
  const child = state.children[place];
  if (child?.epoch !== end.epoch || !isLive(child)) return unchanged(state);
  const isAsked = child.state === "stopping";
  const down: ChildState = isAsked ? child : { ...child, lastCause: end.cause };
  if (state.phase === "stopping") return settle(withChild(state, { ...down, state: "absent" }));
  if (isOver(state.spec.children[place]?.restart, end.cause, isAsked))
    return settle(withChild(state, { ...down, state: "ended" }), [
      { type: "childEnded", id: end.id, cause: end.cause },
    ]);
  const waiting = withChild(state, { ...down, state: "waiting" });
  if (state.downFrom !== null && place >= state.downFrom) return settle(waiting);
  return restart(waiting, end, place);
}

/** Whether a child that ended like this has ended for good (V6). */
function isOver(kind: ChildSpec["restart"] | undefined, cause: Cause, isAsked: boolean): boolean {
  if (kind === "temporary" || cause === "user") return true;
  return kind === "transient" && !isAsked && !ABNORMAL.has(cause);
}

function restart(
  state: SupervisorState,
  { id, cause, at: saidAt }: End,
  place: number,
): Supervised {
  const at = chargedAt(state, saidAt);
  const recent = recentRestarts(state, at);
  const times = recent[cause] ?? [];
  const isFree = !ABNORMAL.has(cause) || isEndless(state, place);
  if (!isFree && times.length >= budgetOf(state.spec, cause).intensity)
    return takeDown(state, { cause, id });
  const kept = isFree ? times.slice(1 - FREE_RESTARTS_KEPT) : times;
  const restarts = { ...recent, [cause]: [...kept, at] };
  // An earlier failure may ask for a later start: the one back-off serves both.
  const dueAt = Math.max(state.dueAt ?? 0, at + backoffMs(state.spec, restarts));
  return settle(
    { ...state, phase: "restarting", restarts, dueAt, downFrom: downFrom(state, place) },
    dueAt === state.dueAt ? [] : [{ type: "arm", dueAt }],
  );
}

/** V8. */
function isEndless({ spec, wasUp }: SupervisorState, place: number): boolean {
  return wasUp === true && spec.children[place]?.isEndless === true;
}

/**
 * When a restart counts. One that is reported late counts as of the newest one, so that no window is forgiven early;
 * but times a whole period ahead are those of a clock that was set back.
 */
function chargedAt({ restarts, spec }: SupervisorState, at: number): number {
  const newest = Math.max(at, ...Object.values(restarts).flat());
  const periods = Object.values(spec.budgets ?? {}).map((budget) => budget.periodMs);
  return newest - at < Math.max(spec.periodMs, ...periods) ? newest : at;
}

function backoffMs({ backoff: { minMs, maxMs } }: SupervisorSpec, restarts: Restarts): number {
  const n = Object.values(restarts).reduce((sum, times) => sum + times.length, 0);
  return Math.min(maxMs, minMs * 2 ** Math.min(n - 1, FREE_RESTARTS_KEPT - 1));
}

/** From which place on children must come down because the one at `place`, before all that already do, did (V7). */
function downFrom({ spec, downFrom: before }: SupervisorState, place: number): number | null {
  if (spec.strategy === "one_for_one") return before;
  return spec.strategy === "one_for_all" ? 0 : place;
}

function takeDown(state: SupervisorState, failure: SupervisorState["failure"]): Supervised {
  const children = state.children.map((child) =>
    child.state === "waiting" ? { ...child, state: "absent" as const } : child,
  );
  return settle(
    { ...state, phase: "stopping", children, dueAt: null, downFrom: 0, failure },
    state.dueAt === null ? [] : [{ type: "cancel" }],
  );
}

/** Orders the one next thing there is to do: a stop before a start, one child at a time (V2). */
function settle(state: SupervisorState, orders: readonly SupervisorOrder[] = []): Supervised {
  if (state.downFrom !== null) return settleDown(state, state.downFrom, orders);
  const isBusy = state.dueAt !== null || state.children.some((child) => child.state === "starting");
  if (isBusy) return { state, orders };
  const next = state.children.find(
    (child) => child.state === "absent" || child.state === "waiting",
  );
  if (next !== undefined) {
    const epoch = next.epoch + 1;
    return {
      state: withChild(state, { ...next, epoch, state: "starting" }),
      orders: [...orders, { type: "startChild", id: next.id, epoch }],
    };
  }
  if (state.phase === "running") return { state, orders };
  const isKept = state.spec.children.some(({ isEndless: is }) => is === true);
  return {
    state: { ...state, phase: "running", ...(isKept && { wasUp: true }) },
    orders: [...orders, { type: "ready" }],
  };
}

function settleDown(
  state: SupervisorState,
  from: number,
  orders: readonly SupervisorOrder[],
): Supervised {
  if (state.children.some((child) => child.state === "stopping")) return { state, orders };
  const next = state.children.findLast((child, place) => place >= from && isLive(child));
  if (next !== undefined) {
    const { id, epoch } = next;
    const shutdownMs = state.spec.children.find((spec) => spec.id === id)?.shutdownMs ?? 0;
    return {
      state: withChild(state, { ...next, state: "stopping" }),
      orders: [...orders, { type: "stopChild", id, epoch, shutdownMs }],
    };
  }
  const down: SupervisorState = { ...state, downFrom: null };
  if (state.phase !== "stopping") return settle(down, orders);
  if (state.failure === null)
    return { state: { ...down, phase: "stopped" }, orders: [...orders, { type: "allStopped" }] };
  return {
    state: { ...down, phase: "escalated" },
    orders: [...orders, { type: "escalate", ...state.failure }],
  };
}

function isLive({ state }: ChildState): boolean {
  return state === "starting" || state === "running" || state === "stopping";
}

function withChild(state: SupervisorState, child: ChildState): SupervisorState {
  return {
    ...state,
    children: state.children.map((each) => (each.id === child.id ? child : each)),
  };
}

function unchanged(state: SupervisorState): Supervised {
  return { state, orders: [] };
}
