import { describe, expect, it } from "vitest";
import { EFFECTS } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { Address } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";
import type { EffectOrder } from "../../machines/order.ts";
import { settle } from "../support/clock.ts";
import { tallyKind, type TallyContext } from "../support/tally.ts";
import { World, type Deed } from "../support/world.ts";

const A: Address = "session/a";
const DONE = { repeated: false };
const RETRYABLE = new Failure("TMUX_UNREACHABLE", "type: no tmux");

/** An adapter that waits until it is let go, ignoring its signal. */
function gated() {
  const gates: PromiseWithResolvers<unknown>[] = [];
  const act = async (): Promise<unknown> => {
    const gate = Promise.withResolvers<unknown>();
    gates.push(gate);
    return gate.promise;
  };
  return { act, gates };
}

async function worldWith(act: (deed: Deed) => Promise<unknown>, retryMs = 100): Promise<World> {
  const world = new World({ act, settings: { effects: { retryMs, retryMaxMs: 400 } } });
  await world.open("a");
  return world;
}

async function work(world: World, text = "x"): Promise<string> {
  const outcome = await world.ask(A, "tally.work", { text });
  await settle();
  if (outcome.type !== "applied") throw new Error(`work: ${outcome.type}`);
  return outcome.orders[0]?.id ?? "";
}

function raised(context: TallyContext): TallyContext {
  return { ...context, epoch: context.epoch + 1 };
}

/** A world whose actor is at epoch 1, with an effect of it under way, found by a daemon with another chart. */
async function overtaken(change: Partial<Kind>): Promise<World> {
  const world = await worldWith(async () => {
    if (world.deeds.length > 1) return DONE;
    return Promise.withResolvers<never>().promise;
  });
  await world.ask(A, "tally.raise");
  await work(world);
  await world.crash();
  world.kinds = new Map([["session", { ...tallyKind(), version: 2, ...change }]]);
  world.start();
  await settle();
  return world;
}

/** A typeText order with some of it changed. */
function typeText(changes: Partial<EffectOrder>): EffectOrder {
  const data = { terminal: "a", host: "local", epoch: 0, deliveryId: "d", text: "x", submit: true };
  return { type: "effect", name: "typeText", lane: "terminal:a", data, ...changes };
}

const end: EffectOrder = {
  type: "effect",
  name: "destroyTerminal",
  lane: "terminal:a",
  data: { terminal: "a", host: "local", epoch: 0, graceMs: 1 },
};

