// What a hook costs its agent: `ao hook`, a fresh process each time, as the first `ao` on an agent's PATH runs it.
//
//   node bench/hook.ts

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startDaemonProcess, withHome } from "./daemon.ts";
import { percentile, print } from "./rows.ts";

const WARM_UP = 20;
const TIMES = 300;
// As long as what Claude Code says of a file that it wrote.
const INPUT = JSON.stringify({
  session_id: "s",
  tool_name: "Write",
  tool_input: "x".repeat(8_000),
});

function say(home: string): number {
  const env = { ...process.env, AO_HOME: home, AO_SESSION_ID: "bench-1", AO_EPOCH: "1" };
  const startedAt = performance.now();
  const args = ["hook", "claude-code", "PostToolUse"];
  spawnSync(join(home, "bin/ao"), args, {
    env,
    input: INPUT,
    stdio: ["pipe", "ignore", "inherit"],
  });
  return performance.now() - startedAt;
}

function rows(when: string, took: readonly number[]) {
  return [
    { what: `${when}, median`, value: percentile(took, 0.5), unit: "ms" },
    {
      what: `${when}, 95 of 100`,
      value: percentile(took, 0.95),
      unit: "ms",
      goal: { atMost: 120 },
    },
  ];
}

async function drained(home: string): Promise<number> {
  const startedAt = performance.now();
  while (readdirSync(join(home, "spool")).some((name) => name.endsWith(".said"))) {
    // oxlint-disable-next-line no-await-in-loop -- until it is empty
    await wait(5);
  }
  return performance.now() - startedAt;
}

await withHome(async (home) => {
  const daemon = await startDaemonProcess(home);
  Array.from({ length: WARM_UP }, () => say(home));
  const up = Array.from({ length: TIMES }, () => say(home));
  await daemon.stop();
  const down = Array.from({ length: TIMES }, () => say(home));
  const again = await startDaemonProcess(home);
  const took = await drained(home);
  await again.stop();
  print("A hook of an agent", [
    ...rows("daemon up", up),
    ...rows("daemon down", down),
    { what: `${TIMES} that waited are told`, value: took, unit: "ms" },
  ]);
});
