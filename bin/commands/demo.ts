import { runDemo } from "../demo/demo.ts";
import { EXIT } from "../cli/exit.ts";
import { print, type Output } from "../cli/output.ts";

/** Plays the demo; progress goes to standard error when --json asks for facts. The answer is the exit code. */
export async function demo(output: Output, options: { keep?: boolean }): Promise<number> {
  const stop = stopped(output);
  const told = await runDemo({
    entry: [process.execPath, process.argv[1] ?? ""],
    keep: options.keep === true,
    out: (line) => (output.isJson ? output.note(line) : output.write(`${line}\n`)),
    signal: stop,
  }).catch((error: unknown) => {
    if (!stop.aborted) throw error;
    return undefined;
  });
  if (told === undefined) {
    output.note("stopped; nothing of it is left");
    return EXIT.interrupted;
  }
  const facts = told.map(([name, words, held]) => ({ name, held, words }));
  const failed = facts.filter(({ held }) => !held).length;
  if (output.isJson) print(output, { failed, facts }, () => "");
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** Aborted by whatever ends it early: a signal, a closed window, or a reader that has seen enough. */
function stopped(output: Output): AbortSignal {
  const stop = new AbortController();
  const end = (): void => {
    if (stop.signal.aborted) return;
    stop.abort();
    output.note("stopping: ending what was started …");
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);
  for (const stream of [process.stdout, process.stderr]) {
    // In place of the end at once, which is right for every other command.
    stream.removeAllListeners("error");
    stream.on("error", end);
  }
  return stop.signal;
}
