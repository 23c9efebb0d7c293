import { type Command, Option } from "commander";
import type { ProjectOptions } from "../commands/projects.ts";
import { declare, group } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/projects.ts");

/** Registering repositories. */
export function projectCommands(root: Command): void {
  const project = group(root, "project", "Repositories and how their agents run");
  declare<ProjectOptions>(project, {
    usage: "add <repository>",
    summary: "Register a git repository: a folder that has it checked out, or its URL",
    options: [
      new Option("--id <id>", "its name; that of the folder or the URL when absent"),
      new Option("--scm <scm>", "where its pull requests are")
        .choices(["none", "local", "github"])
        .default("local"),
      new Option("--branch <name>", "its default branch; the repository's own when absent"),
      new Option("--harness <harness>", "what its agents are"),
      new Option("--command <line>", "the program that is its agent, for the shell"),
      new Option("--check <name=command...>", "what must pass on a pull request"),
      new Option("--env <name=value...>", "given to agents and checks"),
      new Option("--config <file>", "all of that as JSON; - is standard input").conflicts([
        "harness",
        "command",
        "check",
        "env",
      ]),
    ],
    examples: [
      "ao project add . --command './agent.sh'",
      "ao project add ~/src/app --id app --check test='npm test' --check lint='npm run lint'",
      "ao project add https://example.com/team/app.git",
      "ao project add ~/src/app --scm github",
    ],
    run: async ({ args: [place = ""], options, output }) =>
      (await body()).addProject(output, place, options),
  });
  declare(project, {
    usage: "ls",
    summary: "List the projects",
    examples: ["ao project ls", "ao project ls --json"],
    run: async ({ output }) => (await body()).listProjects(output),
  });
  declare(project, {
    usage: "show <project>",
    summary: "Show one project",
    examples: ["ao project show app"],
    run: async ({ args: [id = ""], output }) => (await body()).showProject(output, id),
  });
  declare<{ set?: string }>(project, {
    usage: "config <project>",
    summary: "Show how a project runs its agents, or replace it",
    options: [new Option("--set <file>", "a JSON file; - is standard input")],
    examples: [
      "ao project config app",
      "ao project config app --set app.json",
      `echo '{"worker":{"harness":"command","command":"./agent.sh"},"reviewers":[{"harness":"command","command":"./review.sh"}]}' | ao project config app --set -`,
    ],
    run: async ({ args: [id = ""], options, output }) =>
      (await body()).configureProject(output, id, options.set),
  });
  changeCommands(project);
}

function changeCommands(project: Command): void {
  declare(project, {
    usage: "webhook <project>",
    summary: "Show where GitHub may send what happens, and the secret to sign it with",
    examples: ["ao project webhook app"],
    run: async ({ args: [id = ""], output }) => (await body()).showWebhook(output, id),
  });
  const verbs = {
    pause: "Start no more sessions of a project",
    resume: "Start sessions of a project again",
    rm: "Forget a project; its repository stays, the mirror of a URL only while it is needed",
  } as const;
  for (const verb of ["pause", "resume", "rm"] as const) {
    declare(project, {
      usage: `${verb} <project>`,
      summary: verbs[verb],
      examples: [`ao project ${verb} app`],
      run: async ({ args: [id = ""], output }) => (await body()).changeProject(output, id, verb),
    });
  }
}
