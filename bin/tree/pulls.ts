import { type Command, Option } from "commander";
import { Failure } from "../../machines/failures.ts";
import type { OpenOptions } from "../commands/pulls.ts";
import { declare, group, numeric, waitOptions, type WaitOptions } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/pulls.ts");

/** Pull requests of projects with `scm: local`. */
export function pullCommands(root: Command): void {
  const pr = group(root, "pr", "Pull requests of projects that keep their own");
  declare<OpenOptions>(pr, {
    usage: "open [project]",
    summary:
      "Open a pull request on a branch; in an agent's terminal its project and branch are known",
    options: [
      new Option("--title <text>").makeOptionMandatory(),
      new Option("--head <branch>", "what to merge; the branch checked out here when absent"),
      new Option("--base <branch>", "into what; the default branch when absent"),
      new Option("--body <text>", "- is standard input"),
      new Option("--session <id>", "whose work it is; an agent's own in its terminal"),
      new Option("--draft", "not ready to be merged"),
    ],
    examples: [
      "ao pr open --title 'Fix the login'",
      "ao pr open app --title 'Fix the login' --head ao/app-1",
    ],
    run: async ({ args: [project], options, output }) =>
      (await body()).openPull(output, project, options),
  });
  declare(pr, {
    usage: "ls <project>",
    summary: "List a project's pull requests",
    examples: ["ao pr ls app", "ao pr ls app --json"],
    run: async ({ args: [project = ""], output }) => (await body()).listPulls(output, project),
  });
  declare(pr, {
    usage: "show <project> <number>",
    summary: "Show one pull request: its checks, what they printed, and its comments",
    examples: ["ao pr show app 3", "ao pr show app 3 --json"],
    run: async ({ args: [project = "", number = ""], output }) =>
      (await body()).showPull(output, project, number),
  });
  changeCommands(pr);
}

function changeCommands(pr: Command): void {
  declare(pr, {
    usage: "claim <session> <number>",
    summary: "Make a pull request a session's own work: it hears of its checks and reviews",
    examples: ["ao pr claim app-2 3"],
    run: async ({ args: [session = "", number = ""], output }) =>
      (await body()).claimPull(output, session, numberOf(number)),
  });
  declare<WaitOptions & { unreviewed?: boolean }>(pr, {
    usage: "merge <project> <number>",
    summary: "Merge a pull request",
    options: [
      new Option("--unreviewed", "without the review that its project's reviewers owe"),
      ...waitOptions("until it is merged, or could not be"),
    ],
    examples: ["ao pr merge app 3 --wait", "ao pr merge app 3 --wait --timeout 600"],
    run: async ({ args: [project = "", number = ""], options, output }) =>
      (await body()).mergePull(output, { project, number }, options),
  });
  const verbs = {
    close: "Close one without merging",
    ready: "Turn a draft into an open one",
    check: "Run the checks of its head again",
  };
  for (const verb of ["close", "ready", "check"] as const) {
    declare<WaitOptions>(pr, {
      usage: `${verb} <project> <number>`,
      summary: verbs[verb],
      options: verb === "check" ? waitOptions("until they have passed, or failed") : [],
      examples: [`ao pr ${verb} app 3`],
      run: async ({ args: [project = "", number = ""], options, output }) =>
        (await body()).changePull(output, { project, number, verb }, options),
    });
  }
  declare<{ author?: string; path?: string; line?: number }>(pr, {
    usage: "comment <project> <number> <text>",
    summary: "Comment on a pull request; - is standard input",
    options: [
      new Option("--author <name>"),
      new Option("--path <file>", "the file it is about"),
      numeric("--line <n>", "the line of it"),
    ],
    examples: ["ao pr comment app 3 'Please add a test' --path src/login.ts --line 12"],
    run: async ({ args: [project = "", number = "", text = ""], options, output }) =>
      (await body()).commentPull(output, { project, number, body: text }, options),
  });
}

function numberOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Failure("MALFORMED", `read ${text}: the number of a pull request is expected`);
}
