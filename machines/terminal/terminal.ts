import { assertEvent, assign, setup } from "xstate";
import { mailTo } from "../children.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { Order } from "../order.ts";
import { records } from "../recording.ts";
import {
  accepts,
  exitMail,
  exitOf,
  claimOf,
  goneMail,
  hasMoved,
  incarnationOf,
  isCurrent,
  isClaim,
  isClaimed,
  isDead,
  isForThisEpoch,
  isNewer,
  isUntold,
  lookOrder,
  paneOrder,
  QUEUE_LIMIT,
  retryAt,
  returned,
  returnedTexts,
  stopOf,
  troubleOf,
  unstoppableMail,
  waitingOf,
  type SeenBy,
  type TerminalContext,
  type TerminalEvent,
} from "./facts.ts";
import { typed } from "../typed.ts";

// Terminal
//
// One pane with one program in it, and the way from one program to the next.
//
//   T1. `destroying` lies between any two launches: what ran before is gone before the next begins.
//   T2. At most one text is being typed; what waits is bounded, and every text gets one receipt.
//   T3. The epoch is raised when the launch begins, never while the older process is still being ended:
//       the orders that end it carry the older epoch and must not be fenced off.
//   T4. Only a process that a look of our own found dead has exited. That a probe says so is a reason to look: anybody
//       may publish as one. A probe that failed says nothing.
//   T5. That its process exited is told again when it could not be told: nobody else may ever ask.
//   T6. A program that ends by itself leaves its pane. Where that is gone too, the terminal was lost, not its agent at fault.

/** What is known of an incarnation before its launch. */
const NOT_LAUNCHED = {
  pid: null,
  exit: null,
  claim: null,
  quietSince: null,
  launchFailure: null,
  untold: 0,
} as const;

