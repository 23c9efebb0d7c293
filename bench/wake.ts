// Waking a cold actor: its row is read, checked, and made a live actor.
//
//   node bench/wake.ts

import type { Address } from "../machines/ids.ts";
import { Batch } from "../actors/batch.ts";
import { Residents } from "../actors/residents.ts";
import { percentile, print } from "./rows.ts";
import { openSessions, withWorld } from "./world.ts";

const ACTORS = 1_000;

const wakes = await withWorld(async ({ store, start }) => {
  const system = start();
  await openSessions(system, ACTORS);
  await system.stop();
  const residents = new Residents({ store, kinds: system.kinds, max: 10 });
  return Array.from({ length: ACTORS }, (_, n) => {
    const address: Address = `session/s${n}`;
    const startedAt = performance.now();
    const resident = residents.find(address, new Batch(store.head()));
    const tookMs = performance.now() - startedAt;
    if (resident === undefined) throw new Error(`${address} is not there`);
    return tookMs;
  });
});
print("Waking a cold session", [
  { what: "median", value: percentile(wakes, 0.5), unit: "ms", goal: { atMost: 1 } },
  { what: "99 of 100", value: percentile(wakes, 0.99), unit: "ms", goal: { atMost: 1 } },
]);
