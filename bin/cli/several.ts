import { Failure } from "../../machines/failures.ts";
import type { WaitOptions } from "./declaration.ts";
import { EXIT, filled, lineOf, troubleOf, type Trouble } from "./exit.ts";
import { print, type Output } from "./output.ts";
import { patiently, settled, type Outcome, type Patience, type Standing } from "./settled.ts";

// Several
//
// One order for each of the names that were given, and with --wait what comes of each.
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
  /** What is waited for with --wait, once it was ordered. */
  readonly outcome?: (fact: Fact) => Outcome<Fact>;
}

/** Runs all orders and prints what came of them; the answer is the exit code. */
export async function eachOf<Fact>(
  output: Output,
  names: readonly string[],
  orders: Orders<Fact>,
  options: WaitOptions = {},
): Promise<number> {
  const asked = [...new Set(names)];
  const [only] = asked;
  // Printed once nothing is waited for: until then the last line of the terminal tells of that.
  const { result, patience } = await patiently(output, options, async (patient) =>
    only !== undefined && asked.length === 1
      ? { one: await ordered(only, orders, patient) }
      : tried(asked, orders, patient),
  );
  if ("one" in result) {
    print(output, result.one.fact, orders.line);
    return codeOf(output, [result.one], patience);
  }
  const { done, failed } = result;
  const facts = done.map(({ fact }) => fact);
  if (output.isJson || done.length > 0) {
    print(output, { done: facts, failed }, () => facts.map(orders.line).join("\n"));
  }
  if (!output.isJson) for (const trouble of failed) output.note(lineOf(trouble, false));
  const code = codeOf(output, done, patience);
  return failed.length === 0 ? code : EXIT.failed;
}

/** How it stands, and what to do next where that is not known yet. */
type Ordered<Fact> = Standing<Fact> & { readonly next?: string };

async function ordered<Fact>(
  name: string,
  { run, outcome }: Orders<Fact>,
  patience: Patience | undefined,
): Promise<Ordered<Fact>> {
  const fact = await run(name);
  if (outcome === undefined || patience === undefined) return { fact, is: "reached", words: "" };
  const awaited = outcome(fact);
  const standing = await settled(patience, awaited, { fact, is: "open", words: "ordered" });
  return { ...standing, next: awaited.next };
}

type Failed = Trouble & { readonly name: string };

async function tried<Fact>(
  names: readonly string[],
  orders: Orders<Fact>,
  patience: Patience | undefined,
): Promise<{ done: Ordered<Fact>[]; failed: Failed[] }> {
  const done: Ordered<Fact>[] = [];
  const failed: Failed[] = [];
  const results = await Promise.allSettled(
    names.map(async (name) => ordered(name, orders, patience)),
  );
  for (const [at, result] of results.entries()) {
    if (result.status === "fulfilled") done.push(result.value);
    else if (isDown(result.reason) && done.length === 0) throw result.reason;
    else failed.push(troubleWith(names[at] ?? "", troubleOf(result.reason, orders.command)));
  }
  return { done, failed };
}

/** A name is all that its command took. */
function troubleWith(name: string, trouble: Trouble): Failed {
  const { next } = trouble;
  if (next === undefined) return { name, ...trouble };
  return { name, ...trouble, next: filled(next, new Map([["session", name]])) };
}

function isDown(error: unknown): boolean {
  return error instanceof Failure && error.code === "DAEMON_DOWN";
}

/** The exit code of what was ordered; what is not over yet is told with what to do next (W3). */
function codeOf(
  output: Output,
  all: readonly Ordered<unknown>[],
  patience: Patience | undefined,
): number {
  const open = all.filter(({ is }) => is === "open");
  const why = patience?.code() === EXIT.interrupted ? "no longer waited for" : "not in time";
  for (const { next = "" } of open) output.note(`ao: ${why}, and it goes on; look with: ${next}`);
  if (all.some(({ is }) => is === "failed")) return EXIT.failed;
  return open.length === 0 ? EXIT.done : (patience?.code() ?? EXIT.done);
}
