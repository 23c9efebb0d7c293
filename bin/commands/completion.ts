import type { Command, Option } from "commander";
import { Failure } from "../../machines/failures.ts";
import { HARNESSES } from "../../machines/harness/harnesses.ts";
import { ask, query } from "../cli/api.ts";
import { KIND_OF, kindOfFlags } from "../cli/names.ts";
import type { Output } from "../cli/output.ts";

// Completion
//
// Scripts for shells, made from the tree of commands: a new command completes without being mentioned here.

/** Prints the script of one shell. Fails with MALFORMED for a shell that is not known, and for a word after it. */
export async function printCompletion(
  output: Output,
  root: Command,
  [shell, more]: readonly [string, string | undefined],
): Promise<void> {
  if (more !== undefined) {
    throw new Failure("MALFORMED", `complete for ${shell}: nothing follows a shell, not ${more}`);
  }
  output.write(completion(root, shell));
  return Promise.resolve();
}

/** The ids of all actors of a kind, a line each. Fails with MALFORMED for a kind that nobody is asked to name. */
export async function printIds(output: Output, kind: string): Promise<void> {
  const known = [...new Set<string>(Object.values(KIND_OF))];
  if (!known.includes(kind)) {
    const seen = `known kinds are ${known.join(", ")}`;
    throw new Failure("MALFORMED", `list ids of ${kind || "no kind"}: ${seen}`);
  }
  const path = `/actors${query({ kind, limit: MOST_IDS })}`;
  const { actors } = await ask<{ actors: { address: string; value: unknown }[] }>("GET", path);
  for (const { address, value } of actors) {
    // A refused registration leaves a vacant project behind.
    if (value !== "vacant" && value !== "removed") {
      output.write(`${address.slice(kind.length + 1)}\n`);
    }
  }
}

const MOST_IDS = 1_000;

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

interface Flag {
  readonly flag: string;
  readonly summary: string;
  /** Whether a word follows that is its value. */
  readonly isValued: boolean;
  /** What that may be; empty when it is anything. */
  readonly choices: readonly string[];
  /** The kind of the actor whose id it is; empty when it is none. */
  readonly kind: string;
}

interface Words {
  /** The commands that lead here, `""` for ao itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly Flag[];
  /** Kinds of the actors whose ids are its arguments, in order; empty for what is no id. */
  readonly ids: readonly string[];
  /** That of its last argument, where any number of them may be given. */
  readonly more: string;
}

function wordsByPath(command: Command, path: readonly string[] = []): Words[] {
  const commands = command.commands.map((child) => ({
    name: child.name(),
    summary: child.summary(),
  }));
  const help = { flag: "--help", summary: "explain", isValued: false, choices: [], kind: "" };
  const options = [...command.options.map(flagOf), help];
  const below = command.commands.flatMap((child) => wordsByPath(child, [...path, child.name()]));
  const ids = command.registeredArguments.map((argument) => KIND_OF[argument.name()] ?? "");
  const more = command.registeredArguments.at(-1)?.variadic === true ? (ids.at(-1) ?? "") : "";
  return [{ path: path.join(" "), commands, options, ids, more }, ...below];
}

/** What a value of this name may be, where it is known before a daemon is asked. */
const VALUES_OF: Readonly<Record<string, readonly string[]>> = { harness: [...HARNESSES.keys()] };

function flagOf(option: Option): Flag {
  const { long, short, description, argChoices, flags } = option;
  const flag = long ?? short ?? "";
  const [, placeholder = ""] = /[<[](\w+)/.exec(flags) ?? [];
  return {
    flag,
    summary: description,
    isValued: placeholder !== "",
    choices: argChoices ?? VALUES_OF[placeholder] ?? [],
    kind: kindOfFlags(flags) ?? "",
  };
}

function bash(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options, ids, more }) => {
    const valued = options.filter(({ isValued }) => isValued).map(({ flag }) => flag);
    return [
      `    "${path}") verbs="${commands.map(({ name }) => name).join(" ")}"`,
      `flags="${options.map(({ flag }) => flag).join(" ")}"`,
      ...(valued.length === 0 ? [] : [`valued=" ${valued.join(" ")} "`]),
      ...(more === "" ? [] : [`more="${more}"`]),
      ...(ids.length === 0 ? [] : [`kinds=(${ids.map((kind) => `"${kind}"`).join(" ")})`]),
      ";;",
    ].join(" ");
  });
  const values = words.flatMap(({ path, options }) =>
    options.flatMap(({ flag, choices, kind }) => {
      if (choices.length > 0) return [`    "${path} ${flag}") offered="${choices.join(" ")}" ;;`];
      return kind === "" ? [] : [`    "${path} ${flag}") kind="${kind}" ;;`];
    }),
  );
  const paths = words.map(({ path }) => `"${path}"`).filter((path) => path !== '""');
  // For zsh too: no `${array[@]:from:count}`, and none of its own names (path, words, commands, options).
  return `_ao() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at="" next word offered="" kind="" i from=1 given=0
  local verbs="" flags="" valued="" more="" kinds
  kinds=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${at:+$at }\${COMP_WORDS[i]}"
    case "$next" in
      ${paths.join("|")}) at=$next from=$((i + 1)) ;;
    esac
  done
  case "$at" in
${cases.join("\n")}
  esac
  word=""
  for ((i = from; i < COMP_CWORD; i++)); do
    case "$valued" in *" $word "*) word="" && continue ;; esac
    word="\${COMP_WORDS[i]}"
    case "$word" in -*) ;; *) given=$((given + 1)) word="" ;; esac
  done
  case "$valued" in
    *" \${word:--} "*)
      case "$at $word" in
${values.join("\n")}
      esac ;;
    *)
      kind="\${kinds[given]:-$more}" offered="$verbs"
      case "$current" in -*) kind="" offered="$flags" ;; esac
      if [ -z "$offered\${kinds[*]}" ] && [ \${#kinds[@]} -eq 0 ]; then offered="$flags"; fi ;;
  esac
  if [ -n "$kind" ]; then offered="$offered $(ao completion ids "$kind" 2>/dev/null)"; fi
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
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
        ({ name, summary }) => `complete -c ao -f${when} -a ${name} -d ${fishWord(summary)}`,
      ),
      ...[...new Set(ids)].flatMap((kind) =>
        kind === "" ? [] : [`complete -c ao -f${when} -a '${idsOf(kind)}'`],
      ),
      ...options.map(
        (option) =>
          `complete -c ao${when} -l ${option.flag.slice(2)}${valuesOf(option)} -d ${fishWord(option.summary)}`,
      ),
    ];
  });
  return `${lines.join("\n")}\n`;
}

function idsOf(kind: string): string {
  return `(ao completion ids ${kind} 2>/dev/null)`;
}

function valuesOf({ isValued, choices, kind }: Flag): string {
  if (choices.length > 0) return ` -x -a '${choices.join(" ")}'`;
  if (kind !== "") return ` -x -a '${idsOf(kind)}'`;
  return isValued ? " -r" : "";
}

function fishWord(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
