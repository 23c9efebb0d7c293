import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { execa } from "execa";
import { program } from "../../bin/tree/program.ts";
import { commandLine } from "../support/command-line.ts";

function commandsOf(
  command: Command,
  path: readonly string[] = [],
): { path: string[]; command: Command }[] {
  const own = [...path, command.name()].slice(1);
  return [
    { path: own, command },
    ...command.commands.flatMap((child) => commandsOf(child, [...path, command.name()])),
  ];
}

const ALL = commandsOf(program("0.0.0"));
const LEAVES = ALL.filter(({ command }) => command.commands.length === 0);

describe("help", () => {
  it("explains every command and group, with an example that names it (C3)", () => {
    const thin = ALL.slice(1).filter(({ path, command }) => {
      let text = "";
      command.configureOutput({ writeOut: (part) => (text += part) });
      command.outputHelp();
      return (
        !text.includes(`Examples:\n`) ||
        !text.includes(`ao ${path.join(" ")}`) ||
        command.summary() === ""
      );
    });
    expect(thin.map(({ path }) => path)).toEqual([]);
  });

  it("offers --json on every command but those without facts (C2)", () => {
    const without = LEAVES.filter(
      ({ command }) => !command.options.some(({ long }) => long === "--json"),
    );
    expect(without.map(({ path }) => path.join(" "))).toEqual(["completion", "hook"]);
  });

  it.each([
    ["--help"],
    ["project", "--help"],
    ["spawn", "--help"],
    ["hook", "--help"],
    ["hook", "x", "--help"],
  ])("is printed for ao %s %s and ends with 0", async (...args) => {
    const { code, out, err } = await commandLine().ao(args);
    expect([code, out.startsWith("Usage: ao"), err]).toEqual([0, true, ""]);
  });
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("of %s names every command", async (shell) => {
    const { code, out } = await commandLine().ao(["completion", shell]);
    const missing = ALL.flatMap(({ path }) => path).filter((name) => !out.includes(name));
    expect([code, missing]).toEqual([0, []]);
  });

  it("of zsh says nothing that zsh reads as another thing than bash does", async () => {
    const { out } = await commandLine().ao(["completion", "zsh"]);
    expect(out).not.toMatch(/\[@\]:|\b(?:path|words|commands|options)=/);
  });

  it.each([
    { words: ["ao", "pro"], is: ["project"] },
    { words: ["ao", "project", "s"], is: ["show"] },
    { words: ["ao", "pr", "open", "--dr"], is: ["--draft"] },
    { words: ["ao", "spawn", "project", "--tit"], is: ["--title"] },
    { words: ["ao", "watch", "show", "--li"], is: ["--limit"] },
    { words: ["ao", "spawn", "--kind", "w"], is: ["worker"] },
    { words: ["ao", "machine", "session", "--format", "x"], is: ["xstate"] },
    { words: ["ao", "project", "add", ".", "--harness", "cl"], is: ["claude-code"] },
    { words: ["ao", "send", "--file", ""], is: [""] },
    { words: ["ao", "project", "add", ""], is: [""] },
    { words: ["ao", "down", ""], is: ["--json", "--help"] },
  ])("in bash turns $words into $is", async ({ words, is }) => {
    const { out } = await commandLine().ao(["completion", "bash"]);
    const list = words.map((word) => `'${word}'`).join(" ");
    const script = `${out}\nCOMP_WORDS=(${list})\nCOMP_CWORD=${words.length - 1}\n_ao\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await execa("bash", ["--norc", "-c", script]);
    expect(stdout.split("\n")).toEqual(is);
  });

  it.each([
    { words: ["ao", "show", ""], is: "ids session" },
    { words: ["ao", "kill", "demo-1", "--kind", "error", "demo-2", ""], is: "ids session" },
    { words: ["ao", "logs", "d"], is: "ids terminal" },
    { words: ["ao", "objective", "stop", ""], is: "ids objective" },
    { words: ["ao", "objective", "stop", "demo-o1", ""], is: "ids session" },
    { words: ["ao", "review", "ls", ""], is: "ids session" },
    { words: ["ao", "question", "answer", ""], is: "ids question" },
    { words: ["ao", "spawn", ""], is: "ids project" },
    { words: ["ao", "spawn", "--kind", "worker", ""], is: "ids project" },
    { words: ["ao", "ls", "--all", "--project", ""], is: "ids project" },
    { words: ["ao", "objective", "worker", "demo-o1", "--after", ""], is: "ids session" },
    { words: ["ao", "objective", "ask", "demo-o1", ""], is: "" },
    { words: ["ao", "spawn", "demo", ""], is: "" },
    { words: ["ao", "show", "--"], is: "" },
    { words: ["ao", "ls", ""], is: "" },
  ])("in bash asks for '$is' after $words", async ({ words, is }) => {
    const { out } = await commandLine().ao(["completion", "bash"]);
    const list = words.map((word) => `'${word}'`).join(" ");
    const fake = 'ao() { echo "demo-1"; echo "$2 $3" | sed "s/^/asked /" >&2; }';
    const plain = out.replaceAll("2>/dev/null", "");
    const script = `${plain}\n${fake}\nCOMP_WORDS=(${list})\nCOMP_CWORD=${words.length - 1}\n_ao\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await execa("bash", ["--norc", "-c", script]);
    expect([stderr.replace("asked ", ""), stdout.includes("demo-1")]).toEqual([is, is !== ""]);
  });
});
