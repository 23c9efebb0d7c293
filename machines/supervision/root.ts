import { setup } from "xstate";
import { addressOf } from "../ids.ts";
import type { Birth, Kind, MachineState } from "../kind.ts";
import type { Order } from "../order.ts";
import { decides, records } from "../recording.ts";
import type { Settings } from "../settings.ts";
import { typed } from "../typed.ts";
import { brokenNotice } from "./broken-notice.ts";
import { given, released, slotStep, type SlotEvent } from "./giving.ts";
import { gathered, NO_OUTAGES, told as toldTogether } from "./outages.ts";
import {
  accepts,
  NEW_ROOT,
  repaired,
  troubleOf,
  type Limits,
  type RootContext,
  type RootEvent,
  type RootStep,
  type SeenBy,
} from "./record.ts";

// Supervisor root
//
// The tick, and who may start. Event first, tick second: in a healthy system the tick finds nothing to do.
//
//   K1. It ticks only while an objective goes on or somebody waits, and looks at an index, not at every actor.
//   K2. What it has to mend it counts, by what it was; nothing is mended in silence.
//   K3, K4. Of slots: see giving.ts.
//   K5. A person is told of every actor whose step threw, and that is quarantined (R8): nobody else may notice for hours.
//   K6. What strikes many agents at once is told once: see outages.ts.

function stepRoot({ context, event }: SeenBy, limits: Limits): RootStep {
  const { at } = event;
  if (isForPerson(event)) return toldPerson(context, event);
  if (!isAboutTicks(event)) return slotStep(context, event, limits);
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

type TickEvent = Exclude<RootEvent, SlotEvent | PersonEvent>;

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

function tickOrder(dueAt: number): Order {
  return { type: "arm", name: "tick", dueAt };
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
  context: NEW_ROOT,
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
