import type { EffectData, EffectResult } from "../effects.ts";
import type { RestScreen } from "../harness/harness.ts";
import { HARNESSES } from "../harness/harnesses.ts";
import type { Order } from "../order.ts";
import { limitedUntil } from "../harness/quota.ts";
import { activityObserved, runtimeObserved } from "./observed.ts";
import type { EventNamed, SessionEvent } from "./protocol.ts";
import type {
  LifecycleState,
  SessionContext,
  SessionLimits,
  SessionStep,
  Watch,
} from "./record.ts";

// Session watch
//
// What a session does about an agent of which nothing is heard: no hook, no git, no probe. Pure.
//
//   W-1. Every state in which something is expected has a lease; the table says how long. Whatever is heard renews it.
//   W-2. A lease that is over asks for one look at the screen, and for nothing else.
//   W-3. A screen that can be read renews it, changed or not: quiet screens exist. What the look contradicts, could not
//        see or did not answer is a doubt, by the rules of liveness: `detecting`, then a person. Silence ends nothing.
//        A look without an answer is no doubt where something was heard since it began (the daemon may have been away
//        meanwhile), and an answer that comes late is still what was seen last, as from a probe.
//   W-4. What is heard moves no timer: only when it fires is it asked whether anything was heard since. One timer each.
//   W-5. Where a harness says how its prompt looks, the look tells whether the agent is at it: then its turn is over, or its
//        question, though no hook told so; a turn that is broken off at the terminal often ends without a word. What was
//        heard after the look began is newer. While it asks the looks come seldomer the longer that lasts, and soon
//        again once a text waits to be typed.
//   W-6. A limit that stands last on such a screen ended the turn: it rests until that is over, as one told by a hook.

type Lease = "workingMs" | "restingMs" | "doubtMs";

const LEASES: Readonly<Record<LifecycleState, Lease | null>> = {
  // Its start has a lease of its own (L1), and a program without hooks never speaks.
  not_started: "restingMs",
  // A turn says something all the time; one that lost its last hook would work for ever.
  working: "workingMs",
  // Whoever waits for a person or a forge may wait for days, and is woken by them: a look a day, for what nobody told.
  idle: "restingMs",
  needs_input: "restingMs",
  // Liveness asks again by itself only when what it sees changes.
  detecting: "doubtMs",
  // A person was asked to look; the same silence again is no news.
  stuck: null,
  // Nothing more is expected.
  done: null,
  terminated: null,
};

// One look takes a second; it may stand behind the work of others.
const LOOK_MS = 120_000;
const EVIDENCE_CHARS = 500;
const ASKS: ReadonlySet<string> = new Set(["waiting_input", "blocked"]);

/** The lease of what it does now, milliseconds; null where nothing is expected of it. */
function leaseMsOf(context: SessionContext, limits: SessionLimits): number | null {
  if (context.terminal.state !== "live" || context.wanted !== "running") return null;
  if (isAsking(context)) return askingMsOf(context, limits);
  const lease = LEASES[context.axes.lifecycle.state];
  return lease === null ? null : limits[lease];
}

/** Whether it waits for an answer, or for its first word, and its screen can tell that this is over (W-5). */
function isAsking({ axes: { lifecycle, activity }, harness }: SessionContext): boolean {
  const { state, reason } = lifecycle;
  const isAsked = reason === "awaiting_user_input" && ASKS.has(activity.state);
  return (isAsked || state === "not_started") && restScreenOf(harness) !== null;
}

function askingMsOf({ axes, watch, messages }: SessionContext, limits: SessionLimits): number {
  const waiting = messages.filter(({ state }) => state === "queued");
  const since = Math.max(axes.lifecycle.since, ...waiting.map(({ at }) => at));
  const lastedMs = (watch?.lookedAt ?? 0) - since;
  return Math.min(limits.restingMs, Math.max(limits.askingMs, lastedMs / 2));
}

function restScreenOf(harness: string): RestScreen | null {
  return HARNESSES.get(harness)?.rests ?? null;
}

/** When it was last heard of or looked at, milliseconds since 1970. */
function heardAt({ axes, observedAt, watch }: SessionContext): number {
  const { lifecycle, activity } = axes;
  const { runtime, workspace } = observedAt;
  const lookedAt = watch?.lookedAt ?? 0;
  return Math.max(lifecycle.since, activity.lastActivityAt ?? 0, runtime, workspace, lookedAt);
}

/** The end of every step: its watch as the state wants it, and the timer of that (W-1, W-4). */
export function withWatch(
  before: SessionContext,
  step: SessionStep,
  limits: SessionLimits,
): SessionStep {
  const context = watched(step.context, limits);
  const dueAt = context.watch?.dueAt;
  if (dueAt === before.watch?.dueAt) return { ...step, context };
  const order: Order =
    dueAt === undefined ? { type: "cancel", name: "watch" } : { type: "arm", name: "watch", dueAt };
  return { context, orders: [...step.orders, order] };
}

