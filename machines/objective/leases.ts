import { isOpenPull } from "../pull-state.ts";
import { isEnded, type ObjectiveContext, type ObjectiveLimits, type Worker } from "./record.ts";

// Objective leases
//
// How long the silence of a worker counts as progress, and when its manager is told that it rests. Rules W of
// `workers.ts`.

/** Whoever gives slots says at once what a worker waits for, and again when that changes. */
const SLOT_ASK_EVERY_MS = 300_000;
const LEASE_MS = { slot: 86_400_000, asking: 86_400_000 } as const;

/** Whether a task counts as progress at `at`, and until when without another sign. */
export function leaseOf(
  worker: Worker,
  limits: ObjectiveLimits,
): { readonly until: number; readonly doing: string } | undefined {
  if (isEnded(worker) || isWaitingForOthers(worker)) return undefined;
  const { state, evidenceAt, reason, facts } = worker;
  if (state === "running") return { until: evidenceAt + limits.workerLeaseMs, doing: "works" };
  if (state === "starting") return { until: evidenceAt + limits.startMs, doing: "is starting" };
  const limitedUntil = facts?.limitedUntil ?? null;
  if (limitedUntil !== null) {
    return { until: limitedUntil + limits.restMs, doing: "waits for a limit of its harness" };
  }
  if (state === "idle") {
    const until = Math.max(evidenceAt, facts?.activity.since ?? 0) + limits.restMs;
    return { until, doing: "rests without a result" };
  }
  if (state === "asking")
    return { until: evidenceAt + LEASE_MS.asking, doing: "waits for a person" };
  return { until: evidenceAt + LEASE_MS.slot, doing: reason };
}

/** It waits for other workers: their leases say whether anything gets on. */
function isWaitingForOthers({ state, slot }: Worker): boolean {
  return state === "waiting" && slot === "none";
}

/** A moment at which something of a worker is to be done, and what. */
interface Look {
  readonly at: number;
  readonly doing: string;
}

/** The next moment that a worker has to be looked at by itself; undefined when there is none. */
export function nextLookAtWorkers(
  { workers }: ObjectiveContext,
  limits: ObjectiveLimits,
  at: number,
): Look | undefined {
  return workers
    .flatMap((worker) => looksAt(worker, limits))
    .filter((look) => look.at > at)
    .toSorted((one, other) => one.at - other.at)[0];
}

function looksAt(worker: Worker, limits: ObjectiveLimits): Look[] {
  const { id } = worker;
  const lease = leaseOf(worker, limits);
  const told = idleToldAt(worker, limits);
  const asked = worker.slot === "wanted" ? slotAskAt(worker) : null;
  return [
    ...(asked === null ? [] : [{ at: asked, doing: `a slot is asked for again for ${id}` }]),
    ...(lease === undefined ? [] : [{ at: lease.until, doing: `${id} no longer counts as busy` }]),
    ...(told === null ? [] : [{ at: told, doing: `its manager is told that ${id} rests` }]),
  ];
}

/** When the manager is told that a worker rests without a result; null when it was, or need not be. */
export function idleToldAt(worker: Worker, limits: ObjectiveLimits): number | null {
  const since = worker.facts?.activity.since ?? null;
  if (worker.state !== "idle" || worker.isGuest || since === null) return null;
  const hasOpenPull = worker.facts?.pulls.some(isOpenPull);
  const isLimited = (worker.facts?.limitedUntil ?? null) !== null;
  if (worker.toldIdleAt === since || hasOpenPull === true || isLimited) return null;
  return Math.max(since, worker.evidenceAt) + limits.idleAfterMs * 2;
}

/** When a task that waits is asked for a slot, once more where it was before; null when it has one or needs none. */
export function slotAskAt({ state, slot, slotAskedAt }: Worker): number | null {
  if (state !== "waiting" || slot === "held") return null;
  return slot === "none" ? 0 : (slotAskedAt ?? 0) + SLOT_ASK_EVERY_MS;
}
