// Waking a cold actor: its row is read, checked, and made a live actor. And timers: how late they fire.
//
//   node bench/wake.ts

import { z } from "zod";
import type { Address, KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import { Batch } from "../actors/batch.ts";
import { Residents } from "../actors/residents.ts";
import { percentile, print } from "./rows.ts";
import { tallyKind } from "../test/support/tally.ts";
import { openSessions, withWorld, type BenchWorld } from "./world.ts";

const ACTORS = 1_000;
const Due = z.object({ dueAt: z.number() });

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

const TIMERS = 1_000;
const SPREAD_MS = 3_000;
// Until all of them are armed.
const AHEAD_MS = 2_000;

/** How late the timers of as many actors fired, each of them armed through the whole way of a message. */
async function lateness({ start, store }: BenchWorld): Promise<number[]> {
  const system = start();
  const firstAt = Date.now() + AHEAD_MS;
  const fired = Promise.withResolvers<void>();
  const late: number[] = [];
  system.onCommitted(({ entries }) => {
    for (const { message } of entries) {
      if (message.type !== "timer.wake") continue;
      // Told once it is durable.
      const { dueAt } = Due.parse(message.data);
      late.push(Date.now() - dueAt);
      if (late.length === TIMERS) fired.resolve();
    }
  });
  await Promise.all(
    Array.from({ length: TIMERS }, async (_, n) => {
      const to: Address = `session/t${n}`;
      await system.ask({ to, type: "tally.open", data: {} });
      const dueAt = firstAt + Math.floor((n * SPREAD_MS) / TIMERS);
      await system.ask({ to, type: "tally.arm", data: { name: "wake", dueAt } });
    }),
  );
  await fired.promise;
  await system.stop();
  if (store.nextTimerAt() !== undefined) throw new Error("a timer is left");
  return late;
}

const played = new Map<KindName, Kind>([["session", tallyKind()]]);
const late = await withWorld(lateness, { played });
print(`${TIMERS.toLocaleString("en")} timers within ${SPREAD_MS / 1_000} s: due to durable`, [
  { what: "median", value: percentile(late, 0.5), unit: "ms" },
  { what: "99 of 100", value: percentile(late, 0.99), unit: "ms", goal: { atMost: 50 } },
]);
