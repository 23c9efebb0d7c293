import { setup } from "xstate";
import { z } from "zod";
import { MailUndeliverable } from "../children.ts";
import { EffectFailure, effectDone } from "../effects.ts";
import { addressOf, splitAddress, Token } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { JsonObject } from "../json.ts";
import type { EventOf } from "../message.ts";
import type { Order } from "../order.ts";
import { Broken, brokenNotice } from "./broken-notice.ts";
import {
  gathered,
  NO_OUTAGES,
  StruckNotice,
  told as toldTogether,
  type Outages,
} from "./outages.ts";
import { decides, records, type Decided, type Seen } from "../recording.ts";
import type { Settings } from "../settings.ts";
import { withoutQuota, withQuota } from "./quotas.ts";
import { allocated, type Quota, type Sample, type Slot, type Waiting } from "./slots.ts";
import { typed } from "../typed.ts";

// Supervisor root
//
// The tick, and who may start. Event first, tick second: in a healthy system the tick finds nothing to do.
//
//   K1. It ticks only while an objective goes on or somebody waits, and looks at an index, not at every actor.
//   K2. What it has to mend it counts, by what it was; nothing is mended in silence.
//   K3. A slot is given once and goes back once; one whose session has nothing left is taken back, and counted.
//   K4. The queue is bounded; whoever does not fit in is told to wait, and asks again with its next look.
//   K5. A person is told of every actor whose step threw, and that is quarantined (R8): nobody else may notice for hours.
//   K6. What strikes many agents at once is told once: see outages.ts.

const MOST_WAITING = 2_000;
const TROUBLE_CHARS = 300;

const accepts = {
  "root.wake": z.object({}),
  "root.threw": Broken,
  "root.quarantined": Broken,
  "root.notice": StruckNotice,
  "root.repaired": z.object({ objective: Token, what: z.string().max(64) }),
  "slot.wanted": z.object({
    worker: Token,
    host: z.string().max(128).default("local"),
    harness: z.string().max(64).default(""),
    projectId: z.string().max(64).default(""),
  }),
  "slot.released": z.object({ worker: Token }),
  "quota.reached": z.object({ harness: z.string().min(1).max(64), until: z.number() }),
  /** It is over before its time: the one until then, or any when a person says so. */
  "quota.over": z.object({ harness: z.string().min(1).max(64), until: z.number().optional() }),
  "auditActors.done": effectDone("auditActors"),
  "auditActors.failed": EffectFailure,
  "inspectHost.done": effectDone("inspectHost"),
  "inspectHost.failed": EffectFailure,
  "notifyPerson.done": effectDone("notifyPerson"),
  "notifyPerson.failed": EffectFailure,
  "mail.undeliverable": MailUndeliverable,
  "timer.tick": z.object({}),
  "timer.look": z.object({}),
  "timer.tell": z.object({}),
};
type RootEvent = EventOf<typeof accepts>;

export type RootContext = Outages & {
  readonly held: readonly Slot[];
  readonly queue: readonly Waiting[];
  readonly samples: Readonly<Record<string, Sample>>;
  readonly quotas: readonly Quota[];
  /** A measurement is under way. */
  readonly isLooking: boolean;
  readonly lookedAt: number;
  readonly lookAt: number | null;
  readonly ticks: number;
  readonly lastTick: { readonly at: number; readonly due: number; readonly active: number } | null;
  /** What had to be mended, and how often. */
  readonly repairs: Readonly<Record<string, number>>;
  readonly trouble: { readonly at: number; readonly message: string } | null;
};
type SeenBy = Seen<RootContext, RootEvent>;
type RootStep = Decided<RootContext>;

interface Limits {
  readonly tickMs: number;
  readonly gates: Settings["scheduling"];
}

function stepRoot({ context, event }: SeenBy, limits: Limits): RootStep {
  const { at } = event;
  if (isForPerson(event)) return toldPerson(context, event);
  if (!isAboutTicks(event)) {
    const step = given(noted(context, event), limits, at);
    return { context: step.context, orders: [...grantedBefore(context, event), ...step.orders] };
  }
  switch (event.type) {
    case "root.wake":
      return { context, orders: [tickOrder(at + limits.tickMs)] };
    case "root.repaired":
      return { context: repaired(context, event.data.what, 1), orders: [] };
    case "timer.tick":
      return audit(context, at);
    case "auditActors.done":
      return audited(context, event.data.result, { limits, at });
    case "auditActors.failed":
      return troubled(context, event.data.message, { limits, at });
  }
  return event satisfies never;
}

