import { realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
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
//        remotes that are folders of this machine.
//   RF2. The data folder stays open where it lies inside of these, and nothing that holds the person's home folder is
//        closed: agents keep their own files there, and `ao` its spool.
//   RF3. Where the machine can close nothing, reviewers run all the same; doctor and API say so.

export interface ReviewerFence {
  /** Why this machine can close nothing; null when it can. Looked at until it is known. Fails with DEADLINE_PASSED. */
  readonly obstacle: () => Promise<string | null>;
  /** The same, once it was looked at. */
  readonly known: () => string | null | undefined;
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
  return {
    obstacle,
    known: () => seen,
    async pathsFor(repo) {
      if ((await obstacle()) !== null) return [];
      const wanted = [
        join(home, "worktrees"),
        join(home, "reviews"),
        ...(repo === undefined || repo === "" ? [] : await placesOf(repo)),
      ];
      const there = await Promise.all(wanted.map(realPath));
      const person = (await realPath(personHome)) ?? personHome;
      const closed = [...new Set(there)].filter(
        (path) => path !== undefined && !isWithin(person, path),
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
  const asked = ["config", "--get-regexp", String.raw`^remote\..*\.(push)?url$`];
  const [common, { stdout }] = await Promise.all([commonDirOf(repo), tryGit(asked, { cwd: repo })]);
  const urls = stdout.split("\n").map((line) => line.slice(line.indexOf(" ") + 1));
  return [repo, common, ...urls.flatMap((url) => folderOf(url, repo) ?? [])];
}

function folderOf(url: string, repo: string): string | undefined {
  if (url === "") return undefined;
  if (url.startsWith("file://")) return fileURLToPath(url);
  return /^[\w+.-]+:/.test(url) ? undefined : resolve(repo, url);
}

async function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