const machine = setup({
  types: {
    context: typed<TerminalContext>(),
    events: typed<TerminalEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: {
    isNewer,
    isCurrent,
    isForThisOrLater: ({ context, event }) =>
      event.type === "child.stop" &&
      event.data.epoch >= Math.max(context.epoch, context.successor?.epoch ?? 0),
    isClaim,
    isClaimed,
    isDead,
    hasMoved,
    canWait: (seen) => isForThisEpoch(seen) && seen.context.waiting.length < QUEUE_LIMIT,
    isForThisEpoch,
    hasWaiting: (seen) => isCurrent(seen) && seen.context.waiting.length > 0,
    isUntold,
    hasSuccessor: (seen) => isCurrent(seen) && seen.context.successor !== null,
  },
  actions: {
    begin: assign((seen) => ({
      ...incarnationOf(seen),
      ...NOT_LAUNCHED,
    })),
    noteSuccessor: assign((seen) => ({ successor: incarnationOf(seen) })),
    takeSuccessor: assign(({ context: { successor } }) => ({
      ...successor,
      successor: null,
      stop: null,
      destroyFailure: null,
      ...NOT_LAUNCHED,
    })),
    noteStop: assign((seen) => {
      assertEvent(seen.event, "child.stop");
      return { stop: stopOf(seen), graceMs: seen.event.data.shutdownMs, successor: null };
    }),
    noteGone: assign(({ context }) => ({
      epoch: Math.max(context.epoch, context.stop?.epoch ?? 0),
      stop: null,
      destroyFailure: null,
      pid: null,
    })),
    notePid: assign(({ event }) => {
      assertEvent(event, "launchTerminal.done");
      return { pid: event.data.result.pid };
    }),
    noteClaim: assign((seen) => ({ claim: claimOf(seen) })),
    forgetClaim: assign({ claim: null }),
    noteExit: assign((seen) => ({ exit: exitOf(seen), claim: null })),
    noteQuiet: assign(({ event }) => {
      assertEvent(event, "terminal.observed");
      return { quietSince: event.at - (event.data.quietMs ?? 0) };
    }),
    noteLaunchFailure: assign((seen) => ({ launchFailure: troubleOf(seen) })),
    noteDestroyFailure: assign((seen) => ({
      destroyFailure: {
        ...troubleOf(seen),
        rounds: (seen.context.destroyFailure?.rounds ?? 0) + 1,
      },
    })),
    noteUntold: assign(({ context }) => ({ untold: context.untold + 1 })),
    takeDelivery: assign((seen) => ({ typing: waitingOf(seen) })),
    queueDelivery: assign((seen) => ({ waiting: [...seen.context.waiting, waitingOf(seen)] })),
    takeNextDelivery: assign(({ context: { waiting } }) => ({
      typing: waiting[0] ?? null,
      waiting: waiting.slice(1),
    })),
    forgetDeliveries: assign({ typing: null, waiting: [] }),

    launchTerminal: records(({ context }: SeenBy) =>
      context.launch === null
        ? []
        : [paneOrder(context, "launchTerminal", { launch: context.launch })],
    ),
    destroyTerminal: records(({ context }: SeenBy) => [
      paneOrder(context, "destroyTerminal", { graceMs: context.graceMs }),
    ]),
    look: records(({ context }: SeenBy) => [lookOrder(context)]),
    lookLater: records(({ event }: SeenBy) => [
      { type: "arm", name: "look", dueAt: retryAt(1, event.at) },
    ]),
    retryLater: records(({ context, event }: SeenBy) => [
      { type: "arm", name: "retry", dueAt: retryAt(context.destroyFailure?.rounds ?? 1, event.at) },
    ]),
    tellLater: records(({ context, event }: SeenBy) => [
      { type: "arm", name: "tell", dueAt: retryAt(context.untold, event.at) },
    ]),
    typeText: records(({ context }: SeenBy) => {
      if (context.typing === null) return [];
      const { deliveryId, text, submit } = context.typing;
      return [paneOrder(context, "typeText", { deliveryId, text, submit })];
    }),
    tellStarted: records(({ context }: SeenBy) =>
      mailTo(context.parent, "child.started", {
        epoch: context.epoch,
        ...(context.pid !== null && { pid: context.pid }),
      }),
    ),
    tellExited: records(({ context }: SeenBy) => exitMail(context)),
    tellGone: records(({ context }: SeenBy) => goneMail(context)),
    tellDelivered: records(({ context: { typing } }: SeenBy) =>
      mailTo(typing?.from, "terminal.delivered", { deliveryId: typing?.deliveryId }),
    ),
    tellRefused: records((seen: SeenBy) =>
      seen.context.typing === null
        ? []
        : returned(seen.context.typing, "refused", troubleOf(seen).message),
    ),
    tellUnstoppable: records((seen: SeenBy) => unstoppableMail(seen)),
    returnDelivery: records((seen: SeenBy) =>
      returned(waitingOf(seen), "not_live", "no live process of that epoch"),
    ),
    refuseDelivery: records((seen: SeenBy) =>
      returned(waitingOf(seen), "refused", `${QUEUE_LIMIT} texts wait already`),
    ),
    returnDeliveries: records(({ context }: SeenBy) => returnedTexts(context)),
  },
}).createMachine({
  id: "terminal",
  description:
    "One pane with one program in it; the older program is gone before a newer one begins.",
  context: ({ input: { id } }) => ({
    id,
    parent: null,
    host: "local",
    epoch: 0,
    launch: null,
    ...NOT_LAUNCHED,
    typing: null,
    waiting: [],
    successor: null,
    stop: null,
    graceMs: 3_000,
    destroyFailure: null,
  }),
  initial: "absent",
  states: {
    absent: {
      description: "No process of any epoch is left.",
      on: {
        "child.start": { guard: "isNewer", target: "launching", actions: "begin" },
        "child.stop": {
          guard: "isForThisOrLater",
          actions: ["noteStop", "tellGone", "noteGone"],
        },
        "terminal.deliver": { actions: "returnDelivery" },
      },
    },
    launching: {
      description: "The program was ordered and has not been seen running yet.",
      entry: "launchTerminal",
      on: {
        "launchTerminal.done": [
          { guard: "isClaimed", target: "live", actions: ["notePid", "tellStarted", "look"] },
          { guard: "isCurrent", target: "live", actions: ["notePid", "tellStarted"] },
        ],
        "launchTerminal.failed": {
          guard: "isCurrent",
          target: "destroying",
          actions: "noteLaunchFailure",
        },
        "terminal.observed": { guard: "isClaim", actions: "noteClaim" },
        "child.start": { guard: "isNewer", target: "destroying", actions: "noteSuccessor" },
        "child.stop": { guard: "isForThisOrLater", target: "destroying", actions: "noteStop" },
        "terminal.deliver": { actions: "returnDelivery" },
      },
    },
    live: {
      description: "The program runs.",
      exit: ["returnDeliveries", "forgetDeliveries"],
      initial: "ready",
      on: {
        "terminal.observed": [
          { guard: "isClaim", actions: ["noteClaim", "look"] },
          { guard: "hasMoved", actions: "noteQuiet" },
        ],
        "inspectTerminal.done": [
          { guard: "isDead", target: "exited", actions: ["noteExit", "tellExited"] },
          { guard: "isCurrent", actions: "forgetClaim" },
        ],
        "inspectTerminal.failed": { guard: "isClaimed", actions: "lookLater" },
        "timer.look": { guard: "isClaimed", actions: "look" },
        "child.start": { guard: "isNewer", target: "destroying", actions: "noteSuccessor" },
        "child.stop": { guard: "isForThisOrLater", target: "destroying", actions: "noteStop" },
      },
      states: {
        ready: {
          description: "Nothing is being typed.",
          on: {
            "terminal.deliver": [
              { guard: "isForThisEpoch", target: "delivering", actions: "takeDelivery" },
              { actions: "returnDelivery" },
            ],
          },
        },
        delivering: {
          description: "One text is being typed; the others wait behind it.",
          entry: "typeText",
          on: {
            "terminal.deliver": [
              { guard: "canWait", actions: "queueDelivery" },
              { guard: "isForThisEpoch", actions: "refuseDelivery" },
              { actions: "returnDelivery" },
            ],
            "typeText.done": [
              {
                guard: "hasWaiting",
                target: "delivering",
                reenter: true,
                actions: ["tellDelivered", "takeNextDelivery"],
              },
              {
                guard: "isCurrent",
                target: "ready",
                actions: ["tellDelivered", "takeNextDelivery"],
              },
            ],
            "typeText.failed": [
              {
                guard: "hasWaiting",
                target: "delivering",
                reenter: true,
                actions: ["tellRefused", "takeNextDelivery"],
              },
              { guard: "isCurrent", target: "ready", actions: ["tellRefused", "takeNextDelivery"] },
            ],
          },
        },
      },
    },
    exited: {
      description:
        "The program ended by itself; its pane, and whatever it started, may still be there.",
      on: {
        "mail.undeliverable": { guard: "isUntold", actions: ["noteUntold", "tellLater"] },
        "timer.tell": { actions: "tellExited" },
        "child.start": { guard: "isNewer", target: "destroying", actions: "noteSuccessor" },
        "child.stop": { guard: "isForThisOrLater", target: "destroying", actions: "noteStop" },
        "terminal.deliver": { actions: "returnDelivery" },
      },
    },
    destroying: {
      description: "Every process up to this epoch is being ended; nothing else begins before.",
      entry: "destroyTerminal",
      on: {
        "destroyTerminal.done": [
          { guard: "hasSuccessor", target: "launching", actions: ["tellGone", "takeSuccessor"] },
          { guard: "isCurrent", target: "absent", actions: ["tellGone", "noteGone"] },
        ],
        "destroyTerminal.failed": {
          guard: "isCurrent",
          actions: ["noteDestroyFailure", "tellUnstoppable", "retryLater"],
        },
        "timer.retry": { actions: "destroyTerminal" },
        "child.start": { guard: "isNewer", actions: "noteSuccessor" },
        "child.stop": { guard: "isForThisOrLater", actions: "noteStop" },
        "terminal.deliver": { actions: "returnDelivery" },
      },
    },
  },
});

function contextOf(state: MachineState): TerminalContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as TerminalContext;
}

/** Of version 1, where a launch remembered as an exit what a probe had said. */
function withClaim(state: MachineState): MachineState {
  const context = { ...contextOf(state), claim: null };
  if (state.value !== "launching" || context.exit === null) return { ...state, context };
  return { ...state, context: { ...context, exit: null, claim: context.exit } };
}

/** `terminal/<id>`: one pane and the program in it. */
export const terminal: Kind = {
  name: "terminal",
  description: "A pane with one program in it",
  version: 4,
  machine,
  // Who else asked for a stop is absent in an older one, and read as nobody.
  // An older one took the code of a program whose pane was gone for its own doing.
  migrations: { 1: withClaim, 2: (state) => state, 3: (state) => state },
  accepts,
  creates: ["child.start"],
  epochOf: (state) => contextOf(state).epoch,
  parentOf: (state) => contextOf(state).parent ?? undefined,
  summarize: (state) => {
    const { epoch, host, pid, launch } = contextOf(state);
    return { epoch, host, pid, sessionId: launch?.identity.sessionId };
  },
};
