import { mailTo } from "../children.ts";
import { addressOf } from "../ids.ts";
import type { Order } from "../order.ts";
import { fingerprint } from "../fingerprint.ts";
import { earlierFindings } from "./plan.ts";
import { reviewPrompt } from "./prompts.ts";
import {
  forEach,
  quiet,
  seatOf,
  and,
  withOrders,
  withRuns,
  withSeat,
  type ReviewContext,
  type ReviewLimits,
  type ReviewStep,
  type Seat,
} from "./record.ts";
import { isInHand, movedRun, type Run, type RunReason } from "./run.ts";
import type { ReviewerWish } from "./worker.ts";
import { reviewerArgv, reviewerFiles } from "./reviewers.ts";
import {
  supervise,
  supervisor,
  type SupervisorEvent,
  type SupervisorOrder,
  type SupervisorState,
} from "../supervision/supervision.ts";

// Review seats
//
// The way from one reviewer process to the next. A supervisor decides when; this turns what it orders into mail for the
// terminal, and hands the queue to each process that begins.
//
//   S1. A process begins only when the one before it is verified gone: `destroying` is the only way from one to the next.
//   S2. A process gets its whole queue when it begins, and nothing afterwards.
//   S3. Epochs are unique in a review, so that a result names its seat by its epoch.
//   S4. What was not answered is asked again, later each time; silence is never taken for an end.
//   S5. The wait before a next try is longer by up to a quarter, by a number that is drawn from terminal and epoch: many
//       reviewers that fail at the same moment do not come back at the same moment, and a replay waits as long.

const PREPARE_MS = 600_000;
const START_MS = 180_000;
const STOP_MS = 60_000;
const LONGEST_ASK_MS = 600_000;
const CHILD = "terminal";
// Every run has a budget of its own, and no process begins without a run: a budget of the seat would end runs that were
// never tried, because others before them had failed.
const BY_RUN = 1_000_000;

/** The id of a reviewer's terminal, and its handle outside. */
function handleOf(id: string, key: string): string {
  if (key === "main") return `review-${id}`;
  const handle = `review-${id}-${key}`;
  return handle.length <= 64 ? handle : `review-${fingerprint(handle)}`;
}

/** A seat that nobody has sat on yet. */
export function newSeat(id: string, key: string, wish: ReviewerWish): Seat {
  return {
    key,
    terminal: handleOf(id, key),
    wish,
    state: "absent",
    supervisor: supervisor({
      strategy: "one_for_one",
      intensity: 0,
      periodMs: 1,
      backoff: { minMs: 1, maxMs: 1 },
      children: [],
    }),
    epoch: 0,
    hasBegun: false,
    pid: null,
    exit: null,
    restartAt: null,
    askAt: null,
    asked: 0,
    leaseAt: null,
    activity: null,
    trouble: null,
    isReleased: true,
  };
}

/** One event for the supervisor of a seat, with all that follows from it. */
export function seatTold(context: ReviewContext, key: string, event: SupervisorEvent): ReviewStep {
  const seat = raised(context, seatOf(context, key));
  const { state, orders } = supervise(seat.supervisor, event);
  const isSame = state === seat.supervisor && seat === seatOf(context, key);
  const told = isSame ? context : withSeat(context, { ...seat, supervisor: state });
  return forEach(quiet(told), orders, (next, order) =>
    carriedOut(next, key, { order, at: event.at }),
  );
}

/** The epoch counter of a child that does not run is that of the whole review (S3). */
function raised({ epochs }: ReviewContext, seat: Seat): Seat {
  const [child] = seat.supervisor.children;
  if (child === undefined || child.epoch === epochs) return seat;
  if (child.state === "starting" || child.state === "running" || child.state === "stopping")
    return seat;
  const children = [{ ...child, epoch: epochs }];
  return { ...seat, supervisor: { ...seat.supervisor, children } };
}

function carriedOut(
  context: ReviewContext,
  key: string,
  { order, at }: { order: SupervisorOrder; at: number },
): ReviewStep {
  const seat = seatOf(context, key);
  switch (order.type) {
    case "startChild":
      return begun(context, seat, { epoch: order.epoch, at });
    case "stopChild":
      return stopOrdered(context, seat, { ...order, at });
    case "arm":
      return quiet(withSeat(context, { ...seat, restartAt: spreadOut(order.dueAt, seat, at) }));
    case "cancel":
      return quiet(withSeat(context, { ...seat, restartAt: null }));
    case "childEnded":
    case "allStopped":
      return quiet(withSeat(context, atRest(seat)));
    case "escalate":
      return quiet(
        failedQueue(withSeat(context, atRest(seat)), key, {
          reason: order.cause === "launch" ? "launch_failed" : "reviewer_exited",
          at,
        }),
      );
    case "ready":
      break;
  }
  return quiet(context);
}

/** S5. */
function spreadOut(dueAt: number, { terminal, epoch }: Seat, at: number): number {
  const drawn = Number.parseInt(fingerprint(`${terminal}#${epoch}`).slice(0, 8), 16) / 2 ** 32;
  return dueAt + Math.floor(((dueAt - at) / 4) * drawn);
}

