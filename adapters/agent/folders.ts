import { stat } from "node:fs/promises";
import { join } from "node:path";
import { SANDBOX_FOLDERS } from "../../machines/harness/harness.ts";
import { git } from "../git/git.ts";

// Agent folders
//
// What an agent whose commands run in a sandbox must be able to write beside its worktree, or it asks a person for every
// commit: where git puts a commit that is made in a worktree, and where `ao` keeps a word while the daemon is out of reach.
//
//   W1. Hooks and configuration of the repository stay out of its reach: what lies there runs outside of the sandbox.

// Beside the worktree's own folder; the last holds references in the newer format.
const SHARED = ["objects", "refs", "logs", "reftable"];

/** The words of a launch, the flag before `SANDBOX_FOLDERS` once for each folder that is there. */
export async function withFolders(
  argv: readonly string[],
  { cwd, spool }: { readonly cwd: string; readonly spool: string },
): Promise<readonly string[]> {
  const at = argv.indexOf(SANDBOX_FOLDERS);
  const name = argv[at - 1];
  // A prompt may be these very words; it stands after a bare `--`.
  if (name === undefined || !/^--\w/.test(name)) return argv;
  const wanted = [...(await gitFolders(cwd)), spool];
  const isThere = await Promise.all(wanted.map(isFolder));
  const flags = wanted.filter((_, index) => isThere[index]).flatMap((folder) => [name, folder]);
  return [...argv.slice(0, at - 1), ...flags, ...argv.slice(at + 1)];
}

/** Where git writes for a commit in a linked worktree; none anywhere else. */
async function gitFolders(cwd: string): Promise<readonly string[]> {
  const asked = ["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"];
  const answer = await git(asked, { cwd }).catch(() => "");
  const [own = "", common = ""] = answer.split("\n");
  if (common === "" || own === common) return [];
  return [own, ...SHARED.map((folder) => join(common, folder))];
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true;
}