function watched(context: SessionContext, limits: SessionLimits): SessionContext {
  const leaseMs = leaseMsOf(context, limits);
  const { watch } = context;
  if (leaseMs === null) return watch === null ? context : { ...context, watch: null };
  const dueAt = heardAt(context) + leaseMs;
  if (watch !== null && (watch.isLooking || watch.dueAt <= dueAt)) return context;
  const lookedAt = watch?.lookedAt ?? 0;
  return { ...context, watch: { dueAt, lookedAt, isLooking: false } };
}

/** Its lease may be over (W-2), or its look was not answered (W-3). */
export function watchOver(
  context: SessionContext,
  { at }: { at: number },
  limits: SessionLimits,
): SessionStep {
  const { watch } = context;
  const leaseMs = leaseMsOf(context, limits);
  if (watch === null || leaseMs === null || watch.dueAt > at) return quiet(context);
  if (watch.isLooking && heardAt(context) <= begunAt(watch)) {
    return quiet(unseen(context, { at, why: "the look at its screen was not answered" }, limits));
  }
  const dueAt = heardAt(context) + leaseMs;
  if (dueAt > at) return quiet({ ...context, watch: { ...watch, dueAt, isLooking: false } });
  const looking = { ...context, watch: { ...watch, dueAt: at + LOOK_MS, isLooking: true } };
  return { context: looking, orders: [lookAt(context)] };
}

function begunAt({ dueAt }: Watch): number {
  return dueAt - LOOK_MS;
}

/** Whether this shows that it lives while a look is out: then it counts as heard, though it changes nothing (W-3). */
export function isLifeSeen({ watch }: SessionContext, event: SessionEvent): boolean {
  if (watch?.isLooking !== true || event.type !== "runtime.observed") return false;
  return event.data.runtime === "alive";
}

function lookAt({ id, harness, terminal: { epoch } }: SessionContext): Order {
  const rests = restScreenOf(harness);
  const data: EffectData<"inspectTerminal"> = {
    terminal: id,
    host: "local",
    epoch,
    ...(rests !== null && { rests }),
  };
  // A lane of its own: it must not wait for a text that hangs.
  return { type: "effect", name: "inspectTerminal", lane: `look:${id}`, epoch, data };
}

type Limit = NonNullable<EffectResult<"inspectTerminal">["limit"]>;
type Looked = EventNamed<"inspectTerminal.done" | "inspectTerminal.failed">;

/** What the look showed (W-3). */
export function looked(
  context: SessionContext,
  event: Looked,
  limits: SessionLimits,
): SessionContext {
  const { watch } = context;
  if (watch?.isLooking !== true) return lookedLate(context, event, limits);
  const { at } = event;
  if (event.type === "inspectTerminal.failed") {
    const { code, message } = event.data;
    const why = `its screen could not be read: ${code}, ${message}`.slice(0, EVIDENCE_CHARS);
    return unseen(context, { at, why }, limits);
  }
  const { result } = event.data;
  if (result.epoch !== context.terminal.epoch) return context;
  const seen = runtimeObserved(answered(context, at), { at, data: result }, limits);
  if (result.rests !== true || !isUntold(seen, begunAt(watch))) return seen;
  return rested(seen, { at, ...(result.limit !== undefined && { limit: result.limit }) });
}

/** An answer that no look waits for any more. That nothing could be seen was held against it already. */
function lookedLate(context: SessionContext, event: Looked, limits: SessionLimits): SessionContext {
  if (event.type === "inspectTerminal.failed") return context;
  const { at, data } = event;
  const isOlder = at < context.observedAt.runtime;
  if (isOlder || data.result.epoch !== context.terminal.epoch) return context;
  return runtimeObserved(context, { at, data: data.result }, limits);
}

/** Whether its hooks left it at something that its prompt contradicts (W-5). */
function isUntold({ axes: { activity } }: SessionContext, since: number): boolean {
  const isBusy = activity.state === "active" || activity.state === "none";
  const isNewer = (activity.lastActivityAt ?? 0) > since;
  return (isBusy || ASKS.has(activity.state)) && !isNewer;
}

function rested(
  context: SessionContext,
  { at, limit }: { at: number; limit?: Limit },
): SessionContext {
  const data = {
    state: "idle",
    confidence: "valid",
    source: "terminal",
    event: "terminal-idle",
    ...(limit !== undefined && { limitedUntil: limitedUntil(limit.words, at, limit.zone) }),
  } as const;
  return activityObserved(context, { at, data });
}

function unseen(
  context: SessionContext,
  { at, why }: { at: number; why: string },
  limits: SessionLimits,
): SessionContext {
  const data = { runtime: "failed", process: "failed", evidence: why } as const;
  return runtimeObserved(answered(context, at), { at, data }, limits);
}

/** The look is over; its lease begins anew at the end of the step. */
function answered(context: SessionContext, at: number): SessionContext {
  return { ...context, watch: { dueAt: Infinity, lookedAt: at, isLooking: false } };
}

function quiet(context: SessionContext): SessionStep {
  return { context, orders: [] };
}
