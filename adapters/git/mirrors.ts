import { createHash } from "node:crypto";
import { mkdir, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../../machines/failures.ts";
import { withoutPasswords } from "./failures.ts";
import { git, type GitCall, tryGit } from "./git.ts";
import { turns } from "./turns.ts";
import { waiters } from "./waiters.ts";
import { listWorktrees } from "./worktrees.ts";

// Mirrors
//
// The repositories of projects that were registered by a URL: one bare repository for each, `<home>/mirrors/<name>.git`,
// from which the worktrees of all of them are cut. To everybody else it is a repository whose origin is that URL.
//
//   MI1. One appears whole: it is fetched beside its place and renamed there.
//   MI2. One thing at a time is done with one. Whoever registers a project has it until that is registered.
//   MI3. It follows the branches of origin as remote-tracking ones; branches of its own are those of sessions.
//   MI4. It is removed only for nobody, and only when origin, asked just before, has every commit that is in it.
//   MI5. Its fetch ends when the last of those who wait for it has gone, and leaves nothing of what was begun. Over HTTP
//        git gives up by itself when origin is silent: also when this process was killed.

/** The mirrors of one home. */
export interface Mirrors {
  /**
   * Runs with the mirror of a URL, which is made, or brought up to date, before. Fails with REMOTE_UNREACHABLE,
   * REMOTE_REFUSED, REPOSITORY_INVALID when there is none at that URL, DEADLINE_PASSED when the signal, which is of who
   * waits, aborts before (MI5), and as `git` and what is run do.
   */
  readonly use: <Result>(
    url: string,
    run: (root: string) => Promise<Result>,
    signal?: AbortSignal,
  ) => Promise<Result>;
  /** Those that nobody uses just now, and what was left over of them. */
  readonly list: (signal: AbortSignal) => Promise<Mirror[]>;
  /** Removes one unless somebody wants it or it holds something; why it was left, undefined when it is gone (MI4). */
  readonly remove: (
    mirror: Pick<Mirror, "name" | "path">,
    at: { readonly signal: AbortSignal; readonly isWanted: (root: string) => boolean },
  ) => Promise<string | undefined>;
}

/** One folder below `mirrors/`. */
export interface Mirror {
  readonly name: string;
  readonly path: string;
  /** What only it holds; null when nothing would be lost with it. */
  readonly holds: string | null;
}

// The first time takes the whole repository.
const FETCH_MS = 1_800_000;
// A server that works sends at least a sign of life every few seconds.
const SILENT_S = 120;

/** The mirrors of a home, which this process alone uses; `silentS` is how many seconds an origin may say nothing. */
export function mirrors(home: string, silentS = SILENT_S): Mirrors {
  const folder = mirrorFolder(home);
  const inTurn = turns();
  const waitFor = waiters();
  const busy = new Map<string, number>();
  const using = async <Result>(name: string, run: () => Promise<Result>): Promise<Result> => {
    busy.set(name, (busy.get(name) ?? 0) + 1);
    try {
      return await inTurn(name, run);
    } finally {
      const left = (busy.get(name) ?? 1) - 1;
      if (left > 0) busy.set(name, left);
      else busy.delete(name);
    }
  };
  return {
    async use(url, run, signal = new AbortController().signal) {
      const name = nameOf(url);
      using waiter = waitFor(name, signal);
      return await using(name, async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const root = join(await realpath(folder), `${name}.git`);
        await bringUpToDate(root, { url, silentS, signal: waiter.signal });
        if (signal.aborted) throw abandoned(url);
        waiter[Symbol.dispose]();
        return run(root);
      });
    },
    async list(signal) {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      const root = names.length === 0 ? folder : await realpath(folder);
      const found = names.flatMap((entry) => {
        const name = /^([\w-]{1,64})\.git(?:\.making|\.trash)?$/.exec(entry)?.[1];
        return name === undefined || busy.has(name) ? [] : [{ name, path: join(root, entry) }];
      });
      return Promise.all(found.map(async (each) => ({ ...each, holds: await held(each, signal) })));
    },
    remove: async (mirror, { signal, isWanted }) =>
      using(mirror.name, async () => {
        if (isWanted(mirror.path)) return "a project is registered with it";
        const holds = (await held(mirror, signal)) ?? (await heldByNow(mirror, signal));
        if (holds !== null) return holds;
        // What was begun to be removed is never taken for a mirror again.
        const trash = isWhole(mirror) ? `${mirror.path}.trash` : mirror.path;
        if (trash !== mirror.path) {
          await rm(trash, { recursive: true, force: true });
          await rename(mirror.path, trash);
        }
        await rm(trash, { recursive: true, force: true });
        return undefined;
      }),
  };
}

/** Where the mirrors of a home are. */
function mirrorFolder(home: string): string {
  return join(home, "mirrors");
}

/** Whether a repository is a mirror of a home, also where the home is reached by a link. */
export async function isMirrorOf(home: string, repo: string): Promise<boolean> {
  const folder = mirrorFolder(home);
  const real = await realpath(folder).catch(() => folder);
  return dirname(repo) === folder || dirname(repo) === real;
}

