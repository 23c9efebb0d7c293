// Every measurement, one after the other, as one table: npm run bench

import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { machine } from "./rows.ts";

const PARTS = [
  "path",
  "http",
  "boot",
  "wake",
  "idle",
  "hook",
  "supervision",
  "poke",
  "collector",
  "review",
  "web",
  "pages",
];

process.stdout.write(`${machine()}; load ${loadavg()[0]?.toFixed(2)} before\n`);
for (const part of PARTS) {
  const file = fileURLToPath(new URL(`${part}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
