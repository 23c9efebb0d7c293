import { expect, it } from "vitest";
import type { Committed } from "../../actors/system.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

it("H1: listeners learn of entries only after their flush, all of them, in commit order", async () => {
  const world = new World();
  const told: number[] = [];
  const notDurable: number[] = [];
  world.system.onCommitted(({ entries }: Committed) => {
    for (const { globalSeq } of entries) {
      told.push(globalSeq);
      if (world.store.head().globalSeq < globalSeq) notDurable.push(globalSeq);
    }
  });
  await world.open("a");
  await world.open("b");
  world.disk.failNextWrite();
  for (const n of [1, 2, 3])
    await world.publish(`ao.obs.activity.${n % 2 ? "a" : "b"}`, { state: "idle" });
  await world.clock.advance(5_000);
  expect([told, notDurable]).toEqual([[1, 2, 3, 4, 5], []]);
});

it("a listener that throws stops nothing, and is told of", async () => {
  const world = new World();
  const told: Committed[] = [];
  world.system.onCommitted(() => {
    throw new Error("the page is broken");
  });
  const stop = world.system.onCommitted((committed) => told.push(committed));
  await world.open("a");
  stop();
  await world.ask("session/a", "tally.add", { n: 1 });
  await settle();
  expect(told).toHaveLength(1);
  expect(world.troubles).toMatchObject([{ message: "the page is broken" }, {}]);
  expect(world.system.report()).toMatchObject({ received: 2, duplicate: 0 });
});
