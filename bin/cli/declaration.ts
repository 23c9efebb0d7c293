import { type Command, InvalidArgumentError, Option } from "commander";
import type { KindName } from "../../machines/ids.ts";
import { EXIT } from "./exit.ts";
import { idOf, KIND_OF, kindOfFlags } from "./names.ts";
import { standardOutput, type Output } from "./output.ts";

// Declaration
//
// How one command is told to commander.
//
//   C2. Every command that prints facts takes --json and then prints one JSON value and nothing else.
//   C3. Every command explains itself with --help, examples included.

/** What one command is. `run` gives the exit code, 0 when it gives nothing. */
export interface Declaration<Options> {
  /** Name and arguments, as commander reads them: `show <session>`. */
  readonly usage: string;
  readonly summary: string;
  /** Other names of it. */
  readonly aliases?: readonly string[];
  readonly options?: readonly Option[];
  /** Whole command lines. */
  readonly examples: readonly string[];
  /** It prints nothing that a program would read. */
  readonly isSilent?: boolean;
  /** What its group does when it is called alone. */
  readonly isDefault?: boolean;
  readonly run: (call: Call<Options>) => Promise<number | void>;
}
export interface Call<Options> {
  readonly args: readonly string[];
  readonly options: Options;
  readonly output: Output;
}

/** Adds a command to its parent. */
export function declare<Options extends object = object>(
  parent: Command,
  {
    usage,
    summary,
    aliases = [],
    options = [],
    examples,
    isSilent = false,
    isDefault = false,
    run,
  }: Declaration<Options>,
): void {
  const command = parent.command(usage, { isDefault }).summary(summary).description(`${summary}.`);
  command.aliases(aliases);
  for (const option of options) command.addOption(option);
  if (!isSilent) command.option("--json", "print one JSON value");
  command.addHelpText("after", told(examples));
  ofGroup.get(parent)?.push(...examples.slice(0, 1));
  command.action(async () => {
    const { json } = command.opts<{ json?: boolean }>();
    const output = standardOutput({ json });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as they were declared
    const call = { args: argsOf(command), options: optionsOf(command) as Options, output };
    process.exitCode = (await run(call)) ?? EXIT.done;
  });
}

/** The arguments as they were given, ids for addresses. */
function argsOf(command: Command): string[] {
  const { registeredArguments: registered } = command;
  return command.args.map((word, at) => {
    const argument = registered[Math.min(at, registered.length - 1)];
    return asId(KIND_OF[argument?.name() ?? ""], word);
  });
}

/** All of them but --json, ids for addresses. */
function optionsOf(command: Command): object {
  const { json: _, ...given } = command.opts<Record<string, unknown>>();
  const kinds = new Map(
    command.options.map((option) => [option.attributeName(), kindOfFlags(option.flags)]),
  );
  return Object.fromEntries(
    Object.entries(given).map(([name, value]): [string, unknown] => {
      const kind = kinds.get(name);
      const isMany = Array.isArray(value);
      return [name, isMany ? value.map((each: unknown) => asId(kind, each)) : asId(kind, value)];
    }),
  );
}

function asId<Value>(kind: KindName | undefined, value: Value): Value | string {
  return kind === undefined || typeof value !== "string" ? value : idOf(kind, value);
}

/** A group of commands; its examples are the first of each of them. */
export function group(parent: Command, name: string, summary: string): Command {
  const command = parent.command(name).summary(summary).description(`${summary}.`);
  const examples: string[] = [];
  ofGroup.set(command, examples);
  return command.addHelpText("after", () => told(examples));
}

const ofGroup = new WeakMap<Command, string[]>();

function told(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`;
}

/** `--name <n>` for a number that is not negative. */
export function numeric(flags: string, summary: string): Option {
  return new Option(flags, summary).argParser((text) => {
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("Expected a number.");
  });
}

export interface WaitOptions {
  readonly wait?: boolean | undefined;
  /** Seconds; waits also without `wait`. */
  readonly timeout?: number | undefined;
}

/** Whether it is waited for what an order leads to. */
export function isWaiting({ wait = false, timeout }: WaitOptions): boolean {
  return wait || timeout !== undefined;
}

/** `--wait` and `--timeout` of a command; `until` says for what it waits. */
export function waitOptions(until: string): readonly Option[] {
  return [
    new Option("--wait", `${until}; 124 when --timeout is over before`),
    numeric("--timeout <s>", "wait at most so many seconds"),
  ];
}
