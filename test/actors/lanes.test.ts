import { array, assert, asyncProperty, boolean, integer, nat, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { lanes, type Lanes } from "../../actors/lanes.ts";
import { settle } from "../support/clock.ts";

/** Lanes whose jobs end when told, writing down how they went. */
function board(width: number) {
  const log: string[] = [];
  const defects: unknown[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const work: Lanes = lanes(width, (error) => defects.push(error));
  const gate = (name: string): PromiseWithResolvers<void> => {
    const end = Promise.withResolvers<void>();
    ends.set(name, end);
    return end;
  };
  return {
    work,
    log,
    defects,
    end: async (name: string, error?: Error) => {
      if (error === undefined) ends.get(name)?.resolve();
      else ends.get(name)?.reject(error);
      await settle();
    },
    add: (lane: string, name: string) =>
      work.add(lane, async () => {
        log.push(`+${name}`);
        await gate(name).promise;
        log.push(`-${name}`);
      }),
    /** Rests until ended once, and then works until ended again. */
    addResting: (lane: string, name: string) =>
      work.add(lane, async ({ rest }) => {
        log.push(`+${name}`);
        await rest(async () => gate(name).promise);
        log.push(`=${name}`);
        await gate(name).promise;
        log.push(`-${name}`);
      }),
  };
}

describe("lanes", () => {
  it("N1: run the jobs of one lane one after the other, in the order they were added", async () => {
    const { add, end, log } = board(8);
    for (const name of ["a1", "a2", "a3"]) add("a", name);
    await end("a1");
    await end("a2");
    await end("a3");
    expect(log).toEqual(["+a1", "-a1", "+a2", "-a2", "+a3", "-a3"]);
  });

  it("N2: run side by side up to the width, the oldest job first", async () => {
    const { add, end, log } = board(2);
    for (const lane of ["a", "b", "c", "d"]) add(lane, lane);
    await end("b");
    expect(log).toEqual(["+a", "+b", "-b", "+c"]);
  });

  it("N2: let no younger job in before an older one of a free lane", async () => {
    const { add, end, log } = board(1);
    add("a", "a1");
    add("b", "b1");
    add("a", "a2");
    await end("a1");
    await end("b1");
    expect(log).toEqual(["+a1", "-a1", "+b1", "-b1", "+a2"]);
  });

  it("N3: go on after a job that failed, and tell of it", async () => {
    const { add, end, log, defects } = board(1);
    add("a", "a1");
    add("a", "a2");
    await end("a1", new Error("broken"));
    expect([log, defects]).toMatchObject([["+a1", "+a2"], [{ message: "broken" }]]);
  });

  it("N4: give the place of a resting job to another lane, and its own lane to nobody", async () => {
    const { add, addResting, end, log } = board(1);
    addResting("a", "a1");
    add("a", "a2");
    add("b", "b1");
    await settle();
    expect(log).toEqual(["+a1", "+b1"]);
    // Its rest is over, but the place is taken.
    await end("a1");
    expect(log).toEqual(["+a1", "+b1"]);
    await end("b1");
    await end("a1");
    expect(log).toEqual(["+a1", "+b1", "-b1", "=a1", "-a1", "+a2"]);
  });

  it("stop without running what waits, also while a job rests", async () => {
    const { work, add, addResting, end, log } = board(1);
    addResting("a", "a1");
    add("b", "b1");
    add("c", "c1");
    const stopped = work.stop();
    await end("b1");
    await end("a1");
    await end("a1");
    await stopped;
    expect(log).toEqual(["+a1", "+b1", "-b1", "=a1", "-a1"]);
  });

  it("hold N1, N2 and N4 whatever is added and whichever ends first", async () => {
    const jobs = array(record({ lane: nat({ max: 3 }), rests: boolean(), end: nat() }), {
      minLength: 1,
      maxLength: 20,
    });
    const check = asyncProperty(jobs, integer({ min: 1, max: 3 }), async (given, width) => {
      const working = new Set<number>();
      const started: number[][] = [[], [], [], []];
      const held = new Set<number>();
      const open: (() => void)[] = [];
      const pass = async (): Promise<void> => {
        const { promise, resolve } = Promise.withResolvers<void>();
        open.push(resolve);
        await promise;
      };
      const faults: string[] = [];
      const work = lanes(width, (error) => faults.push(String(error)));
      for (const [index, { lane, rests }] of given.entries()) {
        work.add(lane.toString(), async ({ rest }) => {
          if (held.has(lane)) faults.push(`two in lane ${lane}`);
          held.add(lane);
          started[lane]?.push(index);
          working.add(index);
          if (rests) {
            working.delete(index);
            await rest(pass);
            working.add(index);
          }
          if (working.size > width) faults.push(`${working.size} at once`);
          await pass();
          working.delete(index);
          held.delete(lane);
        });
      }
      for (const { end } of [...given, ...given]) {
        open.splice(end % Math.max(open.length, 1), 1)[0]?.();
        await settle();
      }
      while (open.length > 0) {
        open.shift()?.();
        await settle();
      }
      const ordered = [...given.keys()];
      expect(faults).toEqual([]);
      expect(started).toEqual(
        [0, 1, 2, 3].map((lane) => ordered.filter((index) => given[index]?.lane === lane)),
      );
      expect(work.size).toBe(0);
    });
    await assert(check, { numRuns: 100, seed: 4 });
  });
});
