import { git, type GitCall, hasOrigin } from "./git.ts";

/** What git says of one worktree; the body of `ao.obs.workspace.<session>`. */
export type WorkspaceFacts = {
  /** null before the first commit. */
  readonly headSha: string | null;
  /** null when HEAD is on no branch. */
  readonly branch: string | null;
  /** Something is changed, staged, in conflict, or new and not ignored. */
  readonly dirty: boolean;
  /** Commits of HEAD that are not published: not on any branch of origin, or, without an origin, on no branch or tag here. */
  readonly unpushed: number;
};

/** Where a worktree stands, with the paths that are not committed. */
export interface Status {
  readonly headSha: string | null;
  readonly branch: string | null;
  readonly changed: readonly string[];
  /** Those of them that are submodules: their commit moved, or they hold changes of their own. */
  readonly submodules: readonly string[];
}

/** What git says of the worktree at a path. Fails as `git` does. */
export async function workspaceFacts(path: string, signal?: AbortSignal): Promise<WorkspaceFacts> {
  const call = { cwd: path, signal };
  const [status, published] = await Promise.all([worktreeStatus(call), publishedRefs(call)]);
  return {
    headSha: status.headSha,
    branch: status.branch,
    dirty: status.changed.length > 0,
    unpushed: status.headSha === null ? 0 : await countUnpublished(published, call),
  };
}

/** Where the worktree stands. New files count unless ignored; changes inside submodules count unless told otherwise. */
export async function worktreeStatus(
  call: GitCall,
  submodules: "none" | "all" = "none",
): Promise<Status> {
  const flags = [
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=normal",
    `--ignore-submodules=${submodules}`,
  ];
  const records = (await git(["status", ...flags], call)).split("\0");
  const header = (name: string) =>
    records.find((record) => record.startsWith(`# ${name} `))?.slice(name.length + 3) ?? "";
  const oid = header("branch.oid");
  const branch = header("branch.head");
  return {
    headSha: oid === "(initial)" ? null : oid,
    branch: branch === "(detached)" ? null : branch,
    changed: records.flatMap((record) => changedPath(record)),
    submodules: records.filter((record) => SUBMODULE.test(record)).flatMap(changedPath),
  };
}

/** The arguments of `git rev-list` that stand for everything the repository has published. */
async function publishedRefs(call: GitCall): Promise<readonly string[]> {
  return (await hasOrigin(call.cwd, call.signal)) ? ["--remotes=origin"] : ["--branches", "--tags"];
}

async function countUnpublished(published: readonly string[], call: GitCall): Promise<number> {
  return Number(await git(["rev-list", "--count", "HEAD", "--not", ...published], call));
}

// How many fields stand before the path, by the first letter of the record.
const FIELDS: Readonly<Record<string, number>> = { "1": 8, "2": 9, u: 10, "?": 1 };

// `1 <XY> <sub> …`: `N...` is no submodule.
const SUBMODULE = /^[12u] .. S/;

function changedPath(record: string): string[] {
  const fields = record[1] === " " ? FIELDS[record[0] ?? ""] : undefined;
  return fields === undefined ? [] : [record.split(" ").slice(fields).join(" ")];
}
