import { lstat, realpath, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { EffectResult } from "../../machines/effects.ts";
import { commitOf, git } from "../git/git.ts";
import { worktreeStatus } from "../git/facts.ts";
import { discardWorktree } from "../git/worktrees.ts";
import {
  exists,
  forget,
  look,
  type Mark,
  type Place,
  putMark,
  settleTrash,
  sweepMaking,
} from "./place.ts";
import { changedSince, preserve, type Preserved, preservedRef } from "./preserve.ts";

/**
 * Keeps what only the workspace holds and removes it (W4), or says why not. Without a path, what stands where it belongs.
 * Fails as `git` does.
 */
export async function reclaim(
  place: Place,
  path: string | null,
): Promise<EffectResult<"reclaimWorkspace">> {
  if (path !== null && !(await isItsPlace(place, path))) {
    return kept("unknown", `${path} is not ${place.path}, where this workspace belongs`);
  }
  await settleTrash(place);
  await sweepMaking(place);
  const found = await look(place);
  if (found.type === "absent") {
    await forget(place);
    const ref = preservedRef(place.workspace);
    const sha = await commitOf(ref, { cwd: place.spec.repo, signal: place.signal });
    return { removed: true, ...(sha !== null && { preserved: ref }) };
  }
  // What is another's was there before this workspace, which came to nothing.
  if (path === null && found.type === "foreign") return { removed: true };
  if (found.type !== "ours") {
    return kept(
      "unknown",
      found.type === "foreign" ? found.why : "git has forgotten this worktree",
    );
  }
  const loss = await findLoss(place.path, found.gitDir, place.signal);
  if (loss) return loss;
  const preserved = await preserve(place, found.gitDir);
  if (preserved.type === "impossible") return kept("dirty", `not committed: ${preserved.detail}`);
  return remove(place, { ...found, preserved });
}

/** Whether a path is the workspace's own, or that in another home, which this one was before it was moved, and is gone. */
async function isItsPlace({ root, workspace, spec }: Place, path: string): Promise<boolean> {
  const parent = await realpath(dirname(path)).catch(() => undefined);
  if (parent === root && basename(path) === workspace) return true;
  const isOfHome = path.endsWith(join("/worktrees", spec.projectId, workspace));
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => error.code);
  return isOfHome && found === "ENOENT";
}

type Kept = Extract<EffectResult<"reclaimWorkspace">, { removed: false }>;

/** What would be lost with the folder and no ref can hold, if anything (W4). */
async function findLoss(
  path: string,
  gitDir: string,
  signal: AbortSignal,
): Promise<Kept | undefined> {
  for (const name of UNDER_WAY) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- six looks at one folder
    if (await exists(join(gitDir, name)))
      return kept("dirty", `git is in the middle of something: ${name}`);
  }
  if (await exists(join(gitDir, "locked")))
    return kept("unknown", "someone has locked the worktree");
  const { submodules } = await worktreeStatus({ cwd: path, signal });
  if (submodules.length > 0)
    return kept("dirty", `not committed: changes in submodules: ${some(submodules)}`);
  return findSubmoduleLoss(path, gitDir, signal);
}

const UNDER_WAY = [
  "MERGE_HEAD",
  "CHERRY_PICK_HEAD",
  "REVERT_HEAD",
  "BISECT_LOG",
  "rebase-merge",
  "rebase-apply",
];

// A worktree has its own copies of its submodules, branches and all: they go with it.
async function findSubmoduleLoss(
  path: string,
  gitDir: string,
  signal: AbortSignal,
): Promise<Kept | undefined> {
  if (!(await exists(join(gitDir, "modules")))) return undefined;
  const count = "git rev-list --count HEAD --branches --not --remotes --tags";
  const counts = await git(["submodule", "foreach", "--quiet", "--recursive", count], {
    cwd: path,
    signal,
  });
  if (counts.split("\n").every((line) => line === "" || line === "0")) return undefined;
  return kept("unpushed", "a submodule has commits that are not published");
}

/** Removes in two steps, so that what comes in between the look and the removal is seen and kept. */
async function remove(
  place: Place,
  {
    gitDir,
    mark,
    preserved,
  }: { gitDir: string; mark: Mark; preserved: Exclude<Preserved, { type: "impossible" }> },
): Promise<EffectResult<"reclaimWorkspace">> {
  const trash = join(place.root, `.trash-${place.workspace}.${place.nonce()}`);
  await rename(place.path, trash);
  // Submodules cannot be read from another folder than their own; they were looked at before.
  const index = preserved.type === "kept" ? preserved.index : undefined;
  const changed = await changedSince(index, { cwd: trash, signal: place.signal });
  if (changed.length > 0) {
    await rename(trash, place.path);
    return kept("dirty", `written while it was being removed: ${some(changed)}`);
  }
  if (place.isWantedAgain?.() === true) {
    await rename(trash, place.path);
    return kept("unknown", "somebody came to know it while it was being removed");
  }
  await putMark(gitDir, { ...mark, isReclaimed: true });
  await discardWorktree({ commonDir: place.commonDir, path: trash });
  return { removed: true, ...(preserved.type === "kept" && { preserved: preserved.ref }) };
}

function kept(reason: Kept["reason"], detail: string): Kept {
  return { removed: false, reason, detail };
}

function some(paths: readonly string[]): string {
  return paths.length > 5
    ? `${paths.slice(0, 5).join(", ")} and ${paths.length - 5} more`
    : paths.join(", ");
}
