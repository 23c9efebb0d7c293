import { expect, it, onTestFinished } from "vitest";
import { ActorSystem } from "../../actors/actor-system.ts";
import { retention } from "../../actors/retention.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { Settings } from "../../machines/settings.ts";
import type { Engine } from "../../storage/engine.ts";
import { lmdbEngine } from "../../storage/lmdb-engine.ts";
import { rowStore } from "../../storage/row-store.ts";
import { manualClock, settle } from "../support/clock.ts";
import { tempFolder } from "../support/folder.ts";
import { outside } from "../support/outside.ts";
import { tallyKind } from "../support/tally.ts";

const ACTORS = 200;
const MINUTE_MS = 60_000;
const MINUTES = 30;

/** The real engine, and how often it was to write: each time is a flush. `written` waits for those under way. */
function countedEngine(): { engine: Engine; writes: () => number; written: () => Promise<void> } {
  const real = lmdbEngine(tempFolder());
  let writes = 0;
  let last = Promise.resolve();
  const engine: Engine = {
    ...real,
    write: async (prepared) => {
      writes += 1;
      last = real.write(prepared);
      await last;
    },
    writeNow: (ops) => {
      writes += 1;
      real.writeNow(ops);
    },
  };
  return { engine, writes: () => writes, written: async () => last };
}

it("an idle host commits nothing, flushes nothing and publishes nothing, for as long as it is idle", async () => {
  const clock = manualClock();
  const now = (): number => clock.now();
  const stream = memoryStream({ now });
  const { engine, writes, written } = countedEngine();
  const store = rowStore(engine, { place: "idle", newCluster: "idle" });
  const system = new ActorSystem({
    store,
    bus: memoryBus({ stream, now }),
    adapters: outside().adapters,
    kinds: new Map([["session", tallyKind()]]),
    settings: Settings.parse({}),
    clock,
    newId: () => crypto.randomUUID(),
    onTrouble: () => {},
  });
  const pruning = retention({ store, clock, keepMs: 1_000 * MINUTE_MS, maxBytes: 1e9 });
  onTestFinished(async () => {
    pruning.stop();
    await system.stop();
    await store.close();
  });
  const open = Array.from({ length: ACTORS }, async (_, n) =>
    system.ask({ to: `session/s-${n}`, type: "tally.open", data: {} }),
  );
  await Promise.all(open);
  await clock.advance(MINUTE_MS);
  const before = [writes(), stream.lastSeq];
  expect(before).not.toContain(0);
  for (let minute = 0; minute < MINUTES; minute += 1) {
    await clock.advance(MINUTE_MS);
    await written();
    await settle();
  }
  expect([writes(), stream.lastSeq]).toEqual(before);
  await system.ask({ to: "session/s-0", type: "tally.add", data: { n: 1 } });
  expect(writes()).toBe((before[0] ?? 0) + 1);
});
