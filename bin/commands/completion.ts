import type { Command } from "commander";
import { Failure } from "../../machines/failures.ts";
import type { Output } from "../cli/output.ts";

// Completion
//
// Scripts for shells, made from the tree of commands: a new command completes without being mentioned here.

/** Prints the script of one shell. Fails with MALFORMED for a shell that is not known. */
export async function printCompletion(output: Output, root: Command, shell: string): Promise<void> {
  output.write(completion(root, shell));
  return Promise.resolve();
}

function completion(root: Command, shell: string): string {
  const words = wordsByPath(root);
  switch (shell) {
    case "bash":
      return bash(words);
    case "zsh":
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`;
    case "fish":
      return fish(words);
    default:
      throw new Failure("MALFORMED", `complete for ${shell}: known shells are bash, zsh, fish`);
  }
}

interface Words {
  /** The commands that lead here, `""` for ao itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly { readonly flag: string; readonly summary: string }[];
}

function wordsByPath(command: Command, path: readonly string[] = []): Words[] {
  const commands = command.commands.map((child) => ({
    name: child.name(),
    summary: child.summary(),
  }));
  const options = [
    ...command.options.map(({ long, short, description }) => ({
      flag: long ?? short ?? "",
      summary: description,
    })),
    { flag: "--help", summary: "explain" },
  ];
  const below = command.commands.flatMap((child) => wordsByPath(child, [...path, child.name()]));
  return [{ path: path.join(" "), commands, options }, ...below];
}

function bash(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options }) => {
    const all = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)];
    return `    "${path}") words="${all.join(" ")}" ;;`;
  });
  const paths = words.map(({ path }) => `"${path}"`).filter((path) => path !== '""');
  return `_ao() {
  local current=\${COMP_WORDS[COMP_CWORD]} path="" next words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${paths.join("|")}) path=$next ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ao ao
`;
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, commands, options }) => {
    const parts = path === "" ? [] : path.split(" ");
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`);
    const none = `not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`;
    const here = commands.length === 0 ? seen : [...seen, none];
    const when = here.length === 0 ? "" : ` -n '${here.join("; and ")}'`;
    return [
      ...commands.map(
        ({ name, summary }) => `complete -c ao -f${when} -a ${name} -d ${quoted(summary)}`,
      ),
      ...options.map(
        ({ flag, summary }) => `complete -c ao${when} -l ${flag.slice(2)} -d ${quoted(summary)}`,
      ),
    ];
  });
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
