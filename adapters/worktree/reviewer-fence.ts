import { realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { Failure } from "../../machines/failures.ts";
import { tryGit } from "../git/git.ts";
import { commonDirOf } from "../git/repository.ts";

// Reviewer fence
//
// What a reviewer's process cannot write, whoever it runs as. bin/launch makes these paths read-only for it (L6); this
// says which, and whether the machine can do that at all.
//
//   RF1. Closed are the worktrees of all workers, the checkouts of all reviewers, the project's repository, and its
//        remotes that are folders of this machine: where git itself would push to. No remote keeps a reviewer from
//        being launched.
//   RF2. The data folder stays open where it lies inside of these, and nothing that holds the person's home folder is
//        closed: agents keep their own files there, and `ao` its spool.
//   RF3. Where the machine can close nothing, or a repository holds the home folder, reviewers run all the same; doctor
//        says the first, the API both.

export interface ReviewerFence {
  /** Why this machine can close nothing; null when it can. Looked at until it is known. Fails with DEADLINE_PASSED. */
  readonly obstacle: () => Promise<string | null>;
  /** What keeps the reviewers of a repository from writing, in words; undefined until it was looked at. */
  readonly isolationOf: (repo: string) => Promise<string | undefined>;
  /**
   * What bin/launch closes (`-path`) or leaves open (`+path`) for a reviewer of a repository, the outer before the inner;
   * nothing where nothing can be closed (RF3). Fails as git does, and as `obstacle`.
   */
  readonly pathsFor: (repo: string | undefined) => Promise<readonly string[]>;
}

/** The fence around the reviewers of a home. */
export function reviewerFence(options: {
  /** AO_HOME. */
  readonly home: string;
  /** Absolute path of bin/launch. */
  readonly launcher: string;
  /** The person's home folder. */
  readonly personHome: string;
}): ReviewerFence {
  const { home, launcher, personHome } = options;
  let seen: string | null | undefined;
  const obstacle = async (): Promise<string | null> => {
    // On a machine that is too busy to say, nobody may be launched without a fence for that.
    if (seen === undefined) seen = await fenceObstacle(launcher, home);
    return seen;
  };
  const person = async (): Promise<string> => (await realPath(personHome)) ?? personHome;
  return {
    obstacle,
    async isolationOf(repo) {
      if (seen === undefined) return undefined;
      if (seen !== null) return `file permissions only: ${seen}`;
      const there = repo === "" ? undefined : await realPath(repo);
      const isSpared = there !== undefined && isWithin(await person(), there);
      const spared = isSpared ? `, but for ${repo}, which holds the home folder` : "";
      return `read-only mounts${spared}`;
    },
    async pathsFor(repo) {
      if ((await obstacle()) !== null) return [];
      const wanted = [
        join(home, "worktrees"),
        join(home, "reviews"),
        ...(repo === undefined || repo === "" ? [] : await placesOf(repo)),
      ];
      const there = await Promise.all(wanted.map(realPath));
      const who = await person();
      const closed = [...new Set(there)].filter(
        (path) => path !== undefined && !isWithin(who, path),
      );
      const own = (await realPath(home)) ?? home;
      const isOpened = closed.some((path) => path !== undefined && isWithin(own, path));
      return [...closed.map((path) => `-${path}`), ...(isOpened ? [`+${own}`] : [])].toSorted(
        (a, b) => a.length - b.length,
      );
    },
  };
}

/** Tries it: why a folder cannot be closed to a program here; null when it can. Fails with DEADLINE_PASSED. */
export async function fenceObstacle(launcher: string, folder: string): Promise<string | null> {
  const answer = await execa("perl", [launcher, "--closes", folder], {
    reject: false,
    stdin: "ignore",
    timeout: 10_000,
  });
  if (answer.timedOut) {
    throw new Failure("DEADLINE_PASSED", `close ${folder} to a program: it was not tried in time`);
  }
  if (answer.exitCode === 0) return null;
  return answer.stdout.trim() || answer.shortMessage || "it cannot be tried";
}

/** Where commits of a repository can be written to on this machine. */
async function placesOf(repo: string): Promise<string[]> {
  // Git itself says where it pushes to: `url.<base>.insteadOf` makes another url of what is configured.
  const [common, { stdout }] = await Promise.all([
    commonDirOf(repo),
    tryGit(["remote", "--verbose"], { cwd: repo }),
  ]);
  const urls = stdout
    .split("\n")
    .flatMap((line) => /\t(.+) \((?:fetch|push)\)/.exec(line)?.[1] ?? []);
  return [repo, common, ...urls.flatMap((url) => folderOf(url, repo) ?? [])];
}

/** The folder that git takes for a remote; undefined when it is none of this machine. */
function folderOf(url: string, repo: string): string | undefined {
  // Git does not look at the host of a file url.
  const [, path] = /^file:\/\/[^/]*(\/.*)/.exec(url) ?? [];
  if (path !== undefined) return decoded(path);
  return /^[\w+.-]+:/.test(url) ? undefined : resolve(repo, url);
}

/** What is no percent encoding stands for itself. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

async function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