describe("R5: an effect", () => {
  it("X1: is begun only after the flush of the step that ordered it", async () => {
    const world = await worldWith(async () => Promise.resolve(DONE));
    world.disk.hold();
    const asked = world.ask(A, "tally.work", { text: "x" });
    await settle();
    const before = world.deeds.length;
    world.disk.release();
    await asked;
    await settle();
    expect([before, world.deeds.length]).toEqual([0, 1]);
  });

  it("closes with the very transaction that applies its result", async () => {
    const { act, gates } = gated();
    const world = await worldWith(act);
    await work(world);
    world.disk.hold();
    gates[0]?.resolve(DONE);
    await settle();
    const during = [world.tally("a").done.length, world.system.report().outbox];
    world.disk.release();
    await settle();
    const after = [world.tally("a").done.length, world.store.outbox({ limit: 9 }).length];
    expect([during, after]).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it("is driven again at boot with the same id until its result is committed, and then no more", async () => {
    const { act, gates } = gated();
    const world = await worldWith(act);
    const id = await work(world);
    await world.restart();
    gates[1]?.resolve(DONE);
    await settle();
    await world.restart();
    await world.restart();
    expect(world.deeds.map(({ effectId }) => effectId)).toEqual([id, id]);
    expect(world.tally("a").done).toEqual([id]);
  });

  it("whose result was published but not committed before a crash has one result", async () => {
    const world = await worldWith(async () => Promise.resolve(DONE));
    world.fateOf = ({ subject }) => {
      if (!subject.startsWith("ao.msg.session.")) return "stored";
      world.disk.hold();
      return "stored";
    };
    const id = await work(world);
    await world.restart();
    expect(world.tally("a").done).toEqual([id]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it.each([
    { title: "an outage", fate: "held" as const, lose: (world: World) => world.stream.fail("x") },
    { title: "a refusal", fate: "refused" as const, lose: () => {} },
    { title: "a wiped stream", fate: "held" as const, lose: (world: World) => world.stream.wipe() },
  ])("whose result is lost by $title tells it again and is not done again", async (row) => {
    const world = await worldWith(async () => Promise.resolve(DONE));
    world.fateOf = ({ subject }) => (subject.startsWith("ao.msg.") ? row.fate : "stored");
    const id = await work(world);
    world.fateOf = () => "stored";
    row.lose(world);
    world.stream.restore();
    while (world.stream.release()) await settle();
    await world.clock.advance(30_000);
    expect([world.tally("a").done, world.deeds.length]).toEqual([[id], 1]);
  });

  it("waiting behind another in its lane is not begun once its result is committed", async () => {
    const { act, gates } = gated();
    const world = await worldWith(act);
    await work(world, "first");
    const second = await work(world, "second");
    await world.publish(
      "ao.msg.session.a",
      { type: "typeText.done", data: { effectId: second, result: DONE } },
      { "Nats-Msg-Id": `result:${second}` },
    );
    await settle();
    gates[0]?.resolve(DONE);
    await settle();
    expect(world.deeds).toMatchObject([{ data: { text: "first" } }]);
    expect(world.system.report()).toMatchObject({ outbox: 0 });
  });

  it("does not come back when an attempt fails after its result is committed", async () => {
    const { act, gates } = gated();
    const world = await worldWith(act);
    const id = await work(world);
    await world.publish(
      "ao.msg.session.a",
      { type: "typeText.done", data: { effectId: id, result: DONE } },
      { "Nats-Msg-Id": `result:${id}` },
    );
    await settle();
    gates[0]?.reject(RETRYABLE);
    await settle();
    expect(world.store.outbox({ limit: 9 })).toEqual([]);
  });
});

describe("X3: an effect", () => {
  it("is tried again after a growing wait, and ends as failed after its last attempt", async () => {
    const times: number[] = [];
    const world: World = await worldWith(async () => {
      times.push(world.clock.now());
      return Promise.reject(RETRYABLE);
    });
    await work(world);
    await world.clock.advance(60_000);
    const [first = 0] = times;
    expect(times.map((time) => time - first)).toEqual([0, 100, 300, 700, 1_100]);
    expect(times).toHaveLength(EFFECTS.typeText.attempts);
    expect(world.tally("a").failed).toEqual(["TMUX_UNREACHABLE"]);
  });

  it("goes on counting its attempts after a restart", async () => {
    const attempts: number[] = [];
    const world = new World({
      settings: { effects: { retryMs: 100, retryMaxMs: 400 } },
      act: async (_, { attempt }) => {
        attempts.push(attempt);
        return Promise.reject(RETRYABLE);
      },
    });
    await world.open("a");
    await work(world);
    await world.clock.advance(100);
    await world.restart();
    await world.clock.advance(60_000);
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
    expect(world.tally("a").failed).toHaveLength(1);
  });

  it("that fails past the deadline is tried again, though its adapter ignores its signal", async () => {
    const { act, gates } = gated();
    const world = await worldWith(act);
    await work(world);
    // So long its lane waits for it to come to an end after all.
    await world.clock.advance(EFFECTS.typeText.deadlineMs + 2_000);
    await world.clock.advance(100);
    gates[1]?.resolve(DONE);
    await settle();
    expect([gates.length, world.tally("a").done.length]).toEqual([2, 1]);
  });

  it.each([
    {
      title: "a failure that no retry helps",
      order: typeText({}),
      act: async () => Promise.reject(new Failure("PANE_GONE", "type: no pane")),
      told: { failed: ["PANE_GONE"] },
    },
    {
      title: "an adapter that breaks",
      order: typeText({}),
      act: async () => Promise.reject(new TypeError("x is undefined")),
      told: { failed: ["EFFECT_DEFECT"] },
    },
    {
      title: "a result of the wrong shape",
      order: typeText({}),
      act: async () => Promise.resolve({ repeated: "no" }),
      told: { failed: ["EFFECT_DEFECT"] },
    },
    {
      title: "data that does not parse",
      order: typeText({ data: { terminal: "a b" } }),
      act: async () => Promise.resolve(DONE),
      told: { failed: ["EFFECT_DEFECT"] },
    },
  ])("ends at once with $title", async ({ order, act, told }) => {
    const world = await worldWith(act);
    await world.ask(A, "tally.order", { order });
    await settle();
    expect(world.tally("a")).toMatchObject(told);
    expect(world.deeds.length).toBeLessThanOrEqual(1);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("that nobody can do ends with EFFECT_UNKNOWN", async () => {
    const world = await worldWith(async () => Promise.resolve(DONE));
    await world.ask(A, "tally.order", { order: typeText({ name: "makeCoffee" }) });
    await settle();
    // The tally does not know makeCoffee.failed either: a letter, and the order is closed.
    const [letter] = world.store.deadLetters({ after: 0, limit: 9 });
    expect(letter).toMatchObject({ code: "TYPE_UNKNOWN" });
    expect(letter?.body).toContain("EFFECT_UNKNOWN");
    expect(world.system.report()).toMatchObject({ outbox: 0 });
  });
});

describe("lanes of effects", () => {
  it("keep the order of one thing and let others go on", async () => {
    const { act, gates } = gated();
    const world = await worldWith(act);
    await world.open("b");
    await work(world, "a1");
    await work(world, "a2");
    await world.ask("session/b", "tally.work", { text: "b1" });
    await settle();
    const before = world.deeds.map(({ data }) => data);
    gates[0]?.resolve(DONE);
    await settle();
    expect(before).toMatchObject([{ text: "a1" }, { text: "b1" }]);
    expect(world.deeds).toMatchObject([{}, {}, { data: { text: "a2" } }]);
  });

  it("are at most so many at once", async () => {
    const { act } = gated();
    const world = new World({ act, settings: { effects: { lanes: 2 } } });
    for (const id of ["a", "b", "c"]) {
      await world.open(id);
      await world.ask(`session/${id}`, "tally.work", { text: id });
    }
    await settle();
    expect(world.deeds).toMatchObject([{ data: { text: "a" } }, { data: { text: "b" } }]);
  });

  it("whose effect waits for a retry hold up no other lane, and nobody overtakes in theirs", async () => {
    const world = new World({
      settings: { effects: { lanes: 1, retryMs: 1_000 } },
      act: async ({ data }) => {
        const isFirst = world.deeds.length === 1;
        expect(data).toHaveProperty("text");
        return isFirst ? Promise.reject(RETRYABLE) : Promise.resolve(DONE);
      },
    });
    await world.open("a");
    await world.open("b");
    await work(world, "a1");
    await work(world, "a2");
    await world.ask("session/b", "tally.work", { text: "b1" });
    await world.clock.advance(1_000);
    const texts = world.deeds.map(({ data }) => data);
    expect(texts).toMatchObject([{ text: "a1" }, { text: "b1" }, { text: "a1" }, { text: "a2" }]);
  });
});

describe("X2: the fence of an effect", () => {
  it("is read through the migrations of its actor's chart", async () => {
    const world = await overtaken({
      migrations: { 1: (state) => ({ ...state, context: raised(state.context) }) },
    });
    expect(world.deeds).toHaveLength(1);
    expect(world.system.report()).toMatchObject({ outbox: 0, stale: 1 });
  });

  it("is open for an actor that cannot be woken, whose order waits for the program that can", async () => {
    const world = await overtaken({});
    expect(world.deeds).toHaveLength(2);
    expect(world.store.deadLetter(1)).toMatchObject({ code: "SNAPSHOT_REFUSED" });
    expect(world.system.report()).toMatchObject({ outbox: 1, dead: 1 });
    expect(world.troubles).toEqual([]);
  });
});

describe("X6: an adapter that was aborted", () => {
  it("is waited for by its lane, and what it comes to is its result", async () => {
    const gate = Promise.withResolvers<void>();
    const world = await worldWith(async ({ name }) => {
      if (name === "destroyTerminal") return { killed: 1 };
      await gate.promise;
      return DONE;
    });
    const typed = await work(world);
    await world.ask(A, "tally.order", { order: end });
    await world.clock.advance(1_000);
    const before = world.deeds.map(({ name }) => name);
    gate.resolve();
    await settle();
    expect([before, world.deeds.map(({ name }) => name)]).toEqual([
      ["typeText"],
      ["typeText", "destroyTerminal"],
    ]);
    expect(world.tally("a").done).toEqual([typed]);
  });
});

describe("lanes over a restart", () => {
  it("begin what was open before with what was said meanwhile behind it", async () => {
    const world = await worldWith(async () => Promise.withResolvers<never>().promise);
    await world.open("b");
    await world.open("0");
    await world.ask("session/b", "tally.order", { order: typeText({ lane: "shared" }) });
    await world.clock.advance(1);
    await world.crash();
    const body = new TextEncoder().encode(
      JSON.stringify({ type: "tally.work", data: { text: "later" } }),
    );
    await world.stream.publish({ subject: "ao.cmd.session.0", body });
    world.start();
    await settle();
    const rows = world.store.outbox({ limit: 9 }).map(({ from }) => from);
    const begun = world.deeds.slice(1).map(({ effectId }) => effectId.split("#")[0]);
    expect([rows, begun]).toEqual([
      ["session/0", "session/b"],
      ["session/b", "session/0"],
    ]);
  });
});

describe("X4: the end of a terminal", () => {
  it("does not wait for what hangs before it, nor for what waits there", async () => {
    const world = await worldWith(async ({ name }) =>
      name === "destroyTerminal"
        ? Promise.resolve({ killed: 1 })
        : Promise.withResolvers<never>().promise,
    );
    await world.ask(A, "tally.order", { order: typeText({}) });
    await world.ask(A, "tally.order", { order: typeText({}) });
    await settle();
    await world.ask(A, "tally.order", { order: end });
    await world.clock.advance(2_000);
    expect(world.deeds.map(({ name }) => name)).toEqual(["typeText", "destroyTerminal"]);
    expect(world.system.report()).toMatchObject({ outbox: 0 });
  });

  it("leaves another actor's alone", async () => {
    const world = await worldWith(async () => Promise.withResolvers<never>().promise);
    await world.open("b");
    await world.ask("session/b", "tally.order", { order: typeText({ lane: "terminal:b" }) });
    await world.ask(A, "tally.order", { order: end });
    await settle();
    expect(world.deeds.map(({ name }) => name)).toEqual(["typeText", "destroyTerminal"]);
    expect(world.system.report()).toMatchObject({ outbox: 2 });
  });
});
