// From the end of a manager's turn to the poke in its terminal, at the intervals of tests.
//
//   node bench/poke.ts [OBJECTIVES]

import { setTimeout as delay } from "node:timers/promises";
import type { ActorSystem } from "../actors/actor-system.ts";
import { percentile, print } from "./rows.ts";
import { withWorld } from "./world.ts";

const OBJECTIVES = Number(process.argv[2] ?? 100);
const IDLE_MS = 300;
const pace = {
  supervisor: { tickMs: 500, idleAfterMs: IDLE_MS, cooldownMs: 300 },
  delivery: { confirmMs: 200 },
};

const idleAt = new Map<string, number>();
const typedAt = new Map<string, number>();
const typed = Promise.withResolvers<void>();

await withWorld(
  async ({ start }) => {
    const system = start();
    const managers = await startObjectives(system);
    for (const session of managers) {
      idleAt.set(session, performance.now());
      // oxlint-disable-next-line no-await-in-loop -- one agent after the other ends its turn
      await system.observe("activity", session, { state: "idle", source: "hook" });
    }
    await Promise.race([typed.promise, delay(60_000)]);
    const waits = managers.map((id) => (typedAt.get(id) ?? Infinity) - (idleAt.get(id) ?? 0));
    print(
      `From the end of a turn to the poke, ${OBJECTIVES} objectives, ${IDLE_MS} ms of it idle`,
      [
        { what: "median", value: percentile(waits, 0.5), unit: "ms" },
        { what: "99 of 100", value: percentile(waits, 0.99), unit: "ms", goal: { atMost: 2_000 } },
      ],
    );
    await system.stop();
  },
  {
    pace,
    adapters: {
      typeText: async ({ terminal }) => {
        // What was typed before its turn ended is no answer to that.
        if (idleAt.has(terminal) && !typedAt.has(terminal))
          typedAt.set(terminal, performance.now());
        if (typedAt.size >= OBJECTIVES) typed.resolve();
        return Promise.resolve({ repeated: false });
      },
    },
  },
);

/** Objectives whose managers are in their first turn. */
async function startObjectives(system: ActorSystem): Promise<string[]> {
  const data = {
    root: "/srv/demo",
    scm: "none",
    defaultBranch: "main",
    config: { worker: { harness: "command", command: ["true"] } },
  };
  await system.ask({ to: "project/demo", type: "project.register", data });
  const managers: string[] = [];
  for (let n = 1; n <= OBJECTIVES; n += 1) {
    const prompt = `Reach goal ${n}.`;
    // oxlint-disable-next-line no-await-in-loop -- their names are counted
    await system.ask({ to: "project/demo", type: "project.objective", data: { prompt } });
    const session = `demo-o${n}-m1`;
    managers.push(session);
    // oxlint-disable-next-line no-await-in-loop -- until it is up, or it would be poked for its silence
    while (!isLive(system, session)) await delay(5);
    // oxlint-disable-next-line no-await-in-loop
    await system.observe("activity", session, { state: "active", source: "hook" });
  }
  while (system.report().outbox > 0 || system.report().lag > 0) {
    // oxlint-disable-next-line no-await-in-loop -- until it is quiet
    await delay(20);
  }
  return managers;
}

function isLive(system: ActorSystem, session: string): boolean {
  const row = system.store.snapshot(`terminal/${session}`);
  return JSON.stringify(row?.snapshot ?? null).includes('"live"');
}
