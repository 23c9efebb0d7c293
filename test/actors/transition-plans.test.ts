import { assert, property } from "fast-check";
import { createActor, createMachine, setup, type AnyActor, type AnyStateMachine } from "xstate";
import { describe, expect, it } from "vitest";
import { bearActor } from "../../actors/live-actor.ts";
import { planned } from "../../actors/transition-plans.ts";
import { forge } from "../../machines/forge/forge.ts";
import { project } from "../../machines/project/project.ts";
import { decides } from "../../machines/recording.ts";
import { sessionKind } from "../../machines/session/session.ts";
import { Settings } from "../../machines/settings.ts";
import { terminal } from "../../machines/terminal/terminal.ts";
import { typed } from "../../machines/typed.ts";
import { workspace } from "../../machines/workspace/workspace.ts";
import {
  followingTold,
  lives,
  projectTold,
  sessionTold,
  terminalTold,
  workspaceTold,
} from "../machines/lives.ts";
import { machineUnderTest } from "../support/step.ts";

interface Context {
  readonly n: number;
}
type MachineConfig = Parameters<typeof createMachine>[0];
type Event = { readonly type: "on" | "off" | "leave" | "fail" };

const base = setup({
  types: { context: typed<Context>(), events: typed<Event>() },
  actions: {
    count: decides<Context, Event>(({ context, event }) => {
      if (event.type === "fail") throw new Error("broken");
      return {
        context: { n: context.n + 1 },
        orders: [{ type: "cancel", name: event.type }],
      };
    }),
  },
});
const region = base.createStateConfig({
  initial: "off",
  states: {
    off: { on: { on: { target: "on", actions: "count" }, fail: { actions: "count" } } },
    on: { on: { off: { target: "off", actions: "count" } } },
  },
});

