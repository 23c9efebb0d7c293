import { Failure } from "../../machines/failures.ts";
import { EXIT, lineOf, troubleOf, type Trouble } from "./exit.ts";
import { print, type Output } from "./output.ts";

// Several
//
// One order for each of the names that were given.
//
//   V1. Of one name what comes of it is all there is: its record is what --json prints, its failure that of the command.
//   V2. Of several each is tried, whatever became of the others; a failure is a line on standard error, and with --json an
//       entry of `failed`. It ends with 1 when one failed.
//   V3. What keeps the first from being tried at all, like a daemon that is down, is told once.

export interface Orders<Fact> {
  /** The command, for what to do next: `ao kill`. */
  readonly command: string;
  readonly run: (name: string) => Promise<Fact>;
  readonly line: (fact: Fact) => string;
  /** Whether it came to what was asked for; that it did, unless said. */
  readonly isFine?: (fact: Fact) => boolean;
}

/** Runs all orders and prints what came of them; the answer is the exit code. */
export async function eachOf<Fact>(
  output: Output,
  names: readonly string[],
  orders: Orders<Fact>,
): Promise<number> {
  const { run, line, isFine = () => true } = orders;
  const asked = [...new Set(names)];
  const [only] = asked;
  if (only !== undefined && asked.length === 1) {
    const fact = await run(only);
    print(output, fact, line);
    return isFine(fact) ? EXIT.done : EXIT.failed;
  }
  const { done, failed } = await tried(asked, orders);
  if (output.isJson || done.length > 0) {
    print(output, { done, failed }, (facts) => facts.done.map(line).join("\n"));
  }
  if (!output.isJson) for (const trouble of failed) output.note(lineOf(trouble, false));
  return failed.length === 0 && done.every(isFine) ? EXIT.done : EXIT.failed;
}

async function tried<Fact>(
  names: readonly string[],
  { command, run }: Orders<Fact>,
): Promise<{ done: Fact[]; failed: (Trouble & { readonly name: string })[] }> {
  const done: Fact[] = [];
  const failed: (Trouble & { readonly name: string })[] = [];
  const results = await Promise.allSettled(names.map(run));
  for (const [at, result] of results.entries()) {
    if (result.status === "fulfilled") done.push(result.value);
    else if (isDown(result.reason) && done.length === 0) throw result.reason;
    else failed.push({ name: names[at] ?? "", ...troubleOf(result.reason, command) });
  }
  return { done, failed };
}

function isDown(error: unknown): boolean {
  return error instanceof Failure && error.code === "DAEMON_DOWN";
}
