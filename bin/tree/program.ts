import { Command, CommanderError } from "commander";
import { actorCommands } from "./actors.ts";
import { daemonCommands } from "./daemon.ts";
import { noticeCommands } from "./notices.ts";
import { objectiveCommands } from "./objectives.ts";
import { projectCommands } from "./projects.ts";
import { pullCommands } from "./pulls.ts";
import { reviewCommands } from "./reviews.ts";
import { sessionCommands } from "./sessions.ts";
import { printable } from "../cli/output.ts";
import { Failure } from "../../machines/failures.ts";
import { homeOf, readRunFile } from "../run-file.ts";
import { EXIT, exitCodeOf, filled, lineOf, troubleOf, type Trouble } from "../cli/exit.ts";

// Program
//
// The tree of commands: what they are called and what they take. What they do is loaded when they run.
//
//   C1. Ends with 0 done, 1 failed, 2 usage, 75 queued; a failure is one line on standard error, and with --json that
//       line is `{"code", "message", "next"}`.

/** The whole tree. */
export function program(version: string): Command {
  const root = new Command("ao")
    .description("Keeps fleets of coding agents driven, observed, reviewed and cleaned up.")
    .version(version, "--version", "print the version")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showSuggestionAfterError(true)
    // The one line on standard error is ours (C1).
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
    .exitOverride();
  root.addHelpText(
    "after",
    "\nExamples:\n  $ ao up --detach\n  $ ao project add . --scm local --command './agent.sh'\n  $ ao spawn my-app 'Fix the login'\n  $ ao ls",
  );
  daemonCommands(root);
  projectCommands(root);
  objectiveCommands(root);
  sessionCommands(root);
  noticeCommands(root);
  pullCommands(root);
  reviewCommands(root);
  actorCommands(root);
  return root;
}

/** Runs a command line; the exit code goes to `process.exitCode`. */
export async function runProgram(argv: readonly string[], version: string): Promise<void> {
  const root = program(version);
  try {
    await root.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = usageExit(error, namedBy(root, argv), argv);
      return;
    }
    const trouble = troubleOf(error, namedBy(root, argv).join(" "));
    const other = otherDaemon(error, version);
    const told = trouble.next === undefined ? undefined : filled(trouble.next, givenTo(root, argv));
    const next = [told, other].filter((each) => each !== undefined).join("; ");
    tell(next === "" ? trouble : { ...trouble, next }, argv);
    process.exitCode = exitCodeOf(error);
  }
}

function tell(trouble: Trouble, argv: readonly string[]): void {
  // What follows `--` is the command of an agent.
  const end = argv.indexOf("--");
  const own = end === -1 ? argv : argv.slice(0, end);
  process.stderr.write(`${lineOf(trouble, own.includes("--json"))}\n`);
}

/** Whether it is what a daemon of another version may say of a request, or what comes of its answer. */
function isStrange(error: unknown): boolean {
  if (!(error instanceof Failure)) return true;
  const isAsked = /^(?:body|params|querystring)\//.test(error.message);
  const isRoute = error.code === "ROUTE_UNKNOWN" || error.code === "METHOD_UNKNOWN";
  return isRoute || (error.code === "MALFORMED" && isAsked);
}

/** What to do when a command failed because the daemon is of another version. */
function otherDaemon(error: unknown, version: string): string | undefined {
  if (!isStrange(error)) return undefined;
  try {
    const run = readRunFile(homeOf(process.env));
    if (run === undefined || run.version === version) return undefined;
    return `the daemon is of version ${run.version}, this of ${version}: ao down && ao up --detach`;
  } catch {
    return undefined;
  }
}

/** The command that a command line names, word by word: `ao pr open`. */
function namedBy(root: Command, argv: readonly string[]): readonly string[] {
  return pathOf(root, argv).map((command) => command.name());
}

/** What was given to it, by the name of the argument. */
function givenTo(root: Command, argv: readonly string[]): ReadonlyMap<string, string> {
  const command = pathOf(root, argv).at(-1);
  const names = command?.registeredArguments.map((argument) => argument.name()) ?? [];
  return new Map(
    names.flatMap((name, at): [string, string][] => {
      const word = command?.args[at];
      return word === undefined || !/^[\w/-]{1,130}$/.test(word) ? [] : [[name, word]];
    }),
  );
}

function pathOf(root: Command, argv: readonly string[]): readonly Command[] {
  const path = [root];
  for (const word of argv) {
    const child = path
      .at(-1)
      ?.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (child === undefined) break;
    path.push(child);
  }
  return path;
}

function usageExit(
  { code, exitCode, message }: CommanderError,
  path: readonly string[],
  argv: readonly string[],
): number {
  if (exitCode === 0) return EXIT.done;
  const command = path.join(" ");
  // After `help`, and only there, commander says nothing of a command that it does not know.
  const [word, asked] = argv.slice(path.length - 1);
  const none =
    word === "help" && asked !== undefined
      ? `unknown command '${asked}'`
      : "which command? none was given";
  const said = code === "commander.help" ? none : message.replace(/^error: /, "");
  const line = printable(said).trim().replace(/\.$/, "");
  tell({ message: line, next: `see: ${command} --help` }, argv);
  return EXIT.usage;
}