/** Fetches all of a mirror's origin, and forgets branches that are gone there. Fails as `git` does. */
export async function refresh(call: GitCall): Promise<void> {
  await git(["fetch", "--quiet", "--prune", "--no-write-fetch-head", "origin"], call);
  // The default branch may have another name by now; some servers do not say.
  await tryGit(["remote", "set-head", "origin", "--auto"], call);
}

async function bringUpToDate(
  root: string,
  {
    url,
    silentS,
    signal,
  }: { readonly url: string; readonly silentS: number; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) throw abandoned(url);
  const isNew = (await stat(root).catch(() => undefined)) === undefined;
  const cwd = isNew ? `${root}.making` : root;
  try {
    if (isNew) {
      await rm(cwd, { recursive: true, force: true });
      await mkdir(cwd);
      await git(["init", "--quiet", "--bare", "--template="], { cwd });
      await git(["config", "http.lowSpeedLimit", "1"], { cwd });
      await git(["config", "http.lowSpeedTime", String(silentS)], { cwd });
      await git(["remote", "add", "origin", url], { cwd });
    } else if ((await git(["config", "--get", "remote.origin.url"], { cwd })) !== url) {
      // Another way to sign in. Only then: what is written may be locked by what was killed.
      await git(["remote", "set-url", "origin", url], { cwd });
    }
    await refresh({ cwd, signal, timeoutMs: FETCH_MS });
    if (!isNew) return;
    // A page of the web reads to git like a repository without a branch.
    if ((await git(["for-each-ref", "--count=1"], { cwd, signal })) === "")
      throw new Failure("REPOSITORY_EMPTY", "no branch is there; is it the URL of a repository?");
    await rename(cwd, root);
  } catch (error) {
    if (isNew) await rm(cwd, { recursive: true, force: true });
    throw toldOf(url, error);
  }
}

function abandoned(url: string): Failure {
  return new Failure(
    "DEADLINE_PASSED",
    `fetch ${withoutPasswords(url)}: nobody waits for it any more`,
  );
}

const REFUSED =
  /could not read (?:Username|Password)|Authentication failed|Permission denied|HTTP 40[13]|error: 40[13]/i;
const NO_REPOSITORY = /does not appear to be a git repository|repository '.*' not found|HTTP 404/i;

/** The same failure for whoever named the URL: what they can mend has a code of its own. */
function toldOf(url: string, error: unknown): unknown {
  if (!(error instanceof Failure)) return error;
  const { message: seen, code } = error;
  const tried = `fetch ${withoutPasswords(url)}`;
  if (REFUSED.test(seen)) {
    const mend = "give git a credential helper or an ssh key for it";
    return new Failure("REMOTE_REFUSED", `${tried}: it wants credentials; ${mend}: ${seen}`, {
      cause: error,
    });
  }
  const isNone = NO_REPOSITORY.test(seen);
  return new Failure(isNone ? "REPOSITORY_INVALID" : code, `${tried}: ${seen}`, { cause: error });
}

/** The name of a URL's mirror: one for each repository, whoever signs in with whatever, as far as the URL tells. */
function nameOf(url: string): string {
  const plain = withoutPasswords(url)
    .replace(/^file:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  const last = plain.split(/[/:]/).at(-1) ?? "";
  const word = last.replaceAll(/[^\w-]+/g, "-").slice(0, 40);
  const hash = createHash("sha256").update(plain).digest("hex").slice(0, 12);
  return `${word === "" ? "repository" : word}-${hash}`;
}

function isWhole({ path }: Pick<Mirror, "path">): boolean {
  return path.endsWith(".git");
}

// More are not needed to see where they are from.
const MOST_NAMED = 5;
const MOST_READ = 500;

/** What would be lost with a mirror (MI4); null for nothing. What cannot be read may hold everything. */
async function held(
  mirror: Pick<Mirror, "name" | "path">,
  signal: AbortSignal,
): Promise<string | null> {
  if (!isWhole(mirror)) return null;
  const call = { cwd: mirror.path, signal };
  try {
    const [, ...trees] = await listWorktrees(mirror.path, signal);
    if (trees.length > 0)
      return `worktrees are cut from it: ${some(trees.map(({ path }) => path))}`;
    const all = OF_OTHERS.map((refs) => `--exclude=${refs}`);
    const args = ["log", "--format=%S", "--source", "-n", String(MOST_READ), ...all, "--all"];
    const sources = await git([...args, "--not", "--remotes=origin"], call);
    const holding = [...new Set(sources.split("\n"))].filter((ref) => ref !== "");
    return holding.length === 0 ? null : `origin does not have ${some(holding)}`;
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** As `held`, once origin was asked: a branch that was pushed may be gone there since, and origin with it (MI4). */
async function heldByNow(
  mirror: Pick<Mirror, "name" | "path">,
  signal: AbortSignal,
): Promise<string | null> {
  if (!isWhole(mirror)) return null;
  try {
    await refresh({ cwd: mirror.path, signal });
  } catch (error) {
    return `whether origin still has all of it is not known: ${error instanceof Error ? error.message : String(error)}`;
  }
  return held(mirror, signal);
}

// What origin has, and names for what is borrowed.
const OF_OTHERS = ["refs/remotes/*", "refs/ao/reviews/*"];

function some(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).join(", ");
  return names.length > MOST_NAMED ? `${shown} and more` : shown;
}