function atRest(seat: Seat): Seat {
  const isGone = seat.state === "absent";
  return { ...seat, state: "absent", restartAt: null, ...(isGone ? {} : GONE) };
}

const GONE = {
  state: "absent",
  hasBegun: false,
  pid: null,
  exit: null,
  askAt: null,
  asked: 0,
  leaseAt: null,
} as const satisfies Partial<Seat>;

/** Runs of a seat that wait, those for its first reviewer only: a process is of one harness. */
function queueOf({ runs }: ReviewContext, key: string): readonly Run[] {
  const waiting = runs.filter((run) => run.seat === key && run.state === "queued");
  return waiting.filter(({ harness }) => harness === waiting[0]?.harness);
}

/** Whether anything waits for the seat. */
export function hasQueue(context: ReviewContext, key: string): boolean {
  return queueOf(context, key).length > 0;
}

/** The runs that the process on the seat has. */
export function inHandOf({ runs }: ReviewContext, key: string): readonly Run[] {
  return runs.filter((run) => run.seat === key && isInHand(run));
}

/** A new incarnation takes the queue, and its worktrees are ordered (S2). */
function begun(
  context: ReviewContext,
  seat: Seat,
  { epoch, at }: { epoch: number; at: number },
): ReviewStep {
  const queue = queueOf(context, seat.key);
  const handed = queue.map((run) =>
    movedRun(run, "run.handed", {
      epoch,
      attempt: run.attempt + 1,
      tree: null,
      treeState: "unverified",
    }),
  );
  const launching: Seat = {
    ...seat,
    ...GONE,
    state: "launching",
    wish: context.wishes[queue[0]?.harness ?? ""] ?? seat.wish,
    epoch,
    restartAt: null,
    activity: null,
    isReleased: false,
    askAt: at + PREPARE_MS,
  };
  const next = withSeat({ ...withRuns(context, handed), epochs: epoch }, launching);
  return withOrders(next, prepareOrder(next, launching, handed));
}

function prepareOrder({ worker }: ReviewContext, seat: Seat, queue: readonly Run[]): Order {
  return {
    type: "effect",
    name: "prepareReview",
    lane: `review:${seat.terminal}`,
    epoch: seat.epoch,
    data: {
      reviewer: seat.terminal,
      host: "local",
      epoch: seat.epoch,
      projectId: worker.projectId,
      repo: worker.root,
      targets: queue.map(({ id, targetSha, subject }) => ({
        runId: id,
        sha: targetSha,
        headRef: subject.headRef,
        baseRef: subject.baseRef,
      })),
    },
  };
}

type Prepared = {
  readonly runId: string;
  readonly path: string;
  readonly isPinned: boolean;
  readonly baseSha: string | null;
};

/** The worktrees stand: the process is ordered. */
export function prepared(
  context: ReviewContext,
  { epoch, trees, at }: { epoch: number; trees: readonly Prepared[]; at: number },
): ReviewStep {
  const seat = context.seats.find((each) => each.epoch === epoch && each.state === "launching");
  if (seat === undefined || seat.hasBegun) return quiet(context);
  const byRun = new Map(trees.map((tree) => [tree.runId, tree]));
  const placed = inHandOf(context, seat.key).map((run): Run => {
    const tree = byRun.get(run.id);
    if (tree === undefined) return run;
    const treeState = tree.isPinned ? "unverified" : "absent";
    return { ...run, tree: tree.path, baseSha: tree.baseSha, treeState };
  });
  const ready = withSeat(withRuns(context, placed), {
    ...seat,
    hasBegun: true,
    askAt: at + START_MS,
  });
  return withOrders(ready, ...startMail(ready, seat, placed));
}

function startMail(
  { id, worker, runs }: ReviewContext,
  { terminal, epoch, wish }: Seat,
  queue: readonly Run[],
): readonly Order[] {
  const argv = reviewerArgv(wish);
  if (argv === undefined) throw new Error(`review ${id}: ${wish.harness} was not checked`);
  const launch = {
    cwd: queue[0]?.tree ?? worker.root,
    argv: [...argv],
    env: worker.env,
    files: reviewerFiles(wish).map((file) => ({ ...file })),
    prompt: reviewPrompt(id, queue, (run) => earlierFindings(run, runs)),
    identity: {
      sessionId: id,
      projectId: worker.projectId,
      review: { harness: wish.harness, repo: worker.root },
    },
  };
  return mailTo(addressOf("terminal", terminal), "child.start", { epoch, host: "local", launch });
}

function stopOrdered(
  context: ReviewContext,
  seat: Seat,
  { epoch, shutdownMs, at }: { epoch: number; shutdownMs: number; at: number },
): ReviewStep {
  // Its terminal never heard of it, so nothing of it can run.
  if (!seat.hasBegun)
    return seatTold(context, seat.key, { type: "child.stopped", id: CHILD, epoch, at });
  return destroying(context, seat, { shutdownMs, at });
}

