import { Failure } from "../../machines/failures.ts";
import { tryGit } from "../git/git.ts";
import { listWorktrees } from "../git/worktrees.ts";

/** Fails with BRANCH_INVALID for what no branch of a repository can be called. */
export async function checkBranchName(
  repo: string,
  branch: string,
  signal?: AbortSignal,
): Promise<void> {
  // Beyond its form git refuses HEAD; what it would read as another thing than a branch is refused here.
  const asked = ["check-ref-format", "--branch", branch];
  const { exitCode, stdout } = await tryGit(asked, { cwd: repo, signal });
  const isOther = branch === "@" || branch.startsWith("refs/") || stdout.trim() !== branch;
  if (exitCode !== 0 || isOther) {
    throw new Failure(
      "BRANCH_INVALID",
      `prepare a worktree: ${JSON.stringify(branch)} cannot name a branch`,
    );
  }
}

/**
 * Fails with BRANCH_INVALID as above, BRANCH_CHECKED_OUT for a branch that somebody works on. Between this and a worktree
 * that is made somebody else may come: git has the last word.
 */
export async function checkBranchIsFree(repo: string, branch: string): Promise<void> {
  await checkBranchName(repo, branch);
  const holder = (await listWorktrees(repo)).find((worktree) => worktree.branch === branch);
  if (holder === undefined) return;
  throw new Failure("BRANCH_CHECKED_OUT", `work on ${branch}: it is checked out at ${holder.path}`);
}
