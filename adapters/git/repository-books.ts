import { git } from "./git.ts";
import { turns } from "./turns.ts";

// Repository books
//
// What all worktrees of a repository share: git's list of them, `<repository>/worktrees`. Git reads all of it whenever it
// adds one, asks who has a branch checked out, or repairs; it dies when another row is half written or half gone.
//
//   B1. Of this program one command at a time has the books of a repository, whatever the lane it was ordered in.
//   B2. Nobody has them for long: no files are checked out and none removed meanwhile.

const inTurn = turns();

/** Runs something that reads or changes the books of the repository that a folder belongs to. Fails as it and `git` do. */
export async function withBooks<Result>(
  cwd: string,
  signal: AbortSignal | undefined,
  run: () => Promise<Result>,
): Promise<Result> {
  const books = await git(["rev-parse", "--path-format=absolute", "--git-common-dir"], {
    cwd,
    signal,
  });
  return inTurn(books, run);
}
