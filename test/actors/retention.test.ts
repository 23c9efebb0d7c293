import { describe, expect, it } from "vitest";
import { purger } from "../../actors/purger.ts";
import { retention } from "../../actors/retention.ts";
import type { StreamPosition } from "../../bus/bus.ts";
import { Failure } from "../../machines/failures.ts";
import type { Retention } from "../../storage/store.ts";
import { manualClock, settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const KEEP_MS = 10 * HOUR_MS;

/** Retention over a store that gives these answers and writes down what it was asked. */
function pruning(answers: (number | Failure)[]) {
  const clock = manualClock();
  const asked: (Retention & { readonly at: number })[] = [];
  const prune = async (given: Retention): Promise<number> => {
    asked.push({ ...given, at: clock.now() });
    const answer = answers.shift() ?? 0;
    if (typeof answer !== "number") throw answer;
    return Promise.resolve(answer);
  };
  return {
    clock,
    asked,
    pruner: retention({ store: { prune }, clock, keepMs: KEEP_MS, maxBytes: 7 }),
  };
}

describe("R10: retention", () => {
  it("prunes once a minute what is older or more than it keeps", async () => {
    const { clock, asked } = pruning([]);
    const start = clock.now();
    await clock.advance(3 * MINUTE_MS);
    expect(asked.map(({ at }) => at - start)).toEqual([1, 2, 3].map((n) => n * MINUTE_MS));
    expect(asked.every(({ at, before }) => before === at - KEEP_MS)).toBe(true);
    expect(asked.every(({ maxBytes }) => maxBytes === 7)).toBe(true);
  });

  it("goes on slice by slice with a breath between, until a slice is not full", async () => {
    const { clock, asked } = pruning([500, 500, 499]);
    await clock.advance(MINUTE_MS);
    const first = asked.length;
    await clock.advance(1_000);
    const [one, two, three] = asked;
    expect([first, asked.length]).toEqual([1, 3]);
    expect(Math.min((two?.at ?? 0) - (one?.at ?? 0), (three?.at ?? 0) - (two?.at ?? 0))).toBe(50);
  });

  it("makes up in a minute for a slice that failed", async () => {
    const { clock, asked } = pruning([new Failure("STORE_FULL", "no room")]);
    await clock.advance(2 * MINUTE_MS);
    expect(asked).toHaveLength(2);
  });

  it("prunes no more once it is stopped", async () => {
    const { clock, asked, pruner } = pruning([500]);
    await clock.advance(MINUTE_MS);
    pruner.stop();
    await clock.advance(5 * HOUR_MS);
    expect([asked.length, clock.pending]).toEqual([1, 0]);
  });

  it("keeps what rebuilds every state that is kept", async () => {
    const world = new World();
    await world.open("a");
    for (let n = 0; n < 150; n += 1) await world.ask("session/a", "tally.add", { n: 1 });
    const pruner = retention({ store: world.store, clock: world.clock, keepMs: 1, maxBytes: 1e9 });
    await world.clock.advance(2 * HOUR_MS);
    pruner.stop();
    // 151 steps, with checkpoints at 1, 64 and 128.
    expect(world.store.journal("session/a", { after: 0, limit: 1 })).toMatchObject([{ seq: 128 }]);
    expect([127, 128, 151].map((seq) => world.system.stateAt("session/a", seq))).toMatchObject([
      undefined,
      { context: { sum: 127 } },
      { context: { sum: 150 } },
    ]);
  });
});

describe("R2: the stream", () => {
  it("is purged only behind the flush of what was applied", async () => {
    const world = new World();
    await world.open("a");
    world.disk.hold();
    await world.publish("ao.obs.activity.a", { state: "idle" });
    await world.clock.advance(5_000);
    const during = world.stream.messages(0, 99).length;
    world.disk.release();
    await world.clock.advance(5_000);
    expect([during, world.stream.messages(0, 99).length]).toEqual([1, 0]);
  });

  it("is purged once for many flushes, up to the newest, and again after a purge that failed", async () => {
    const clock = manualClock();
    const asked: StreamPosition[] = [];
    const purge = async (upTo: StreamPosition): Promise<boolean> => {
      asked.push(upTo);
      await settle();
      if (asked.length === 1) throw new Failure("BUS_DOWN", "purge: gone");
      return true;
    };
    const purging = purger({ purge }, clock);
    for (const seq of [1, 2, 3]) purging.to({ stream: "S", seq });
    await clock.advance(1_000);
    purging.to({ stream: "S", seq: 4 });
    await clock.advance(1_000);
    purging.to({ stream: "S", seq: 5 });
    purging.stop();
    await clock.advance(5_000);
    expect(asked.map(({ seq }) => seq)).toEqual([3, 4]);
  });

  it("is purged later when the bus puts it off, without anything more coming", async () => {
    const clock = manualClock();
    const answers = [false, false, true];
    const asked: number[] = [];
    const purge = async ({ seq }: StreamPosition): Promise<boolean> => {
      asked.push(seq);
      await settle();
      return answers.shift() ?? true;
    };
    const purging = purger({ purge }, clock);
    purging.to({ stream: "S", seq: 7 });
    for (let second = 0; second < 6; second += 1) await clock.advance(1_000);
    purging.stop();
    expect(asked).toEqual([7, 7, 7]);
  });
});
