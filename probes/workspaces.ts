import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { git } from "../adapters/git/git.ts";
import { type WorkspaceFacts, workspaceFacts } from "../adapters/git/facts.ts";
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
//   W3. A worktree that git cannot read any more, because its repository went away, is told so once, with git's words;
//       what is read after that is told in any case.

/** Runs until the signal aborts, and resolves then. Failures are told to `onFailure` and tried again. */
export async function workspaceProbe(
  options: ProbeOptions & { readonly session: string; readonly path: string },
): Promise<void> {
  const { session, path, signal, onFailure, publish, now = Date.now } = options;
  let dirs: GitDirs | undefined;
  let failures = 0;
  let last: WorkspaceFacts = NOTHING;
  let isTold = false;
  const tell = async (error: unknown): Promise<void> => {
    const said = error instanceof Error ? error.message : String(error);
    const unreadable = `its repository cannot be read: ${said}`.slice(0, REASON_CHARS);
    const data = { ...last, unreadable };
    try {
      await publish("workspace", session, data, `workspace:${session}:${now()}.unreadable`);
      isTold = true;
    } catch {
      failures = 0;
    }
  };
  await folderProbe<WorkspaceFacts>(
    {
      lane: "workspace",
      id: session,
      folders: async () => gitFolders((dirs ??= await findGitDirs(path, signal))),
      read: async () => {
        last = await workspaceFacts(path, signal);
        failures = 0;
        return last;
      },
      news: (told, read) => {
        const isKnown = JSON.stringify(told) === JSON.stringify(read) && !isTold;
        isTold = false;
        return isKnown ? undefined : read;
      },
    },
    {
      ...options,
      onFailure: (error) => {
        failures += 1;
        onFailure?.(error);
        if (failures === TOLD_AFTER) void tell(error);
      },
    },
  );
}

const NOTHING: WorkspaceFacts = { headSha: null, branch: null, dirty: false, unpushed: 0 };
// Within two seconds: another git may hold a lock for one look.
const TOLD_AFTER = 4;
const REASON_CHARS = 2_000;

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
    // A folder that is moved says so only to the one above it.
    { path: dirname(common), names: [basename(common)] },
    { path: dirname(dirname(common)), names: [basename(dirname(common))] },
    ...kinds.map((kind) => {
      const ref = join(common, kind, branch ?? "");
      return { path: dirname(ref), names: [basename(ref)] };
    }),
  ];
}
