import { freeBytes } from "../disk.ts";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import type { Directory } from "../../machines/collector/collection.ts";
import type { EffectData, EffectResult } from "../../machines/effects.ts";
import { Token } from "../../machines/ids.ts";
import type { Adapter } from "../adapter.ts";
import { git, type GitCall, tryGit } from "../git/git.ts";
import { isMirrorOf, type Mirrors, refresh } from "../git/mirrors.ts";
import { discardWorktree, gitDirOf, listWorktrees } from "../git/worktrees.ts";
import { exists, type Mark, type Place, putInPlace, readMark } from "./place.ts";
import { dropPreserved, listPreserved } from "./preserve.ts";
import { reclaim } from "./removal.ts";
import { forgetReviews } from "./review-pins.ts";

// Directories
//
// What lies in a data folder for sessions and reviewers, and the removal of what nobody knows.
//
//   DR1. Only folders that lie where this program puts them, with names that it gives, are seen at all.
//   DR2. A worktree is swept as a workspace is reclaimed: what only it holds is in a ref first, or it stays.
//   DR3. Somebody who came to know it meanwhile keeps it: asked once it is out of its place, before it is deleted.
//   DR4. What is not a worktree that bears our mark is a person's, wherever it lies.
//   DR5. Kept work goes with a compaction once it is older than `gc.keepPreservedMs`, where that is set, and its session is
//        one of this home and closed.

/** The folders of one data folder, and the free space of its disk. */
export async function listDirectories(
  home: string,
  cache: Mirrors,
  signal: AbortSignal,
): Promise<{ readonly directories: Directory[]; readonly freeBytes: number | null }> {
  const [trees, reviews, repositories, free] = await Promise.all([
    projectsIn(join(home, "worktrees"), treesOf),
    projectsIn(join(home, "reviews"), reviewsOf),
    cache.list(signal),
    freeBytes(home),
  ]);
  const kept = repositories.map((each) => ({ ...OF_NO_PROJECT, ...each }));
  return { directories: [...trees, ...reviews, ...kept], freeBytes: free ?? null };
}

const OF_NO_PROJECT = { area: "mirror", projectId: "", isLocked: false } as const;

const AT_ONCE = 16;
const DU_MS = 60_000;

/** Bytes on disk by path. One that cannot be measured in time is left out. */
export async function bytesOf(
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  if (paths.length === 0) return new Map();
  const { stdout } = await execa("du", ["-s", "-k", "-x", "--", ...paths], {
    reject: false,
    stdin: "ignore",
    timeout: DU_MS,
    cancelSignal: signal,
  });
  const lines = (stdout ?? "").split("\n").map((line) => /^(\d+)\t(.+)$/.exec(line));
  return new Map(
    lines.flatMap((line) => (line === null ? [] : [[line[2] ?? "", Number(line[1]) * 1_024]])),
  );
}

/** Adapters for what a collector orders. */
export function collecting(options: {
  readonly home: string;
  readonly mirrors: Mirrors;
  readonly nonce: () => string;
  readonly now: () => number;
  /** Whether somebody knows a workspace of a name. */
  readonly isWanted: (workspace: string) => boolean;
  /** Whether a project is registered with a repository. */
  readonly isRegistered: (root: string) => boolean;
  /** How long the kept work of a session is kept once that is closed; for ever when absent. */
  readonly kept?: { readonly ms: number; readonly isClosed: (session: string) => boolean };
}): {
  readonly sweepDirectory: Adapter<"sweepDirectory">;
  readonly compactRepository: Adapter<"compactRepository">;
} {
  return {
    sweepDirectory: async (data, { signal }) =>
      data.area === "mirror"
        ? sweepMirror(data, { ...options, signal })
        : sweep(data, { ...options, signal }),
    compactRepository: async ({ repo }, { signal }) => {
      const call = { cwd: repo, signal };
      await forgetReviews(options.home, call);
      const dropped = await dropOld(options, call);
      // What is gone at origin is held by its name here; without the network that is for another time.
      if (await isMirrorOf(options.home, repo)) await refresh(call).catch(() => undefined);
      await compact(repo, signal);
      return dropped.length === 0 ? {} : { dropped };
    },
  };
}

