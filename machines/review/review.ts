import { setup } from "xstate";
import type { Address } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { Order } from "../order.ts";
import { decides, type Seen } from "../recording.ts";
import { accepts, type ReviewEvent } from "./protocol.ts";
import {
  newbornReview,
  type ReviewContext,
  type ReviewLimits,
  type ReviewStep,
  type SeatState,
} from "./record.ts";
import { RUN_SAYS, type Run, type RunState } from "./run.ts";
import { stepReview } from "./step.ts";
import { upgradedReview } from "./upgrade.ts";
import type { Settings } from "../settings.ts";
import { typed } from "../typed.ts";

// Review
//
// The reviews of one worker: who reviews, what waits, what was said. The deciders (the files beside this one) say what a
// message comes to; this chart shows where it leads, for the main reviewer and for one run at a time.
//
//   W1. Every guard asks the same question: what does this message make of this record? So the regions agree.
//   W2. `destroying` is the only way from one reviewer process to the next.
//   W3. The chart follows one run until it has ended; only a later message shows the next one. One that is superseded at
//       work is shown at once, whichever was before.
//   W4. Other runs, and the reviewers of second opinions, live in the record by the same charts.
//
// What all of it must hold, whatever is said, lost, killed or repeated:
//
//   I1. At most one live process per worker and reviewer, and it is of the highest epoch.
//   I2. No run is at work without a live process for longer than the lease.
//   I3. At most one open run per pull request, head and reviewer.
//   I4. A result that was taken is never lost; one that was refused changed nothing.
//   I5. Changes that are asked for on the present head reach the worker once, or there is a reason why not.
//   I6. No result of a run that was superseded or cancelled, or of an older epoch, changes anything.
//   I7. The list of runs is what the journal says; its numbers have no gaps.
//   I8. Once nothing moves, every open head under auto-review has a verdict, or a reason that can be seen.
//   I9. Of what was cancelled, superseded or given up no process is left.

type SeenBy = Seen<ReviewContext, ReviewEvent>;
type Decide = (seen: SeenBy) => ReviewStep;

/** Asks once per step, however many guards want to know: the answer depends on nothing but the two. */
function deciderWith(limits: ReviewLimits): Decide {
  let last: { readonly seen: SeenBy; readonly step: ReviewStep } | undefined;
  return ({ context, event }) => {
    if (last?.seen.context !== context || last.seen.event !== event) {
      last = { seen: { context, event }, step: stepReview(context, event, limits) };
    }
    return last.step;
  };
}

/** State of the main reviewer's terminal. */
export function mainState({ seats }: ReviewContext): SeatState {
  return seats.find(({ key }) => key === "main")?.state ?? "absent";
}

/** The run that the chart follows. */
export function shownRun({ runs, shown }: ReviewContext): Run | undefined {
  return shown === null ? undefined : runs.find(({ id }) => id === shown);
}

function guardsWith(decide: Decide) {
  const reviewer =
    (state: SeatState) =>
    (seen: SeenBy): boolean =>
      mainState(seen.context) !== state && mainState(decide(seen).context) === state;
  const run =
    (state: RunState) =>
    (seen: SeenBy): boolean => {
      const after = shownRun(decide(seen).context);
      const before = shownRun(seen.context);
      return after?.id === before?.id && after?.state === state && before?.state !== state;
    };
  const next =
    (state: RunState) =>
    (seen: SeenBy): boolean => {
      const after = shownRun(decide(seen).context);
      return after !== undefined && after.id !== seen.context.shown && after.state === state;
    };
  return {
    isOver: (seen: SeenBy): boolean => decide(seen).context.worker.over !== null,
    isBack: (seen: SeenBy): boolean => decide(seen).context.worker.over === null,
    isLaunched: reviewer("launching"),
    isLive: reviewer("live"),
    isEnded: reviewer("destroying"),
    isGone: reviewer("absent"),
    waits: run("queued"),
    isHanded: run("launching"),
    begins: run("running"),
    hasVerdict: run("complete"),
    isDelivered: run("delivered"),
    isSuperseded: run("superseded"),
    hasFailed: run("failed"),
    isCancelled: run("cancelled"),
    nextWaits: next("queued"),
    nextIsHanded: next("launching"),
    nextRuns: next("running"),
    nextHasVerdict: next("complete"),
    nextIsDelivered: next("delivered"),
    nextIsSuperseded: next("superseded"),
    nextHasFailed: next("failed"),
    nextIsCancelled: next("cancelled"),
  };
}

function actionsWith(decide: Decide) {
  const take = decides(decide);
  return {
    planRuns: take,
    noteWorker: take,
    takeResults: take,
    cancelRuns: take,
    notePreferences: take,
    noteActivity: take,
    noteRefusal: take,
    noteReceipt: take,
    noteReviewer: take,
    startReviewer: take,
    sendFeedback: take,
    noteDeadMail: take,
    planFound: take,
    noteRelease: take,
    askAgain: take,
  };
}

