import { expect, it } from "vitest";
import { Failure } from "../../machines/failures.ts";
import type { Address } from "../../machines/ids.ts";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

/** A world in which the row of `session/a`, which is not live, can be read so often and no more. */
async function damagedWorld(readable = 0): Promise<World> {
  const world = new World({ settings: { limits: { liveActors: 1 } } });
  await world.open("a");
  await world.open("b");
  const real = { ...world.store };
  let left = readable;
  Object.assign(world.store, {
    snapshot: (address: Address) => {
      if (address === "session/a" && left === 0) {
        throw new Failure("STORE_DAMAGED", `read ${address}: a row does not match its checksum`);
      }
      if (address === "session/a") left -= 1;
      return real.snapshot(address);
    },
  });
  return world;
}

it("a store that cannot be read ends the host, buries nothing, and the next host goes on", async () => {
  const world = await damagedWorld();
  await world.publish("ao.cmd.session.a", { type: "tally.add", data: { n: 1 } });
  await settle();
  await expect(world.system.finished).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  expect(world.system.report()).toMatchObject({ received: 2, dead: 0 });
  await world.restart();
  expect(world.tally("a").sum).toBe(1);
});

it("who waits for what the host was stepping then learns that it will not be", async () => {
  const world = await damagedWorld(1);
  const released = world.system.release("session/a");
  const learnt = released.catch((error: unknown) => error);
  await expect(world.system.finished).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  expect(await Promise.race([learnt, settle().then(() => "nothing")])).toMatchObject({
    code: "NOT_READY",
  });
});

it("who waits for a commit that fails for good learns that it will not be", async () => {
  const world = new World();
  await world.open("a");
  Object.assign(world.store, {
    commit: async () => {
      await Promise.resolve();
      throw new Failure("STORE_READ_ONLY", "write: the disk cannot be written");
    },
  });
  const learnt = world.system.release("session/a").catch((error: unknown) => error);
  await expect(world.system.finished).rejects.toMatchObject({ code: "STORE_READ_ONLY" });
  expect(await Promise.race([learnt, settle().then(() => "nothing")])).toMatchObject({
    code: "NOT_READY",
  });
});
