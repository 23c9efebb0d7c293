import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

/** What the world's listeners were told of: addresses of rows, and of entries. */
function heardOf(world: World): { rows: string[]; entries: string[] } {
  const heard = { rows: [] as string[], entries: [] as string[] };
  world.system.onCommitted(({ entries, snapshots, summaries }) => {
    heard.rows.push(...[...snapshots, ...summaries].map(({ address }) => address));
    heard.entries.push(...entries.map(({ address, seq }) => `${address}#${seq}`));
  });
  return heard;
}

describe("J4: a step that changes nothing", () => {
  it("is in the journal, and writes no other row of its actor", async () => {
    const world = new World();
    await world.open("a");
    const heard = heardOf(world);
    await world.ask("session/a", "tally.nothing");
    await world.ask("session/a", "tally.nothing");
    expect(heard).toEqual({ rows: [], entries: ["session/a#2", "session/a#3"] });
    expect(world.store.snapshot("session/a")).toMatchObject({ seq: 3 });
    expect(world.system.stateAt("session/a", 3)).toMatchObject({ seq: 3, context: { sum: 0 } });
  });

  it("keeps its number, also when its actor was forgotten or the daemon restarted", async () => {
    const world = new World({ settings: { limits: { liveActors: 1, batch: 1 } } });
    for (const id of ["a", "b"]) await world.open(id);
    // Each drives the other out of memory, while what it did is still on its way to the disk.
    world.disk.hold();
    for (const id of ["a", "b", "a"]) {
      await world.publish(`ao.cmd.session.${id}`, { type: "tally.nothing", data: {} });
    }
    await settle();
    world.disk.release();
    await settle();
    await world.restart();
    await world.ask("session/a", "tally.add", { n: 2 });
    const entries = world.store.journal("session/a", { after: 0, limit: 99 });
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(world.tally("a").sum).toBe(2);
  });

  it("that ends a run of throwing ones is remembered over a restart", async () => {
    const world = new World();
    await world.open("a");
    const fail = async (): Promise<unknown> => world.ask("session/a", "tally.throw");
    await fail();
    await fail();
    await world.ask("session/a", "tally.nothing");
    await world.restart();
    await fail();
    await fail();
    expect(world.store.snapshot("session/a")).toMatchObject({ strikes: 2, isQuarantined: false });
  });
});
