import { describe, expect, it } from "vitest";
import type { Address } from "../../machines/ids.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

const A: Address = "session/a";

async function worldWithPair(): Promise<World> {
  const world = new World();
  await world.open("a");
  await world.open("b");
  return world;
}

/** A chain as `type name @ address`, oldest first. */
function told(world: World, id: string): string[] {
  return world.system
    .causes(id)
    .map(({ type, name, address }) => `${type} ${name} @ ${address ?? "?"}`);
}

describe("R11: the chain of causes", () => {
  it.each([
    {
      title: "an effect",
      does: { type: "tally.work", data: { text: "x" } },
      of: "session/a#2.0",
      chain: ["command tally.work @ session/a", "order typeText @ session/a"],
    },
    {
      title: "the result of an effect",
      does: { type: "tally.work", data: { text: "x" } },
      of: "result:session/a#2.0",
      chain: [
        "command tally.work @ session/a",
        "order typeText @ session/a",
        "result typeText.done @ session/a",
      ],
    },
    {
      title: "a mail",
      does: { type: "tally.tell", data: { to: "session/b", n: 1 } },
      of: "session/a#2.0",
      chain: ["command tally.tell @ session/a", "mail tally.add @ session/b"],
    },
    {
      title: "a timer that armed itself again",
      does: { type: "tally.arm", data: { name: "again", dueAt: 1_700_000_000_500 } },
      of: "timer:session/a:again:3",
      chain: [
        "command tally.arm @ session/a",
        "timer timer.again @ session/a",
        "timer timer.again @ session/a",
      ],
    },
  ])("leads from $title back to what began it", async ({ does, of, chain }) => {
    const world = await worldWithPair();
    await world.ask(A, does.type, does.data, "cmd:first");
    await world.clock.advance(2_000);
    expect(told(world, of)).toEqual(chain);
    expect(world.system.causes(of)[0]).toMatchObject({ id: "cmd:first", seq: 2 });
  });

  it("leads through actors: from an effect over mail to the observation that began it all", async () => {
    const world = await worldWithPair();
    await world.publish("ao.obs.activity.a", { state: "idle" }, { "Nats-Msg-Id": "probe-7" });
    await settle();
    const work = { to: A, type: "tally.tell", data: { to: "session/b", n: 1 }, cause: "probe-7" };
    await world.system.ask(work);
    await settle();
    const after = { to: A, type: "tally.work", data: { text: "x" }, cause: "session/a#3.0" };
    await world.system.ask(after);
    expect(told(world, "session/a#4.0")).toEqual([
      "observation activity.observed @ session/a",
      "command tally.tell @ session/a",
      "mail tally.add @ session/b",
      "command tally.work @ session/a",
      "order typeText @ session/a",
    ]);
  });

  it("holds over a restart", async () => {
    const world = await worldWithPair();
    await world.ask(A, "tally.work", { text: "x" });
    await settle();
    const before = told(world, "result:session/a#2.0");
    await world.restart();
    expect(told(world, "result:session/a#2.0")).toEqual(before);
  });

  it.each([
    {
      title: "mail, the message whose step wrote it",
      does: { type: "tally.tell", data: { to: "session/b", n: 1 } },
      at: "session/b",
      is: { type: "tally.add", cause: "cmd:first" },
    },
    {
      title: "an observation of our own, its order",
      does: {
        type: "tally.order",
        data: {
          order: { type: "observation", lane: "activity", id: "b", data: { state: "idle" } },
        },
      },
      at: "session/b",
      is: { type: "activity.observed", cause: "session/a#2.0" },
    },
    {
      title: "a result, the order of its effect",
      does: { type: "tally.work", data: { text: "x" } },
      at: "session/a",
      is: { type: "typeText.done", cause: "session/a#2.0" },
    },
    {
      title: "a firing, the message that armed its timer",
      does: { type: "tally.arm", data: { name: "wake", dueAt: 1_700_000_000_500 } },
      at: "session/a",
      is: { type: "timer.wake", cause: "cmd:first" },
    },
  ] as const)("is named in the journal by $title", async ({ does, at, is }) => {
    const world = await worldWithPair();
    await world.ask(A, does.type, does.data, "cmd:first");
    await world.clock.advance(2_000);
    expect(world.store.journal(at, { after: 1, limit: 9 }).at(-1)?.message).toMatchObject(is);
  });

  it("ends at a message that names itself as its cause", async () => {
    const world = await worldWithPair();
    await world.publish("ao.cmd.session.a", { id: "x", cause: "x", type: "tally.nothing" });
    await settle();
    expect(told(world, "x")).toEqual(["command tally.nothing @ session/a"]);
  });

  it.each(["nothing", "session/a#1.0", "session/a#99.0", "result:session/a#2.0", "session/a#x"])(
    "of %s, which is not in the journal, is empty",
    async (id) => {
      const world = await worldWithPair();
      expect(world.system.causes(id)).toEqual([]);
    },
  );
});
