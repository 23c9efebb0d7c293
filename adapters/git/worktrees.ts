import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { git } from "./git.ts";
import { withBooks } from "./repository-books.ts";

// Git worktrees
//
// The parts that git has no safe command for, shared by workspaces and checks. A worktree is two folders: the tree, and
// its git dir `<repository>/worktrees/<name>`, where git takes <name> from the tree's folder. Whoever makes one here
// picks a folder name that was never used before, so the two can always be told to belong together (W1).
//
//   W1. A git dir is removed only when its tree's `.git` file names it, or when it bears the tree's unique name.

/** One row of `git worktree list`; the first is the repository's main one. */
export interface Worktree {
  readonly path: string;
  /** Short name of the branch; null when detached. */
  readonly branch: string | null;
  readonly isBare: boolean;
  readonly isLocked: boolean;
}

/** Every worktree that the repository of a folder knows, missing ones too. */
export async function listWorktrees(cwd: string, signal?: AbortSignal): Promise<Worktree[]> {
  const args = ["worktree", "list", "--porcelain", "-z"];
  const listed = await withBooks(cwd, signal, async () => git(args, { cwd, signal }));
  return listed
    .split("\0\0")
    .filter((block) => block !== "")
    .map((block) => {
      const fields = new Map(block.split("\0").map((line) => splitOnce(line)));
      return {
        path: fields.get("worktree") ?? "",
        branch: fields.get("branch")?.replace(/^refs\/heads\//, "") ?? null,
        isBare: fields.has("bare"),
        isLocked: fields.has("locked"),
      };
    });
}

/** The git dir that a linked worktree's `.git` file names; undefined when it has no such file. */
export async function gitDirOf(tree: string): Promise<string | undefined> {
  const text = await readFile(join(tree, ".git"), "utf8").catch(() => "");
  return /^gitdir: (.+)\n?$/.exec(text)?.[1];
}

/** Makes a worktree at a path whose last part was never used before. Fails as `git` does; then call `discardWorktree`. */
export async function addWorktree(at: {
  readonly repo: string;
  readonly path: string;
  readonly flags: readonly string[];
  readonly commit: string;
  /** Only its git dir, without an index and without files. */
  readonly isEmpty?: boolean;
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { repo: cwd, path, signal } = at;
  await mkdir(path, { recursive: true });
  const args = ["worktree", "add", "--quiet", "--no-checkout", ...at.flags, path, at.commit];
  await withBooks(cwd, signal, async () => git(args, { cwd, signal }));
  if (at.isEmpty === true) return;
  // As git itself does it, but with the books given back: a filter may fetch each file from a network.
  await git(["reset", "--hard", "--quiet"], { cwd: path, signal, timeoutMs: CHECKOUT_TIMEOUT_MS });
}

/** Checks out the submodules that a worktree's commit names, at any depth; nothing if there are none. Fails as `git` does. */
export async function fillSubmodules(tree: string, signal: AbortSignal): Promise<void> {
  const list = await stat(join(tree, ".gitmodules")).catch(() => undefined);
  if (list === undefined) return;
  const args = ["submodule", "update", "--init", "--recursive", "--quiet"];
  await git(args, { cwd: tree, signal, timeoutMs: CHECKOUT_TIMEOUT_MS });
}

/** Removes a worktree that `addWorktree` made or began to make, with everything in it. Repeats are harmless. */
export async function discardWorktree(at: {
  readonly commonDir: string;
  readonly path: string;
}): Promise<void> {
  const gitDir = (await gitDirOf(at.path)) ?? join(at.commonDir, "worktrees", basename(at.path));
  // The tree stays until its git dir is gone: it is what names it (W1).
  if (basename(dirname(gitDir)) === "worktrees") {
    await strike(at.commonDir, gitDir);
    await removeFolder(gitDir);
  }
  await removeFolder(at.path);
}

/** Without these two it is none of git's worktrees any more; its submodules may take long to remove. */
async function strike(commonDir: string, gitDir: string): Promise<void> {
  await withBooks(commonDir, undefined, async () => {
    await rm(join(gitDir, "gitdir"), { force: true });
    await rm(join(gitDir, "commondir"), { force: true });
  });
}

/** Removes a folder and all in it, though something may still be writing there for a moment. */
async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

// A large repository, or one whose files come through a filter from a network.
const CHECKOUT_TIMEOUT_MS = 120_000;

function splitOnce(line: string): [string, string] {
  const space = line.indexOf(" ");
  return space === -1 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
}
