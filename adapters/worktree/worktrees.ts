import { randomBytes } from "node:crypto";
import { readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { Adapter } from "../adapter.ts";
import { checkBranchName } from "./branch-name.ts";
import { commitOf, fetchBranch, git, hasOrigin, tryGit } from "../git/git.ts";
import { isMirrorOf } from "../git/mirrors.ts";
import { addWorktree, fillSubmodules } from "../git/worktrees.ts";
import { withBooks } from "../git/repository-books.ts";
import {
  exists,
  findPlace,
  forget,
  isSurelyGone,
  look,
  type Mark,
  namesIn,
  type Place,
  putInPlace,
  putMark,
  settleTrash,
  sweepMaking,
} from "./place.ts";
import { forgetPreserved, preservedParent, putBack } from "./preserve.ts";
import { reclaim } from "./removal.ts";
import { turns } from "../git/turns.ts";

// Worktrees
//
// Makes and removes the folder that one session works in: `<home>/worktrees/<project>/<workspace>`. Owns that tree of
// folders and their git dirs; the repository, its branches and every other worktree are the person's.
//
//   W1. The folder appears only when it is whole: it is made beside (`.making`), marked, and renamed into place.
//   W2. A folder that is not marked as this workspace's own is never touched: WORKSPACE_FOREIGN.
//   W3. Killed at any instruction, the next run finishes or undoes what it finds, and ends the same.
//   W4. Nothing that only the folder holds is lost: changes, new files that are not ignored and commits that are on no
//       branch are kept in a ref before it is removed; what no ref can hold keeps the folder. The branch always stays.
//   W5. Nothing outside the folders above is removed.
//   W6. The mark lies in the git dir (`ao.json`), so the tree stays clean.
//   W7. One thing at a time is done for a workspace: who ends its making begins when that has let go of it. Two of one
//       repository may be made and removed at once; the one thing that they share has a turn of its own
//       (`git/repository-books.ts`).
//   W8. A repository that is gone for good keeps no workspace open of which nothing is left here; files that are left stay.
//       It is gone when its folder is not there and what it was in is, or when its project was removed: a volume that is
//       not mounted comes back.
//   W9. One of a mirror is cut from what its origin has now; what cannot be fetched is no failure of a repository that a
//       person has, whose worktree is cut from what was fetched last.

/** Adapters for workspaces below a data folder. `nonce` names what is half made; it must never repeat. */
export function worktrees(options: {
  readonly home: string;
  /** Whether a project is registered; every one is when absent. */
  readonly isProject?: (projectId: string) => boolean;
  readonly nonce?: () => string;
  readonly now?: () => number;
}): {
  readonly prepareWorkspace: Adapter<"prepareWorkspace">;
  readonly reclaimWorkspace: Adapter<"reclaimWorkspace">;
} {
  const nonce = options.nonce ?? (() => randomBytes(6).toString("hex"));
  const { home, now = Date.now, isProject = () => true } = options;
  // An attempt that is given up by its caller still runs until its git has ended, which takes a second at most (W7).
  const inTurn = turns();
  return {
    prepareWorkspace: async (data, { signal }) =>
      inTurn(data.workspace, async () => {
        const place = await findPlace(home, data, { signal, nonce, now });
        return prepare(place, data.isAgain);
      }),
    reclaimWorkspace: async (data, { signal }) =>
      inTurn(data.workspace, async () => {
        const of = { home, isProject: isProject(data.spec.projectId) };
        if (await hasVanished(of, data)) return { removed: true };
        const place = await findPlace(home, data, { signal, nonce, now });
        return reclaim(place, data.path);
      }),
  };
}

/** Whether there is neither a repository to ask nor anything of the workspace to lose (W8). */
async function hasVanished(
  { home, isProject }: { readonly home: string; readonly isProject: boolean },
  { workspace, spec: { projectId, repo } }: EffectData<"reclaimWorkspace">,
): Promise<boolean> {
  const root = join(home, "worktrees", projectId);
  // Of a folder that is not there with all that it was in only a person can tell, who removes the project.
  const within = (await isMirrorOf(home, repo)) ? home : dirname(repo);
  if (!(await isSurelyGone(isProject ? within : "/", repo))) return false;
  if (!(await isSurelyGone(home, join(root, workspace)))) return false;
  const making = join(root, ".making");
  if (await isSurelyGone(home, making)) return true;
  const left = await Promise.all([
    namesIn(root, `.trash-${workspace}`),
    namesIn(making, workspace),
  ]);
  return left.flat().length === 0;
}

async function prepare(place: Place, isAgain: boolean): Promise<EffectResult<"prepareWorkspace">> {
  await checkBranchName(place.spec.repo, place.spec.branch, place.signal);
  await settleTrash(place);
  await sweepMaking(place);
  const found = await look(place);
  if (found.type === "foreign") {
    throw new Failure("WORKSPACE_FOREIGN", `prepare ${place.path}: ${found.why}; move it away`);
  }
  if (found.type === "ours") {
    await finish(place, found.gitDir, found.mark);
    return result(place, found.mark, true);
  }
  const baseSha = await findBase(place);
  await ensureBranch(place, (isAgain && (await preservedParent(place))) || baseSha);
  const mark =
    found.type === "absent" ? await make(place, baseSha, isAgain) : await remember(place, baseSha);
  return result(place, mark, found.type === "forgotten");
}

/** Makes the worktree beside its place, whole, and renames it there (W1). */
async function make(place: Place, baseSha: string, isAgain: boolean): Promise<Mark> {
  const { repo, branch } = place.spec;
  await forget(place);
  const path = join(place.root, ".making", `${place.workspace}.${place.nonce()}`);
  const gitDir = join(place.commonDir, "worktrees", basename(path));
  await addOrSweep(place, { repo, path, flags: [], commit: branch, signal: place.signal });
  const preserved = isAgain ? await putBack(place, path) : null;
  const mark = await putMark(gitDir, { ...firstMark(place, baseSha), preserved });
  await putInPlace(place, path);
  await finish(place, gitDir, mark);
  return mark;
}

/** Gives a tree that git has forgotten a new git dir. Its files stay as they are. */
async function remember(place: Place, baseSha: string): Promise<Mark> {
  const { repo, branch } = place.spec;
  const path = join(place.root, ".making", `${place.workspace}.${place.nonce()}`);
  const gitDir = join(place.commonDir, "worktrees", basename(path));
  await addOrSweep(place, {
    repo,
    path,
    flags: [],
    isEmpty: true,
    commit: branch,
    signal: place.signal,
  });
  const mark = await putMark(gitDir, firstMark(place, baseSha));
  await rename(join(path, ".git"), join(place.path, ".git"));
  await rmdir(path);
  await finish(place, gitDir, mark);
  return mark;
}

async function addOrSweep(place: Place, at: Parameters<typeof addWorktree>[0]): Promise<void> {
  try {
    await addWorktree(at);
  } catch (error) {
    await sweepMaking(place);
    throw error;
  }
}

/** What is left to do once the tree is in place; done again, it changes nothing. */
async function finish(place: Place, gitDir: string, mark: Mark): Promise<void> {
  const call = { cwd: place.path, signal: place.signal };
  const dotGit = join(place.path, ".git");
  if ((await readFile(join(gitDir, "gitdir"), "utf8").catch(() => "")) !== `${dotGit}\n`) {
    const repo = { ...call, cwd: place.spec.repo };
    await withBooks(repo.cwd, place.signal, async () =>
      git(["worktree", "repair", place.path], repo),
    );
  }
  // Only before the session has it: later it would move the submodules that the agent works in.
  if (mark.isReady) return;
  if (!(await exists(join(gitDir, "index")))) await git(["reset", "--quiet"], call);
  await fillSubmodules(place.path, place.signal);
  if (mark.preserved?.isApplied === true) await forgetPreserved(place, mark.preserved);
  await putMark(gitDir, { ...mark, isReady: true });
}

async function result(
  place: Place,
  { baseSha, preserved: kept }: Mark,
  adopted: boolean,
): Promise<EffectResult<"prepareWorkspace">> {
  const call = { cwd: place.path, signal: place.signal };
  const headSha = await git(["rev-parse", "HEAD"], call);
  const current = await tryGit(["symbolic-ref", "--quiet", "--short", "HEAD"], call);
  const branch = current.exitCode === 0 ? current.stdout : place.spec.branch;
  const made = { path: place.path, branch, headSha, baseSha, adopted };
  if (kept === null) return made;
  const { ref, isApplied, detail } = kept;
  return { ...made, preserved: { ref, isApplied, detail } };
}

/** The commit to cut from: what origin has now, else what is known here. */
async function findBase({ spec, isMirrored, signal }: Place): Promise<string> {
  const call = { cwd: spec.repo, signal };
  if (await hasOrigin(spec.repo, signal)) {
    try {
      await fetchBranch(spec.baseRef, { ...call, timeoutMs: isMirrored ? 60_000 : 20_000 });
    } catch (error) {
      // A person sees how old a checkout is, and one cut from it is better than none while the network is away. Nobody
      // sees a mirror: only what is of sessions alone can be gone on from without its origin.
      if (isMirrored && !(await isOfSessions(spec, call))) throw error;
    }
  }
  for (const name of [
    `refs/remotes/origin/${spec.baseRef}`,
    `refs/heads/${spec.baseRef}`,
    spec.baseRef,
  ]) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- the first that exists stands
    const sha = await commitOf(name, call);
    if (sha !== null) return sha;
  }
  if ((await git(["for-each-ref", "--count=1"], call)) === "") {
    throw new Failure("REPOSITORY_EMPTY", `cut a branch in ${spec.repo}: it has no commits yet`);
  }
  throw new Failure(
    "BRANCH_UNKNOWN",
    `cut a branch in ${spec.repo}: there is no ${spec.baseRef} to cut it from`,
  );
}