async function projectsIn(
  root: string,
  list: (root: string, projectId: string) => Promise<Directory[]>,
): Promise<Directory[]> {
  const found: Directory[] = [];
  for (const projectId of await foldersIn(root)) {
    // oxlint-disable-next-line no-await-in-loop -- one folder after the other is gentle on the disk
    if (isToken(projectId)) found.push(...(await list(join(root, projectId), projectId)));
  }
  return found;
}

async function treesOf(folder: string, projectId: string): Promise<Directory[]> {
  const root = await realpath(folder);
  const names = await foldersIn(root);
  const making = await foldersIn(join(root, ".making"));
  const half = making.map((entry) => ({
    area: "making" as const,
    name: nameIn(entry),
    path: join(root, ".making", entry),
  }));
  const whole = names.map((entry) =>
    entry.startsWith(".trash-")
      ? { area: "trash" as const, name: nameIn(entry.slice(7)), path: join(root, entry) }
      : { area: "worktree" as const, name: entry, path: join(root, entry) },
  );
  const known = [...whole, ...half].filter(({ name }) => isToken(name));
  const found: Directory[] = [];
  // A thousand at once would come back at once, and hold up everything else.
  for (let from = 0; from < known.length; from += AT_ONCE) {
    const slice = known.slice(from, from + AT_ONCE);
    const seen = slice.map(async (each) => {
      return { ...each, projectId, isLocked: await isLocked(each.path) };
    });
    // oxlint-disable-next-line no-await-in-loop -- a slice after the other
    found.push(...(await Promise.all(seen)));
  }
  return found;
}

async function reviewsOf(folder: string, projectId: string): Promise<Directory[]> {
  const names = (await foldersIn(folder)).filter((name) => isToken(name));
  return names.map((name) => {
    const path = join(folder, name);
    return { area: "review", projectId, name, path, isLocked: false };
  });
}

/** `<name>.<nonce>`: a name has no dot. */
function nameIn(entry: string): string {
  return entry.slice(0, entry.indexOf("."));
}

