import { defineConfig } from "vitest/config";

/**
 * Tests that move actors over memory. They share the processes that run them: to load all of it anew for each file is
 * more work than the tests are. What measures the memory of its process, or works for half a minute, has its own.
 */
const PURE = [
  "test/{actors,conformance,machines}/**/*.test.ts",
  "test/http/**/!(views).test.ts",
  "test/reviews/**/!(model).test.ts",
];

export default defineConfig({
  test: {
    environment: "node",
    // Processes, not threads: tests kill, change directory and load native code.
    pool: "forks",
    // Most tests wait for tmux, git or a server, and use half a core: two files for each core keep them busy.
    maxWorkers: 4,
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
    // In the order of their names: what waits long comes first.
    projects: [
      {
        extends: true,
        test: {
          name: "outside",
          include: ["test/**/*.test.ts"],
          exclude: PURE,
        },
      },
      {
        extends: true,
        test: { name: "pure", isolate: false, include: PURE },
      },
    ],
  },
});