type PersonEvent = Extract<
  RootEvent,
  {
    type:
      | "root.threw"
      | "root.quarantined"
      | "root.notice"
      | "timer.tell"
      | "notifyPerson.done"
      | "notifyPerson.failed";
  }
>;

const PERSON_EVENTS: ReadonlySet<string> = new Set<PersonEvent["type"]>([
  "root.threw",
  "root.quarantined",
  "root.notice",
  "timer.tell",
  "notifyPerson.done",
  "notifyPerson.failed",
]);

function isForPerson(event: RootEvent): event is PersonEvent {
  return PERSON_EVENTS.has(event.type);
}

/** Tells a person what an actor cannot tell alone (K5, K6), and notes when that came to nothing. */
function toldPerson(context: RootContext, event: PersonEvent): RootStep {
  const { type, at } = event;
  if (type === "root.notice") return gathered(context, event.data, at);
  if (type === "timer.tell") return toldTogether(context, at);
  if (type === "notifyPerson.done") return { context, orders: [] };
  if (type === "notifyPerson.failed")
    return { context: { ...context, trouble: troubleOf(event.data.message, at) }, orders: [] };
  const { from, data } = event;
  const isQuarantined = type === "root.quarantined";
  return {
    context,
    orders: from === undefined ? [] : [brokenNotice(from, data, { isQuarantined, at })],
  };
}

type TickEvent = Extract<
  RootEvent,
  { type: "root.wake" | "root.repaired" | "timer.tick" | "auditActors.done" | "auditActors.failed" }
>;
type SlotEvent = Exclude<RootEvent, TickEvent | PersonEvent>;

const TICK_EVENTS: ReadonlySet<string> = new Set<TickEvent["type"]>([
  "root.wake",
  "root.repaired",
  "timer.tick",
  "auditActors.done",
  "auditActors.failed",
]);

function isAboutTicks(event: TickEvent | SlotEvent): event is TickEvent {
  return TICK_EVENTS.has(event.type);
}

/** What is known of slots, hosts and limits after a message. */
function noted(context: RootContext, event: SlotEvent): RootContext {
  switch (event.type) {
    case "slot.wanted":
      return wanted(context, event, event.at);
    case "slot.released":
      return released(context, [event.data.worker]);
    case "mail.undeliverable":
      return withoutDead(context, event.data);
    case "quota.reached":
      return { ...context, quotas: withQuota(context.quotas, event.data) };
    case "quota.over":
      return { ...context, quotas: withoutQuota(context.quotas, event.data) };
    case "timer.look":
      return { ...context, lookAt: null };
    case "inspectHost.done": {
      const samples = { ...context.samples, local: { ...event.data.result, at: event.at } };
      return { ...context, samples, isLooking: false };
    }
    case "inspectHost.failed":
      return { ...context, isLooking: false };
  }
  return event satisfies never;
}

function tickOrder(dueAt: number): Order {
  return { type: "arm", name: "tick", dueAt };
}

function repaired(context: RootContext, what: string, count: number): RootContext {
  if (count === 0) return context;
  const repairs = { ...context.repairs, [what]: (context.repairs[what] ?? 0) + count };
  return { ...context, repairs };
}

function wanted(
  context: RootContext,
  { data, from }: Extract<RootEvent, { type: "slot.wanted" }>,
  at: number,
): RootContext {
  const { worker, host, harness } = data;
  const isKnown = [...context.held, ...context.queue].some((slot) => slot.worker === worker);
  if (isKnown || from === undefined || context.queue.length >= MOST_WAITING) return context;
  const objective = splitAddress(from).id;
  const waiting = { worker, objective, host, harness, at, reason: "" };
  return { ...context, queue: [...context.queue, waiting] };
}

/** Whoever asks for what it holds did not hear that it was given (K3). */
function grantedBefore({ held }: RootContext, event: SlotEvent): Order[] {
  if (event.type !== "slot.wanted") return [];
  const known = held.find(({ worker }) => worker === event.data.worker);
  return known === undefined ? [] : [mailTo(known, "slot.granted", { worker: known.worker })];
}

