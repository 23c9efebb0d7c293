import { assertEvent, assign, setup } from "xstate";
import { z } from "zod";
import { ChildStop, Delivery, mailTo, type Undeliverable } from "./children.ts";
import { EffectFailure, effectDone, LaunchSpec } from "./effects.ts";
import type { Address } from "./ids.ts";
import type { Birth, Kind, MachineState } from "./kind.ts";
import type { EventOf } from "./message.ts";
import { TerminalObservation } from "./observations.ts";
import type { Order } from "./order.ts";
import { records, type Seen } from "./recording.ts";
import type { Cause } from "./supervision.ts";
import { typed } from "./typed.ts";

// Terminal
//
// One pane with one program in it, and the way from one program to the next.
//
//   T1. `destroying` lies between any two launches: what ran before is gone before the next begins.
//   T2. At most one text is being typed; what waits is bounded, and every text gets one receipt.
//   T3. The epoch is raised when the launch begins, never while the older process is still being ended:
//       the orders that end it carry the older epoch and must not be fenced off.
//   T4. Only a process that was seen dead has exited; a probe that failed says nothing.

/** Texts that may wait for one terminal. */
const QUEUE_LIMIT = 64;
// Ending a process group fails when tmux is away; it comes back within seconds or needs a person.
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
// A screen that changed again moves the beginning of the quiet by more than a probe's own jitter.
const QUIET_JITTER_MS = 2_000;

const accepts = {
  "child.start": z.object({
    epoch: z.number().int().positive(),
    host: z.string().default("local"),
    launch: LaunchSpec,
  }),
  "child.stop": ChildStop,
  "terminal.deliver": Delivery,
  "terminal.observed": TerminalObservation,
  "launchTerminal.done": effectDone("launchTerminal"),
  "launchTerminal.failed": EffectFailure,
  "destroyTerminal.done": effectDone("destroyTerminal"),
  "destroyTerminal.failed": EffectFailure,
  "typeText.done": effectDone("typeText"),
  "typeText.failed": EffectFailure,
  "timer.retry": z.object({}),
};
type TerminalEvent = EventOf<typeof accepts>;

type Waiting = {
  readonly deliveryId: string;
  readonly text: string;
  readonly submit: boolean;
  readonly from: Address | null;
};
type Incarnation = {
  readonly epoch: number;
  readonly host: string;
  readonly launch: LaunchSpec;
  readonly parent: Address | null;
};
type Exit = {
  readonly at: number;
  readonly cause: Cause;
  readonly exitCode: number | null;
  readonly signal: string | null;
};
type Trouble = { readonly at: number; readonly code: string; readonly message: string };

export type TerminalContext = {
  readonly id: string;
  readonly parent: Address | null;
  readonly host: string;
  readonly epoch: number;
  readonly launch: LaunchSpec | null;
  readonly pid: number | null;
  readonly exit: Exit | null;
  /** Since when the screen has not changed, as far as probes saw. */
  readonly quietSince: number | null;
  readonly typing: Waiting | null;
  readonly waiting: readonly Waiting[];
  /** What shall run once the present process is gone. */
  readonly successor: Incarnation | null;
  /** The stop that waits for its answer. */
  readonly stop: { readonly epoch: number } | null;
  readonly graceMs: number;
  readonly launchFailure: Trouble | null;
  /** Why the process could not be ended yet, and how often that was tried. */
  readonly destroyFailure: (Trouble & { readonly rounds: number }) | null;
};
type SeenBy = Seen<TerminalContext, TerminalEvent>;

const laneOf = (context: TerminalContext): string => `terminal:${context.id}`;

function isCurrent({ context, event }: SeenBy): boolean {
  return event.epoch === undefined || event.epoch === context.epoch;
}

function isNewer({ context, event }: SeenBy): boolean {
  const newest = Math.max(context.epoch, context.successor?.epoch ?? 0, context.stop?.epoch ?? 0);
  return event.type === "child.start" && event.data.epoch > newest;
}

function incarnationOf({ event }: SeenBy): Incarnation {
  assertEvent(event, "child.start");
  const { epoch, host, launch } = event.data;
  return { epoch, host, launch, parent: event.from ?? null };
}

