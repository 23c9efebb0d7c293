import { assertEvent, assign, setup } from "xstate";
import { z } from "zod";
import { MailUndeliverable } from "../children.ts";
import { EffectFailure, type EffectResult, effectDone } from "../effects.ts";
import { addressOf } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { EventOf } from "../message.ts";
import { tellOrder } from "../notices.ts";
import type { Order } from "../order.ts";
import { decides, records, type Decided, type Seen } from "../recording.ts";
import type { Settings } from "../settings.ts";
import { typed } from "../typed.ts";

// Collector
//
// Goes over the directories of one host, at its start and every `gc.everyMs`, and has those removed that nothing holds.
//
//   C1. One pass at a time; what asks for one meanwhile gets another one afterwards.
//   C2. It removes nothing itself: a session closes its own worktree, the rest is swept in a lane apart, so that nothing
//       that starts ever waits for what ends. Whoever removes looks again at what would be lost, and who came back.
//   C3. A pass repeats harmlessly: what is gone is gone, what was kept is asked again at its time.
//   C4. What cannot be looked at is kept and looked at again, sooner at first; nothing is archived for it.
//   C5. Under pressure passes come as often as hosts are measured, and a person is told, once in a while.
//   C6. A pass takes so much and no more; the rest follows at once, in the next one.

const MOST_NAMED = 32;
const MORE_AFTER_MS = 1_000;
const RETRY_MS = 15_000;
const ALERT_EVERY_MS = 600_000;
const TEXT_CHARS = 300;
const MIB = 1_048_576;

const accepts = {
  /** The daemon has started: a pass begins at once. */
  "collector.wake": z.object({}),
  /** Somebody wants a pass now. */
  "collector.pass": z.object({}),
  "timer.pass": z.object({}),
  "surveyDirectories.done": effectDone("surveyDirectories"),
  "surveyDirectories.failed": EffectFailure,
  "sweepDirectory.done": effectDone("sweepDirectory"),
  "sweepDirectory.failed": EffectFailure,
  "releaseReview.done": effectDone("releaseReview"),
  "releaseReview.failed": EffectFailure,
  "compactRepository.done": effectDone("compactRepository"),
  "compactRepository.failed": EffectFailure,
  "notifyPerson.done": effectDone("notifyPerson"),
  "notifyPerson.failed": EffectFailure,
  "mail.undeliverable": MailUndeliverable,
};
type CollectorEvent = EventOf<typeof accepts>;
type Survey = EffectResult<"surveyDirectories">;
type Due = Survey["due"][number];

export type CollectorContext = {
  readonly host: string;
  /** Passes that came to an end. */
  readonly passes: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** What the last pass saw. */
  readonly last: {
    readonly seen: number;
    readonly kept: number;
    readonly due: number;
    readonly missing: readonly { readonly workspace: string; readonly path: string }[];
    readonly freeBytes: number | null;
    readonly isPressed: boolean;
  } | null;
  /** Removals of this pass that were not answered yet. */
  readonly open: number;
  readonly hasMore: boolean;
  /** Another pass was asked for while one was under way. */
  readonly isWanted: boolean;
  /** Looks that failed since the last that did not. */
  readonly failures: number;
  /** What was removed or closed, over all passes. */
  readonly removed: number;
  /** What could not be removed, the newest last. */
  readonly left: readonly { readonly at: number; readonly why: string }[];
  readonly compactedAt: Readonly<Record<string, number>>;
  readonly isCompacting: boolean;
  readonly alertedAt: number;
  readonly alerts: number;
  /** When a person was last told. */
  readonly toldAt: number | null;
};
type SeenBy = Seen<CollectorContext, CollectorEvent>;
type Step = Decided<CollectorContext>;

interface Pace {
  readonly everyMs: number;
  readonly compactMs: number;
  readonly pressedMs: number;
}

function surveyed({ context, event }: SeenBy, pace: Pace): Step {
  assertEvent(event, "surveyDirectories.done");
  const { due, hasMore, seen, kept, missing, freeBytes, isPressed } = event.data.result;
  const swept = due.filter(({ act }) => act !== "close").length;
  const last = { seen, kept, due: due.length, missing, freeBytes, isPressed };
  const known: CollectorContext = {
    ...context,
    last,
    hasMore,
    failures: 0,
    open: swept,
    removed: context.removed + due.length - swept,
  };
  const compact = compacted(known, event.data.result, { at: event.at, pace });
  const alert = alerted(compact.context, event.at);
  return {
    context: alert.context,
    orders: [
      ...due.map((each) => removalOf(each, context.host)),
      ...compact.orders,
      ...alert.orders,
    ],
  };
}

