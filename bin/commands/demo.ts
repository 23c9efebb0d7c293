import { runDemo } from "../demo/demo.ts";
import { EXIT } from "../cli/exit.ts";
import { print, type Output } from "../cli/output.ts";

/** Plays the demo; progress goes to standard error when --json asks for facts. The answer is the exit code. */
export async function demo(output: Output, options: { keep?: boolean }): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());
  const failed = await runDemo({
    entry: [process.execPath, process.argv[1] ?? ""],
    keep: options.keep === true,
    out: (line) => (output.isJson ? output.note(line) : output.write(`${line}\n`)),
    signal: stop.signal,
  });
  if (output.isJson) print(output, { failed }, () => "");
  return failed === 0 ? EXIT.done : EXIT.failed;
}
