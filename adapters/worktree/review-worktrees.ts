import { chmod, mkdir, readdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import type { Adapter } from "../adapter.ts";
import { commitOf, fetchBranch, git, hasOrigin, tryGit } from "../git/git.ts";
import { commonDirOf } from "../git/repository.ts";
import { exists } from "./place.ts";
import { pinReview } from "./review-pins.ts";

// Review worktrees
//
// What a reviewer looks at: one checkout per run, below `<home>/reviews/<project>/<reviewer>/<epoch>/<run>`. Each is a
// repository of its own that borrows the objects of the project's, so nothing done there reaches the project's refs.
//
//   RW1. Detached at the target commit, clean, and read-only for everybody who is bound by permissions; for its reviewer
//        in any case where the machine can close paths (`reviewer-fence.ts`).
//   RW2. No remote, and hooks that refuse: there is nowhere to push to, and nothing to commit with.
//   RW3. A checkout appears only when it is whole; made again for the same epoch, it is adopted.
//   RW4. What an older epoch looked at goes when a newer one begins, and everything when the worker is over.
//   RW5. A commit that is nowhere to be found is no failure: its base is checked out, and the result says so.
//   RW6. What is borrowed has a name there while the checkout stands (`review-pins.ts`): no `git gc` takes it away.

type Target = EffectData<"prepareReview">["targets"][number];
type Tree = EffectResult<"prepareReview">["trees"][number];

/** Adapters for the checkouts of reviewers below a data folder. */
export function reviewWorktrees(options: { readonly home: string }): {
  readonly prepareReview: Adapter<"prepareReview">;
  readonly verifyReview: Adapter<"verifyReview">;
  readonly releaseReview: Adapter<"releaseReview">;
} {
  const folderOf = (projectId: string, reviewer: string): string =>
    join(options.home, "reviews", projectId, reviewer);
  return {
    async prepareReview({ projectId, reviewer, epoch, repo, targets }, { signal }) {
      const folder = folderOf(projectId, reviewer);
      await dropOlder(folder, epoch);
      const root = join(folder, String(epoch));
      await mkdir(root, { recursive: true, mode: 0o700 });
      const source = {
        home: options.home,
        of: [projectId, reviewer, String(epoch)] as const,
        repo,
        objects: join(await commonDirOf(repo, signal), "objects"),
        root: await realpath(root),
        signal,
      };
      const trees: Tree[] = [];
      for (const target of targets) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- a queue is short, and its fetches share one repository
        trees.push(await treeOf(source, target));
      }
      return { epoch, trees };
    },
    async verifyReview({ deliveryId, trees }, { signal }) {
      const seen = trees.map(async ({ runId, path, sha }) => ({
        runId,
        isPinned: await isPinned(path, sha, signal),
      }));
      return { deliveryId, trees: await Promise.all(seen) };
    },
    async releaseReview({ projectId, reviewer }) {
      await removeReadOnly(folderOf(projectId, reviewer));
      return {};
    },
  };
}

type Source = {
  readonly home: string;
  /** Project, reviewer and epoch. */
  readonly of: readonly [string, string, string];
  readonly repo: string;
  readonly objects: string;
  readonly root: string;
  readonly signal: AbortSignal;
};

/** Makes a checkout, or adopts the one that stands there whole (RW3). */
async function treeOf(source: Source, target: Target): Promise<Tree> {
  const { repo, signal } = source;
  const call = { cwd: repo, signal };
  const commit = await found(source, target);
  const base = await baseOf(repo, target.baseRef, signal);
  const shown = commit ?? base;
  const path = join(source.root, target.runId);
  const isThere = await exists(path);
  const pinned = { home: source.home, checkout: [...source.of, target.runId] as const };
  const pin = async (): Promise<void> => pinReview(pinned, { head: shown, base }, call);
  if (isThere) await pin();
  else await make(source, { path, shown, base, baseRef: target.baseRef, pin });
  if (commit !== null && (await isPinned(path, commit, signal)) !== true) {
    await removeReadOnly(path);
    const tried = `check out ${target.sha} for a reviewer`;
    throw new Failure("GIT_FAILED", `${tried}: ${path} does not hold it untouched`);
  }
  const baseSha = commit === null || base === null ? base : await mergeBase(commit, base, call);
  return { runId: target.runId, path, isPinned: commit !== null, baseSha };
}

