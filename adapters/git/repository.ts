import { realpath, stat } from "node:fs/promises";
import { Failure } from "../../machines/failures.ts";
import { commitOf, git, type GitCall, tryGit } from "./git.ts";
import { withoutPasswords } from "./failures.ts";
import { listWorktrees } from "./worktrees.ts";

/** A repository that work can be cut from. */
export interface Repository {
  /** Absolute path of its main worktree, or of a mirror. */
  readonly root: string;
  readonly defaultBranch: string;
  /** URL of the remote called origin, without its password. */
  readonly origin?: string;
  /** Where the default branch stands: as origin published it, else here. */
  readonly headSha: string;
}

export interface InspectOptions {
  /** What the person said the default branch is; found out when absent. */
  readonly defaultBranch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The repository that a path lies in, from any of its worktrees or subfolders.
 * Fails with REPOSITORY_INVALID (none, bare, no folder), REPOSITORY_EMPTY, or BRANCH_UNKNOWN when there is no such
 * default branch or none can be told.
 */
export async function inspectRepository(
  path: string,
  options: InspectOptions = {},
): Promise<Repository> {
  return describeRepository(await mainWorktree(path, options.signal), options);
}

/** Whether a folder is a bare repository: one that others push to, and nobody works in. */
export async function isBareRepository(path: string, signal?: AbortSignal): Promise<boolean> {
  const folder = await stat(path).catch(() => undefined);
  if (!folder?.isDirectory()) return false;
  const args = ["rev-parse", "--is-bare-repository", "--absolute-git-dir"];
  const { stdout } = await tryGit(args, { cwd: path, signal });
  return stdout === `true\n${await realpath(path)}`;
}

/** A repository by its root, bare or not. Fails with REPOSITORY_EMPTY and BRANCH_UNKNOWN, as above. */
export async function describeRepository(
  root: string,
  options: InspectOptions = {},
): Promise<Repository> {
  const call = { cwd: root, signal: options.signal };
  const url = await tryGit(["config", "--get", "remote.origin.url"], call);
  const some = await git(
    ["for-each-ref", "--count=1", "--format=%(objectname)", "refs/heads", "refs/remotes"],
    call,
  );
  const head = await commitOf("HEAD", call);
  if (head === null && some === "") {
    throw new Failure("REPOSITORY_EMPTY", `inspect ${root}: it has no commits yet`);
  }
  const defaultBranch = options.defaultBranch ?? (await findDefaultBranch(call, head));
  const headSha = await branchHead(defaultBranch, call);
  if (headSha === null) {
    throw new Failure(
      "BRANCH_UNKNOWN",
      `inspect ${root}: it has no branch called ${defaultBranch}`,
    );
  }
  return {
    root,
    defaultBranch,
    ...(url.exitCode === 0 && { origin: withoutPasswords(url.stdout) }),
    headSha,
  };
}

/** The folder that all worktrees of a repository share, with no symbolic link in its path. */
export async function commonDirOf(repo: string, signal?: AbortSignal): Promise<string> {
  return realpath(
    await git(["rev-parse", "--path-format=absolute", "--git-common-dir"], { cwd: repo, signal }),
  );
}

async function mainWorktree(path: string, signal?: AbortSignal): Promise<string> {
  const folder = await stat(path).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new Failure("REPOSITORY_INVALID", `inspect ${path}: there is no such folder`);
  }
  const call = { cwd: path, signal };
  const asked = ["--is-bare-repository", "--is-inside-git-dir", "--git-common-dir", "--git-dir"];
  const answer = await git(["rev-parse", "--path-format=absolute", ...asked], call).catch(
    (error: unknown) => {
      // Of a checkout whose repository is gone git says where that was.
      const isNone = error instanceof Failure && error.message.includes("repository (or any");
      throw isNone ? none(path, error) : error;
    },
  );
  const [isBare, isInsideGitDir, commonDir, gitDir] = answer.split("\n");
  if (isBare === "true") throw bare(path);
  if (isInsideGitDir === "true") {
    throw new Failure(
      "REPOSITORY_INVALID",
      `inspect ${path}: it lies inside git's own folder; name the checkout`,
    );
  }
  if (commonDir === gitDir) return git(["rev-parse", "--show-toplevel"], call);
  const [main] = await listWorktrees(path, signal);
  if (main === undefined || main.isBare) throw bare(path);
  return main.path;
}

function none(path: string, cause: Failure): Failure {
  return new Failure("REPOSITORY_INVALID", `inspect ${path}: it lies in no git repository`, {
    cause,
  });
}

function bare(path: string): Failure {
  return new Failure(
    "REPOSITORY_INVALID",
    `inspect ${path}: the repository is bare; name a clone with a checkout`,
  );
}

// From the surest sign to the weakest: what origin says, what is checked out, what people usually call it.
async function findDefaultBranch(call: GitCall, head: string | null): Promise<string> {
  const published = await tryGit(
    ["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"],
    call,
  );
  if (published.exitCode === 0) return published.stdout.replace(/^origin\//, "");
  const current = await tryGit(["symbolic-ref", "--quiet", "--short", "HEAD"], call);
  if (current.exitCode === 0 && head !== null) return current.stdout;
  for (const usual of ["main", "master"]) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- the first that exists stands
    if ((await branchHead(usual, call)) !== null) return usual;
  }
  const names = await git(["for-each-ref", "--format=%(refname:short)", "refs/heads"], call);
  if (names !== "" && !names.includes("\n")) return names;
  throw new Failure(
    "BRANCH_UNKNOWN",
    `inspect ${call.cwd}: HEAD is on no branch (${head ?? "unborn"}) and none is called main or master; say which it is: --branch, or defaultBranch`,
  );
}

async function branchHead(branch: string, call: GitCall): Promise<string | null> {
  return (
    (await commitOf(`refs/remotes/origin/${branch}`, call)) ??
    (await commitOf(`refs/heads/${branch}`, call))
  );
}
