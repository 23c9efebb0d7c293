import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { Adapter } from "../adapter.ts";
import {
  commitOf,
  fetchBranch,
  git,
  type GitAnswer,
  type GitCall,
  hasOrigin,
  tryGit,
} from "../git/git.ts";
import { gitFailure } from "../git/failures.ts";
import { worktreeStatus } from "../git/facts.ts";
import { listWorktrees } from "../git/worktrees.ts";

// Local forge
//
// Pull requests without a server: looks at branches and merges them. Owns how a merge gets onto its base; which pull
// requests there are, and whether one may be merged, is the forge actor's.
//
//   F1. Branches are read where the repository publishes them: on origin if it has one, else here.
//   F2. A merge is done once: a merge commit on the base with this number and this head is the proof.
//   F3. Nothing is merged but the head that was asked for, and the base moves only from where it was seen.
//   F4. A worktree that has the base checked out moves along with it; one with changes stops the merge.

/** Adapters for a repository that no forge looks after. */
export function localForge(): {
  readonly inspectBranches: Adapter<"inspectBranches">;
  readonly mergePullRequest: Adapter<"mergePullRequest">;
} {
  return {
    inspectBranches: (data, { signal }) => inspect(data, { cwd: data.repo, signal }),
    mergePullRequest: (data, { signal }) => merge(data, { cwd: data.repo, signal }),
  };
}

/**
 * Looks whether branches are there for others to see (F1), on origin itself when there is one.
 * Fails with BRANCH_UNKNOWN, which names the one that is not and how it is published, or with REMOTE_UNREACHABLE.
 */
export async function checkPublished(branches: readonly string[], call: GitCall): Promise<void> {
  const isPublished = await hasOrigin(call.cwd, call.signal);
  const refs = branches.map((branch) => `refs/heads/${branch}`);
  const listed = isPublished
    ? await git(["ls-remote", "--heads", "origin", ...refs], call)
    : await git(["for-each-ref", "--format=%(objectname)\t%(refname)", "refs/heads"], call);
  const there = new Set(listed.split("\n").map((line) => line.slice(line.indexOf("\t") + 1)));
  const missing = branches.find((branch) => !there.has(`refs/heads/${branch}`));
  if (missing === undefined) return;
  throw new Failure(
    "BRANCH_UNKNOWN",
    isPublished
      ? `look for ${missing} on origin: it was not pushed; publish it with: git push -u origin ${missing}`
      : `look for ${missing} in ${call.cwd}: there is no such branch; make it with: git branch ${missing}`,
  );
}

type Pull = EffectData<"mergePullRequest">;
type Merged = EffectResult<"mergePullRequest">;

async function inspect(
  { pulls }: EffectData<"inspectBranches">,
  call: GitCall,
): Promise<EffectResult<"inspectBranches">> {
  const heads = await publishedHeads(call);
  const inspected = [];
  for (const { number, headRef, baseRef } of pulls) {
    const [headSha, baseSha] = [heads.get(headRef) ?? null, heads.get(baseRef) ?? null];
    // One at a time: the lane waits anyhow, and the machine is the agents'.
    // oxlint-disable-next-line eslint/no-await-in-loop
    inspected.push({ number, headSha, baseSha, ...(await compare(baseSha, headSha, call)) });
  }
  return { pulls: inspected };
}

/** Head of each published branch by its short name (F1). */
async function publishedHeads(call: GitCall): Promise<ReadonlyMap<string, string>> {
  const prefix = (await hasOrigin(call.cwd, call.signal)) ? "refs/remotes/origin/" : "refs/heads/";
  const refs = await git(["for-each-ref", "--format=%(objectname) %(refname)", prefix], call);
  return new Map(
    refs.split("\n").map((line) => {
      const space = line.indexOf(" ");
      return [line.slice(space + 1 + prefix.length), line.slice(0, space)];
    }),
  );
}