/** The commit, fetched when it is not here yet; null when nobody has it (RW5). */
async function found({ repo, signal }: Source, { sha, headRef }: Target): Promise<string | null> {
  const call = { cwd: repo, signal };
  if (!/^[0-9a-f]{4,64}$/i.test(sha)) return null;
  const known = await commitOf(sha, call);
  if (known !== null || !(await hasOrigin(repo, signal))) return known;
  const args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", sha];
  const { exitCode } = await tryGit(args, { ...call, timeoutMs: FETCH_MS });
  // Some servers give out branches only.
  if (exitCode !== 0 && headRef !== "") {
    await fetchBranch(headRef, { ...call, timeoutMs: FETCH_MS }).catch(() => undefined);
  }
  return commitOf(sha, call);
}

const FETCH_MS = 30_000;

async function baseOf(repo: string, baseRef: string, signal: AbortSignal): Promise<string | null> {
  if (baseRef === "") return null;
  const call = { cwd: repo, signal };
  for (const name of [`refs/remotes/origin/${baseRef}`, `refs/heads/${baseRef}`, baseRef]) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- the first that exists stands
    const sha = await commitOf(name, call);
    if (sha !== null) return sha;
  }
  return null;
}

async function mergeBase(
  commit: string,
  base: string,
  call: { cwd: string; signal: AbortSignal },
): Promise<string | null> {
  const { exitCode, stdout } = await tryGit(["merge-base", commit, base], call);
  return exitCode === 0 ? stdout : base;
}

async function make(
  { objects, signal }: Source,
  tree: {
    readonly path: string;
    readonly shown: string | null;
    readonly base: string | null;
    readonly baseRef: string;
    /** Names what is borrowed, once there is something that borrows. */
    readonly pin: () => Promise<void>;
  },
): Promise<void> {
  const { path, shown, base, baseRef, pin } = tree;
  const draft = `${path}.making`;
  await removeReadOnly(draft);
  await mkdir(draft, { recursive: true });
  await pin();
  const call = { cwd: draft, signal };
  await git(["init", "--quiet", "--template="], call);
  await writeFile(join(draft, ".git", "objects", "info", "alternates"), `${objects}\n`);
  if (base !== null) {
    await git(["update-ref", `refs/remotes/origin/${baseRef}`, base], call).catch(() => "");
  }
  if (shown !== null) {
    await git(["checkout", "--quiet", "--detach", shown], { ...call, timeoutMs: CHECKOUT_MS });
  }
  await refuseWrites(join(draft, ".git"));
  await rename(draft, path);
  await execa("chmod", ["-R", "a-w", path]);
}

// A large repository, or one whose files come through a filter from a network.
const CHECKOUT_MS = 110_000;
const REFUSING_HOOKS = [
  "pre-commit",
  "pre-merge-commit",
  "prepare-commit-msg",
  "commit-msg",
  "pre-push",
  "pre-rebase",
  "reference-transaction",
];
const REFUSAL =
  "#!/bin/sh\necho 'this worktree is for reading: a reviewer changes nothing' >&2\nexit 1\n";

/** RW2. */
async function refuseWrites(gitDir: string): Promise<void> {
  const hooks = join(gitDir, "hooks");
  await mkdir(hooks, { recursive: true });
  for (const name of REFUSING_HOOKS) {
    const hook = join(hooks, name);
    // oxlint-disable-next-line eslint/no-await-in-loop -- a handful of small files
    await writeFile(hook, REFUSAL);
    // oxlint-disable-next-line eslint/no-await-in-loop
    await chmod(hook, 0o755);
  }
}

/** Whether a checkout still is the commit, untouched; null when it cannot be looked at. */
async function isPinned(path: string, sha: string, signal: AbortSignal): Promise<boolean | null> {
  if (!(await exists(path))) return null;
  const call = { cwd: path, signal };
  const head = await commitOf("HEAD", call);
  if (head === null) return null;
  const { exitCode, stdout } = await tryGit(["status", "--porcelain"], call);
  if (exitCode !== 0) return null;
  return head === sha && stdout === "";
}

/** RW4. */
async function dropOlder(folder: string, epoch: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const older = names.filter((name) => Number(name) < epoch);
  await Promise.all(older.map(async (name) => removeReadOnly(join(folder, name))));
}

async function removeReadOnly(path: string): Promise<void> {
  if (!(await exists(path))) return;
  await execa("chmod", ["-R", "u+w", path], { reject: false });
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
