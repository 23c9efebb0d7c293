import { type Command, Option } from "commander";
import { declare, group } from "../cli/declaration.ts";

/** The daemon's own life, and looking after it. */
export function daemonCommands(root: Command): void {
  lifeCommands(root);
  careCommands(root);
}

function lifeCommands(root: Command): void {
  declare<{ detach?: boolean }>(root, {
    usage: "up",
    summary: "Run the daemon here, or in the background",
    options: [new Option("-d, --detach", "return when it is ready")],
    examples: ["ao up", "ao up --detach"],
    run: async ({ options, output }) => (await import("../commands/daemon.ts")).up(output, options),
  });
  declare(root, {
    usage: "down",
    summary: "Stop the daemon; agents go on",
    examples: ["ao down"],
    run: async ({ output }) => (await import("../commands/daemon.ts")).stopDaemon(output),
  });
  declare(root, {
    usage: "status",
    summary: "Tell whether the daemon is ready, part by part",
    examples: ["ao status", "ao status --json"],
    run: async ({ output }) => (await import("../commands/daemon.ts")).status(output),
  });
  declare(root, {
    usage: "ui",
    summary: "Print a link to the daemon's pages that signs a browser in, once, within a minute",
    examples: ["ao ui", "ao ui --json"],
    run: async ({ output }) => (await import("../commands/ui.ts")).tellLink(output),
  });
}

function careCommands(root: Command): void {
  declare(root, {
    usage: "doctor",
    summary: "Check everything and say how to mend what is wrong",
    examples: ["ao doctor", "ao doctor --json"],
    run: async ({ output }) => (await import("../commands/doctor.ts")).doctor(output),
  });
  const host = group(root, "host", "Where workers run, and what the others wait for");
  declare(host, {
    usage: "show",
    summary: "Show where workers run, what is free there, and what the others wait for",
    isDefault: true,
    examples: ["ao host", "ao host --json"],
    run: async ({ output }) => (await import("../commands/host.ts")).showHosts(output),
  });
  declare(host, {
    usage: "lift <harness>",
    summary: "Lift the limit of a harness before its time",
    examples: ["ao host lift claude-code"],
    run: async ({ args: [harness = ""], output }) =>
      (await import("../commands/host.ts")).liftLimit(output, harness),
  });
  declare<{ keep?: boolean }>(root, {
    usage: "demo",
    summary: "Watch scripted agents, reviewers and a manager do a real job in a temporary home",
    options: [new Option("--keep", "leave everything for looking around")],
    examples: ["ao demo", "ao demo --keep"],
    run: async ({ options, output }) => (await import("../commands/demo.ts")).demo(output, options),
  });
  declare(root, {
    usage: "backup <folder>",
    summary: "Copy the store into an empty folder while the daemon runs",
    examples: ["ao backup /backups/ao-monday"],
    run: async ({ args: [folder = ""], output }) =>
      (await import("../commands/actors.ts")).backUp(output, folder),
  });
  declare(root, {
    usage: "version",
    summary: "Print the version",
    examples: ["ao version"],
    run: async ({ output }) => (await import("../commands/version.ts")).tellVersion(output),
  });
  declare(root, {
    usage: "completion <shell> [kind]",
    summary:
      "Print the completion script of bash, zsh or fish; for ids, the ids of a kind of actor",
    examples: [
      "ao completion ids session",
      'eval "$(ao completion bash)"',
      "ao completion fish > ~/.config/fish/completions/ao.fish",
    ],
    isSilent: true,
    run: async ({ args: [shell = "", kind], output }) =>
      shell === "ids"
        ? (await import("../commands/completion.ts")).printIds(output, kind ?? "")
        : (await import("../commands/completion.ts")).printCompletion(output, root, [shell, kind]),
  });
}
