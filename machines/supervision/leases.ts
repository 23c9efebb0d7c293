import type { Trouble } from "../children.ts";
import type { ChildSpec, SupervisorState } from "./supervision.ts";

// Leases
//
// How long a child may leave an order of its supervisor unanswered, and what is done about one that does. Pure.
//
//   L1. A child that starts or stops holds a lease, and nobody else does.
//   L2. A start that is not answered in time is stopped; it counts as an `infra` end only when that was answered.
//   L3. A stop that is not answered is asked again, later each time; silence is never taken for an end.
//   L4. Only a child that cannot be told is given up, after the fifth stop that died; its trouble is kept.

export type Lease = {
  /** `clear`: its start was not answered, and what may have come of it is being stopped. */
  readonly of: "start" | "stop" | "clear";
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
  /** Told to the child so often. */
  readonly asked: number;
  /** So many of these could not be told. */
  readonly died: number;
  readonly trouble: Trouble | null;
};
/** By child. */
export type Leases = Readonly<Record<string, Lease>>;

/** What a lease that is over asks for. */
export type LeaseAct =
  | { readonly type: "stop"; readonly id: string; readonly epoch: number }
  | { readonly type: "giveUp"; readonly id: string; readonly lease: Lease };

// A launch is tried three times for half a minute each, and what ran before is ended first.
const START_MS = 180_000;
// An end is tried ten times by its lane before it fails.
const STOP_MARGIN_MS = 60_000;
const LONGEST_WAIT_MS = 600_000;
const AFTER_DEATH_MS = 5_000;
const MOST_DEATHS = 5;

/** The leases that the children hold now; the very same record when nothing changed (L1). */
export function leasesOf({ children, spec }: SupervisorState, former: Leases, at: number): Leases {
  const next: Record<string, Lease> = {};
  for (const { id, epoch, state } of children) {
    if (state !== "starting" && state !== "stopping") continue;
    const held = former[id];
    const isHeld = held?.epoch === epoch && (held.of === "stop") === (state === "stopping");
    const child = spec.children.find((each) => each.id === id);
    next[id] = isHeld ? held : newLease(child, { epoch, at, isStart: state === "starting" });
  }
  const ids = Object.keys(next);
  const isSame =
    ids.length === Object.keys(former).length && ids.every((id) => next[id] === former[id]);
  return isSame ? former : next;
}

function newLease(
  child: ChildSpec | undefined,
  { epoch, at, isStart }: { epoch: number; at: number; isStart: boolean },
): Lease {
  const ms = isStart ? (child?.startMs ?? START_MS) : STOP_MARGIN_MS + (child?.shutdownMs ?? 0);
  const of = isStart ? "start" : "stop";
  return { of, epoch, dueAt: at + ms, asked: 1, died: 0, trouble: null };
}

/** What the leases that are over at `at` ask for, and the leases after that. */
export function leasesOver(
  leases: Leases,
  at: number,
): { readonly leases: Leases; readonly acts: readonly LeaseAct[] } {
  const over = Object.entries(leases).filter(([, { dueAt }]) => dueAt <= at);
  const acts = over.map(([id, lease]): LeaseAct => {
    return lease.died >= MOST_DEATHS
      ? { type: "giveUp", id, lease }
      : { type: "stop", id, epoch: lease.epoch };
  });
  const later = over.map(([id, lease]) => [id, askedAgain(lease, at)] as const);
  return { leases: { ...leases, ...Object.fromEntries(later) }, acts };
}

/** The lease of a stop that is told once more (L2, L3). */
export function askedAgain(lease: Lease, at: number): Lease {
  if (lease.of === "start") {
    return { ...lease, of: "clear", dueAt: at + STOP_MARGIN_MS, asked: 1, died: 0 };
  }
  const waitMs = Math.min(LONGEST_WAIT_MS, STOP_MARGIN_MS * 2 ** Math.min(8, lease.asked));
  return { ...lease, dueAt: at + waitMs, asked: lease.asked + 1 };
}

/** The lease of a stop that could not be told: it is told again soon (L4). */
export function afterDeath(lease: Lease, trouble: Trouble): Lease {
  const soon = trouble.at + AFTER_DEATH_MS * 2 ** Math.min(8, lease.died);
  return { ...lease, dueAt: Math.min(lease.dueAt, soon), died: lease.died + 1, trouble };
}
