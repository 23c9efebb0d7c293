import { copyFile, lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PreservedWork } from "../../machines/effects.ts";
import { commitOf, git, type GitCall, tryGit } from "../git/git.ts";
import { worktreeStatus } from "../git/facts.ts";
import type { Place } from "./place.ts";

// Worktree preserve
//
// Keeps what only a worktree holds in a ref of its repository, `refs/ao/preserved/<workspace>`, and puts it back.
//
//   V1. The ref holds one commit on top of HEAD: its tree is all that git would not ignore, new files too. The index of
//       the worktree is not touched and its lock not needed.
//   V2. What such a commit cannot hold is said, and nothing is removed then: changes in submodules and in repositories
//       inside, a merge or rebase half done, more than PRESERVED_BYTES, what cannot be read. Ignored files are not work.
//   V3. An older ref of that name becomes a parent: nothing that was kept before is lost by keeping more.
//   V4. Put back, changes are changes again and new files new, in a tree that nobody has seen yet. What conflicts stays
//       in the ref, and the tree stays as its branch is.

/** What was kept, or why it cannot be. `index` is the index that holds what is in the commit. */
export type Preserved =
  | { readonly type: "nothing" }
  | { readonly type: "kept"; readonly ref: string; readonly index: string }
  | { readonly type: "impossible"; readonly detail: string };

// Beyond it, keeping takes longer than an effect may; it is no longer somebody's writing either.
export const PRESERVED_BYTES = 536_870_912;

/** The ref for the work of a workspace. */
export function preservedRef(workspace: string): string {
  return `refs/ao/preserved/${workspace}`;
}

/** One piece of kept work. */
export interface PreservedRef {
  readonly ref: string;
  readonly workspace: string;
  readonly sha: string;
  /** When it was kept; milliseconds since 1970. */
  readonly at: number;
}

/** What is kept in a repository. Fails as `git` does. */
export async function listPreserved(call: GitCall): Promise<PreservedRef[]> {
  const format = "--format=%(refname) %(objectname) %(committerdate:unix)";
  const listed = await git(["for-each-ref", format, preservedRef("")], call);
  return listed.split("\n").flatMap((line) => {
    const [ref = "", sha = "", seconds = ""] = line.split(" ");
    const workspace = ref.slice(preservedRef("").length);
    return workspace === "" ? [] : [{ ref, workspace, sha, at: Number(seconds) * 1_000 }];
  });
}

/** Drops what is kept of a workspace; what it was, undefined when nothing is. Fails as `git` does. */
export async function dropPreserved(
  workspace: string,
  call: GitCall,
): Promise<{ readonly ref: string; readonly sha: string } | undefined> {
  const ref = preservedRef(workspace);
  const sha = await commitOf(ref, call);
  if (sha === null) return undefined;
  // Only what was seen: more may be kept meanwhile.
  await git(["update-ref", "-d", ref, sha], call);
  return { ref, sha };
}

/** Keeps what only the worktree holds: files, and commits of a HEAD that is on no branch. Fails as `git` does. */
export async function preserve(place: Place, gitDir: string): Promise<Preserved> {
  const { path: cwd, signal, workspace } = place;
  const call = { cwd, signal };
  const status = await worktreeStatus(call);
  if (status.submodules.length > 0) {
    return { type: "impossible", detail: `changes in submodules: ${status.submodules.join(", ")}` };
  }
  if (status.changed.length === 0 && (await isNamed(status.headSha, call))) {
    return { type: "nothing" };
  }
  if ((await bytesOfWork(call)) > PRESERVED_BYTES) {
    return { type: "impossible", detail: `more than ${PRESERVED_BYTES} bytes are not committed` };
  }
  const index = await ownIndex(gitDir);
  const own = { ...call, env: { GIT_INDEX_FILE: index }, timeoutMs: ADD_TIMEOUT_MS };
  const added = await tryGit(["add", "--all"], own);
  if (added.exitCode !== 0) {
    return { type: "impossible", detail: `git add: ${added.stderr.trim().slice(0, 500)}` };
  }
  const nested = await nestedRepositories(status.headSha, own);
  if (nested.length > 0) {
    return { type: "impossible", detail: `repositories inside: ${nested.join(", ")}` };
  }
  const ref = preservedRef(workspace);
  const sha = await commitWork(place, status, own);
  await git(["update-ref", "-m", `ao: kept for ${workspace}`, ref, sha], call);
  return { type: "kept", ref, index };
}

/** What is in the tree and not in the index that holds what was kept. */
export async function changedSince(index: string | undefined, call: GitCall): Promise<string[]> {
  if (index === undefined) return [...(await worktreeStatus(call, "all")).changed];
  const own = { ...call, env: { GIT_INDEX_FILE: index } };
  await tryGit(["update-index", "-q", "--refresh"], own);
  const listed = await Promise.all([
    git(["diff-files", "--name-only", "-z", "--ignore-submodules=all"], own),
    git(["ls-files", "--others", "--exclude-standard", "-z"], own),
  ]);
  return listed.flatMap((names) => names.split("\0")).filter((name) => name !== "");
}

