import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { endLeftovers } from "./support/leftovers.ts";

// Checks
//
// Runs every check of package.json and then the tests, and says what it does. `bin/test` and `npm run check` are this.
//
//   C1. The last line is always "N passed, N failed": each static check counts as one, each test as one.
//   C2. The first stage that fails is the last one that runs; the exit code is then 1.
//   C4. One that a signal ends says so and exits with 128 and the signal's number. What it interrupted counts as failed:
//       whoever reads only the last line must not take it for a good run.
//   C3. However it ends, no process and no folder of a passed run is left behind.

const STATIC = ["types", "lint", "format", "unused"] as const;
// What a stage gets to end by itself after Ctrl-C.
const GRACE_MS = 10_000;

const TestReport = z.object({ numPassedTests: z.number(), numFailedTests: z.number() });

const root = mkdtempSync(join(realpathSync(tmpdir()), "ao-"));
const scratch = mkdtempSync(join(realpathSync(tmpdir()), "ao-report-"));
const stopped = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stopped.abort(signal);
  });
}

const counts = { passed: 0, failed: 0 };
for (const name of STATIC) {
  if (counts.failed > 0 || stopped.signal.aborted) break;
  const isGood = await runStage(name, []);
  counts[isGood ? "passed" : "failed"] += 1;
}
if (counts.failed === 0 && !stopped.signal.aborted) await runTests();
await endLeftovers(root, 0);
if (counts.failed === 0) rmSync(root, { recursive: true, force: true });
rmSync(scratch, { recursive: true, force: true });
if (stopped.signal.aborted) {
  const signal = String(stopped.signal.reason);
  say(`interrupted by ${signal} before the end`);
  process.exitCode = 128 + (new Map(Object.entries(constants.signals)).get(signal) ?? 0);
} else {
  process.exitCode = counts.failed === 0 ? 0 : 1;
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);

async function runTests(): Promise<void> {
  const report = join(scratch, "report.json");
  const isGood = await runStage("test", [
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ]);
  const { numPassedTests, numFailedTests } = readReport(report);
  counts.passed += numPassedTests;
  // A file that cannot be loaded or a process left behind fails the run without failing a test.
  counts.failed += isGood ? numFailedTests : Math.max(1, numFailedTests);
}

function readReport(path: string): z.infer<typeof TestReport> {
  try {
    return TestReport.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // The runner ended before it could write: its exit code already says that it failed.
    return { numPassedTests: 0, numFailedTests: 0 };
  }
}

async function runStage(name: string, more: readonly string[]): Promise<boolean> {
  say(`${name} …`);
  const from = performance.now();
  const stage = spawn(process.execPath, ["--run", name, "--", ...more], {
    // Its own process group, so that all of it can be told to stop.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, AO_TEST_ROOT: root },
  });
  const ended = Promise.withResolvers<boolean>();
  stage.on("close", (code) => {
    ended.resolve(code === 0);
  });
  stage.on("error", (error) => {
    say(`${name} could not be started: ${error.message}`);
    ended.resolve(false);
  });
  const stop = (): void => {
    signalGroup(stage.pid, "SIGINT");
    setTimeout(signalGroup, GRACE_MS, stage.pid, "SIGKILL").unref();
  };
  stopped.signal.addEventListener("abort", stop, { once: true });
  const isGood = await ended.promise;
  stopped.signal.removeEventListener("abort", stop);
  const became = stopped.signal.aborted ? "interrupted" : isGood ? "passed" : "failed";
  say(`${name} ${became} in ${((performance.now() - from) / 1000).toFixed(1)} s`);
  return isGood;
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The whole group has ended.
  }
}

function say(line: string): void {
  process.stdout.write(`── ${line}\n`);
}
