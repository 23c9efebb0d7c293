import { rmSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { runRoot } from "./folder.ts";
import { endLeftovers } from "./leftovers.ts";

// What a program that was told to stop may still take before it counts as left behind.
const GRACE_MS = 5_000;

/** Surrounds a whole run: gives it one folder, and fails it when a process of it outlives the tests. */
export function setup(project: TestProject): () => Promise<void> {
  const root = runRoot();
  return async () => {
    const left = await endLeftovers(root, GRACE_MS);
    const failed = project.vitest.state.getCountOfFailedTests();
    if (left.length === 0 && failed === 0) {
      rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
      return;
    }
    process.stderr.write(`the folders of this run are kept: ${root}\n`);
    if (left.length === 0) return;
    const list = left.map(({ pid, command }) => `  ${pid} ${command}`).join("\n");
    throw new Error(`${left.length} processes were left behind by the tests and killed:\n${list}`);
  };
}
