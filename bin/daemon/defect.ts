// Beyond what every part together may take to stop.
const STOP_WITHIN_MS = 60_000;

/**
 * Resolves with the first error that nobody caught; each is told to `log` with its stack. Whoever waits has a minute
 * to stop in order, then the process ends with 1 all the same.
 */
export async function firstDefect(log: (line: string) => void): Promise<Error> {
  // A log that cannot be written is no reason to end: the disk may have room again.
  process.stderr.on("error", () => {});
  return new Promise((resolve) => {
    // Rejections that nobody handled come here as well.
    process.on("uncaughtException", (thrown: unknown, origin) => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      log(`defect: ${origin}: ${error.stack ?? error.message}`);
      setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
      resolve(error);
    });
  });
}