/** Asks the terminal to end everything up to this epoch. */
function destroying(
  context: ReviewContext,
  seat: Seat,
  { shutdownMs, at }: { shutdownMs: number; at: number },
): ReviewStep {
  const waits = Math.min(LONGEST_ASK_MS, STOP_MS * 2 ** Math.min(8, seat.asked)) + shutdownMs;
  const next: Seat = {
    ...seat,
    state: "destroying",
    leaseAt: null,
    askAt: at + waits,
    asked: seat.state === "destroying" ? seat.asked + 1 : 0,
  };
  const stop = { epoch: seat.epoch, shutdownMs, tell: true };
  return withOrders(
    withSeat(context, next),
    ...mailTo(addressOf("terminal", seat.terminal), "child.stop", stop),
  );
}

/** The stop is told once more (S4). */
export function stoppedAgain(context: ReviewContext, key: string, at: number): ReviewStep {
  const seat = seatOf(context, key);
  const shutdownMs = seat.supervisor.spec.children[0]?.shutdownMs ?? 0;
  return destroying(context, seat, { shutdownMs, at });
}

/** Begins a process for what waits. The restarts of before are forgiven: someone wants it anew. */
export function seatStarted(
  context: ReviewContext,
  key: string,
  { limits, at }: { limits: ReviewLimits; at: number },
): ReviewStep {
  const seat = seatOf(context, key);
  const fresh: SupervisorState = supervisor(
    {
      strategy: "one_for_one",
      intensity: BY_RUN,
      periodMs: 86_400_000,
      backoff: { minMs: limits.backoffMs, maxMs: limits.backoffMaxMs },
      children: [{ id: CHILD, restart: "transient", shutdownMs: limits.graceMs }],
    },
    { ...seat.supervisor, restarts: {} },
  );
  return seatTold(withSeat(context, { ...seat, supervisor: fresh }), key, { type: "start", at });
}

/** Ends the process on a seat, or the wait for the next one. */
export function seatStopped(context: ReviewContext, key: string, at: number): ReviewStep {
  return seatTold(context, key, { type: "stop", at });
}

/** What the process had goes back to the queue; what was tried too often has failed. */
export function runsReturned(
  context: ReviewContext,
  key: string,
  said: { reason: RunReason; detail: string; at: number; most: number },
): ReviewContext {
  const { reason, detail, at, most } = said;
  return withRuns(
    context,
    inHandOf(context, key).map((run) => {
      const faults = run.faults + 1;
      return faults >= most
        ? movedRun(run, "run.failed", { reason, detail, faults, endedAt: at })
        : movedRun(run, "run.returned", { reason, detail, faults });
    }),
  );
}

/** Everything open on a seat has failed. */
function failedQueue(
  context: ReviewContext,
  key: string,
  { reason, at }: { reason: RunReason; at: number },
): ReviewContext {
  const open = context.runs.filter(
    (run) => run.seat === key && (isInHand(run) || run.state === "queued"),
  );
  return withRuns(
    context,
    open.map((run) => movedRun(run, "run.failed", { reason: run.reason ?? reason, endedAt: at })),
  );
}

/** The process ended by itself: what it left is ended, and only then its supervisor is told (S1). */
export function leftoversEnded(
  context: ReviewContext,
  key: string,
  { exit, at }: { exit: NonNullable<Seat["exit"]>; at: number },
): ReviewStep {
  const seat = seatOf(context, key);
  const shutdownMs = seat.supervisor.spec.children[0]?.shutdownMs ?? 0;
  const left = withSeat(context, { ...seat, exit, pid: null });
  return destroying(left, { ...seat, exit, pid: null }, { shutdownMs, at });
}

/** Nothing of the incarnation is left. */
export function seatGone(
  context: ReviewContext,
  key: string,
  { exit, at }: { exit: Seat["exit"]; at: number },
): ReviewStep {
  const seat = seatOf(context, key);
  const [child] = seat.supervisor.children;
  const gone = withSeat(context, { ...seat, ...GONE });
  const { epoch } = seat;
  if (child?.state === "stopping" || exit === null) {
    return seatTold(gone, key, { type: "child.stopped", id: CHILD, epoch, at });
  }
  return seatTold(gone, key, { type: "child.exited", id: CHILD, epoch, cause: exit.cause, at });
}

/** The process runs. */
export function seatLive(
  context: ReviewContext,
  seat: Seat,
  { pid, at, leaseMs }: { pid: number | null; at: number; leaseMs: number },
): ReviewStep {
  const live = withSeat(context, {
    ...seat,
    state: "live",
    pid,
    askAt: null,
    asked: 0,
    leaseAt: at + leaseMs,
    trouble: null,
  });
  const running = inHandOf(live, seat.key).map((run) =>
    movedRun(run, "run.started", { startedAt: at }),
  );
  return and(quiet(withRuns(live, running)), (next) =>
    seatTold(next, seat.key, { type: "child.started", id: CHILD, epoch: seat.epoch, at }),
  );
}
