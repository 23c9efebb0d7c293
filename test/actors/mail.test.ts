import { describe, expect, it } from "vitest";
import type { Fate } from "../../bus/memory-stream.ts";
import type { Address } from "../../machines/ids.ts";
import { settle } from "../support/clock.ts";
import { tallyKind } from "../support/tally.ts";
import { World } from "../support/world.ts";

const A: Address = "session/a";
const MAIL = "ao.msg.session.b";
const REPUBLISH_MS = 1_000;

async function pair(settings = {}): Promise<World> {
  const world = new World({ settings: { mail: { republishMs: REPUBLISH_MS }, ...settings } });
  await world.open("a");
  await world.open("b");
  return world;
}

async function tell(world: World, n: number, to = "session/b"): Promise<void> {
  await world.ask(A, "tally.tell", { to, n });
}

/** Numbers that b was told, in the order they were applied. */
function heard(world: World): unknown[] {
  return world.store
    .journal("session/b", { after: 1, limit: 100 })
    .map(({ message }) => message.data)
    .map((data) => new Map<string, unknown>(Object.entries(data ?? {})).get("n"))
    .filter((n) => n !== undefined);
}

/** Gives the next publications of mail to b these fates, then stores all. */
function fates(world: World, ...next: Fate[]): void {
  world.fateOf = ({ subject }) => (subject === MAIL ? (next.shift() ?? "stored") : "stored");
}

describe("M1: mail of one pair of actors", () => {
  it.each([
    { title: "all goes well", next: [] },
    { title: "the first is refused", next: ["refused"] },
    { title: "the first is delayed", next: ["held"] },
    { title: "the answers are lost", next: ["lost answer", "lost answer", "lost answer"] },
    { title: "all come twice", next: ["twice", "twice", "twice"] },
    { title: "one of each", next: ["twice", "refused", "lost answer", "held"] },
  ] satisfies { title: string; next: Fate[] }[])(
    "is applied once and in the order it was written when $title",
    async ({ next }) => {
      const world = await pair();
      fates(world, ...next);
      for (const n of [1, 2, 3, 4]) await tell(world, n);
      await world.clock.advance(REPUBLISH_MS);
      while (world.stream.release()) await settle();
      await world.clock.advance(5 * REPUBLISH_MS);
      expect(heard(world)).toEqual([1, 2, 3, 4]);
      expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
    },
  );

  it("is not held up by what another pair waits for", async () => {
    const world = await pair();
    await world.open("c");
    fates(world, "held");
    await tell(world, 1);
    await tell(world, 7, "session/c");
    await settle();
    expect([heard(world), world.tally("c").sum]).toEqual([[], 7]);
  });
});