/** Whether a worktree goes on from a branch that is here: its own, or that of another session. */
async function isOfSessions(
  { branch, baseRef }: Place["spec"],
  call: { cwd: string; signal: AbortSignal },
): Promise<boolean> {
  const heads = [branch, baseRef].map(async (name) => commitOf(`refs/heads/${name}`, call));
  return (await Promise.all(heads)).some((head) => head !== null);
}

/** Makes the branch unless there is one: from origin's branch of that name, else from a commit. */
async function ensureBranch(place: Place, from: string): Promise<void> {
  const { spec, signal } = place;
  const call = { cwd: spec.repo, signal };
  const ref = `refs/heads/${spec.branch}`;
  await dropStaleLock(join(place.commonDir, `${ref}.lock`), place.now());
  if ((await commitOf(ref, call)) !== null) return;
  const start = (await commitOf(`refs/remotes/origin/${spec.branch}`, call)) ?? from;
  // The empty old value says that the branch must not exist yet.
  await git(["update-ref", "-m", `ao: cut from ${spec.baseRef}`, ref, start, ""], call);
}

// Git holds the lock of a loose ref for the time of one small write. A git that was killed leaves it for ever.
const STALE_LOCK_MS = 2_000;

async function dropStaleLock(path: string, at: number): Promise<void> {
  const lock = await stat(path).catch(() => undefined);
  if (lock && at - lock.mtimeMs > STALE_LOCK_MS) await rm(path, { force: true });
}

function firstMark({ workspace, spec }: Place, baseSha: string): Mark {
  const { projectId } = spec;
  return { workspace, projectId, baseSha, isReady: false, isReclaimed: false, preserved: null };
}
