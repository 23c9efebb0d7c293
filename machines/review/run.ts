import { setup, transition } from "xstate";
import { typed } from "../typed.ts";

// Review run
//
// One pass over one commit of one subject, as a statechart of its own. Runs live in the snapshot of their review and
// are stepped there, so that a whole batch moves in one transaction.
//
//   U1. Nothing leaves `delivered`, `failed` or `cancelled`: whatever comes late changes nothing.
//   U2. A result is taken from the process that has the run, or had it last; also while the next one is not launched yet.
//   U3. `superseded` lasts until the process that worked on the older commit is gone; to the outside it has failed already.

export const RUN_STATES = [
  "queued",
  "launching",
  "running",
  "complete",
  "delivered",
  "superseded",
  "failed",
  "cancelled",
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What happens to a run. */
export type RunEvent = {
  readonly type:
    | "run.handed"
    | "run.started"
    | "run.returned"
    | "run.submitted"
    | "run.delivered"
    | "run.superseded"
    | "run.failed"
    | "run.cancelled";
};

/** What each state of a run says of itself. */
export const RUN_SAYS = {
  queued: "It waits for a reviewer.",
  launching: "Its worktree and its reviewer are being made.",
  running: "A live reviewer works on its commit.",
  complete: "It has a verdict.",
  delivered: "Its verdict was typed into the worker's terminal.",
  superseded: "A newer commit made it void; the process that worked on it is being ended.",
  failed: "It ended without a verdict, for the reason that is kept.",
  cancelled: "Someone ended it, or its worker is over.",
} as const satisfies Record<RunState, string>;

const runMachine = setup({ types: { events: typed<RunEvent>() } }).createMachine({
  id: "run",
  description: "One pass of a reviewer over one commit.",
  initial: "queued",
  states: {
    queued: {
      description: RUN_SAYS.queued,
      on: {
        "run.handed": "launching",
        "run.submitted": "complete",
        "run.superseded": "superseded",
        "run.cancelled": "cancelled",
        "run.failed": "failed",
      },
    },
    launching: {
      description: RUN_SAYS.launching,
      on: {
        "run.started": "running",
        "run.returned": "queued",
        // A fast reviewer answers before its terminal has told that it runs.
        "run.submitted": "complete",
        "run.superseded": "superseded",
        "run.cancelled": "cancelled",
        "run.failed": "failed",
      },
    },
    running: {
      description: RUN_SAYS.running,
      on: {
        "run.returned": "queued",
        "run.submitted": "complete",
        "run.superseded": "superseded",
        "run.cancelled": "cancelled",
        "run.failed": "failed",
      },
    },
    complete: { description: RUN_SAYS.complete, on: { "run.delivered": "delivered" } },
    delivered: { description: RUN_SAYS.delivered },
    superseded: { description: RUN_SAYS.superseded, on: { "run.failed": "failed" } },
    failed: { description: RUN_SAYS.failed },
    cancelled: { description: RUN_SAYS.cancelled },
  },
});

/** Where an event leads; undefined when the state does not know it (U1). */
function runAfter(state: RunState, type: RunEvent["type"]): RunState | undefined {
  const before = runMachine.resolveState({ value: state, context: {} });
  const [after] = transition(runMachine, before, { type });
  return after.value === state ? undefined : after.value;
}

/** Why a run ended without a verdict. */
export type RunReason =
  | "superseded"
  | "user_cancelled"
  | "worker_ended"
  | "reviewer_exited"
  | "launch_failed"
  | "destroy_failed"
  | "lease_expired"
  | "interrupted"
  | "reviewer_lost"
  | "subject_ended"
  | "duplicate"
  | "unknown_status";

export type Verdict = "" | "approved" | "changes_requested";

/** What a run is about: a pull request, or the branch of the worker while it has none. */
export type Subject = {
  readonly url: string;
  /** 0 for a branch without a pull request. */
  readonly number: number;
  readonly title: string;
  readonly headRef: string;
  readonly baseRef: string;
};

/** How the feedback of a run fares on its way to the worker. */
export type DeliveryRecord = {
  readonly state: "none" | "pending" | "sent" | "delivered" | "skipped" | "failed";
  readonly reason: string | null;
  /** Names the one message that carries it. */
  readonly id: string | null;
  readonly attempts: number;
};

export type Run = {
  readonly id: string;
  /** Grows with every run of the review; the order of runs, whatever the clock does. */
  readonly seq: number;
  readonly batchId: string;
  /** Which reviewer it waits for. */
  readonly seat: string;
  readonly harness: string;
  readonly trigger: "manual" | "auto";
  readonly subject: Subject;
  readonly targetSha: string;
  readonly state: RunState;
  /** Launches that it was part of. */
  readonly attempt: number;
  /** Launches that came to nothing; being replaced for the sake of another run is none. */
  readonly faults: number;
  /** The reviewer's epoch that has it, or had it last. */
  readonly epoch: number | null;
  readonly verdict: Verdict;
  readonly body: string;
  readonly providerReviewId: string;
  readonly reason: RunReason | null;
  readonly detail: string | null;
  /** Where its commit was checked out; null when it could not be, or was not yet. */
  readonly tree: string | null;
  /** What its worktree held at submit: the target commit untouched, or not. */
  readonly treeState: "unverified" | "pinned" | "absent" | "changed";
  readonly baseSha: string | null;
  readonly autoInject: boolean;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly submittedAt: number | null;
  readonly endedAt: number | null;
  readonly deliveredAt: number | null;
  readonly delivery: DeliveryRecord;
};

const OPEN: ReadonlySet<RunState> = new Set(["queued", "launching", "running"]);

/** Whether it still wants a verdict. */
export function isOpenRun({ state }: Pick<Run, "state">): boolean {
  return OPEN.has(state);
}

/** Whether a process has it now. */
export function isInHand({ state }: Pick<Run, "state">): boolean {
  return state === "launching" || state === "running";
}

/** The run after an event, with what else the event says; the very same one when it comes too late (U1). */
export function movedRun(run: Run, type: RunEvent["type"], said: Partial<Run> = {}): Run {
  const state = runAfter(run.state, type);
  return state === undefined ? run : { ...run, ...said, state };
}

/** The state as the API names it (U3). */
export function statusOf({ state }: Pick<Run, "state">): RunStatus {
  if (state === "launching") return "queued";
  return state === "superseded" ? "failed" : state;
}
export type RunStatus = Exclude<RunState, "launching" | "superseded">;
