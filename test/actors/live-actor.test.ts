import { describe, expect, it } from "vitest";
import { assign, emit, setup } from "xstate";
import { bearActor, wakeActor, type LiveActor } from "../../actors/live-actor.ts";
import type { Kind } from "../../machines/kind.ts";
import type { Message } from "../../machines/message.ts";
import type { Order } from "../../machines/order.ts";
import { typed } from "../../machines/typed.ts";
import { tallyKind } from "../support/tally.ts";

const BIRTH = { address: "session/a", id: "a", at: 5 } as const;

function message(type: string, data: unknown = {}): Message {
  return { id: "m", type, at: 7, to: "session/a", data };
}

function step(actor: LiveActor, type: string, data: unknown = {}): ReturnType<LiveActor["step"]> {
  return actor.step(message(type, data), data);
}

describe("R4: a step", () => {
  it("L1: gives the orders that the machine emitted, in that order, and runs nothing", () => {
    const machine = setup({ types: { emitted: typed<Order>() } }).createMachine({
      on: {
        go: {
          actions: [
            emit({ type: "arm", name: "one", dueAt: 1 }),
            assign({}),
            emit({ type: "cancel", name: "two" }),
          ],
        },
      },
    });
    const kind: Kind = { ...tallyKind(), machine };
    const actor = bearActor(kind, BIRTH);
    step(actor, "go");
    expect(step(actor, "go").orders).toEqual([
      { type: "arm", name: "one", dueAt: 1 },
      { type: "cancel", name: "two" },
    ]);
  });

  it("tells apart what moved, what only changed, and what did nothing", () => {
    const actor = bearActor(tallyKind(), BIRTH);
    const steps = [
      step(actor, "tally.add", { n: 12 }),
      step(actor, "tally.add", { n: 1 }),
      step(actor, "tally.nothing"),
      step(actor, "tally.ask"),
      step(actor, "tally.end"),
    ];
    expect(steps.map(({ isMoved, isNoop, was }) => ({ isMoved, isNoop, was }))).toEqual([
      { isMoved: true, isNoop: false, was: "low" },
      { isMoved: false, isNoop: false, was: undefined },
      { isMoved: false, isNoop: true, was: undefined },
      { isMoved: false, isNoop: false, was: undefined },
      { isMoved: true, isNoop: false, was: "high" },
    ]);
  });

  it("L2: that throws says so at once and never again, and the state before it can be woken", () => {
    const actor = bearActor(tallyKind(), BIRTH);
    step(actor, "tally.add", { n: 3 });
    const before = actor.persisted();
    expect(() => step(actor, "tally.throw")).toThrow("the machine is broken");
    const woken = wakeActor(tallyKind(), before);
    step(woken, "tally.add", { n: 1 });
    expect(woken.state().context).toMatchObject({ sum: 4 });
  });

  it("sees the time of its message and no other", () => {
    const events = typed<{ readonly type: "go"; readonly at: number }>();
    const machine = setup({ types: { events, context: typed<{ at: number }>() } }).createMachine({
      context: { at: 0 },
      on: { go: { actions: assign(({ event }) => ({ at: event.at })) } },
    });
    const actor = bearActor({ ...tallyKind(), machine }, BIRTH);
    step(actor, "go");
    expect(actor.state().context).toEqual({ at: 7 });
  });
});

describe("what is kept of an actor", () => {
  it("survives JSON and wakes to the same state, with nothing ordered on the way", () => {
    const actor = bearActor(tallyKind(), BIRTH);
    step(actor, "tally.add", { n: 12 });
    const woken = wakeActor(tallyKind(), JSON.parse(JSON.stringify(actor.persisted())));
    expect(woken.persisted()).toEqual(JSON.parse(JSON.stringify(actor.persisted())));
    expect(step(woken, "tally.nothing").orders).toEqual([]);
    expect(woken.listensFor()).toContain("tally.add");
  });
});