function released(context: RootContext, workers: readonly string[]): RootContext {
  const gone = new Set(workers);
  const isKept = ({ worker }: Slot): boolean => !gone.has(worker);
  return {
    ...context,
    held: context.held.filter(isKept),
    queue: context.queue.filter(isKept),
  };
}

/** An objective that cannot be told has no use for slots. */
function withoutDead(
  context: RootContext,
  { to, name }: z.infer<typeof MailUndeliverable>,
): RootContext {
  if (name !== "slot.granted") return context;
  const { id } = splitAddress(to);
  const lost = context.held.filter(({ objective }) => objective === id);
  return repaired(
    released(
      context,
      lost.map(({ worker }) => worker),
    ),
    "slot",
    lost.length,
  );
}

/** Gives out what is free now, and looks again later when somebody waits for a measurement or a limit (K4). */
function given(context: RootContext, { gates }: Limits, at: number): RootStep {
  const quotas = context.quotas.filter(({ until }) => until > at);
  const { held, queue, granted, told } = allocated({ ...context, quotas }, gates, at);
  const next = { ...context, quotas, held, queue };
  const look = lookAround(next, { gates, at });
  return {
    context: look.context,
    orders: [
      ...granted.map((slot) => mailTo(slot, "slot.granted", { worker: slot.worker })),
      ...told.map((slot) =>
        mailTo(slot, "slot.waiting", { worker: slot.worker, reason: slot.reason }),
      ),
      ...look.orders,
    ],
  };
}

function mailTo({ objective }: Slot, name: string, data: JsonObject): Order {
  return { type: "mail", to: addressOf("objective", objective), name, data };
}

function lookAround(
  context: RootContext,
  { gates, at }: { gates: Limits["gates"]; at: number },
): RootStep {
  const isBusy = context.queue.length > 0 || context.held.length > 0;
  const sample = context.samples["local"];
  const keptMs = context.queue.length > 0 ? gates.lookMs : gates.sampleMs;
  // Counted from the order, not from the answer: a host that cannot be asked is not asked at once again.
  const isOld = at - Math.max(context.lookedAt, sample?.at ?? 0) >= keptMs;
  const orders: Order[] = [];
  let next = context;
  if (isBusy && isOld && !context.isLooking) {
    next = { ...next, isLooking: true, lookedAt: at };
    orders.push({
      type: "effect",
      name: "inspectHost",
      lane: "host:local",
      data: { host: "local" },
    });
  }
  const lookAt = context.queue.length > 0 ? at + gates.lookMs : null;
  if (lookAt !== null && (context.lookAt === null || context.lookAt <= at)) {
    next = { ...next, lookAt };
    orders.push({ type: "arm", name: "look", dueAt: lookAt });
  }
  return { context: next, orders };
}

function audit(context: RootContext, at: number): RootStep {
  const sessions = context.held.map(({ worker }) => worker).slice(0, 4_096);
  return {
    context: { ...context, ticks: context.ticks + 1 },
    orders: [{ type: "effect", name: "auditActors", lane: "tick", data: { at, sessions } }],
  };
}

type Findings = Extract<RootEvent, { type: "auditActors.done" }>["data"]["result"];

/** Tells each overdue objective to look at itself, and takes back what nobody has any more (K2, K3). */
function audited(
  context: RootContext,
  { due, active, gone }: Findings,
  { limits, at }: { limits: Limits; at: number },
): RootStep {
  const lost = context.held.filter(({ worker }) => gone.includes(worker));
  const lastTick = { at, due: due.length, active };
  const known = repaired({ ...context, lastTick, trouble: null }, "slot", lost.length);
  const step = given(released(known, gone), limits, at);
  const audits = due.map(({ objective }): Order => ({
    type: "mail",
    to: addressOf("objective", objective),
    name: "objective.audit",
    data: {},
  }));
  const isIdle = active === 0 && step.context.held.length === 0 && step.context.queue.length === 0;
  const tick = isIdle ? [] : [tickOrder(at + limits.tickMs)];
  return { context: step.context, orders: [...step.orders, ...audits, ...tick] };
}

function troubled(
  context: RootContext,
  message: string,
  { limits, at }: { limits: Limits; at: number },
): RootStep {
  const trouble = troubleOf(message, at);
  return { context: { ...context, trouble }, orders: [tickOrder(at + limits.tickMs)] };
}

function troubleOf(message: string, at: number): RootContext["trouble"] {
  return { at, message: message.slice(0, TROUBLE_CHARS) };
}