async function compare(
  base: string | null,
  head: string | null,
  call: GitCall,
): Promise<{ mergeable: boolean | null; contained: boolean }> {
  if (base === null || head === null) return { mergeable: null, contained: false };
  if (await isAncestor(head, base, call)) return { mergeable: true, contained: true };
  const { exitCode } = await mergeTree(base, head, call);
  return { mergeable: exitCode === 0, contained: false };
}

async function isAncestor(older: string, newer: string, call: GitCall): Promise<boolean> {
  const answer = await tryGit(["merge-base", "--is-ancestor", older, newer], call);
  if (answer.exitCode > 1)
    throw gitFailure(`compare ${older} with ${newer}`, answer.exitCode, answer.stderr);
  return answer.exitCode === 0;
}

/** Exits 0 with the merged tree, 1 with a tree and the files in conflict; histories with nothing in common count as a conflict. */
async function mergeTree(base: string, head: string, call: GitCall): Promise<GitAnswer> {
  const answer = await tryGit(
    ["merge-tree", "--write-tree", "--name-only", "--no-messages", base, head],
    call,
  );
  if (answer.exitCode <= 1 || answer.stderr.includes("unrelated histories")) return answer;
  throw gitFailure(`merge ${head} into ${base} in memory`, answer.exitCode, answer.stderr);
}

async function merge(pull: Pull, call: GitCall): Promise<Merged> {
  const isPublished = await hasOrigin(call.cwd, call.signal);
  // A base that moved between the look and the push is looked at once more; one that moves twice is busy.
  const once = await tryMerge(pull, isPublished, call);
  const merged = once ?? (await tryMerge(pull, isPublished, call));
  if (merged) return merged;
  throw refused(pull, `${pull.baseRef} moved twice while it was being merged; try again`);
}

/** Merges onto the base as it stands now; undefined when it moved meanwhile. */
async function tryMerge(
  pull: Pull,
  isPublished: boolean,
  call: GitCall,
): Promise<Merged | undefined> {
  const base = await headOf(pull.baseRef, isPublished, call);
  if (base === null)
    throw new Failure("BRANCH_UNKNOWN", `${tried(pull)}: there is no branch ${pull.baseRef}`);
  const earlier = await findMerge(pull, base, call);
  if (earlier !== undefined) return { mergeSha: earlier, repeated: true };
  const head = await headOf(pull.headRef, isPublished, call);
  if (head !== pull.headSha) {
    throw refused(pull, `${pull.headRef} is at ${head ?? "no commit"}, not at ${pull.headSha}`);
  }
  if (await isAncestor(head, base, call))
    throw refused(pull, `${pull.baseRef} contains it already`);
  const mergeSha = await commitMerge(pull, base, call);
  const hasMoved = isPublished
    ? await pushBase(pull, { base, mergeSha }, call)
    : await moveBase(pull, { base, mergeSha }, call);
  return hasMoved ? { mergeSha, repeated: false } : undefined;
}

/** Where a branch stands now, on origin itself when there is one; null when there is none of that name. */
async function headOf(branch: string, isPublished: boolean, call: GitCall): Promise<string | null> {
  if (!isPublished) return commitOf(`refs/heads/${branch}`, call);
  try {
    await fetchBranch(branch, call);
  } catch (error) {
    if (error instanceof Failure && error.code === "BRANCH_UNKNOWN") return null;
    throw error;
  }
  return commitOf(`refs/remotes/origin/${branch}`, call);
}

const TRAILER = "Ao-Pull-Request";

/** The commit that merged exactly this head for this pull request, if the base has it (F2). */
async function findMerge(pull: Pull, base: string, call: GitCall): Promise<string | undefined> {
  if ((await commitOf(pull.headSha, call)) === null) return undefined;
  const format = `--format=%H %P %(trailers:key=${TRAILER},valueonly,separator=%x2C)`;
  // Only what came after the head: the walk is as short as the time since the merge.
  const walk = ["--merges", "--ancestry-path", `${pull.headSha}..${base}`];
  const log = await git(["log", format, ...walk], call);
  return log
    .split("\n")
    .map((line) => line.split(" "))
    .find(([, , second, trailer]) => second === pull.headSha && trailer === nameOf(pull))?.[0];
}

