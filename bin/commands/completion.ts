import type { Command } from "commander";
import { Failure } from "../../machines/failures.ts";
import { ask, query } from "../cli/api.ts";
import type { Output } from "../cli/output.ts";

// Completion
//
// Scripts for shells, made from the tree of commands: a new command completes without being mentioned here.

/** Prints the script of one shell. Fails with MALFORMED for a shell that is not known. */
export async function printCompletion(output: Output, root: Command, shell: string): Promise<void> {
  output.write(completion(root, shell));
  return Promise.resolve();
}

/** The ids of all actors of a kind, a line each. Fails with MALFORMED for a kind that nobody is asked to name. */
export async function printIds(output: Output, kind: string): Promise<void> {
  if (!Object.values(KIND_OF).includes(kind)) {
    const known = [...new Set(Object.values(KIND_OF))].join(", ");
    throw new Failure("MALFORMED", `list ids of ${kind || "no kind"}: known kinds are ${known}`);
  }
  const path = `/actors${query({ kind, limit: MOST_IDS })}`;
  const { actors } = await ask<{ actors: { address: string }[] }>("GET", path);
  for (const { address } of actors) output.write(`${address.slice(kind.length + 1)}\n`);
}

const MOST_IDS = 1_000;
/** What an argument of this name is the id of. */
const KIND_OF: Readonly<Record<string, string>> = {
  session: "session",
  worker: "session",
  terminal: "terminal",
  objective: "objective",
  question: "question",
  project: "project",
};

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
  /** Kinds of the actors whose ids are its arguments, in order; empty for what is no id. */
  readonly ids: readonly string[];
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
  const ids = command.registeredArguments.map((argument) => KIND_OF[argument.name()] ?? "");
  return [{ path: path.join(" "), commands, options, ids }, ...below];
}

function bash(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options, ids }) => {
    const all = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)];
    const kinds = ids.some((kind) => kind !== "")
      ? ` kinds=(${ids.map((kind) => `"${kind}"`).join(" ")})`
      : "";
    return `    "${path}") words="${all.join(" ")}"${kinds} ;;`;
  });
  const paths = words.map(({ path }) => `"${path}"`).filter((path) => path !== '""');
  return `_ao() {
  local current=\${COMP_WORDS[COMP_CWORD]} path="" next words="" word given=0 kinds=() kind
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${paths.join("|")}) path=$next given=0 ;;
      *) case "$word" in -*) ;; *) given=$((given + 1)) ;; esac ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  kind=\${kinds[given]}
  if [ -n "$kind" ] && [ "\${current#-}" = "$current" ]; then
    words="$words $(ao completion ids "$kind" 2>/dev/null)"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ao ao
`;
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, commands, options, ids }) => {
    const parts = path === "" ? [] : path.split(" ");
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`);
    const none = `not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`;
    const here = commands.length === 0 ? seen : [...seen, none];
    const when = here.length === 0 ? "" : ` -n '${here.join("; and ")}'`;
    return [
      ...commands.map(
        ({ name, summary }) => `complete -c ao -f${when} -a ${name} -d ${quoted(summary)}`,
      ),
      ...[...new Set(ids)].flatMap((kind) =>
        kind === ""
          ? []
          : [`complete -c ao -f${when} -a '(ao completion ids ${kind} 2>/dev/null)'`],
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
