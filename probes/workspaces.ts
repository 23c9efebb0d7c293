import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { git } from "../adapters/git.ts";
import { type WorkspaceFacts, workspaceFacts } from "../adapters/git-facts.ts";
import { folderProbe, type ProbeOptions } from "./folder-probe.ts";
import type { Folder } from "./folder-watch.ts";

// Workspace probe
//
// Publishes what git says of one worktree, as `ao.obs.workspace.<session>`. It watches what git writes, not the files
// that the agent edits: a commit, a checkout, `git add`, a push are seen at once, an edit with the next of these or
// with the anti-entropy look.
//
//   W1. An observation comes only when a fact has changed.
//   W2. No git process runs while git does nothing there, but for the anti-entropy look.

/** Runs until the signal aborts, and resolves then. Failures are told to `onFailure` and tried again. */
export async function workspaceProbe(
  options: ProbeOptions & { readonly session: string; readonly path: string },
): Promise<void> {
  const { session, path, signal } = options;
  let dirs: GitDirs | undefined;
  await folderProbe<WorkspaceFacts>(
    {
      lane: "workspace",
      id: session,
      folders: async () => gitFolders((dirs ??= await findGitDirs(path, signal))),
      read: () => workspaceFacts(path, signal),
      news: (told, read) => (JSON.stringify(told) === JSON.stringify(read) ? undefined : read),
    },
    options,
  );
}

interface GitDirs {
  /** The worktree's own. */
  readonly own: string;
  /** What all worktrees of the repository share. */
  readonly common: string;
}

async function findGitDirs(path: string, signal: AbortSignal): Promise<GitDirs> {
  const args = ["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"];
  const [own = "", common = ""] = (await git(args, { cwd: path, signal })).split("\n");
  return { own, common };
}

/** Where git writes when the worktree's HEAD, index, branch or published branch changes. */
async function gitFolders({ own, common }: GitDirs): Promise<Folder[]> {
  const head = await readFile(join(own, "HEAD"), "utf8");
  const branch = /^ref: refs\/heads\/(.+)\n$/.exec(head)?.[1];
  const kinds = branch === undefined ? [] : ["refs/heads", "refs/remotes/origin"];
  return [
    { path: own, names: ["HEAD", "index", "MERGE_HEAD"] },
    { path: join(own, "logs"), names: ["HEAD"] },
    ...kinds.map((kind) => {
      const ref = join(common, kind, branch ?? "");
      return { path: dirname(ref), names: [basename(ref)] };
    }),
  ];
}
