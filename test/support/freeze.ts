import { readFile } from "node:fs/promises";
import { expect } from "vitest";

/** Stops a process and waits until it stands: the signal alone is only on its way, and a busy machine takes its time. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await expect
    .poll(() => readFile(`/proc/${pid}/stat`, "utf8"), { timeout: 20_000, interval: 5 })
    .toContain(") T ");
}
