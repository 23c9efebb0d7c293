import { join } from "node:path";
import { git, hasOrigin } from "../adapters/git/git.ts";
import { commonDirOf } from "../adapters/git/repository.ts";
import { folderProbe, type ProbeOptions } from "./folder-probe.ts";
import type { Folder } from "./folder-watch.ts";

// Refs probe
//
// Publishes where the branches of one repository stand, as `ao.obs.refs.<project>`: those of origin if it has one, as
// this repository knows them, so a push from any of its worktrees is seen at once; else its own.
//
//   R1. The first observation has every branch; each later one what moved since, with `null` for what is gone.
//   R2. Two git processes per burst of changes, and none while no ref changes but for the anti-entropy look.

/** Runs until the signal aborts, and resolves then. Failures are told to `onFailure` and tried again. */
export async function refsProbe(
  options: ProbeOptions & { readonly project: string; readonly repo: string },
): Promise<void> {
  const { project, repo, signal } = options;
  let commonDir: string | undefined;
  await folderProbe(
    {
      lane: "refs",
      id: project,
      folders: async () => refFolders((commonDir ??= await commonDirOf(repo, signal))),
      read: () => readHeads(repo, signal),
      news: (told, read) => {
        const heads = movedHeads(told ?? new Map(), read);
        return told !== undefined && Object.keys(heads).length === 0 ? undefined : { heads };
      },
    },
    options,
  );
}

type Heads = ReadonlyMap<string, string>;

function refFolders(commonDir: string): Folder[] {
  return [
    // Where packed refs and the remote itself (`config`) are kept.
    { path: commonDir, names: ["packed-refs", "config"] },
    { path: join(commonDir, "refs", "heads"), isDeep: true },
    { path: join(commonDir, "refs", "remotes", "origin"), isDeep: true },
  ];
}

async function readHeads(repo: string, signal: AbortSignal): Promise<Heads> {
  const call = { cwd: repo, signal };
  const prefix = (await hasOrigin(repo, signal)) ? "refs/remotes/origin/" : "refs/heads/";
  // `%(symref)` marks origin/HEAD, which is no branch.
  const refs = await git(
    ["for-each-ref", "--format=%(objectname) %(refname) %(symref)", prefix],
    call,
  );
  return new Map(
    refs
      .split("\n")
      .map((line) => line.split(" "))
      .flatMap(([sha, name, symref]) =>
        sha && name && !symref ? [[name.slice(prefix.length), sha] as const] : [],
      ),
  );
}

function movedHeads(told: Heads, read: Heads): Record<string, string | null> {
  const gone = [...told.keys()]
    .filter((name) => !read.has(name))
    .map((name) => [name, null] as const);
  const moved = [...read].filter(([name, sha]) => told.get(name) !== sha);
  return Object.fromEntries([...gone, ...moved]);
}
