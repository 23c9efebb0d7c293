import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { commonDirOf } from "../git/repository.ts";
import { writePrivate } from "../private-file.ts";

// Agent trust
//
// Claude Code asks a person whether it may work in a folder it has not seen, before anything else; an agent in a new
// worktree would wait for that for ever. Whoever registered the project has answered: its repository is marked as
// trusted, once, and with it all its worktrees.
//
//   T1. Nothing else in the person's file is touched, and nothing is made where there is none: Claude Code was never
//       set up there, and asks for more than trust.
//   T2. A file that is not understood is left alone; the agent then asks, which is seen on its screen.

const Trusted = z.looseObject({
  projects: z.record(z.string(), z.looseObject({})).optional(),
});

/** Marks the repository of a worktree as trusted by Claude Code; nothing where a folder is in none. */
export async function trustRepository(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const common = await commonDirOf(cwd).catch(() => undefined);
  if (common === undefined) return;
  // Worktrees of a bare repository belong to no folder above it.
  await trustFolder(basename(common) === ".git" ? dirname(common) : common, env);
}

/** Marks a folder as trusted by Claude Code. True when something had to be written. */
export async function trustFolder(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const file = join(env["CLAUDE_CONFIG_DIR"] ?? env["HOME"] ?? "/", ".claude.json");
  const config = await read(file);
  if (config === undefined) return false;
  const known = config.projects?.[folder];
  if (known?.["hasTrustDialogAccepted"] === true) return false;
  const projects = { ...config.projects, [folder]: { ...known, hasTrustDialogAccepted: true } };
  // A link to the real file, as dotfiles are kept, stays a link.
  await writePrivate(await realpath(file), JSON.stringify({ ...config, projects }, undefined, 2));
  return true;
}

async function read(file: string): Promise<z.infer<typeof Trusted> | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Trusted.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
