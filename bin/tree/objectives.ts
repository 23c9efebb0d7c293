import { type Command, Option } from "commander";
import { declare, group } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/objectives.ts");

function many(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Objectives, the tools of their managers, and questions to a person. */
export function objectiveCommands(root: Command): void {
  const objective = group(root, "objective", "Goals that a manager drives with workers");
  createCommand(objective);
  lookCommands(objective);
  workerCommands(objective);
  wordCommands(objective);
  endCommands(objective);
  questionCommands(root);
}

function createCommand(objective: Command): void {
  declare<{ title?: string; harness?: string }>(objective, {
    usage: "create <project> <prompt> [command...]",
    summary: "Give a project a goal; a command after -- is run as its manager",
    options: [
      new Option("--title <text>", "what lists call it; the first line of the prompt when absent"),
      new Option("--harness <harness>", "the kind of agent that manages it"),
    ],
    examples: [
      "ao objective create app 'Move the login to OAuth'",
      "ao objective create app 'Try this' --title try -- ./manager.sh",
    ],
    run: async ({ args: [project = "", prompt = "", ...command], options, output }) =>
      (await body()).createObjective(output, { project, prompt, command }, options),
  });
}

function lookCommands(objective: Command): void {
  declare<{ project?: string; all?: boolean }>(objective, {
    usage: "ls",
    summary: "List objectives: where each stands, why, and what happens next",
    options: [
      new Option("--project <id>", "only of this project"),
      new Option("-a, --all", "also those that have ended"),
    ],
    examples: ["ao objective ls", "ao objective ls --all --json"],
    run: async ({ options, output }) => (await body()).listObjectives(output, options),
  });
  declare(objective, {
    usage: "show [objective]",
    summary: "The whole story of one; in a member's terminal its own is known",
    examples: ["ao objective show app-o1", "ao objective show app-o1 --json"],
    run: async ({ args: [id], output }) => (await body()).showObjective(output, id),
  });
}

function workerCommands(objective: Command): void {
  declare<{ title: string; prompt: string; harness?: string; after?: string[] }>(objective, {
    usage: "worker <objective> [command...]",
    summary: "Plan a worker; a command after -- is run as its agent",
    options: [
      new Option("--title <text>", "what lists call it").makeOptionMandatory(),
      new Option("--prompt <text>", "what it shall do; - is standard input").makeOptionMandatory(),
      new Option("--harness <harness>", "the kind of agent; the project's when absent"),
      new Option(
        "--after <worker>",
        "starts only when this one has succeeded; may be repeated",
      ).argParser(many),
    ],
    examples: [
      "ao objective worker app-o1 --title parser --prompt 'Write the parser'",
      "ao objective worker app-o1 --title tests --prompt 'Test the parser' --after app-o1-w1",
    ],
    run: async ({ args: [id = "", ...command], options, output }) =>
      (await body()).planWorker(output, { id, command }, options),
  });
  declare(objective, {
    usage: "stop <objective> <worker>",
    summary: "End a worker; what depends on it is canceled",
    examples: ["ao objective stop app-o1 app-o1-w2"],
    run: async ({ args: [id = "", worker = ""], output }) =>
      (await body()).stopWorker(output, id, worker),
  });
}

function wordCommands(objective: Command): void {
  declare<{ to?: string }>(objective, {
    usage: "send <objective> <text>",
    summary: "Say something to its manager, whichever that is by then, or to a worker",
    options: [new Option("--to <worker>", "a worker instead of the manager")],
    examples: ["ao objective send app-o1 'Keep the old API'"],
    run: async ({ args: [id = "", text = ""], options, output }) =>
      (await body()).sendText(output, { id, text }, options),
  });
  declare(objective, {
    usage: "note <objective> <text>",
    summary: "Write something down for whoever reads it next",
    examples: ["ao objective note app-o1 'The parser is generated'"],
    run: async ({ args: [id = "", text = ""], output }) =>
      (await body()).writeNote(output, id, text),
  });
  declare<{ item?: string[]; did?: string[] }>(objective, {
    usage: "plan <objective>",
    summary: "Say what the slices are, and which are done; replaces the plan before",
    options: [
      new Option("--item <title>", "a slice that is left; may be repeated").argParser(many),
      new Option("--did <title>", "a slice that is done; may be repeated").argParser(many),
    ],
    examples: ["ao objective plan app-o1 --did parser --item printer --item docs"],
    run: async ({ args: [id = ""], options, output }) =>
      (await body()).makePlan(output, id, options),
  });
  declare<{ option?: string[] }>(objective, {
    usage: "ask <objective> <text>",
    summary: "Ask a person; the answer reaches the asker's terminal",
    options: [new Option("--option <text>", "a possible answer; may be repeated").argParser(many)],
    examples: ["ao objective ask app-o1 'Keep the old API?' --option yes --option no"],
    run: async ({ args: [id = "", question = ""], options, output }) =>
      (await body()).askPerson(output, { id, question }, options),
  });
}

function endCommands(objective: Command): void {
  declare<{ summary: string; failed?: boolean }>(objective, {
    usage: "done <objective>",
    summary: "The goal is reached; refused while a pull request or a worker is open",
    options: [
      new Option("--summary <text>", "what was done").makeOptionMandatory(),
      new Option("--failed", "the goal cannot be reached"),
    ],
    examples: ["ao objective done app-o1 --summary 'Parser and printer are merged'"],
    run: async ({ args: [id = ""], options, output }) => (await body()).finish(output, id, options),
  });
  declare(objective, {
    usage: "cancel <objective>",
    summary: "End an objective and all that it runs",
    examples: ["ao objective cancel app-o1"],
    run: async ({ args: [id = ""], output }) => (await body()).cancel(output, id),
  });
}

function questionCommands(root: Command): void {
  const question = group(root, "question", "What waits for a person's answer");
  declare<{ objective?: string; all?: boolean }>(question, {
    usage: "ls",
    summary: "List questions that wait for an answer",
    options: [
      new Option("--objective <id>", "only of this objective"),
      new Option("-a, --all", "also those that were answered or closed"),
    ],
    examples: ["ao question ls", "ao question ls --all --json"],
    run: async ({ options, output }) => (await body()).listQuestions(output, options),
  });
  declare(question, {
    usage: "answer <question> <answer>",
    summary: "Answer a question; the answer reaches the asker's terminal",
    examples: ["ao question answer app-o1-q1 yes"],
    run: async ({ args: [id = "", answer = ""], output }) =>
      (await body()).answerQuestion(output, id, answer),
  });
  declare(question, {
    usage: "dismiss <question>",
    summary: "Close a question without an answer",
    examples: ["ao question dismiss app-o1-q1"],
    run: async ({ args: [id = ""], output }) => (await body()).dismissQuestion(output, id),
  });
}