describe("M2: mail that did not arrive", () => {
  it.each([
    {
      title: "after a deadline",
      lose: () => {},
      mend: async (world: World) => world.clock.advance(REPUBLISH_MS),
    },
    {
      title: "when an outage ends",
      lose: (world: World) => world.stream.fail("gone"),
      mend: async (world: World) => {
        world.stream.restore();
        await settle();
      },
    },
    {
      title: "when the stream was replaced",
      lose: (world: World) => world.stream.wipe(),
      mend: async (world: World) => {
        await world.publish("ao.obs.activity.a", { state: "idle" });
        await settle();
      },
    },
    { title: "at boot", lose: () => {}, mend: async (world: World) => world.restart() },
  ])("is published again $title, and applied once", async ({ lose, mend }) => {
    const world = await pair();
    fates(world, "refused");
    await tell(world, 5);
    await settle();
    lose(world);
    const before = heard(world);
    await mend(world);
    expect([before, heard(world)]).toEqual([[], [5]]);
    await world.clock.advance(10 * REPUBLISH_MS);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("stays in the outbox until the transaction that applies it", async () => {
    const world = await pair();
    fates(world, "held");
    await tell(world, 5);
    await settle();
    const before = world.store.outbox({ limit: 9 });
    world.stream.release();
    await settle();
    expect(before).toMatchObject([{ from: A, order: { to: "session/b" } }]);
    expect(world.store.outbox({ limit: 9 })).toEqual([]);
  });

  it("is not sent before the step that wrote it is durable", async () => {
    const world = await pair();
    world.disk.hold();
    const asked = tell(world, 5);
    await settle();
    const before = world.stream.messages(0, 99).filter(({ subject }) => subject === MAIL);
    world.disk.release();
    await asked;
    await settle();
    expect([before, heard(world)]).toEqual([[], [5]]);
  });
});

/** Three pieces of mail to a quarantined actor, whose senders understand no bounce. */
async function untold(): Promise<World> {
  const tally = tallyKind();
  const { "mail.undeliverable": _, ...accepts } = tally.accepts;
  const world = new World({
    kinds: new Map([["session", { ...tally, accepts }]]),
    settings: { mail: { republishMs: REPUBLISH_MS } },
  });
  await world.open("a");
  await world.open("b");
  for (let n = 0; n < 3; n += 1) await world.ask("session/b", "tally.throw");
  for (const n of [1, 2, 3]) await tell(world, n);
  await world.clock.advance(3 * REPUBLISH_MS);
  return world;
}

describe("R5: mail to a quarantined actor, from one that hears of no death", () => {
  it("waits for the release, and comes then once and in its order", async () => {
    const world = await untold();
    const letters = world.store.deadLetters({ after: 3, limit: 9 });
    expect(letters).toMatchObject([1, 2, 3].map(() => ({ code: "ACTOR_QUARANTINED" })));
    expect(world.system.report()).toMatchObject({ outbox: 3, isBalanced: true });
    await world.system.release("session/b");
    await world.clock.advance(3 * REPUBLISH_MS);
    expect(heard(world)).toEqual([1, 2, 3]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });

  it("waits also over a restart, and over another quarantine", async () => {
    const world = await untold();
    await world.restart();
    world.disk.hold();
    const released = world.system.release("session/b");
    const thrown = [1, 2, 3].map(async () => world.ask("session/b", "tally.throw"));
    world.disk.release();
    await Promise.all([released, ...thrown]);
    await world.clock.advance(3 * REPUBLISH_MS);
    expect(world.system.report().outbox).toBe(3);
    await world.system.release("session/b");
    await world.clock.advance(3 * REPUBLISH_MS);
    expect(heard(world)).toEqual([1, 2, 3]);
  });
});

describe("P3: mail that cannot be applied", () => {
  it.each([
    { title: "nobody", to: "session/ghost", code: "ACTOR_UNKNOWN" },
    { title: "a kind that nobody plays", to: "review/b", code: "KIND_UNKNOWN" },
    { title: "an actor that has ended", to: "session/b", end: "tally.end", code: "ACTOR_TERMINAL" },
    {
      title: "a quarantined actor",
      to: "session/b",
      end: "tally.throw",
      code: "ACTOR_QUARANTINED",
    },
  ])("to $title becomes a letter, and its order closes", async ({ to, end, code }) => {
    const world = await pair();
    if (end !== undefined) for (let n = 0; n < 3; n += 1) await world.ask("session/b", end);
    const before = world.store.head().deadSeq;
    await tell(world, 5, to);
    await world.clock.advance(10 * REPUBLISH_MS);
    expect(world.store.deadLetters({ after: before, limit: 9 })).toMatchObject([{ code, to }]);
    expect(world.system.report()).toMatchObject({ outbox: 0, duplicate: 0, isBalanced: true });
  });

  it("because it is too large becomes a letter, and holds up no other", async () => {
    const world = await pair({ limits: { bodyBytes: 2_048 } });
    // Larger than a probe may write, but the bus takes it.
    await world.ask(A, "tally.flood", { to: "session/b", length: 3_000 });
    // The step makes more of the command than the bus would ever take: it is the command that failed, without a strike.
    const flooded = await world.ask(A, "tally.flood", { to: "session/b", length: 1_200_000 });
    await tell(world, 2);
    await world.clock.advance(5 * REPUBLISH_MS);
    expect(flooded).toMatchObject({ type: "dead", code: "MESSAGE_TOO_LARGE" });
    expect(world.store.snapshot(A)).toMatchObject({ strikes: 0 });
    expect([heard(world).at(-1), world.system.report().outbox]).toEqual([2, 0]);
  });

  it("is told to its sender, in the transaction that buried it", async () => {
    const world = await pair({});
    await world.ask(A, "tally.order", {
      order: { type: "mail", to: "session/ghost", name: "tally.add", data: { n: 1 } },
    });
    await settle();
    expect(world.tally("a").undeliverable).toEqual(["ACTOR_UNKNOWN"]);
    expect(world.system.report()).toMatchObject({ outbox: 0, isBalanced: true });
  });
});

describe("an order that could never go out", () => {
  it.each([
    { title: "mail to no address", order: { type: "mail", to: "b", name: "x", data: {} } },
    {
      title: "an observation of no lane",
      order: { type: "observation", lane: "mood", id: "a", data: {} },
    },
    {
      title: "an observation of no id",
      order: { type: "observation", lane: "activity", id: "a b", data: {} },
    },
    { title: "a timer without a time", order: { type: "arm", name: "wake", dueAt: null } },
  ])("makes its step one that threw: $title", async ({ order }) => {
    const world = await pair();
    const outcome = await world.ask(A, "tally.order", { order });
    const after = await world.ask(A, "tally.add", { n: 2 });
    expect(outcome).toMatchObject({ type: "dead", code: "STEP_THREW" });
    expect(after).toMatchObject({ type: "applied", seq: 2 });
  });
});
