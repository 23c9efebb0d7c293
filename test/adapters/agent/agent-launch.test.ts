import { existsSync, lstatSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { trustFolder, trustRepository } from "../../../adapters/agent/trust.ts";
import type { LaunchSpec } from "../../../machines/effects.ts";
import { FILES } from "../../../machines/harness/harness.ts";
import { agentLaunch } from "../../../machines/harness/harnesses.ts";
import { tempFolder } from "../../support/folder.ts";
import { repositoryWithOrigin, run } from "../../support/repository.ts";
import { recorder, tmuxWorld, typed } from "../terminal/tmux-world.ts";

const CONVERSATION = { id: "0b5c1c2e-0000-8000-8000-000000000000", isResumed: false };

/** A program of that name in the folder `bin` of a home, and the PATH that finds it. */
async function program(home: string, name: string, script: string): Promise<string> {
  const bin = join(home, "bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${bin}:${process.env["PATH"]}`;
}

/** The launch of a harness as a session orders it. */
function launchSpecOf(harness: string, PATH: string, prompt = "Do it"): Partial<LaunchSpec> {
  const task = { prompt, conversation: CONVERSATION, cwd: "/" };
  const { argv, env, files, typed: said, trust } = agentLaunch({ harness, argv: [harness] }, task);
  const spec = { harness, argv: [...argv], files: [...files], typed: said, trust, prompt };
  return { ...spec, env: { ...env, PATH } };
}

async function until(file: string): Promise<string> {
  await expect.poll(() => existsSync(file)).toBe(true);
  return readFileSync(file, "utf8");
}

describe("an agent", () => {
  it("finds the files that its harness asks for outside of its worktree, and they go with it (H3)", async () => {
    const { launch, destroy, home } = tmuxWorld();
    const script = `printf '%s' "$OPENCODE_CONFIG" > ${home}/seen.new; mv ${home}/seen.new ${home}/seen; exec cat`;
    const PATH = await program(home, "opencode", script);
    await launch(launchSpecOf("opencode", PATH));
    const folder = join(await realpath(home), "agents/mer.1");
    expect(await until(join(home, "seen"))).toBe(join(folder, "opencode.json"));
    expect(readFileSync(join(folder, "ao.js"), "utf8")).toContain("ao");
    expect(statSync(join(folder, "ao.js")).mode & 0o777).toBe(0o600);
    await destroy();
    expect(existsSync(folder)).toBe(false);
  });

  it("is given the real path where an argument stands for a file, and no other word is touched", async () => {
    const { launch, home } = tmuxWorld();
    const script = `printf '%s\\n' "$@" > ${home}/seen.new; mv ${home}/seen.new ${home}/seen; exec cat`;
    const PATH = await program(home, "claude", script);
    const spec = launchSpecOf("claude-code", PATH, `${FILES}/other`);
    await launch({ ...spec, argv: ["claude", ...(spec.argv ?? []).slice(1)] });
    const seen = (await until(join(home, "seen"))).split("\n");
    expect(seen).toContain(join(await realpath(home), "agents/mer.1/settings.json"));
    expect(seen).toContain(`${FILES}/other`);
  });

  it("has its prompt typed when it listens, once however often it is launched (H1)", async () => {
    const { launch, home } = tmuxWorld();
    const file = join(home, "typed");
    const [, , script] = recorder(file);
    const listens = `sleep 0.3; printf '> '; set -- x ${file}; shift; ${script}`;
    const PATH = await program(home, "aider", listens.replace("hready", "h"));
    const spec = launchSpecOf("aider", PATH, "one\ntwo");
    await Promise.all([launch(spec), launch(spec)]);
    await launch(spec);
    await expect.poll(() => readFileSync(file, "utf8")).toBe(typed("one\ntwo"));
  });

  it("that ended before it could be told anything was launched all the same", async () => {
    const { launch, home } = tmuxWorld();
    const PATH = await program(home, "aider", "printf '> '; exit 3");
    expect(await launch(launchSpecOf("aider", PATH))).toMatchObject({ adopted: false });
  });
});

describe("an agent whose program is not there", () => {
  it.each([
    { title: "on the PATH", argv: ["claude"], seen: /no claude on PATH; install it with: npm/ },
    { title: "at its place", argv: ["/no/claude"], seen: /no program \/no\/claude; install it/ },
    { title: "as a program", argv: ["/etc/passwd"], seen: /no program \/etc\/passwd/ },
  ])("$title is refused before a pane is made, with the next step", async ({ argv, seen }) => {
    const world = tmuxWorld();
    const [nowhere = ""] = (await program(world.home, "other", "")).split(":");
    const spec = launchSpecOf("claude-code", nowhere);
    await expect(world.launch({ ...spec, argv })).rejects.toMatchObject({
      code: "AGENT_BINARY_NOT_FOUND",
      message: seen,
    });
    expect(await world.terminals.listPanes()).toEqual([]);
  });
});

async function config(text: string): Promise<{ home: string; file: string }> {
  const home = tempFolder();
  const file = join(home, ".claude.json");
  await writeFile(file, text);
  return { home, file };
}

describe("trust", () => {
  it("orcha-122: is written once, and nothing else of the person's file is touched (T1)", async () => {
    const { home, file } = await config('{"theme":"dark","projects":{"/a":{"x":1},"/w":{"y":2}}}');
    expect(await trustFolder("/w", { HOME: home })).toBe(true);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      theme: "dark",
      projects: { "/a": { x: 1 }, "/w": { y: 2, hasTrustDialogAccepted: true } },
    });
    expect(await trustFolder("/w", { HOME: home })).toBe(false);
  });

  it("goes where CLAUDE_CONFIG_DIR says, through a link that stays one", async () => {
    const { home, file } = await config("{}");
    const dotfiles = tempFolder();
    symlinkSync(file, join(dotfiles, ".claude.json"));
    expect(await trustFolder("/w", { HOME: "/no", CLAUDE_CONFIG_DIR: dotfiles })).toBe(true);
    expect(lstatSync(join(dotfiles, ".claude.json")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(home, ".claude.json"), "utf8")).toContain("hasTrustDialogAccepted");
  });

  it.each([
    { title: "the checkout that a worktree is of", from: "repo", is: "repo" },
    { title: "a bare repository, not what it lies in", from: "origin.git", is: "origin.git" },
    { title: "nothing for a folder in none", from: undefined, is: undefined },
  ])("is of $title", async ({ from, is }) => {
    const { path, origin, home: place } = await repositoryWithOrigin();
    expect([path, origin]).toEqual([join(place, "repo"), join(place, "origin.git")]);
    const { home, file } = await config("{}");
    const tree = join(place, "tree");
    if (from === undefined) await mkdir(tree);
    else await run(join(place, from), "worktree", "add", "--quiet", "-b", "ao/w-1", tree, "main");
    await trustRepository(tree, { HOME: home });
    const trusted = is === undefined ? {} : { [join(place, is)]: { hasTrustDialogAccepted: true } };
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(
      is === undefined ? {} : { projects: trusted },
    );
  });

  it.each([
    { title: "is no JSON", text: "{" },
    { title: "is of another shape", text: '{"projects":[]}' },
  ])("leaves a file alone that $title (T2)", async ({ text }) => {
    const { home, file } = await config(text);
    expect(await trustFolder("/w", { HOME: home })).toBe(false);
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("makes no file where Claude Code was never set up (T1)", async () => {
    const home = tempFolder();
    expect(await trustFolder("/w", { HOME: home })).toBe(false);
    expect(existsSync(join(home, ".claude.json"))).toBe(false);
  });
});
