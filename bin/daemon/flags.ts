/**
 * How Node runs the daemon; `bin/ao` says the same. The young generation would grow to three times 16 MiB while the lists
 * are built at boot, and stay so: 90 MB more with 100,000 sessions, and no faster.
 */
export const DAEMON_FLAGS: readonly string[] = ["--max-semi-space-size=8"];
