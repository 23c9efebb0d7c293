import { printable, screenSize, type Output } from "./output.ts";

type Screen = Pick<NodeJS.WriteStream, "isTTY" | "columns" | "rows"> & {
  readonly write: (text: string) => unknown;
};

const EVERY_MS = 1_000;

/**
 * What `run` gives. What takes over a second is told with its time on one line of the terminal, which is gone when it is
 * done; nothing is said where standard error is no terminal, or with --json.
 */
export async function awaited<Result>(
  output: Pick<Output, "isJson">,
  what: string | (() => string),
  run: () => Promise<Result>,
  stderr: Screen = process.stderr,
): Promise<Result> {
  if (!stderr.isTTY || output.isJson) return run();
  const began = performance.now();
  let hasSaid = false;
  const timer = setInterval(() => {
    const said = typeof what === "string" ? what : what();
    const line = `ao: ${printable(said)}: ${Math.round((performance.now() - began) / 1_000)} s`;
    // A line that wraps could not be taken back.
    stderr.write(`${ANEW}${line.slice(0, screenSize(stderr).columns - 1)}`);
    hasSaid = true;
  }, EVERY_MS);
  try {
    return await run();
  } finally {
    clearInterval(timer);
    if (hasSaid) stderr.write(ANEW);
  }
}

// To the first column, and all that stands there away.
const ANEW = "\r\u001B[K";