/** The machine, and how often XState was asked to step it. */
function counted(machine: AnyStateMachine): { machine: AnyStateMachine; asked: () => number } {
  let count = 0;
  const transition: AnyStateMachine["transition"] = (...given) => {
    count += 1;
    return machine.transition(...given);
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the machine itself, but for one method
  const same = Object.create(machine, { transition: { value: transition } }) as AnyStateMachine;
  return { machine: same, asked: () => count };
}

function running(machine: AnyStateMachine): { actor: AnyActor; orders: unknown[] } {
  const orders: unknown[] = [];
  const actor = createActor(planned(machine));
  actor.on("*", (order) => orders.push(order));
  actor.subscribe({ error: () => undefined });
  return { actor: actor.start(), orders };
}

describe.each([
  { kind: project, told: projectTold },
  { kind: terminal, told: terminalTold },
  { kind: workspace, told: workspaceTold },
  { kind: forge, told: followingTold },
  { kind: sessionKind(Settings.parse({})), told: sessionTold },
])("any life of a $kind.name", ({ kind, told }) => {
  it("is, planned, what XState makes of it step by step (T1)", () => {
    expect.hasAssertions();
    const isSame = property(lives(kind, told), (life) => {
      const plain = machineUnderTest(kind);
      const live = bearActor(kind, { address: `${kind.name}/mer-1`, id: "mer-1", at: 0 });
      let count = 0;
      for (const { type, data = {}, at, id, ...rest } of life) {
        count += 1;
        const parsed = kind.accepts[type]?.parse(data);
        const to = `${kind.name}/mer-1` as const;
        const message = { type, data, id: id ?? `m${count}`, at: at ?? count, ...rest };
        const { orders, isNoop } = live.step({ ...message, to }, parsed);
        const expected = plain.send(message);
        expect(orders).toEqual(expected.orders);
        expect(live.state().value).toEqual(expected.value);
        expect(live.state().context).toEqual(expected.context);
        expect(isNoop).toBe(expected.isUnchanged && expected.orders.length === 0);
      }
    });
    assert(isSame, { numRuns: 200 });
  });
});

describe("a chart", () => {
  it("is stepped by XState once for each selection, and by its plan after that (T1)", () => {
    const chart = base.createMachine({
      context: { n: 0 },
      type: "parallel",
      states: { left: region, right: region },
    });
    const { machine, asked } = counted(chart);
    const { actor, orders } = running(machine);
    for (let round = 0; round < 10; round += 1) {
      actor.send({ type: "on" });
      actor.send({ type: "off" });
    }
    actor.send({ type: "on" });
    expect([asked(), orders.length]).toEqual([2, 42]);
    expect(actor.getSnapshot()).toMatchObject({
      value: { left: "on", right: "on" },
      context: { n: 42 },
    });
  });

  it("keeps what a decider leaves unnamed, planned or not (T1)", () => {
    interface Pair {
      readonly n: number;
      readonly kept: string;
    }
    const chart = setup({
      types: { context: typed<Pair>(), events: typed<Event>() },
      actions: {
        raise: decides<Pair, Event>(({ context }) => {
          const named: Partial<Pair> = { n: context.n + 1 };
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a decider that breaks its word: XState still assigns member by member
          return { context: named as Pair, orders: [] };
        }),
      },
    }).createMachine({ context: { n: 0, kept: "whole" }, on: { on: { actions: "raise" } } });
    const { machine, asked } = counted(chart);
    const { actor } = running(machine);
    const plain = createActor(chart).start();
    for (let round = 1; round <= 3; round += 1) {
      actor.send({ type: "on" });
      plain.send({ type: "on" });
      expect(actor.getSnapshot()).toMatchObject({ context: plain.getSnapshot().context });
    }
    expect(actor.getSnapshot()).toMatchObject({ context: { n: 3, kept: "whole" } });
    expect(asked()).toBe(1);
  });

  it("fails as XState lets it fail", () => {
    const chart = base.createMachine({ context: { n: 0 }, ...region });
    const { actor } = running(chart);
    actor.send({ type: "fail" });
    expect(actor.getSnapshot()).toMatchObject({ status: "error", error: new Error("broken") });
  });

  it("that does more than transitions say is stepped by XState every time (T2)", () => {
    const busy = base.createMachine({
      context: { n: 0 },
      initial: "off",
      states: { off: { entry: "count", on: { on: "off" } } },
    });
    expect(planned(busy)).toBe(busy);
  });

  it("one of whose regions leaves itself for another is what XState makes of it (T3)", () => {
    // To enter `left` anew, XState leaves `right` as well: of the two transitions one is preempted.
    const chart = base.createMachine({
      context: { n: 0 },
      type: "parallel",
      states: {
        left: { ...region, on: { leave: { target: ".on", actions: "count", reenter: true } } },
        right: { ...region, on: { leave: { target: ".on", actions: "count" } } },
      },
    });
    const plain = createActor(chart).start();
    const { actor } = running(chart);
    for (let round = 0; round < 3; round += 1) {
      for (const one of [actor, plain]) one.send({ type: "leave" });
      const { value, context } = plain.getSnapshot();
      expect(actor.getSnapshot()).toMatchObject({ value, context });
    }
  });

  it.each([
    { title: "an entry", odd: { entry: "count" } },
    { title: "an exit", odd: { exit: "count" } },
    { title: "`always`", odd: { always: [{ guard: () => false, target: "on" }] } },
    { title: "`after`", odd: { after: { 1_000: "on" } } },
    { title: "an invocation", odd: { invoke: { src: "never" } } },
    { title: "an end", odd: { type: "final" } },
    { title: "history", odd: { type: "history" } },
  ] satisfies { title: string; odd: NonNullable<MachineConfig["states"]>[string] }[])(
    "that has $title is stepped by XState every time (T2)",
    ({ odd }) => {
      const states = { off: { on: { on: "on" } }, on: {}, odd };
      const chart = createMachine({ initial: "off", states });
      expect(planned(chart)).toBe(chart);
    },
  );

  it("whose regions meddle is stepped by XState every time (T3)", () => {
    const chart = base.createMachine({
      context: { n: 0 },
      initial: "both",
      states: {
        both: {
          type: "parallel",
          states: {
            left: { ...region, on: { leave: "#gone" } },
            right: { ...region, on: { leave: { target: ".off", actions: "count" } } },
          },
        },
        gone: { id: "gone", on: { on: "both" } },
      },
    });
    const { machine, asked } = counted(chart);
    const { actor } = running(machine);
    for (let round = 0; round < 3; round += 1) {
      actor.send({ type: "leave" });
      actor.send({ type: "on" });
    }
    // The way back is a single transition, which is kept; the right region's is preempted, as XState has it.
    expect(asked()).toBe(4);
    expect(actor.getSnapshot()).toMatchObject({
      value: { both: { left: "off", right: "off" } },
      context: { n: 0 },
    });
  });
});
