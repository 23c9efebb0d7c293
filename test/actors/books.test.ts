import { array, assert, asyncProperty, constantFrom, nat, record } from "fast-check";
import { expect, it } from "vitest";
import type { Books } from "../../storage/store.ts";
import { commitOf } from "../storage/rows.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

const KINDS_OF_INPUT = {
  applied: [`{"state":"idle"}`, `{"state":"active","epoch":1}`],
  stale: [`{"state":"idle","epoch":0}`],
  dead: ["{", `{"state":"asleep"}`, `{"state":"idle","epoch":9}`],
} as const;
type Fate = keyof typeof KINDS_OF_INPUT;

const input = record({
  fate: constantFrom<Fate>("applied", "applied", "stale", "dead"),
  which: nat({ max: 2 }),
  /** Few, so that repeats are many. */
  id: nat({ max: 30 }),
});

it("B1: the books are exact at every flush, whatever comes, and over a restart", async () => {
  const check = asyncProperty(
    array(input, { maxLength: 60, size: "max" }),
    nat(),
    async (inputs, cut) => {
      const world = new World({ settings: { limits: { batch: 5 } } });
      await world.open("a");
      await world.ask("session/a", "tally.raise");
      const expected = { received: 2, applied: 2, duplicate: 0, stale: 0, dead: 0 };
      const seen = new Set<number>();
      const faults: Books[] = [];
      const watch = (): void => {
        world.onBoundary = () => {
          const { received, applied, duplicate, stale, dead } = world.store.head().books;
          if (received !== applied + duplicate + stale + dead)
            faults.push(world.store.head().books);
        };
      };
      watch();
      for (const [index, { fate, which, id }] of inputs.entries()) {
        const texts = KINDS_OF_INPUT[fate];
        const text = texts[which % texts.length] ?? "";
        await world.publish("ao.obs.activity.a", text, { "Nats-Msg-Id": `p-${id}~${index}` });
        await world.publish("ao.cmd.session.a", { id: `c-${id}`, type: "tally.nothing" });
        expected.received += 2;
        expected[fate] += 1;
        expected[seen.has(id) ? "duplicate" : "applied"] += 1;
        seen.add(id);
        if (index === cut % inputs.length) {
          await settle();
          await world.restart();
        }
      }
      await settle();
      expect(world.store.head().books).toEqual(expected);
      expect(world.system.report()).toMatchObject({ ...expected, isBalanced: true });
      expect(world.store.deadLetters({ after: 0, limit: 999 })).toHaveLength(expected.dead);
      expect(faults).toEqual([]);
      await world.system.stop();
    },
  );
  await assert(check, { numRuns: 60, seed: 3 });
});

it("B2: a batch that failed is counted once, when it is done again", async () => {
  const world = new World();
  await world.open("a");
  world.disk.failNextWrite();
  await world.publish("ao.obs.activity.a", { state: "idle" });
  await world.publish("ao.obs.activity.a", "{");
  await settle();
  const before = world.store.head().books;
  await world.clock.advance(1_000);
  expect([before, world.store.head().books]).toMatchObject([
    { received: 1 },
    { received: 3, applied: 2, dead: 1, duplicate: 0 },
  ]);
});

it("books that do not balance are said not to", async () => {
  const world = new World();
  await world.store.commit(
    commitOf({ books: { received: 5, applied: 2, duplicate: 1, stale: 0, dead: 1 } }),
  );
  await world.restart();
  expect(world.system.report()).toMatchObject({ received: 5, isBalanced: false });
});
