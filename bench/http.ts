// A durable command over HTTP to the real daemon: a project's configuration is replaced, each time by another one.
//
//   node bench/http.ts

import { join } from "node:path";
import { makeRepository, startDaemonProcess, withHome, type BenchDaemon } from "./daemon.ts";
import { percentile, print } from "./rows.ts";

const WARM_UP = 500;
const ALONE = 1_500;
const CALLERS = 64;
const TOGETHER = 20_000;

async function command({ call }: BenchDaemon, n: number): Promise<void> {
  await call("PUT", "/projects/bench/config", { env: { N: String(n) } });
}

async function alone(daemon: BenchDaemon, count: number): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const startedAt = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one caller
    await command(daemon, n);
    took.push(performance.now() - startedAt);
  }
  return took;
}

/** Commands per second of many callers, each of whom waits for the answer before the next. */
async function together(daemon: BenchDaemon, count: number): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (next < count) {
        next += 1;
        // oxlint-disable-next-line no-await-in-loop -- as one caller does
        await command(daemon, next);
      }
    }),
  );
  return count / ((performance.now() - startedAt) / 1_000);
}

await withHome(async (home) => {
  const repository = makeRepository(join(home, "repository"));
  const daemon = await startDaemonProcess(home);
  try {
    await daemon.call("POST", "/projects", { id: "bench", path: repository, scm: "none" });
    await alone(daemon, WARM_UP);
    const took = await alone(daemon, ALONE);
    await together(daemon, TOGETHER / 4);
    const perSecond = await together(daemon, TOGETHER);
    print("A durable command over HTTP", [
      { what: "one caller, median", value: percentile(took, 0.5), unit: "ms", goal: { atMost: 2 } },
      {
        what: "one caller, 99 of 100",
        value: percentile(took, 0.99),
        unit: "ms",
        goal: { atMost: 8 },
      },
      {
        what: `${CALLERS} callers`,
        value: perSecond,
        unit: "commands/s",
        goal: { atLeast: 4_000 },
      },
    ]);
  } finally {
    await daemon.stop();
  }
});
