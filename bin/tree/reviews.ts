import { type Command, Option } from "commander";
import type { SubmitOptions, TriggerOptions } from "../commands/reviews.ts";
import { declare, group, waitOptions } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/reviews.ts");

const session = (): Option => new Option("--session <id>", "in place of the argument");

/** Reviews of a session's pull requests, or of its branch while it has none. */
export function reviewCommands(root: Command): void {
  const review = group(root, "review", "Reviews of what sessions made");
  askCommands(review);
  submitCommand(review);
}

function askCommands(review: Command): void {
  declare<TriggerOptions>(review, {
    usage: "trigger [session]",
    aliases: ["execute"],
    summary: "Review what needs it, with one reviewer for all of it",
    options: [
      session(),
      new Option("--harness <name>", "another reviewer, for a second opinion"),
      new Option("--force", "also a head that was asked to change often enough"),
      ...waitOptions("until each of its runs has a verdict, or none"),
    ],
    examples: ["ao review trigger app-1 --wait", "ao review trigger app-1 --harness codex"],
    run: async ({ args: [id], options, output }) =>
      (await body()).triggerReview(output, id, options),
  });
  declare(review, {
    usage: "ls <session>",
    aliases: ["list"],
    summary: "List what each pull request of a session needs, and why",
    examples: ["ao review ls app-1", "ao review ls app-1 --json"],
    run: async ({ args: [id = ""], output }) => (await body()).listReviews(output, id),
  });
  declare<{ session?: string }>(review, {
    usage: "cancel [session]",
    aliases: ["stop"],
    summary: "End the open runs of a session and the reviewers that have them",
    options: [session()],
    examples: ["ao review cancel app-1"],
    run: async ({ args: [id], options, output }) =>
      (await body()).cancelReview(output, id, options),
  });
  declare<{ session?: string }>(review, {
    usage: "restart [session]",
    summary: "End the reviewer and begin its open runs anew",
    options: [session()],
    examples: ["ao review restart app-1"],
    run: async ({ args: [id], options, output }) =>
      (await body()).restartReview(output, id, options),
  });
}

function submitCommand(review: Command): void {
  declare<SubmitOptions>(review, {
    usage: "submit [session]",
    summary: "Record what a reviewer found; kept while the daemon is down",
    options: [
      session(),
      new Option("--run <id>", "the run that it is about"),
      new Option("--verdict <word>", "approved or changes_requested"),
      new Option("--body <file>", "what the worker reads; - is standard input"),
      new Option("--provider-id <id>", "what was posted where the pull request lives"),
      new Option("--review-id <id>").hideHelp(),
      new Option("--review_id <id>").hideHelp(),
      new Option("--reviews <file>", "several results as JSON; - is standard input"),
      new Option("--token <token>", "of the reviewer, as its task says"),
    ],
    examples: [
      "ao review submit --session app-1 --run app-1-r1 --verdict approved --token $TOKEN",
      "ao review submit --session app-1 --reviews - --token $TOKEN < results.json",
    ],
    run: async ({ args: [id], options, output }) =>
      (await body()).submitReview(output, id, options),
  });
}
