import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    // Processes, not threads: tests kill, change directory and load native code.
    pool: "forks",
    // Most tests wait for tmux, git or a server: one file more than there are cores keeps them busy.
    maxWorkers: 3,
    // Ends what hangs; how long a thing may take is no test's business on a machine that also does other work.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    globalSetup: ["test/support/run.ts"],
    setupFiles: ["test/support/warnings.ts"],
    // A test that only passes at a second try is a finding.
    retry: 0,
    expect: {
      requireAssertions: true,
      // For a machine that also does other work; a condition that holds is seen at once.
      poll: { timeout: 20_000, interval: 20 },
    },
    unstubEnvs: true,
  },
});