function removalOf({ act, area, projectId, name, path }: Due, host: string): Order {
  if (act === "close") {
    const to = addressOf("session", name);
    return { type: "mail", to, name: "session.kill", data: { kind: "cleanup" } };
  }
  if (act === "release") {
    const lane = `review:${name}`;
    return { type: "effect", name: "releaseReview", lane, data: { reviewer: name, projectId } };
  }
  const data = { host, area, projectId, name, path };
  return { type: "effect", name: "sweepDirectory", lane: "sweep", data };
}

/** One repository at a time, the one that waits longest, in a lane of its own. */
function compacted(
  context: CollectorContext,
  { repositories }: Survey,
  { at, pace }: { readonly at: number; readonly pace: Pace },
): Step {
  const known = repositories.map(({ projectId, repo }) => ({
    projectId,
    repo,
    // A repository that is new here waits its time as well: it was just made or cloned.
    since: context.compactedAt[projectId] ?? at,
  }));
  const compactedAt = Object.fromEntries(known.map(({ projectId, since }) => [projectId, since]));
  const [oldest] = known.toSorted((one, other) => one.since - other.since);
  const isDue = oldest !== undefined && at - oldest.since >= pace.compactMs;
  if (context.isCompacting || !isDue) return { context: { ...context, compactedAt }, orders: [] };
  const { projectId, repo } = oldest;
  const data = { host: context.host, repo };
  return {
    context: {
      ...context,
      compactedAt: { ...compactedAt, [projectId]: at },
      isCompacting: true,
    },
    orders: [{ type: "effect", name: "compactRepository", lane: "compact", data }],
  };
}

function alerted(context: CollectorContext, at: number): Step {
  const { last, alertedAt, alerts, host } = context;
  const isQuiet = at - alertedAt < ALERT_EVERY_MS && alerts > 0;
  if (last?.isPressed !== true || isQuiet) return { context, orders: [] };
  const data = {
    noticeId: `collector-${host}-n${alerts + 1}`,
    sessionId: "collector",
    projectId: "",
    type: "disk-full",
    priority: "urgent",
    title: "The disk is nearly full",
    text: `${Math.floor((last.freeBytes ?? 0) / MIB)} MiB are free; ao cleanup --dry-run tells what each directory is kept for.`,
    about: host,
    at,
  };
  return {
    context: { ...context, alertedAt: at, alerts: alerts + 1 },
    orders: [tellOrder(data)],
  };
}

/** One removal was answered, whatever became of it. */
function answered({ context, event }: SeenBy): CollectorContext {
  const open = Math.max(0, context.open - 1);
  if (event.type === "sweepDirectory.done" && !event.data.result.removed) {
    return withLeft({ ...context, open }, event.at, event.data.result.detail);
  }
  if (event.type === "sweepDirectory.failed" || event.type === "releaseReview.failed") {
    return withLeft({ ...context, open }, event.at, event.data.message);
  }
  return { ...context, open, removed: context.removed + 1 };
}

function withLeft(context: CollectorContext, at: number, why: string): CollectorContext {
  const entry = { at, why: why.slice(0, TEXT_CHARS) };
  return { ...context, left: [...context.left, entry].slice(-MOST_NAMED) };
}

/** When the next pass begins. */
function nextOrder({ context, event }: SeenBy, pace: Pace): Order {
  const { hasMore, isWanted, failures, last } = context;
  const retryMs = Math.min(pace.everyMs, RETRY_MS * 2 ** Math.min(failures - 1, 20));
  const usualMs = last?.isPressed === true ? Math.min(pace.pressedMs, pace.everyMs) : pace.everyMs;
  const plainMs = failures > 0 ? retryMs : usualMs;
  const waitMs = hasMore || isWanted ? Math.min(MORE_AFTER_MS, plainMs) : plainMs;
  return { type: "arm", name: "pass", dueAt: event.at + waitMs };
}

function actionsWith(pace: Pace) {
  return {
    takeSurvey: decides((seen: SeenBy) => surveyed(seen, pace)),
    armPass: records((seen: SeenBy) => [nextOrder(seen, pace)]),
  };
}

