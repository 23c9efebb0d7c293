import {
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { z } from "zod";
import { type EffectData, PreservedWork } from "../../machines/effects.ts";
import { Failure } from "../../machines/failures.ts";
import { git } from "../git/git.ts";
import { isMirrorOf } from "../git/mirrors.ts";
import { commonDirOf } from "../git/repository.ts";
import { discardWorktree, gitDirOf, listWorktrees } from "../git/worktrees.ts";
import { withBooks } from "../git/repository-books.ts";

// Where a workspace stands, what stands there, and what earlier attempts left. The rules are those of `worktrees.ts`.

type Spec = EffectData<"prepareWorkspace">["spec"];

/** Everything that concerns one workspace. */
export interface Place {
  readonly workspace: string;
  readonly spec: Spec;
  /** `<home>/worktrees/<project>`, as the file system really has it. */
  readonly root: string;
  readonly path: string;
  readonly commonDir: string;
  /** Its repository is a mirror of this home: what origin has now is what counts, not what was fetched last. */
  readonly isMirrored: boolean;
  readonly signal: AbortSignal;
  readonly nonce: () => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Somebody has come to want it since it was given up; nobody can when absent. */
  readonly isWantedAgain?: () => boolean;
}

/** What the mark in the git dir says. */
const Mark = z.object({
  workspace: z.string(),
  projectId: z.string(),
  baseSha: z.string(),
  /** Nothing is left to do before the session may use it. */
  isReady: z.boolean(),
  /** It was found to hold nothing, and is being removed. */
  isReclaimed: z.boolean(),
  /** What was kept of an earlier worktree, and whether it was put back into this one. */
  preserved: PreservedWork.extend({ sha: z.string() }).nullable().default(null),
});
export type Mark = z.infer<typeof Mark>;

/** What was found at a place. */
export type Found =
  | { readonly type: "absent" }
  | { readonly type: "ours"; readonly gitDir: string; readonly mark: Mark }
  /** Ours by its name, but git has forgotten it. */
  | { readonly type: "forgotten" }
  | { readonly type: "foreign"; readonly why: string };

/** The place of a workspace, below a data folder that is made if need be. Fails with REPOSITORY_INVALID. */
export async function findPlace(
  home: string,
  data: { readonly workspace: string; readonly spec: Spec },
  attempt: Pick<Place, "signal" | "nonce" | "now">,
): Promise<Place> {
  const commonDir = await commonDirOf(data.spec.repo, attempt.signal);
  const folder = join(home, "worktrees", data.spec.projectId);
  await mkdir(join(folder, ".making"), { recursive: true });
  const root = await realpath(folder);
  const { workspace, spec } = data;
  const isMirrored = await isMirrorOf(home, commonDir);
  return { workspace, spec, root, path: join(root, workspace), commonDir, isMirrored, ...attempt };
}

/** What stands at the place (W2). */
export async function look({ path, workspace, spec, commonDir }: Place): Promise<Found> {
  const entry = await lstat(path).catch(() => undefined);
  if (entry === undefined) return { type: "absent" };
  if (!entry.isDirectory()) return { type: "foreign", why: "it is not a folder" };
  if ((await readdir(path)).length === 0) return { type: "absent" };
  const gitDir = await gitDirOf(path);
  if (gitDir === undefined) return { type: "foreign", why: "it is no worktree" };
  // A repository that was moved may have left a link where it was.
  const books = await realpath(dirname(gitDir)).catch(() => dirname(gitDir));
  if (books !== join(commonDir, "worktrees")) {
    return { type: "foreign", why: `it is a worktree of another repository: ${gitDir}` };
  }
  const mark = await readMark(gitDir);
  if (mark?.workspace === workspace && mark.projectId === spec.projectId)
    return { type: "ours", gitDir, mark };
  const isGone = (await stat(gitDir).catch(() => undefined)) === undefined;
  if (isGone && basename(gitDir).startsWith(`${workspace}.`)) return { type: "forgotten" };
  return { type: "foreign", why: "it is a worktree that someone else made" };
}

/** Makes git forget a worktree at the place whose folder is gone; its branch would count as checked out there. */
export async function forget(place: Place): Promise<void> {
  await rmdir(place.path).catch(() => undefined);
  const known = await listWorktrees(place.spec.repo, place.signal);
  if (!known.some(({ path }) => path === place.path)) return;
  const call = { cwd: place.spec.repo, signal: place.signal };
  await withBooks(call.cwd, call.signal, async () =>
    git(["worktree", "remove", "--force", "--force", place.path], call),
  );
}

/** Undoes what earlier attempts at this workspace left half made (W3). */
export async function sweepMaking(place: Place): Promise<void> {
  const used = await gitDirOf(place.path);
  for (const name of await namesIn(join(place.root, ".making"), place.workspace)) {
    const path = join(place.root, ".making", name);
    // Its git dir was given to the tree already; see `remember`.
    const isHandedOver = used !== undefined && basename(used) === name;
    // oxlint-disable-next-line eslint/no-await-in-loop -- there is hardly ever more than one
    await (isHandedOver
      ? rm(path, { recursive: true, force: true })
      : discardWorktree({ commonDir: place.commonDir, path }));
  }
}

/** Goes on with removals that were cut short: back to its place unless it was already decided (W3). */
export async function settleTrash(place: Place): Promise<void> {
  for (const name of await namesIn(place.root, `.trash-${place.workspace}`)) {
    const path = join(place.root, name);
    // oxlint-disable-next-line eslint/no-await-in-loop -- there is hardly ever more than one
    await settleOne(place, path);
  }
}

async function settleOne(place: Place, path: string): Promise<void> {
  const gitDir = await gitDirOf(path);
  const mark = gitDir && (await readMark(gitDir));
  if (mark && !mark.isReclaimed) return putInPlace(place, path);
  await discardWorktree({ commonDir: place.commonDir, path });
}

/** Renames a folder to the place. Fails with WORKSPACE_FOREIGN when something else came there meanwhile. */
export async function putInPlace({ path, signal }: Place, from: string): Promise<void> {
  // Whoever ended it looks at the place next, and must find all that will ever be there.
  signal.throwIfAborted();
  await rename(from, path).catch((cause: unknown) => {
    throw new Failure("WORKSPACE_FOREIGN", `move ${from} to ${path}: something else is there`, {
      cause,
    });
  });
}

/** The mark in a git dir; undefined when there is none that can be read. */
export async function readMark(gitDir: string): Promise<Mark | undefined> {
  const read = readFile(join(gitDir, "ao.json"), "utf8").then((text): unknown => JSON.parse(text));
  return Mark.safeParse(await read.catch(() => undefined)).data;
}

/** Replaces the mark in one instant, so that a kill leaves the old one or the new one. */
export async function putMark(gitDir: string, mark: Mark): Promise<Mark> {
  const path = join(gitDir, "ao.json");
  await writeFile(`${path}.new`, JSON.stringify(mark), { flush: true });
  await rename(`${path}.new`, path);
  return mark;
}

/**
 * Names in a folder that belong to a workspace: `<prefix>.<nonce>`; a workspace's name has no dot. Fails where there is
 * no such folder.
 */
export async function namesIn(folder: string, prefix: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.startsWith(`${prefix}.`));
}

/** Whether anything is at a path. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/**
 * Whether there is certainly nothing at a path below a folder that is there: what cannot be asked may be there, and so
 * may what was in an empty folder, where a volume is mounted, or behind a link that leads to none or to an empty one.
 */
export async function isSurelyGone(folder: string, path: string): Promise<boolean> {
  let at = folder;
  let isLink = true;
  const parts = relative(folder, path).split(sep);
  for (const [index, part] of parts.entries()) {
    // The folder that would hold it may be empty because it is gone; one farther up never is by what is done here.
    const mayBeEmpty = index === parts.length - 1 && !isLink;
    // oxlint-disable-next-line no-await-in-loop -- each is in the one before
    if (!mayBeEmpty && (await readdir(at).catch(() => [])).length === 0) return false;
    at = join(at, part);
    // oxlint-disable-next-line no-await-in-loop -- as above
    const found = await lstat(at).catch((error: NodeJS.ErrnoException) => error.code);
    if (found === "ENOENT") return true;
    if (found === undefined || typeof found === "string") return false;
    isLink = found.isSymbolicLink();
  }
  return false;
}
