import { assign, emit, setup } from "xstate";
import { z } from "zod";
import { addressOf, type Address, type KindName } from "../../machines/ids.ts";
import type { Birth, Kind } from "../../machines/kind.ts";
import type { EventOf } from "../../machines/message.ts";
import type { Order } from "../../machines/order.ts";
import { ActivityObservation } from "../../machines/observations.ts";
import { typed } from "../../machines/typed.ts";

// Tally
//
// The smallest kind that does everything a kind can do, for the tests of the runtime: it counts, writes to others, asks
// for work, arms timers, answers, refuses, has epochs, throws, and ends.

const accepts = {
  "tally.open": z.object({ parent: z.string().optional() }),
  "tally.add": z.object({ n: z.number() }),
  /** Adds, and orders more than the bus takes. */
  "tally.bigadd": z.object({ n: z.number() }),
  "tally.ask": z.object({}),
  "tally.refuse": z.object({}),
  "tally.tell": z.object({ to: z.string(), n: z.number() }),
  "tally.work": z.object({ text: z.string() }),
  "tally.arm": z.object({ name: z.string(), dueAt: z.number() }),
  "tally.cancel": z.object({ name: z.string() }),
  "tally.raise": z.object({}),
  "tally.throw": z.object({}),
  "tally.end": z.object({}),
  "tally.nothing": z.object({}),
  "tally.flood": z.object({ to: z.custom<Address>(), length: z.number() }),
  "tally.order": z.object({ order: z.custom<Order>() }),
  "timer.wake": z.object({}),
  "timer.other": z.object({}),
  "timer.again": z.object({}),
  "timer.throw": z.object({}),
  "typeText.done": z.object({ effectId: z.string(), result: z.object({ repeated: z.boolean() }) }),
  "typeText.failed": z.object({ effectId: z.string(), code: z.string() }),
  "runChecks.failed": z.object({ code: z.string() }),
  "activity.observed": ActivityObservation,
  "child.quarantined": z.object({}),
  "mail.undeliverable": z.object({ code: z.string() }),
} as const;

type TallyEvent = EventOf<typeof accepts>;

export interface TallyContext extends Birth {
  readonly sum: number;
  readonly steps: number;
  readonly epoch: number;
  readonly fired: readonly string[];
  readonly done: readonly string[];
  readonly failed: readonly string[];
  readonly activity: readonly string[];
  readonly parent: string | undefined;
  readonly quarantined: number;
  readonly undeliverable: readonly string[];
}

const base = setup({
  types: {
    context: typed<TallyContext>(),
    events: typed<TallyEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
});

const machine = base.createMachine({
  id: "tally",
  context: ({ input }) => ({
    ...input,
    sum: 0,
    steps: 0,
    epoch: 0,
    fired: [],
    done: [],
    failed: [],
    activity: [],
    parent: undefined,
    quarantined: 0,
    undeliverable: [],
  }),
  initial: "low",
  on: {
    "tally.open": { actions: assign({ parent: ({ event }) => event.data.parent }) },
    "tally.ask": {
      actions: emit(({ context }) => ({ type: "reply", data: { sum: context.sum } })),
    },
    "tally.refuse": {
      actions: emit({ type: "refuse", code: "NOT_MERGEABLE", message: "not today" }),
    },
    "tally.tell": {
      actions: emit(({ event }) => ({
        type: "mail",
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- tests name real addresses
        to: event.data.to as `session/${string}`,
        name: "tally.add",
        data: { n: event.data.n },
      })),
    },
    "tally.work": {
      actions: emit(({ context, event }) => ({
        type: "effect",
        name: "typeText",
        lane: `terminal:${context.id}`,
        ...(context.epoch > 0 && { epoch: context.epoch }),
        data: {
          terminal: context.id,
          host: "local",
          epoch: context.epoch,
          deliveryId: event.id,
          text: event.data.text,
          submit: true,
        },
      })),
    },
    "tally.arm": {
      actions: emit(({ event }) => ({
        type: "arm",
        name: event.data.name,
        dueAt: event.data.dueAt,
      })),
    },
    "tally.cancel": { actions: emit(({ event }) => ({ type: "cancel", name: event.data.name })) },
    "tally.raise": { actions: assign({ epoch: ({ context }) => context.epoch + 1 }) },
    "tally.throw": {
      actions: assign(() => {
        throw new Error("the machine is broken");
      }),
    },
    "tally.bigadd": {
      actions: [
        assign({ sum: ({ context, event }) => context.sum + event.data.n }),
        emit({
          type: "mail",
          to: "session/b",
          name: "tally.add",
          data: { n: 1, text: "x".repeat(1_200_000) },
        }),
      ],
    },
    "tally.flood": {
      actions: emit(({ event }) => ({
        type: "mail",
        to: event.data.to,
        name: "tally.add",
        data: { n: 1, text: "x".repeat(event.data.length) },
      })),
    },
    "tally.order": { actions: emit(({ event }) => event.data.order) },
    "tally.end": { target: ".ended" },
    "timer.wake": { actions: assign({ fired: ({ context }) => [...context.fired, "wake"] }) },
    "timer.other": { actions: assign({ fired: ({ context }) => [...context.fired, "other"] }) },
    "timer.again": {
      actions: [
        assign({ fired: ({ context }) => [...context.fired, "again"] }),
        emit(({ event }) => ({ type: "arm", name: "again", dueAt: event.at + 1_000 })),
      ],
    },
    "timer.throw": {
      actions: assign(() => {
        throw new Error("the machine is broken");
      }),
    },
    "typeText.done": {
      actions: assign({ done: ({ context, event }) => [...context.done, event.data.effectId] }),
    },
    "typeText.failed": {
      actions: assign({ failed: ({ context, event }) => [...context.failed, event.data.code] }),
    },
    "runChecks.failed": {
      actions: assign({ failed: ({ context, event }) => [...context.failed, event.data.code] }),
    },
    "activity.observed": {
      actions: assign({
        activity: ({ context, event }) => [...context.activity.slice(-9), event.data.state],
        steps: ({ context }) => context.steps + 1,
      }),
    },
    "mail.undeliverable": {
      actions: assign({
        undeliverable: ({ context, event }) => [...context.undeliverable, event.data.code],
      }),
    },
    "child.quarantined": {
      actions: assign({ quarantined: ({ context }) => context.quarantined + 1 }),
    },
    "tally.add": [
      {
        guard: ({ context, event }) => context.sum + event.data.n >= 10,
        target: ".high",
        actions: assign({ sum: ({ context, event }) => context.sum + event.data.n }),
      },
      {
        target: ".low",
        actions: assign({ sum: ({ context, event }) => context.sum + event.data.n }),
      },
    ],
  },
  states: {
    low: { description: "The sum is under ten." },
    high: { description: "The sum is ten or more." },
    ended: { type: "final", description: "Nothing more is counted." },
  },
});

/** The tally under the name of a real kind, since addresses know only those. */
export function tallyKind(name: KindName = "session"): Kind {
  return {
    name,
    description: "Counts, for tests.",
    version: 1,
    machine,
    accepts,
    creates: ["tally.open"],
    epochOf: ({ context }: { context: TallyContext }) => context.epoch,
    parentOf: ({ context }: { context: TallyContext }) =>
      context.parent === undefined ? undefined : addressOf("session", context.parent),
    summarize: ({ context }: { context: TallyContext }) => ({ sum: context.sum }),
  };
}