const machine = setup({
  types: {
    context: typed<CollectorContext>(),
    events: typed<CollectorEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: {
    hasNothingOpen: ({ context, event }: SeenBy) =>
      event.type === "surveyDirectories.done" &&
      event.data.result.due.every(({ act }) => act === "close") &&
      context.open === 0,
    isLastOpen: ({ context }: SeenBy) => context.open <= 1,
  },
  actions: {
    ...actionsWith({ everyMs: 1, compactMs: 1, pressedMs: 1 }),
    surveyDirectories: records(({ context: { host }, event: { at } }: SeenBy) => [
      { type: "effect", name: "surveyDirectories", lane: "survey", data: { host, at } },
    ]),
    beginPass: assign(({ event: { at } }: SeenBy) => ({ startedAt: at, isWanted: false })),
    notePass: assign(({ context: { passes }, event: { at } }: SeenBy) => ({
      passes: passes + 1,
      endedAt: at,
    })),
    noteWish: assign({ isWanted: true }),
    noteAnswer: assign((seen: SeenBy) => answered(seen)),
    noteFailure: assign(({ context, event }: SeenBy) => {
      assertEvent(event, "surveyDirectories.failed");
      return { ...withLeft(context, event.at, event.data.message), failures: context.failures + 1 };
    }),
    noteTold: assign(({ event: { at } }: SeenBy) => ({ toldAt: at })),
    noteTrouble: assign(({ context, event }: SeenBy) =>
      event.type === "notifyPerson.failed" || event.type === "mail.undeliverable"
        ? withLeft(context, event.at, event.data.message)
        : {},
    ),
    noteCompaction: assign({ isCompacting: false }),
  },
}).createMachine({
  id: "collector",
  description: "The passes over the directories of one host.",
  context: ({ input: { id } }) => ({
    host: id,
    passes: 0,
    startedAt: null,
    endedAt: null,
    last: null,
    open: 0,
    hasMore: false,
    isWanted: false,
    failures: 0,
    removed: 0,
    left: [],
    compactedAt: {},
    isCompacting: false,
    alertedAt: 0,
    alerts: 0,
    toldAt: null,
  }),
  initial: "resting",
  on: {
    "collector.wake": { actions: "noteWish" },
    "collector.pass": { actions: "noteWish" },
    "compactRepository.done": { actions: "noteCompaction" },
    "compactRepository.failed": { actions: "noteCompaction" },
    "notifyPerson.done": { actions: "noteTold" },
    "notifyPerson.failed": { actions: "noteTrouble" },
    "mail.undeliverable": { actions: "noteTrouble" },
  },
  states: {
    resting: {
      description: "The next pass is armed.",
      on: {
        "collector.wake": { target: "surveying", actions: ["beginPass", "surveyDirectories"] },
        "collector.pass": { target: "surveying", actions: ["beginPass", "surveyDirectories"] },
        "timer.pass": { target: "surveying", actions: ["beginPass", "surveyDirectories"] },
      },
    },
    surveying: {
      description: "Directories are compared with what the actors say of them.",
      on: {
        "surveyDirectories.done": [
          {
            guard: "hasNothingOpen",
            target: "resting",
            actions: ["takeSurvey", "notePass", "armPass"],
          },
          { target: "collecting", actions: "takeSurvey" },
        ],
        "surveyDirectories.failed": { target: "resting", actions: ["noteFailure", "armPass"] },
      },
    },
    collecting: {
      description: "What nobody holds is being removed.",
      on: Object.fromEntries(
        (
          [
            "sweepDirectory.done",
            "sweepDirectory.failed",
            "releaseReview.done",
            "releaseReview.failed",
          ] as const
        ).map((type) => [
          type,
          [
            {
              guard: "isLastOpen" as const,
              target: "resting",
              actions: ["noteAnswer", "notePass", "armPass"] as const,
            },
            { actions: "noteAnswer" as const },
          ],
        ]),
      ),
    },
  },
});

function contextOf(state: MachineState): CollectorContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as CollectorContext;
}

/** `collector/<host>`: the passes over the directories of a host. The settings give their pace. */
export function collectorKind({ gc, scheduling }: Settings): Kind {
  const pace = { ...gc, pressedMs: scheduling.lookMs };
  return {
    name: "collector",
    description: "The passes over the directories of a host",
    version: 1,
    machine: machine.provide({ actions: actionsWith(pace) }),
    accepts,
    creates: ["collector.wake", "collector.pass"],
    summarize: (state) => {
      const { passes, removed, last, endedAt } = contextOf(state);
      return { passes, removed, seen: last?.seen ?? 0, endedAt };
    },
  };
}
