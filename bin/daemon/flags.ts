/**
 * How Node runs the daemon; `bin/ao` says the same. The young generation would grow to three times 16 MiB while the lists
 * are built at boot, and stay so: with 100,000 sessions that is 25 MB more, and no faster.
 */
export const DAEMON_FLAGS: readonly string[] = ["--max-semi-space-size=4"];