/** Puts back what was kept, into a tree that is new; null when nothing was. Fails as `git` does. */
export async function putBack(
  { workspace, signal }: Place,
  tree: string,
): Promise<(PreservedWork & { readonly sha: string }) | null> {
  const call = { cwd: tree, signal, timeoutMs: ADD_TIMEOUT_MS };
  const ref = preservedRef(workspace);
  const sha = await commitOf(ref, call);
  if (sha === null) return null;
  const [, parent, ...others] = (await git(["rev-list", "--parents", "-n", "1", sha], call)).split(
    " ",
  );
  if (parent !== undefined && !(await isBelowHead(parent, call))) {
    await git(["checkout", "--quiet", "--detach", parent], call);
  }
  const mainline = others.length > 0 ? ["-m", "1"] : [];
  const picked = await tryGit(["cherry-pick", "--no-commit", ...mainline, sha], call);
  if (picked.exitCode === 0) {
    await git(["reset", "--quiet"], call);
    return { ref, sha, isApplied: true, detail: "" };
  }
  const unmerged = await git(["diff", "--name-only", "--diff-filter=U", "-z"], call);
  const names = unmerged.split("\0").filter((name) => name !== "");
  await git(["reset", "--quiet", "--hard"], call);
  await git(["clean", "-ffdq"], call);
  const why = names.length > 0 ? `conflicts in ${names.slice(0, 5).join(", ")}` : picked.stderr;
  return { ref, sha, isApplied: false, detail: why.trim().slice(0, 500) };
}

/** Where the work that was kept stood; null when nothing was. */
export async function preservedParent({ workspace, spec, signal }: Place): Promise<string | null> {
  return commitOf(`${preservedRef(workspace)}^1`, { cwd: spec.repo, signal });
}

/** Forgets what was put back, unless something newer was kept meanwhile. What was kept before it has the ref again (V3). */
export async function forgetPreserved(
  { spec, signal }: Place,
  { ref, sha }: { readonly ref: string; readonly sha: string },
): Promise<void> {
  const call = { cwd: spec.repo, signal };
  const before = await commitOf(`${sha}^2`, call);
  await tryGit(["update-ref", ...(before === null ? ["-d", ref] : [ref, before]), sha], call);
}

const ADD_TIMEOUT_MS = 90_000;
const AUTHOR = { NAME: "ao", EMAIL: "ao@localhost" };

/** A copy of the worktree's index: what is in it need not be read again. */
async function ownIndex(gitDir: string): Promise<string> {
  const index = join(gitDir, "ao-index");
  await rm(`${index}.lock`, { force: true });
  await rm(index, { force: true });
  await copyFile(join(gitDir, "index"), index).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  });
  return index;
}

async function commitWork(
  { workspace, spec }: Place,
  { headSha, branch }: { readonly headSha: string | null; readonly branch: string | null },
  own: GitCall,
): Promise<string> {
  const tree = await git(["write-tree"], own);
  const before = await commitOf(preservedRef(workspace), own);
  // An earlier attempt came as far as this.
  if (before !== null && (await isWorkOn(before, { tree, headSha }, own))) return before;
  const parents = [headSha, before].filter((sha) => sha !== null);
  const message = `Work of ${workspace} that was not committed\n\nao kept it before it removed the worktree of ${branch ?? "a detached HEAD"}.\nTo see it: git show ${preservedRef(workspace)}\nBranch of the session: ${spec.branch}\n`;
  const env = { ...own.env };
  for (const who of ["AUTHOR", "COMMITTER"])
    for (const [what, value] of Object.entries(AUTHOR)) env[`GIT_${who}_${what}`] = value;
  const args = parents.flatMap((parent) => ["-p", parent]);
  return git(["commit-tree", "--no-gpg-sign", tree, ...args, "-m", message], { ...own, env });
}

async function isWorkOn(
  commit: string,
  { tree, headSha }: { readonly tree: string; readonly headSha: string | null },
  call: GitCall,
): Promise<boolean> {
  const said = await git(["show", "--no-patch", "--format=%T %P", commit], call);
  const [itsTree, parent = null] = said.split(" ");
  return itsTree === tree && parent === headSha;
}

/** Whether a branch, a tag or a remote's branch leads to a commit: then it needs no other name. */
async function isNamed(sha: string | null, call: GitCall): Promise<boolean> {
  if (sha === null) return true;
  const kinds = ["refs/heads", "refs/tags", "refs/remotes"];
  return (await git(["for-each-ref", "--count=1", `--contains=${sha}`, ...kinds], call)) !== "";
}

async function isBelowHead(sha: string, call: GitCall): Promise<boolean> {
  const { exitCode } = await tryGit(["merge-base", "--is-ancestor", sha, "HEAD"], call);
  return exitCode === 0;
}

async function bytesOfWork(call: GitCall): Promise<number> {
  const listed = await git(
    ["ls-files", "--others", "--modified", "--exclude-standard", "-z"],
    call,
  );
  let bytes = 0;
  for (const name of new Set(listed.split("\0"))) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- thousands at once would take all file handles
    const found =
      name === "" ? undefined : await lstat(join(call.cwd, name)).catch(() => undefined);
    if (found?.isFile() === true) bytes += found.size;
  }
  return bytes;
}

/** Repositories that the tree holds and HEAD does not know as submodules: a commit would hold their names only. */
async function nestedRepositories(headSha: string | null, own: GitCall): Promise<string[]> {
  const staged = gitLinks(await git(["ls-files", "--stage", "-z"], own));
  if (staged.length === 0 || headSha === null) return staged;
  const known = new Set(gitLinks(await git(["ls-tree", "-r", "-z", headSha], own)));
  return staged.filter((path) => !known.has(path));
}

function gitLinks(listed: string): string[] {
  return listed
    .split("\0")
    .filter((line) => line.startsWith("160000 "))
    .map((line) => line.slice(line.indexOf("\t") + 1));
}
