import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestRunner, onTestFinished } from "vitest";

/**
 * A new empty folder, absolute and short enough for a Unix socket inside it. Removed when the test has passed and its
 * own `onTestFinished` hooks are done; kept when it failed, and its path printed. Outside of a test (in
 * `beforeAll`) it lives until the whole run has passed.
 */
export function tempFolder(): string {
  const folder = mkdtempSync(join(runRoot(), "t-"));
  if (TestRunner.getCurrentTest() === undefined) return folder;
  onTestFinished(({ task }) => {
    if (task.result?.state === "fail") {
      process.stderr.write(`kept for looking at: ${folder} (${task.name})\n`);
      return;
    }
    // A program that is just ending may still write its last line.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });
  return folder;
}

/** The folder above all folders of this run; a process that names it after the run was left behind. */
export function runRoot(): string {
  const given = process.env[RUN_ROOT];
  if (given !== undefined) {
    mkdirSync(given, { recursive: true });
    return given;
  }
  const root = mkdtempSync(join(realpathSync(tmpdir()), "ao-"));
  process.env[RUN_ROOT] = root;
  return root;
}

// Inherited by everything a test starts, so that what outlives the run can be found.
const RUN_ROOT = "AO_TEST_ROOT";
