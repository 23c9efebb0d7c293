import { sendAgainAt } from "./inbox.ts";
import { managerDueAt, managerState } from "./manager.ts";
import { parking } from "./pulls.ts";
import {
  type ObjectiveContext,
  type ObjectiveLimits,
  type Phase,
  type Standing,
} from "./record.ts";
import { closeAt } from "./closings.ts";
import { leaseOf, nextLookAtWorkers } from "./leases.ts";
import { mayActAt, nextAct } from "./poke.ts";

// Objective standing
//
// Where an objective stands, why, and what happens next at the latest: the one place that decides it. First match.
//
//   S1. Every objective that has not ended waits for a time that is armed.
//   S2. A manager is spoken to only after its turn: never mid-turn, never into a prompt, never before it ran, never while
//       a text is on its way to it, and not within `idleAfterMs` of the last thing it was told.
//   S3. A worker with a lease that holds is progress; one that waits for others has none. One that waits for a person
//       blocks pokes, but no respawn.
//   S4. A pull request that owns the next step lets a live manager rest and a dead one rest in peace, until its watchdog.
//   S5. A dead manager is replaced when something must be read by one, or when nothing else moves the objective on.

/** What is to be done at `at`, now that its time has come. */
export type Act = "poke" | "restart" | "escalate" | "respawn";

export interface Verdict {
  readonly phase: Phase;
  readonly reason: string;
  readonly nextAt: number | null;
  readonly next: string | null;
  readonly act: Act | null;
  /** Whether the manager rests and could be judged by what it did since it was last poked. */
  readonly isResting: boolean;
  /** What the rest is known from. */
  readonly after: "turn" | "silence";
}

/** A person may be asked for long; after this somebody looks at it again. */
const PERSON_MS = 86_400_000;
/** A typed text is answered by its session within ten minutes. */
const RECEIPT_MS = 900_000;
// An agent without hooks is silent for long while it works.
const SILENCES = 10;

interface Looking {
  readonly context: ObjectiveContext;
  readonly limits: ObjectiveLimits;
  readonly at: number;
}

/** Where the objective stands at `at`. */
export function verdictOf(context: ObjectiveContext, limits: ObjectiveLimits, at: number): Verdict {
  const looking = { context, limits, at };
  const { end, escalation } = context;
  if (end !== null) return resting(end.state, end.summary || `it is ${end.state}`, null, null);
  if (escalation !== null) {
    const reason = `no manager is started any more: ${escalation.cause.replaceAll("_", " ")}; ${escalation.questionId} waits for an answer`;
    return resting(
      "escalated",
      reason,
      later(at, escalation.at, PERSON_MS),
      "a person is reminded",
    );
  }
  if (context.supervisor.phase === "escalated") return unanswered(looking);
  const state = managerState(context);
  if (context.manager.stopping !== null) {
    return resting(
      "recovering",
      endingOf(context.manager.stopping),
      managerDueAt(context, limits),
      "it is told once more to end",
    );
  }
  if (state === "absent" || state === "starting") {
    return resting(
      "starting",
      "its manager is being started",
      managerDueAt(context, limits),
      "the start is taken back",
    );
  }
  return state === "running" ? withManager(looking) : withoutManager(looking);
}

function endingOf({ asked = 1 }: { asked?: number }): string {
  return asked === 1
    ? "its manager is being ended"
    : `its manager is being ended, and was told so ${asked} times`;
}

function resting(
  phase: Phase,
  reason: string,
  nextAt: number | null,
  next: string | null,
): Verdict {
  return { phase, reason, nextAt, next, act: null, isResting: false, after: "turn" };
}

/** A person closed the question without an answer: it is asked again, after the cooldown. */
function unanswered({ context, limits, at }: Looking): Verdict {
  const nextAt = context.actedAt + limits.cooldownMs;
  const reason = "no manager is started any more, and nobody decided how it goes on";
  return {
    ...resting("recovering", reason, nextAt, NEXT.escalate),
    act: at >= nextAt ? "escalate" : null,
  };
}

/** The next of a row of times that is ahead. */
function later(at: number, from: number, everyMs: number): number {
  return from + everyMs * Math.max(1, Math.ceil((at + 1 - from) / everyMs));
}

function withManager(looking: Looking): Verdict {
  const { context, at, limits } = looking;
  const { manager } = context;
  const { state, since } = turnOf(manager);
  const held = heldUp(looking, { state, since });
  if (held !== undefined) return held;
  if (state === "idle" || state === "ready") return afterTurn(looking, { since, after: "turn" });
  const silentMs = state === "active" ? limits.turnLeaseMs : limits.idleAfterMs * SILENCES;
  const signAt = Math.max(since, manager.facts?.evidenceAt ?? 0, manager.deliveredAt);
  if (at >= signAt + silentMs) return afterTurn(looking, { since: signAt, after: "silence" });
  const next = "a silent turn counts as ended";
  return resting("turn_running", "its manager is in a turn", signAt + silentMs, next);
}

/** What the manager says it is doing, and since when; of an older life nothing counts. */
function turnOf({ facts, startedAt }: ObjectiveContext["manager"]): {
  state: string;
  since: number;
} {
  const { state = "none", since = 0 } = facts?.activity ?? {};
  return { state, since: Math.max(since, startedAt ?? 0) };
}