function isToken(name: string): boolean {
  return Token.safeParse(name).success;
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function isLocked(tree: string): Promise<boolean> {
  const gitDir = await gitDirOf(tree);
  return gitDir !== undefined && (await exists(join(gitDir, "locked")));
}

interface Sweeping {
  readonly home: string;
  readonly nonce: () => string;
  readonly now: () => number;
  readonly isWanted: (workspace: string) => boolean;
  readonly signal: AbortSignal;
}
type Swept = EffectResult<"sweepDirectory">;

async function sweep(data: EffectData<"sweepDirectory">, sweeping: Sweeping): Promise<Swept> {
  const { projectId, path } = data;
  const root = await realpath(join(sweeping.home, "worktrees", projectId)).catch(() => undefined);
  if (root === undefined) return { removed: true };
  if (!isOurPlace(data, root)) {
    return left(path, "it is not where this program puts such a folder");
  }
  if (!(await exists(path))) return { removed: true };
  const gitDir = await gitDirOf(path);
  const mark = gitDir === undefined ? undefined : await readMark(gitDir);
  if (isDecided(data, mark)) {
    await discardWorktree({ commonDir: commonDirOf(gitDir, root), path });
    return { removed: true };
  }
  if (gitDir === undefined || !isMarked(data, mark)) {
    return left(path, "it bears no mark of this program");
  }
  return sweepWhole(data, { ...sweeping, gitDir, root });
}

async function sweepMirror(
  { name, path }: EffectData<"sweepDirectory">,
  at: {
    readonly mirrors: Mirrors;
    readonly isRegistered: (root: string) => boolean;
    readonly signal: AbortSignal;
  },
): Promise<Swept> {
  const { signal, isRegistered } = at;
  const why = await at.mirrors.remove({ name, path }, { signal, isWanted: isRegistered });
  return why === undefined ? { removed: true } : left(path, why);
}

/** Whether nobody has worked there yet, or it was found to hold nothing before. */
function isDecided({ area }: EffectData<"sweepDirectory">, mark: Mark | undefined): boolean {
  if (area === "making") return true;
  return area === "trash" && (mark === undefined || mark.isReclaimed);
}

function isMarked(
  { name, projectId }: EffectData<"sweepDirectory">,
  mark: Mark | undefined,
): boolean {
  return mark?.workspace === name && mark.projectId === projectId;
}

/** Removes a worktree as a workspace is reclaimed (DR2). */
async function sweepWhole(
  { area, projectId, name, path }: EffectData<"sweepDirectory">,
  at: Sweeping & { readonly gitDir: string; readonly root: string },
): Promise<Swept> {
  const place = await placeOf({ name, projectId }, at);
  if (place === undefined) return left(path, "its repository is gone");
  if (area === "trash") await putInPlace(place, path);
  const done = await reclaim(place, place.path);
  return done.removed ? done : left(place.path, `${done.reason}: ${done.detail}`);
}

function isOurPlace({ area, name, path }: EffectData<"sweepDirectory">, root: string): boolean {
  const entry = basename(path);
  if (area === "making") return dirname(path) === join(root, ".making") && nameIn(entry) === name;
  if (dirname(path) !== root) return false;
  return area === "trash"
    ? entry.startsWith(`.trash-${name}.`)
    : area === "worktree" && entry === name;
}

function commonDirOf(gitDir: string | undefined, otherwise: string): string {
  return gitDir === undefined ? otherwise : dirname(dirname(gitDir));
}

/** The place of a workspace of which only its directory is left. */
async function placeOf(
  { name, projectId }: { readonly name: string; readonly projectId: string },
  at: Sweeping & { readonly gitDir: string; readonly root: string },
): Promise<Place | undefined> {
  const { nonce, now, isWanted, signal, gitDir, root } = at;
  const commonDir = commonDirOf(gitDir, root);
  if ((await stat(commonDir).catch(() => undefined)) === undefined) return undefined;
  const [main] = await listWorktrees(commonDir, signal);
  if (main === undefined) return undefined;
  const path = join(root, name);
  const head = await tryGit(["symbolic-ref", "--quiet", "--short", "HEAD"], {
    cwd: commonDir,
    signal,
    env: { GIT_DIR: gitDir },
  });
  const branch = head.exitCode === 0 ? head.stdout : name;
  const repo = main.isBare ? commonDir : main.path;
  return {
    workspace: name,
    spec: { projectId, repo, branch, baseRef: branch },
    root,
    path,
    commonDir,
    isMirrored: false,
    signal,
    nonce,
    now,
    isWantedAgain: () => isWanted(name),
  };
}

function left(path: string, why: string): Swept {
  return { removed: false, detail: `${path}: ${why}` };
}

/** Drops the kept work that is older than it is kept for (DR5); the refs that went. */
async function dropOld(
  { kept, now }: Pick<Parameters<typeof collecting>[0], "kept" | "now">,
  call: GitCall,
): Promise<string[]> {
  if (kept === undefined) return [];
  const dropped: string[] = [];
  for (const { workspace, ref, at } of await listPreserved(call)) {
    if (now() - at < kept.ms || !kept.isClosed(workspace)) continue;
    // oxlint-disable-next-line no-await-in-loop -- refs of one repository
    if ((await dropPreserved(workspace, call)) !== undefined) dropped.push(ref);
  }
  return dropped;
}

const COMPACT_MS = 1_740_000;

/** Packs a repository where git finds it worth while, unless its owner has switched that off. */
async function compact(repo: string, signal: AbortSignal): Promise<void> {
  const args = ["config", "--show-scope", "--get-all", "gc.auto"];
  const { stdout } = await tryGit(args, { cwd: repo, signal });
  const own = stdout.split("\n").filter((line) => !line.startsWith("command\t"));
  const [, said = ""] = own.at(-1)?.split("\t") ?? [];
  if (said === "0") return;
  const settings = ["-c", `gc.auto=${said === "" ? "6700" : said}`, "-c", "gc.autoDetach=false"];
  await git([...settings, "gc", "--auto", "--quiet"], { cwd: repo, signal, timeoutMs: COMPACT_MS });
}