function actionsWith(limits: Limits) {
  const take = decides((seen: SeenBy) => stepRoot(seen, limits));
  return {
    startTick: take,
    armTick: records(({ event: { at } }: SeenBy) => [tickOrder(at + limits.tickMs)]),
    countRepair: take,
    giveSlots: take,
    lookForOverdue: take,
    gatherNotice: take,
    tellTogether: take,
    tellOverdue: take,
    noteHost: take,
    noteTrouble: take,
    tellPerson: take,
    noteTold: take,
  };
}

const plain: Limits = {
  tickMs: 1,
  gates: {
    workers: 1,
    slotsPerHost: 1,
    loadPerCore: 0,
    minFreeBytes: 0,
    sampleMs: 1,
    lookMs: 1,
  },
};

function isOver({ event, context }: SeenBy): boolean {
  if (event.type !== "auditActors.done") return false;
  const { active, gone } = event.data.result;
  return (
    active === 0 &&
    context.queue.length === 0 &&
    context.held.every(({ worker }) => gone.includes(worker))
  );
}

const machine = setup({
  types: {
    context: typed<RootContext>(),
    events: typed<RootEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  guards: { isOver },
  actions: actionsWith(plain),
}).createMachine({
  id: "supervisor",
  description: "The tick that finds what events should have done, and the owner of all slots.",
  context: {
    held: [],
    queue: [],
    samples: {},
    quotas: [],
    isLooking: false,
    lookedAt: 0,
    lookAt: null,
    ticks: 0,
    lastTick: null,
    repairs: {},
    trouble: null,
    ...NO_OUTAGES,
  },
  initial: "resting",
  on: {
    "root.threw": { actions: "tellPerson" },
    "root.quarantined": { actions: "tellPerson" },
    "root.notice": { actions: "gatherNotice" },
    "timer.tell": { actions: "tellTogether" },
    "notifyPerson.done": { actions: "noteTold" },
    "notifyPerson.failed": { actions: "noteTold" },
    "root.repaired": { actions: "countRepair" },
    "slot.released": { actions: "giveSlots" },
    "quota.reached": { actions: "giveSlots" },
    "quota.over": { actions: "giveSlots" },
    "mail.undeliverable": { actions: "giveSlots" },
    "timer.look": { actions: "giveSlots" },
    "inspectHost.done": { actions: "noteHost" },
    "inspectHost.failed": { actions: "noteHost" },
  },
  states: {
    resting: {
      description: "No objective goes on, so there is nothing to look after.",
      on: {
        "root.wake": { target: "ticking", actions: "startTick" },
        "slot.wanted": { target: "ticking", actions: ["giveSlots", "armTick"] },
      },
    },
    ticking: {
      description: "Objectives go on; the next tick is armed.",
      on: {
        "slot.wanted": { actions: "giveSlots" },
        "timer.tick": { target: "auditing", actions: "lookForOverdue" },
      },
    },
    auditing: {
      description: "The index is asked which objectives are overdue.",
      on: {
        "root.wake": { target: "ticking", actions: "startTick" },
        "slot.wanted": { actions: "giveSlots" },
        "auditActors.done": [
          { guard: "isOver", target: "resting", actions: "tellOverdue" },
          { target: "ticking", actions: "tellOverdue" },
        ],
        "auditActors.failed": { target: "ticking", actions: "noteTrouble" },
      },
    },
  },
});

function contextOf(state: MachineState): RootContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as RootContext;
}

/** Of version 3, which told of each by itself. */
function withOutages(state: MachineState): MachineState {
  return { ...state, context: { ...contextOf(state), ...NO_OUTAGES } };
}

/** `supervisor/root`: the tick and the slots. The settings give its pace and its bounds. */
export function supervisorKind({ supervisor: { tickMs }, scheduling }: Settings): Kind {
  return {
    name: "supervisor",
    description: "The tick and the slots",
    version: 4,
    migrations: { 1: (state) => state, 2: (state) => state, 3: withOutages },
    machine: machine.provide({ actions: actionsWith({ tickMs, gates: scheduling }) }),
    accepts,
    creates: ["root.wake", "slot.wanted", "root.threw", "root.quarantined", "root.notice"],
    summarize: (state) => {
      const { held, queue, ticks, repairs } = contextOf(state);
      return { held: held.length, queue: queue.length, ticks, repairs };
    },
  };
}
