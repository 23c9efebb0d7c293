// A pass of the collector over many workspaces: for how long it holds up what else there is to do.
//
//   node bench/collector.ts [WORKSPACES]

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { mirrors } from "../adapters/git/mirrors.ts";
import { bytesOf, listDirectories } from "../adapters/worktree/directories.ts";
import { print } from "./rows.ts";
import { openSessions, withWorld } from "./world.ts";

const WORKSPACES = Number(process.argv[2] ?? 1_000);
const PASSES = 10;

const home = mkdtempSync(join(tmpdir(), "ao-bench-"));
for (let n = 0; n < WORKSPACES; n += 1) {
  mkdirSync(join(home, "worktrees", "bench", `s${n}`), { recursive: true });
}

await withWorld(
  async ({ start }) => {
    const system = start();
    await openSessions(system, WORKSPACES);
    await passes(1);
    const quiet = await longestMs(async () => delay(1_000));
    const startedAt = performance.now();
    const busy = await longestMs(async () => passes(PASSES));
    const passMs = (performance.now() - startedAt) / PASSES;
    print(`A pass of the collector over ${WORKSPACES} workspaces`, [
      { what: "one pass", value: passMs, unit: "ms" },
      { what: "longest that anything else waits, no pass", value: quiet, unit: "ms" },
      { what: "the same during passes", value: busy, unit: "ms", goal: { atMost: 20 } },
    ]);
    await system.stop();

    async function passes(count: number): Promise<void> {
      const before = passesOf();
      for (let n = 0; n < count; n += 1) {
        // oxlint-disable-next-line no-await-in-loop -- one pass after the other
        await system.ask({ to: "collector/local", type: "collector.pass", data: {} });
        // oxlint-disable-next-line no-await-in-loop
        while (passesOf() <= before + n) await delay(1);
      }
    }

    function passesOf(): number {
      const [row] = [...system.store.summaries("collector")];
      return Number(row?.facts["passes"] ?? 0);
    }
  },
  {
    directories: {
      list: async (_host, signal) => listDirectories(home, mirrors(home), signal),
      measure: bytesOf,
    },
  },
).finally(() => rmSync(home, { recursive: true, force: true }));

/** The longest that the event loop stood still while something ran, milliseconds. */
async function longestMs(run: () => Promise<unknown>): Promise<number> {
  const watch = monitorEventLoopDelay({ resolution: 1 });
  watch.enable();
  await run();
  watch.disable();
  return watch.max / 1_000_000;
}
