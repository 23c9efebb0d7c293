import { type Command, Option } from "commander";
import type { ChartFormat } from "../../http/chart/formats.ts";
import type { InspectOptions } from "../commands/inspect.ts";
import type { WatchOptions } from "../commands/watch.ts";
import { declare, group, numeric } from "../cli/declaration.ts";

// Loaded when one of them runs.
// oxlint-disable-next-line typescript/explicit-function-return-type -- the module is its own type
const body = async () => import("../commands/actors.ts");

/** Looking into the runtime. */
export function actorCommands(root: Command): void {
  lookCommands(root);
  whyCommands(root);
  releaseCommand(root);
  const dead = group(root, "dead", "Messages that could not be applied");
  declare<{ after?: number }>(dead, {
    usage: "ls",
    summary: "List the dead letters",
    isDefault: true,
    options: [numeric("--after <id>", "only later ones")],
    examples: ["ao dead", "ao dead --json"],
    run: async ({ options, output }) => (await body()).listLetters(output, options.after),
  });
  declare(dead, {
    usage: "retry <id>",
    summary: "Try a dead letter again",
    examples: ["ao dead retry 7"],
    run: async ({ args: [id = ""], output }) => (await body()).retryLetter(output, id),
  });
}

function releaseCommand(root: Command): void {
  declare(root, {
    usage: "release <address>",
    summary: "Let a quarantined actor take messages again",
    examples: ["ao release session/app-1"],
    run: async ({ args: [address = ""], output }) => (await body()).releaseActor(output, address),
  });
}

function lookCommands(root: Command): void {
  declare<{ kind?: string; state?: string; after?: string; limit: number }>(root, {
    usage: "actors",
    summary: "List actors and the states they are in",
    options: [
      new Option("--kind <kind>", "only of this kind"),
      new Option("--state <state>", "only in this state"),
      new Option("--after <address>", "from there on"),
      numeric("--limit <n>", "how many").default(100),
    ],
    examples: ["ao actors", "ao actors --kind session --state lifecycle.working"],
    run: async ({ options, output }) => (await body()).listActors(output, options),
  });
  declare<{ journal?: boolean; svg?: boolean; at?: number; after?: number; limit: number }>(root, {
    usage: "actor <address>",
    summary: "Show an actor: as it is, its journal, as it was, or its chart as a picture",
    options: [
      new Option("--journal", "its steps"),
      new Option("--svg", "its chart, its states lit, as SVG"),
      numeric("--at <seq>", "as it was after that step"),
      numeric("--after <seq>", "with --journal: only later steps"),
      numeric("--limit <n>", "with --journal: how many").default(100),
    ],
    examples: [
      "ao actor session/app-1",
      "ao actor session/app-1 --journal",
      "ao actor session/app-1 --at 3",
      "ao actor session/app-1 --svg > app-1.svg",
    ],
    run: async ({ args: [address = ""], options, output }) =>
      (await body()).showActor(output, address, options),
  });
  declare<{ format: ChartFormat }>(root, {
    usage: "machine <kind>",
    summary: "Show the statechart of a kind of actor; needs no daemon",
    options: [
      new Option("--format <format>")
        .choices(["json", "mermaid", "svg", "xstate"])
        .default("mermaid"),
    ],
    examples: ["ao machine session", "ao machine session --format svg > session.svg"],
    run: async ({ args: [kind = ""], options, output }) =>
      (await import("../commands/machine.ts")).showMachine(output, kind, options.format),
  });
}

function whyCommands(root: Command): void {
  declare(root, {
    usage: "why <id>",
    summary: "Tell what led to a message or an order, oldest first",
    examples: ["ao why 'session/app-1#3.0'"],
    run: async ({ args: [id = ""], output }) => (await body()).why(output, id),
  });
  declare<WatchOptions>(root, {
    usage: "watch",
    summary: "Watch the board, live; piped, filtered or with --json: every step, a line each",
    options: [
      numeric("--after <seq>", "from there on; from now when absent"),
      new Option("--kind <kind>", "only of this kind"),
      new Option("--address <address>", "only of this actor"),
      numeric("--limit <n>", "end after so many"),
    ],
    examples: ["ao watch", "ao watch --address session/app-1 --after 0"],
    run: async ({ options, output }) => {
      const isPlain = Object.keys(options).length === 0 && !output.isJson;
      if (isPlain && process.stdout.isTTY && process.stdin.isTTY) {
        await (await import("../commands/watch-board.ts")).watchBoard(output);
      } else {
        await (await import("../commands/watch.ts")).watch(output, options);
      }
    },
  });
  declare<InspectOptions>(root, {
    usage: "inspect",
    summary: "Speak the Stately inspection protocol, so that XState tools can attach",
    options: [
      numeric("--port <port>", "where tools attach").default(8_080),
      new Option("--allow <origin...>", "origins of pages elsewhere that may listen"),
      new Option("--kind <kind>", "only of this kind"),
    ],
    examples: ["ao inspect", "ao inspect --kind session --allow https://stately.ai"],
    run: async ({ options, output }) =>
      (await import("../commands/inspect.ts")).inspect(output, options),
  });
  declare(root, {
    usage: "intake",
    summary: "Show the books: what came in and what became of it",
    examples: ["ao intake", "ao intake --json"],
    run: async ({ output }) => (await body()).showIntake(output),
  });
}