async function commitMerge(pull: Pull, base: string, call: GitCall): Promise<string> {
  const { exitCode, stdout, stderr } = await mergeTree(base, pull.headSha, call);
  const [tree = "", ...conflicts] = stdout.split("\n");
  if (exitCode !== 0)
    throw refused(pull, `it conflicts with ${pull.baseRef}: ${conflicts.join(", ") || stderr}`);
  // It is the subject of the commit, so it is one line.
  const title = pull.title.replaceAll(/\s+/g, " ").trim();
  const message = `Merge pull request #${pull.number}: ${title}\n\n${TRAILER}: ${nameOf(pull)}`;
  const args = ["commit-tree", tree, "-p", base, "-p", pull.headSha, "-m", message];
  return git(args, { ...call, env: await identity(call) });
}

/** Who commits: the person that git is set up for, else ao. */
async function identity(call: GitCall): Promise<Record<string, string>> {
  const { stdout } = await tryGit(["config", "--get-regexp", "^user\\.(name|email)$"], call);
  if (/^user\.name ./m.test(stdout) && /^user\.email ./m.test(stdout)) return {};
  return {
    GIT_AUTHOR_NAME: "ao",
    GIT_AUTHOR_EMAIL: "ao@localhost",
    GIT_COMMITTER_NAME: "ao",
    GIT_COMMITTER_EMAIL: "ao@localhost",
  };
}

interface Move {
  readonly base: string;
  readonly mergeSha: string;
}

/** Publishes the base on origin; false when origin's has moved (F3). */
async function pushBase(pull: Pull, { base, mergeSha }: Move, call: GitCall): Promise<boolean> {
  const ref = `refs/heads/${pull.baseRef}`;
  const lease = `--force-with-lease=${ref}:${base}`;
  const answer = await tryGit(["push", "--quiet", lease, "origin", `${mergeSha}:${ref}`], call);
  if (answer.exitCode === 0) return true;
  if (/stale info|fetch first|non-fast-forward|but expected/.test(answer.stderr)) return false;
  throw gitFailure(`${tried(pull)}: push to origin`, answer.exitCode, answer.stderr);
}

/** Moves the base here, with the worktree that has it checked out (F4); false when it has moved (F3). */
async function moveBase(pull: Pull, { base, mergeSha }: Move, call: GitCall): Promise<boolean> {
  const worktree = (await listWorktrees(call.cwd, call.signal)).find(
    ({ branch }) => branch === pull.baseRef,
  );
  const answer = worktree
    ? await moveWorktree(pull, mergeSha, { ...call, cwd: worktree.path })
    : await tryGit(
        ["update-ref", "-m", tried(pull), `refs/heads/${pull.baseRef}`, mergeSha, base],
        call,
      );
  if (answer.exitCode === 0) return true;
  if (/but expected|Not possible to fast-forward/.test(answer.stderr)) return false;
  throw gitFailure(`${tried(pull)}: move ${pull.baseRef}`, answer.exitCode, answer.stderr);
}

async function moveWorktree(pull: Pull, mergeSha: string, call: GitCall): Promise<GitAnswer> {
  const { changed } = await worktreeStatus(call);
  if (changed.length > 0) {
    throw refused(
      pull,
      `${call.cwd} has ${pull.baseRef} checked out with changes: ${changed.slice(0, 5).join(", ")}`,
    );
  }
  const flags = ["--ff-only", "--quiet", "--no-stat", "--no-autostash", "--no-verify-signatures"];
  return tryGit(["merge", ...flags, mergeSha], call);
}

function nameOf({ projectId, number }: Pull): string {
  return `${projectId}#${number}`;
}

function tried(pull: Pull): string {
  return `merge ${nameOf(pull)} (${pull.headRef}) into ${pull.baseRef}`;
}

function refused(pull: Pull, why: string): Failure {
  return new Failure("NOT_MERGEABLE", `${tried(pull)}: ${why}`);
}