const plainDecider = deciderWith({
  leaseMs: 1,
  maxAttempts: 1,
  graceMs: 1,
  idleMs: 1,
  backoffMs: 1,
  backoffMaxMs: 1,
});

const review = setup({
  types: {
    context: typed<ReviewContext>(),
    events: typed<ReviewEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: guardsWith(plainDecider),
  actions: actionsWith(plainDecider),
});

const TAKES = {
  "review.trigger": { actions: "planRuns" },
  "review.submit": { actions: "takeResults" },
  "review.cancel": { actions: "cancelRuns" },
  "review.configure": { actions: "notePreferences" },
  "review.activity": { actions: "noteActivity" },
  "review.refused": { actions: "noteRefusal" },
  "feedback.receipt": { actions: "noteReceipt" },
  "child.started": { actions: "noteReviewer" },
  "child.exited": { actions: "noteReviewer" },
  "child.stopped": { actions: "noteReviewer" },
  "child.unstoppable": { actions: "noteReviewer" },
  "child.quarantined": { actions: "noteReviewer" },
  "mail.undeliverable": { actions: "noteDeadMail" },
  "prepareReview.done": { actions: "startReviewer" },
  "prepareReview.failed": { actions: "noteReviewer" },
  "verifyReview.done": { actions: "sendFeedback" },
  "verifyReview.failed": { actions: "sendFeedback" },
  "findReviewer.done": { actions: "planFound" },
  "findReviewer.failed": { actions: "planFound" },
  "releaseReview.done": { actions: "noteRelease" },
  "releaseReview.failed": { actions: "noteRelease" },
  "timer.due": { actions: "askAgain" },
} as const;

const worker = review.createStateConfig({
  description: "Whether there is work to review.",
  initial: "present",
  on: TAKES,
  states: {
    present: {
      description: "The worker is wanted: its pull requests can be reviewed.",
      on: {
        "worker.seen": [
          { guard: "isOver", target: "over", actions: "noteWorker" },
          { actions: "noteWorker" },
        ],
        "review.trigger": [
          { guard: "isOver", target: "over", actions: "planRuns" },
          { actions: "planRuns" },
        ],
      },
    },
    over: {
      description: "The worker is over: nothing is reviewed any more, and no reviewer is left.",
      on: {
        "worker.seen": [
          { guard: "isBack", target: "present", actions: "noteWorker" },
          { actions: "noteWorker" },
        ],
        "review.trigger": [
          { guard: "isBack", target: "present", actions: "planRuns" },
          { actions: "planRuns" },
        ],
      },
    },
  },
});

// What makes room for a process, or makes one wanted.
const LAUNCHES = {
  "review.trigger": { guard: "isLaunched", target: "launching" },
  "worker.seen": { guard: "isLaunched", target: "launching" },
  "findReviewer.done": { guard: "isLaunched", target: "launching" },
  "review.configure": { guard: "isLaunched", target: "launching" },
  "timer.due": { guard: "isLaunched", target: "launching" },
} as const;
const END = { guard: "isEnded", target: "destroying" } as const;
const GONE = { guard: "isGone", target: "absent" } as const;
const NEXT = { guard: "isLaunched", target: "launching" } as const;

const reviewer = review.createStateConfig({
  description: "The main reviewer's terminal, from one process to the next.",
  initial: "absent",
  states: {
    absent: { description: "No process of the reviewer is left.", on: LAUNCHES },
    launching: {
      description: "Worktrees are made for its queue, then its process is started.",
      on: {
        "child.started": { guard: "isLive", target: "live" },
        "child.exited": [END, GONE],
        "prepareReview.failed": GONE,
        "mail.undeliverable": GONE,
        "review.trigger": [END, GONE],
        "review.cancel": [END, GONE],
        "review.configure": [END, GONE],
        "worker.seen": [END, GONE],
        "findReviewer.done": [END, GONE],
        "timer.due": [END, GONE],
      },
    },
    live: {
      description: "One process works through its queue; nothing is ever typed into it.",
      on: {
        "review.trigger": END,
        "review.cancel": END,
        "review.submit": END,
        "review.configure": END,
        "worker.seen": END,
        "findReviewer.done": END,
        "child.exited": END,
        "timer.due": END,
      },
    },
    destroying: {
      description:
        "The old process, and whatever it started, is being ended; nothing begins before it is gone.",
      on: {
        "child.stopped": [NEXT, GONE],
        "child.exited": [NEXT, GONE],
        "mail.undeliverable": [NEXT, GONE],
      },
    },
  },
});

const QUEUED = { guard: "waits", target: "queued" } as const;
const HANDED = { guard: "isHanded", target: "launching" } as const;
const RUNNING = { guard: "begins", target: "running" } as const;
const COMPLETE = { guard: "hasVerdict", target: "complete" } as const;
const SUPERSEDED = { guard: "isSuperseded", target: "superseded" } as const;
const FAILED = { guard: "hasFailed", target: "failed" } as const;
const CANCELLED = { guard: "isCancelled", target: "cancelled" } as const;

/** What ends an open run from outside, in whatever state it is. */
const VOID = {
  "review.trigger": [SUPERSEDED, FAILED],
  "findReviewer.done": [SUPERSEDED, FAILED],
  "worker.seen": [CANCELLED, SUPERSEDED, FAILED],
  "review.configure": [SUPERSEDED, FAILED],
  "review.cancel": CANCELLED,
} as const;
const BACK = [QUEUED, FAILED, HANDED] as const;
const SHOWS = [
  { guard: "nextWaits", target: ".queued" },
  { guard: "nextIsHanded", target: ".launching" },
  { guard: "nextRuns", target: ".running" },
  { guard: "nextHasVerdict", target: ".complete" },
  { guard: "nextIsDelivered", target: ".delivered" },
  { guard: "nextIsSuperseded", target: ".superseded" },
  { guard: "nextHasFailed", target: ".failed" },
  { guard: "nextIsCancelled", target: ".cancelled" },
] as const;

const run = review.createStateConfig({
  description: "One run of the queue, from its trigger to its end; then the next.",
  initial: "none",
  on: {
    "review.trigger": SHOWS,
    "worker.seen": SHOWS,
    "review.submit": SHOWS,
    "review.cancel": SHOWS,
    "review.configure": SHOWS,
    "review.activity": SHOWS,
    "feedback.receipt": SHOWS,
    "child.started": SHOWS,
    "child.exited": SHOWS,
    "child.stopped": SHOWS,
    "child.unstoppable": SHOWS,
    "mail.undeliverable": SHOWS,
    "prepareReview.done": SHOWS,
    "prepareReview.failed": SHOWS,
    "verifyReview.done": SHOWS,
    "verifyReview.failed": SHOWS,
    "findReviewer.done": SHOWS,
    "findReviewer.failed": SHOWS,
    "timer.due": SHOWS,
  },
  states: {
    none: { description: "Nothing was reviewed yet." },
    queued: {
      description: RUN_SAYS.queued,
      on: {
        ...VOID,
        "review.trigger": [HANDED, SUPERSEDED, FAILED],
        "worker.seen": [CANCELLED, HANDED, SUPERSEDED, FAILED],
        "findReviewer.done": [HANDED, SUPERSEDED, FAILED],
        "review.configure": [HANDED, SUPERSEDED, FAILED],
        "review.submit": [COMPLETE, HANDED],
        "child.stopped": [HANDED, FAILED],
        "child.exited": [HANDED, FAILED],
        "child.unstoppable": FAILED,
        "mail.undeliverable": [HANDED, FAILED],
        "prepareReview.failed": [HANDED, FAILED],
        "timer.due": [HANDED, FAILED],
      },
    },
    launching: {
      description: RUN_SAYS.launching,
      on: {
        ...VOID,
        "review.trigger": [QUEUED, SUPERSEDED, FAILED],
        "child.started": RUNNING,
        "review.submit": COMPLETE,
        "child.exited": BACK,
        "prepareReview.failed": BACK,
        "mail.undeliverable": BACK,
        "timer.due": BACK,
      },
    },
    running: {
      description: RUN_SAYS.running,
      on: {
        ...VOID,
        "review.trigger": [QUEUED, SUPERSEDED, FAILED],
        "findReviewer.done": [QUEUED, SUPERSEDED, FAILED],
        "review.submit": COMPLETE,
        "child.exited": BACK,
        "timer.due": BACK,
      },
    },
    complete: {
      description: RUN_SAYS.complete,
      on: { "feedback.receipt": { guard: "isDelivered", target: "delivered" } },
    },
    delivered: { description: RUN_SAYS.delivered },
    superseded: {
      description: RUN_SAYS.superseded,
      on: { "child.stopped": FAILED, "child.exited": FAILED, "mail.undeliverable": FAILED },
    },
    failed: { description: RUN_SAYS.failed },
    cancelled: { description: RUN_SAYS.cancelled },
  },
});

const machine = review.createMachine({
  id: "review",
  description: "The reviews of one worker, from a new head to feedback that was read.",
  context: ({ input: { id } }) => newbornReview(id),
  type: "parallel",
  states: { worker, reviewer, run },
});

function contextOf(state: MachineState): ReviewContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as ReviewContext;
}

/** `review/<session>`: the reviews of one worker. The settings give its limits. */
export function reviewKind({ reviews, shutdown }: Settings): Kind {
  const decide = deciderWith({ ...reviews, graceMs: shutdown.graceMs });
  return {
    name: "review",
    description: "The reviews of one worker",
    version: 3,
    migrations: { 1: upgradedReview, 2: (state) => state },
    machine: machine.provide({ guards: guardsWith(decide), actions: actionsWith(decide) }),
    accepts,
    creates: ["review.trigger", "review.configure", "worker.seen"],
    parentOf: (state): Address => `session/${contextOf(state).id}`,
    summarize: (state) => {
      const { worker: known, runs, seats } = contextOf(state);
      return {
        projectId: known.projectId,
        runs: runs.length,
        reviewers: seats.filter(({ state: at }) => at !== "absent").length,
      };
    },
  };
}