function exitOf({ event }: SeenBy): Exit {
  assertEvent(event, "terminal.observed");
  const { exitCode, signal } = event.data;
  return {
    at: event.at,
    cause: causeOf(exitCode, signal),
    exitCode: exitCode ?? null,
    signal: signal ?? null,
  };
}

/** A process that left neither code nor signal was lost with its server: nobody's crash. */
function causeOf(exitCode: number | undefined, signal: string | undefined): Cause {
  if (signal !== undefined) return "crash";
  if (exitCode === undefined) return "infra";
  return exitCode === 0 ? "clean" : "crash";
}

function troubleOf({ event }: SeenBy): Trouble {
  assertEvent(event, ["launchTerminal.failed", "destroyTerminal.failed", "typeText.failed"]);
  return { at: event.at, code: event.data.code, message: event.data.message };
}

function isForThisEpoch({ context, event }: SeenBy): boolean {
  return event.type === "terminal.deliver" && event.data.epoch === context.epoch;
}

function waitingOf({ event }: SeenBy): Waiting {
  assertEvent(event, "terminal.deliver");
  const { deliveryId, text, submit } = event.data;
  return { deliveryId, text, submit, from: event.from ?? null };
}

function returned(
  { deliveryId, from }: Waiting,
  reason: Undeliverable["reason"],
  detail: string,
): readonly Order[] {
  return mailTo(from, "terminal.undeliverable", { deliveryId, reason, detail });
}

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
    isDead: (seen) =>
      seen.event.type === "terminal.observed" &&
      seen.event.data.process === "dead" &&
      seen.event.data.epoch === seen.context.epoch &&
      seen.context.exit === null,
    hasMoved: ({ context, event }) => {
      if (event.type !== "terminal.observed" || event.data.quietMs === undefined) return false;
      if (event.data.process !== "alive" || event.data.epoch !== context.epoch) return false;
      const since = event.at - event.data.quietMs;
      return context.quietSince === null || Math.abs(since - context.quietSince) > QUIET_JITTER_MS;
    },
    hasEndedAlready: (seen) => isCurrent(seen) && seen.context.exit !== null,
    canWait: (seen) => isForThisEpoch(seen) && seen.context.waiting.length < QUEUE_LIMIT,
    isForThisEpoch,
    hasWaiting: (seen) => isCurrent(seen) && seen.context.waiting.length > 0,
    hasSuccessor: (seen) => isCurrent(seen) && seen.context.successor !== null,
  },
  actions: {
    begin: assign((seen) => ({
      ...incarnationOf(seen),
      pid: null,
      exit: null,
      quietSince: null,
      launchFailure: null,
    })),
    noteSuccessor: assign((seen) => ({ successor: incarnationOf(seen) })),
    takeSuccessor: assign(({ context: { successor } }) => ({
      ...successor,
      successor: null,
      stop: null,
      pid: null,
      exit: null,
      quietSince: null,
      launchFailure: null,
      destroyFailure: null,
    })),
    noteStop: assign(({ event }) => {
      assertEvent(event, "child.stop");
      return {
        stop: { epoch: event.data.epoch },
        graceMs: event.data.shutdownMs,
        successor: null,
      };
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
    noteExit: assign((seen) => ({ exit: exitOf(seen) })),
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
        : [
            {
              type: "effect",
              name: "launchTerminal",
              lane: laneOf(context),
              epoch: context.epoch,
              data: {
                terminal: context.id,
                host: context.host,
                epoch: context.epoch,
                launch: context.launch,
              },
            },
          ],
    ),
    destroyTerminal: records(({ context }: SeenBy) => [
      {
        type: "effect",
        name: "destroyTerminal",
        lane: laneOf(context),
        epoch: context.epoch,
        data: {
          terminal: context.id,
          host: context.host,
          epoch: context.epoch,
          graceMs: context.graceMs,
        },
      },
    ]),
    retryLater: records(({ context, event }: SeenBy) => {
      const backoffMs = RETRY_MIN_MS * 2 ** Math.min(10, (context.destroyFailure?.rounds ?? 1) - 1);
      const dueAt = event.at + Math.min(RETRY_MAX_MS, backoffMs);
      return [{ type: "arm", name: "retry", dueAt }];
    }),
    typeText: records(({ context }: SeenBy) =>
      context.typing === null
        ? []
        : [
            {
              type: "effect",
              name: "typeText",
              lane: laneOf(context),
              epoch: context.epoch,
              data: {
                terminal: context.id,
                host: context.host,
                epoch: context.epoch,
                deliveryId: context.typing.deliveryId,
                text: context.typing.text,
                submit: context.typing.submit,
              },
            },
          ],
    ),
    tellStarted: records(({ context }: SeenBy) =>
      mailTo(context.parent, "child.started", {
        epoch: context.epoch,
        ...(context.pid !== null && { pid: context.pid }),
      }),
    ),
    tellExited: records(({ context }: SeenBy) =>
      mailTo(context.parent, "child.exited", {
        epoch: context.epoch,
        cause: context.exit?.cause ?? "infra",
        ...(context.exit?.exitCode != null && { exitCode: context.exit.exitCode }),
        ...(context.exit?.signal != null && { signal: context.exit.signal }),
      }),
    ),
    /** One answer for whatever waits for this end: a stop, or the launch that failed. */
    tellGone: records(({ context }: SeenBy) => {
      if (context.stop !== null) {
        return mailTo(context.parent, "child.stopped", { epoch: context.stop.epoch });
      }
      if (context.launchFailure === null || context.successor !== null) return [];
      const { code, message } = context.launchFailure;
      return mailTo(context.parent, "child.exited", {
        epoch: context.epoch,
        cause: "launch",
        code,
        message,
      });
    }),
    tellDelivered: records(({ context: { typing } }: SeenBy) =>
      mailTo(typing?.from, "terminal.delivered", { deliveryId: typing?.deliveryId }),
    ),
    tellRefused: records((seen: SeenBy) =>
      seen.context.typing === null
        ? []
        : returned(seen.context.typing, "refused", troubleOf(seen).message),
    ),
    returnDelivery: records((seen: SeenBy) =>
      returned(waitingOf(seen), "not_live", "no live process of that epoch"),
    ),
    refuseDelivery: records((seen: SeenBy) =>
      returned(waitingOf(seen), "refused", `${QUEUE_LIMIT} texts wait already`),
    ),
    returnDeliveries: records(({ context }: SeenBy) => [
      ...(context.typing === null
        ? []
        : returned(context.typing, "interrupted", "the process ended while it was typed")),
      ...context.waiting.flatMap((each) => returned(each, "not_live", "the process ended")),
    ]),
  },
}).createMachine({
  id: "terminal",
  description: "One pane with one program in it; the older program is gone before a newer one begins.",
  context: ({ input: { id } }) => ({
    id,
    parent: null,
    host: "local",
    epoch: 0,
    launch: null,
    pid: null,
    exit: null,
    quietSince: null,
    typing: null,
    waiting: [],
    successor: null,
    stop: null,
    graceMs: 3_000,
    launchFailure: null,
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
          {
            guard: "hasEndedAlready",
            target: "exited",
            actions: ["notePid", "tellStarted", "tellExited"],
          },
          { guard: "isCurrent", target: "live", actions: ["notePid", "tellStarted"] },
        ],
        "launchTerminal.failed": {
          guard: "isCurrent",
          target: "destroying",
          actions: "noteLaunchFailure",
        },
        "terminal.observed": { guard: "isDead", actions: "noteExit" },
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
          { guard: "isDead", target: "exited", actions: ["noteExit", "tellExited"] },
          { guard: "hasMoved", actions: "noteQuiet" },
        ],
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
              { guard: "isCurrent", target: "ready", actions: ["tellDelivered", "takeNextDelivery"] },
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
      description: "The program ended by itself; its pane, and whatever it started, may still be there.",
      on: {
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
          actions: ["noteDestroyFailure", "retryLater"],
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

/** `terminal/<id>`: one pane and the program in it. */
export const terminal: Kind = {
  name: "terminal",
  description: "A pane with one program in it",
  version: 1,
  machine,
  accepts,
  creates: ["child.start"],
  epochOf: (state) => contextOf(state).epoch,
  parentOf: (state) => contextOf(state).parent ?? undefined,
  summarize: (state) => {
    const { epoch, host, pid, launch } = contextOf(state);
    return { epoch, host, pid, sessionId: launch?.identity.sessionId };
  },
};
