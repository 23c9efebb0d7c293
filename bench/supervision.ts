// The tick over objectives: what the root, the index, the mail to those that are due and their steps take of the thread.
//
//   node bench/supervision.ts [OBJECTIVES [DUE]]

import { setTimeout as delay } from "node:timers/promises";
import { assertEvent, assign, setup } from "xstate";
import { z } from "zod";
import type { Kind } from "../machines/kind.ts";
import { kinds } from "../machines/kinds.ts";
import type { EventOf } from "../machines/message.ts";
import { Settings } from "../machines/settings.ts";
import { typed } from "../machines/typed.ts";
import { print } from "./rows.ts";
import { withWorld } from "./world.ts";

const OBJECTIVES = Number(process.argv[2] ?? 10_000);
const DUE = Number(process.argv[3] ?? 10);
const TICKS = 50;
const TICK_MS = 200;
const AT_ONCE = 500;
// Nobody looks at an objective again that was looked at.
const FAR_MS = 86_400_000;
// Until all are there.
const AHEAD_MS = 20_000;

const accepts = {
  "objective.start": z.object({ watchAt: z.number() }),
  "objective.audit": z.object({}),
};
const machine = setup({
  types: {
    context: typed<{ readonly watchAt: number }>(),
    events: typed<EventOf<typeof accepts>>(),
  },
  actions: {
    begin: assign(({ event }) => {
      assertEvent(event, "objective.start");
      return { watchAt: event.data.watchAt };
    }),
    look: assign(({ event }) => ({ watchAt: event.at + FAR_MS })),
  },
}).createMachine({
  id: "objective",
  context: { watchAt: 0 },
  on: { "objective.start": { actions: "begin" }, "objective.audit": { actions: "look" } },
});

const Watched = z.object({ watchAt: z.number() });

/** An objective that is only due: its own step is the lightest that there is. */
const due: Kind = {
  name: "objective",
  description: "Something that is looked at when it is due",
  version: 1,
  machine,
  accepts,
  creates: ["objective.start"],
  summarize: ({ context }) => ({ watchAt: Watched.parse(context).watchAt }),
};

const pace = { supervisor: { tickMs: TICK_MS } };
const played = new Map([...kinds(Settings.parse(pace)), ["objective" as const, due]]);

await withWorld(
  async ({ start }) => {
    const system = start();
    const seen = { ticks: 0, found: 0 };
    system.onCommitted(({ entries }) => {
      for (const { message } of entries) {
        if (message.type === "auditActors.done") seen.ticks += 1;
        if (message.type === "objective.audit") seen.found += 1;
      }
    });
    const firstAt = Date.now() + AHEAD_MS;
    for (let from = 0; from < OBJECTIVES; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, OBJECTIVES - from) }, async (_, n) => {
        const watchAt = firstAt + Math.floor((from + n) / DUE) * TICK_MS;
        const to = `objective/o${from + n}` as const;
        return system.ask({ to, type: "objective.start", data: { watchAt } });
      });
      // oxlint-disable-next-line no-await-in-loop -- a queue has its bound
      await Promise.all(some);
    }
    if (Date.now() > firstAt - 5_000) throw new Error("the first is due before all are there");
    const idle = await cpuMs(async () => delay(2_000));
    await system.ask({ to: "supervisor/root", type: "root.wake", data: {} });
    await delay(Math.max(0, firstAt - Date.now()) + 5 * TICK_MS);
    const before = { ...seen };
    const busy = await cpuMs(async () => {
      // oxlint-disable-next-line no-await-in-loop -- until it has ticked so often
      while (seen.ticks - before.ticks < TICKS) await delay(TICK_MS);
    });
    const counted = seen.ticks - before.ticks;
    const own = (busy.ownMs - (idle.ownMs / idle.tookMs) * busy.tookMs) / counted;
    print(`A tick over ${OBJECTIVES} objectives`, [
      {
        what: "due in one tick, mean",
        value: (seen.found - before.found) / counted,
        unit: "objectives",
      },
      { what: "what it takes of the thread, mean", value: own, unit: "ms", goal: { atMost: 5 } },
    ]);
    await system.stop();
  },
  { pace, played },
);

/** What this thread, which every actor waits for, took of the processor while something ran, milliseconds. */
async function cpuMs(
  run: () => Promise<unknown>,
): Promise<{ readonly ownMs: number; readonly tookMs: number }> {
  const startedAt = performance.now();
  const before = process.threadCpuUsage();
  await run();
  const { user, system } = process.threadCpuUsage(before);
  return { ownMs: (user + system) / 1_000, tookMs: performance.now() - startedAt };
}