/** A limit or a prompt that holds the manager up, whatever it was told. */
function heldUp(
  { context: { manager }, limits, at }: Looking,
  { state, since }: { state: string; since: number },
): Verdict | undefined {
  const { quotaUntil } = manager;
  // Its session wakes it; only when that came to nothing is it spoken to.
  if (quotaUntil !== null && quotaUntil + limits.idleAfterMs > at) {
    const reason = "its manager has reached a limit of its harness";
    const nextAt = quotaUntil > at ? quotaUntil : quotaUntil + limits.idleAfterMs;
    return resting("waiting_for_quota", reason, nextAt, "it goes on by itself");
  }
  if (state !== "waiting_input" && state !== "blocked") return undefined;
  const reason = "its manager waits for a person at its prompt";
  return resting("waiting_for_user", reason, later(at, since, PERSON_MS), "a person is reminded");
}

function afterTurn(
  looking: Looking,
  { since, after }: { since: number; after: Verdict["after"] },
): Verdict {
  const { context, at, limits } = looking;
  const onItsWay = context.sendings.find(
    ({ what, to }) => what !== "answer" && to === context.manager.sessionId,
  );
  if (onItsWay !== undefined && at < onItsWay.at + RECEIPT_MS) {
    return resting(
      "turn_ended",
      "a message to its manager is on its way",
      onItsWay.at + RECEIPT_MS,
      "it counts as lost",
    );
  }
  const waited = waiting(looking, { isAlive: true });
  if (waited !== undefined) return { ...waited, after };
  const idleAt = Math.max(since, context.manager.deliveredAt) + limits.idleAfterMs;
  const actAt = Math.max(idleAt, mayActAt(context, limits));
  const last = context.pokes.at(-1);
  const isPoked =
    last?.state === "delivered" && last.epoch === context.manager.epoch && last.at >= since;
  const act = nextAct(context);
  return {
    phase: isPoked ? "poked" : "turn_ended",
    reason: isPoked
      ? `its manager was poked (${last.n}) and has not answered`
      : "its manager has ended its turn, and nothing else moves it on",
    nextAt: actAt,
    next: NEXT[act],
    act: at >= actAt ? act : null,
    isResting: at >= idleAt,
    after,
  };
}

const NEXT = {
  poke: "its manager is poked",
  restart: "its manager is ended and replaced",
  escalate: "a person is asked",
  respawn: "a new manager is started",
} as const;

/** What else moves the objective on; undefined when nothing does (S3, S4). */
function waiting(looking: Looking, { isAlive }: { isAlive: boolean }): Verdict | undefined {
  const { context, limits, at } = looking;
  const leases = context.workers.flatMap((worker) => {
    const lease = leaseOf(worker, limits);
    const counts = isAlive || worker.state !== "asking";
    return lease === undefined || lease.until <= at || !counts ? [] : [{ ...lease, id: worker.id }];
  });
  const [first] = leases.toSorted((one, other) => other.until - one.until);
  if (first !== undefined) {
    const more = leases.length === 1 ? "" : ` and ${leases.length - 1} more`;
    const reason = `${first.id} ${first.doing}${more}`;
    // What comes first is told, not when the last of them is over.
    const look = nextLookAtWorkers(context, limits, at);
    return look === undefined || look.at >= first.until
      ? resting("waiting_for_workers", reason, first.until, "silent workers no longer count")
      : resting("waiting_for_workers", reason, look.at, look.doing);
  }
  const own = context.questions.find(
    ({ state, kind, asker }) => state === "open" && kind === "ask" && !isWorker(context, asker),
  );
  if (own !== undefined && at < own.at + PERSON_MS) {
    return resting(
      "waiting_for_user",
      `${own.id} waits for an answer`,
      own.at + PERSON_MS,
      "it no longer holds anything up",
    );
  }
  const parked = parking(context, limits, at);
  if (parked === undefined) return undefined;
  return resting("parked_on_pr", parked.reason, parked.until, "the pull requests no longer count");
}

function isWorker({ workers }: ObjectiveContext, id: string | null): boolean {
  return workers.some((worker) => worker.id === id);
}

function withoutManager(looking: Looking): Verdict {
  const { context, at, limits } = looking;
  const { dueAt } = context.supervisor;
  const hasNews = context.inbox.some(({ state }) => state !== "delivered");
  const waited = hasNews ? undefined : waiting(looking, { isAlive: false });
  if (waited !== undefined) return { ...waited, reason: `${waited.reason}; its manager has ended` };
  const life = context.lives.at(-1);
  const cause = life?.cause.replaceAll("_", " ") ?? "unknown";
  const cooledAt = context.actedAt === 0 ? 0 : context.actedAt + limits.cooldownMs;
  const actAt = Math.max(dueAt ?? at, cooledAt);
  return {
    phase: "recovering",
    reason: `its manager ended (${cause}, attempt ${context.lives.length})`,
    nextAt: actAt,
    next: NEXT.respawn,
    act: at >= actAt ? "respawn" : null,
    isResting: false,
    after: "turn",
  };
}

/** The standing of the record, and when the one timer must wake it at the latest (S1). */
export function standingOf(context: ObjectiveContext, verdict: Verdict, at: number): Standing {
  const { phase, reason, nextAt, next } = verdict;
  const before = context.standing;
  const since = before.phase === phase ? before.since : at;
  const isSame =
    before.phase === phase &&
    before.reason === reason &&
    before.nextAt === nextAt &&
    before.next === next;
  return isSame ? before : { phase, reason, since, nextAt, next };
}

/** When the timer is armed for: the standing's own time, or an earlier look at a worker. */
export function wakeAt(
  context: ObjectiveContext,
  { limits, at }: { limits: ObjectiveLimits; at: number },
): number | null {
  if (context.end !== null) return null;
  const looks = [context.standing.nextAt, nextLookAtWorkers(context, limits, at)?.at ?? null];
  const againAt = sendAgainAt(context) ?? 0;
  const all = [...looks, closeAt(context, limits, at), againAt > at ? againAt : null];
  const times = all.filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}
