import { array, assert, asyncProperty, constant, integer, oneof, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Address } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import type { StateAt } from "../../actors/system.ts";
import { replay, replayIn } from "../../actors/replay.ts";
import { tallyKind, type TallyContext } from "../support/tally.ts";
import { World } from "../support/world.ts";

const A: Address = "session/a";

type Act =
  | { readonly type: "ask"; readonly message: string; readonly data: JsonObject }
  | { readonly type: "restart" | "evict" };

const act = oneof(
  { weight: 8, arbitrary: record({ type: constant("add"), n: integer({ min: -9, max: 9 }) }) },
  { weight: 2, arbitrary: record({ type: constant("throw") }) },
  { weight: 2, arbitrary: record({ type: constant("nothing") }) },
  { weight: 2, arbitrary: record({ type: constant("work"), text: constant("x") }) },
  { weight: 1, arbitrary: record({ type: constant("restart" as const) }) },
  { weight: 2, arbitrary: record({ type: constant("evict" as const) }) },
).map((given): Act => {
  if (given.type === "restart" || given.type === "evict") return { type: given.type };
  const { type, ...data } = given;
  return { type: "ask", message: `tally.${type}`, data };
});

/** The actor as the store has it now. */
function stateNow(world: World): StateAt {
  const row = world.store.snapshot(A);
  if (row === undefined) throw new Error(`no ${A}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a tally's own snapshot
  const { value, context } = row.snapshot as unknown as Pick<StateAt, "value" | "context">;
  return { address: A, seq: row.seq, value, context };
}

describe("the state of an actor after any of its steps", () => {
  it("is what the live actor was then, whatever it went through", async () => {
    const check = asyncProperty(
      array(act, { minLength: 1, maxLength: 150, size: "max" }),
      async (acts) => {
        const world = new World({ settings: { limits: { liveActors: 1 } } });
        await world.open("a");
        await world.open("b");
        const was = new Map([[1, stateNow(world)]]);
        for (const given of acts) {
          if (given.type === "ask") await world.ask(A, given.message, given.data);
          else if (given.type === "restart") await world.restart();
          else await world.ask("session/b", "tally.nothing");
          const now = stateNow(world);
          was.set(now.seq, now);
        }
        // Of steps that were committed together only the last was seen.
        const told = [...was.keys()].map((seq) => plain(world.system.stateAt(A, seq)));
        expect(told).toEqual([...was.values()]);
        await world.system.stop();
      },
    );
    await assert(check, { numRuns: 60, seed: 7 });
  });

  it("is nothing for a step that was not taken, or an actor that there is not", async () => {
    const world = new World();
    await world.open("a");
    expect([
      world.system.stateAt(A, 0),
      world.system.stateAt(A, 2),
      world.system.stateAt("session/ghost", 1),
      world.system.stateAt("review/a", 1),
    ]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("is told of both sides of a migration, which no replay crosses", async () => {
    const world = new World();
    await world.open("a");
    await world.ask(A, "tally.add", { n: 3 });
    await world.crash();
    const migrations = {
      1: (state: { context: TallyContext }) => ({ ...state, context: doubled(state.context) }),
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a migration of tallies only
    const kind = { ...tallyKind(), version: 2, migrations } as unknown as ReturnType<
      typeof tallyKind
    >;
    world.kinds = new Map([["session", kind]]);
    world.start();
    await world.ask(A, "tally.add", { n: 1 });
    await world.ask(A, "tally.add", { n: 1 });
    const sums = [3, 4].map((seq) => world.system.stateAt(A, seq)?.context);
    expect(sums).toMatchObject([{ sum: 7 }, { sum: 8 }]);
    expect(world.store.checkpoint(A, 4)).toMatchObject({ seq: 3, checkpointVersion: 2 });
  });

  it("is the same for who follows it, and whose copy goes on (W3)", async () => {
    const world = new World();
    await world.open("a");
    const { store, kinds } = world;
    const followed = replayIn(store);
    const told: unknown[] = [];
    const anew: unknown[] = [];
    // Over checkpoints, with steps of two, back to what was, and to the same again.
    for (let n = 1; n <= 140; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await world.ask(A, "tally.add", { n: n % 10 });
      if (n % 3 === 0) continue;
      for (const seq of n % 7 === 0 ? [n + 1, n - 2, n + 1, n + 1] : [n + 1]) {
        const past = { kinds, address: A, seq };
        told.push(seen(followed(past)));
        anew.push(seen(replay(store, past)));
      }
    }
    expect(told).toEqual(anew);
    expect(told.length).toBeGreaterThan(100);
  });

  it("says which step the program of today takes elsewhere than it was taken (W2)", async () => {
    const world = new World();
    await world.open("a");
    for (const n of [3, 9, 1]) await world.ask(A, "tally.add", { n });
    const before = [2, 3, 4].map((seq) => world.system.stateAt(A, seq)?.divergedAt);
    await world.crash();
    const kind = tallyKind();
    // The same chart; but what one of its messages may say is read in another way today.
    const accepts = {
      ...kind.accepts,
      "tally.add": z.object({ n: z.number() }).transform(() => ({ n: 1 })),
    };
    world.kinds = new Map([["session", { ...kind, accepts }]]);
    world.start();
    const after = [2, 3, 4].map((seq) => world.system.stateAt(A, seq)?.divergedAt);
    expect([before, after]).toEqual([
      [undefined, undefined, undefined],
      [undefined, 3, 3],
    ]);
  });

  it("asks for nothing: no effect and no mail goes out again", async () => {
    const world = new World();
    await world.open("a");
    await world.ask(A, "tally.work", { text: "x" });
    await world.clock.advance(0);
    const before = [world.deeds.length, world.stream.lastSeq, world.store.head().globalSeq];
    for (const seq of [1, 2, 3]) world.system.stateAt(A, seq);
    await world.clock.advance(60_000);
    expect([world.deeds.length, world.stream.lastSeq, world.store.head().globalSeq]).toEqual(
      before,
    );
  });
});

/** How it stood, and before that. */
function seen(replayed: ReturnType<typeof replay>): unknown {
  const states = [replayed?.actor.state(), replayed?.before];
  return plain(states.map((state) => state && [state.value, state.context]));
}

function doubled(context: TallyContext): TallyContext {
  return { ...context, sum: context.sum * 2 };
}

/** Without what JSON drops. */
function plain(state: unknown): unknown {
  return JSON.parse(JSON.stringify(state));
}
