import { expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { World } from "../support/world.ts";

it("a message that arrives while work of the daemon's own is taken over is not lost", async () => {
  const world = new World();
  await world.open("a");
  await settle();
  // The host waits for the stream; this makes a batch without it, and so takes over what was collected so far.
  await world.system.release("session/a");
  await world.publish("ao.obs.activity.a", { state: "idle" });
  await settle();
  expect(world.tally("a").activity).toEqual(["idle"]);
  expect(world.system.report()).toMatchObject({ received: 2, applied: 2, lag: 0 });
});
