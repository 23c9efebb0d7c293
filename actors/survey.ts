import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { Adapter, Attempt } from "../adapters/adapter.ts";
import { claimOn } from "../machines/objective/claims.ts";
import {
  type Directory,
  type Holders,
  type Verdict,
  verdictOn,
  verdictOnMissing,
} from "../machines/collector/collection.ts";
import type { EffectResult } from "../machines/effects.ts";
import { addressOf, splitAddress, type Address, type KindName } from "../machines/ids.ts";
import type { ObjectiveContext } from "../machines/objective/record.ts";
import type { ReviewContext } from "../machines/review/record.ts";
import { isOver, type SessionContext } from "../machines/session/record.ts";
import type { Settings } from "../machines/settings.ts";
import type { WorkspaceContext } from "../machines/workspace/facts.ts";
import type { SnapshotRow, SummaryRow } from "../storage/store.ts";
import { hasWorktree } from "../machines/workspace/facts.ts";

// Survey
//
// Puts the directories of a host and the rows of the actors side by side, and says of each directory what becomes of it.
//
//   Y1. The directories are listed first: what has no row then has none because nobody ordered it.
//   Y2. It costs what directories there are, not what ever was; rows without a directory come from an index in memory.
//   Y3. Other work gets its turn after every few directories.
//   Y4. A disk that cannot be measured is not full.

/** What the outside says of directories. */
export interface Listing {
  readonly directories: readonly Directory[];
  readonly freeBytes: number | null;
}
export interface DirectoryLister {
  readonly list: (host: string, signal: AbortSignal) => Promise<Listing>;
  /** Bytes on disk by path; one that cannot be measured is left out. */
  readonly measure: (
    paths: readonly string[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, number>>;
}

/** One directory and what becomes of it. */
export interface Judged extends Directory {
  readonly judged: Verdict;
}
export interface Missing {
  readonly workspace: string;
  readonly projectId: string;
  readonly path: string;
  readonly judged: Verdict;
}
export interface Surveyed {
  readonly directories: readonly Judged[];
  /** Workspaces that should have a directory and have none. */
  readonly missing: readonly Missing[];
  readonly freeBytes: number | null;
  readonly isPressed: boolean;
}

interface Source {
  readonly settings: Settings;
  readonly store: {
    summaries(kind: KindName): Iterable<SummaryRow>;
  };
  snapshot(address: Address): SnapshotRow | undefined;
  onCommitted(
    listener: (committed: { readonly summaries: readonly SummaryRow[] }) => void,
  ): () => void;
}

/** Says what becomes of every directory of a host. */
export type Survey = (asked: {
  host: string;
  at: number;
  signal: AbortSignal;
}) => Promise<Surveyed>;

const MOST_DUE = 64;
const MOST_MISSING = 32;
const MOST_REPOSITORIES = 256;
const AT_ONCE = 4;

/** Answers `surveyDirectories` over one system. */
export function surveyor(
  source: Pick<Source, "store">,
  { survey, measure }: { survey: Survey; measure: DirectoryLister["measure"] | undefined },
): Adapter<"surveyDirectories"> {
  return async ({ host, at }, { signal }: Attempt) => {
    const { directories, missing, freeBytes, isPressed } = await survey({ host, at, signal });
    const ended = missing.map(({ workspace: name, projectId, path, judged }) => {
      const directory: Directory = { area: "worktree", projectId, name, path, isLocked: false };
      return { ...directory, judged };
    });
    const due = [...directories, ...ended].flatMap(({ judged: { act, why }, ...directory }) =>
      act === null ? [] : [{ ...directory, act, why }],
    );
    const sizes = isPressed ? await measure?.(pathsOf(due), signal) : undefined;
    const first = sizes === undefined ? due : largestFirst(due, sizes);
    return {
      seen: directories.length,
      kept: directories.filter(({ judged }) => judged.verdict === "kept").length,
      due: first.slice(0, MOST_DUE).map(({ isLocked: _, holds: __, ...each }) => each),
      hasMore: due.length > MOST_DUE,
      missing: missing.slice(0, MOST_MISSING).map(({ workspace, path }) => ({ workspace, path })),
      freeBytes,
      isPressed,
      repositories: repositoriesOf(source).slice(0, MOST_REPOSITORIES),
    };
  };
}

function pathsOf(due: readonly { readonly path: string }[]): string[] {
  return due.map(({ path }) => path);
}

function largestFirst<Each extends { readonly path: string }>(
  due: readonly Each[],
  sizes: ReadonlyMap<string, number>,
): readonly Each[] {
  return due.toSorted((one, other) => (sizes.get(other.path) ?? 0) - (sizes.get(one.path) ?? 0));
}

/** Every project that is registered, with its repository. */
export function repositoriesOf({
  store,
}: Pick<Source, "store">): EffectResult<"surveyDirectories">["repositories"] {
  return [...store.summaries("project")].flatMap(({ address, value, facts: { root } }) =>
    typeof root === "string" && root !== "" && value !== "removed"
      ? [{ projectId: splitAddress(address).id, repo: root }]
      : [],
  );
}

/** A survey over one system; without a lister there are no directories. */
export function surveyOver(source: Source, lister: DirectoryLister | undefined): Survey {
  const { settings } = source;
  let trees: Trees | undefined;
  return async ({ host, at, signal }) => {
    const { directories, freeBytes } =
      lister === undefined ? { directories: [], freeBytes: null } : await lister.list(host, signal);
    const floor = settings.scheduling.minFreeBytes;
    const isPressed = freeBytes !== null && freeBytes < floor;
    const judging = { at, everyMs: settings.gc.everyMs, isPressed };
    const judged: Judged[] = [];
    for (const [n, directory] of directories.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- whoever else waits gets its turn (Y3)
      if (n % AT_ONCE === AT_ONCE - 1) await setImmediate();
      const verdict = verdictOn(directory, holdersOf(source, directory), judging);
      judged.push({ ...directory, judged: verdict });
    }
    trees ??= treesOf(source);
    const found = new Set(directories.map(({ path }) => path));
    const missing = [...trees]
      .filter(([, { path }]) => !found.has(path))
      .map(([workspace, { path, projectId }]) => {
        const holders = holdersOf(source, { area: "worktree", name: workspace, path });
        return { workspace, projectId, path, judged: verdictOnMissing(holders, judging) };
      });
    return { directories: judged, missing, freeBytes, isPressed };
  };
}

type Trees = ReadonlyMap<string, { readonly path: string; readonly projectId: string }>;

/** Where every workspace that should have a directory has it, kept up with each commit (Y2). */
function treesOf(source: Source): Trees {
  const trees = new Map<string, { path: string; projectId: string }>();
  const note = ({ address, value, facts: { path, projectId } }: SummaryRow): void => {
    const { kind, id } = splitAddress(address);
    if (kind !== "workspace") return;
    if (hasWorktree(value) && typeof path === "string" && typeof projectId === "string")
      trees.set(id, { path, projectId });
    else trees.delete(id);
  };
  source.onCommitted(({ summaries }) => summaries.forEach((row) => note(row)));
  for (const row of source.store.summaries("workspace")) note(row);
  return trees;
}

const NOBODY: Holders = {
  workspace: null,
  session: null,
  claim: null,
  isReviewed: null,
  projects: [],
};

function holdersOf(
  source: Source,
  { area, name, path }: Pick<Directory, "area" | "name" | "path">,
): Holders {
  if (area === "review") {
    return { ...NOBODY, isReviewed: isReviewed(source, name) };
  }
  if (area === "mirror") return { ...NOBODY, projects: projectsWith(source, path) };
  const workspace = contextOf<WorkspaceContext>(source, addressOf("workspace", name));
  const session = contextOf<SessionContext>(source, addressOf("session", name));
  return {
    ...NOBODY,
    workspace: workspace && { state: workspace.value, kept: workspace.context.kept },
    session: session && {
      wanted: session.context.wanted,
      isOver: isOver(session.context) || session.context.axes.pr.state === "merged",
      since: session.context.axes.lifecycle.since,
    },
    claim: session && claimOf(source, name, session.context),
  };
}

/** The projects that are registered with a repository; with a mirror also by its place in a home that was moved since. */
export function projectsWith(source: Pick<Source, "store">, root: string): string[] {
  const [tail] = /\/mirrors\/[^/]+$/.exec(root) ?? [];
  return repositoriesOf(source)
    .filter(({ repo }) => repo === root || (tail !== undefined && repo.endsWith(tail)))
    .map(({ projectId }) => projectId);
}

/** Whether a session is known, and nothing is wanted of it any more. */
export function isClosed(source: Pick<Source, "snapshot">, session: string): boolean {
  const address = addressOf("session", session);
  return contextOf<SessionContext>(source, address)?.context.wanted === "closed";
}

/** Why the objective of a session needs its directory. */
function claimOf(source: Source, name: string, { objectiveId }: SessionContext): Holders["claim"] {
  if (objectiveId === undefined) return null;
  const found = contextOf<ObjectiveContext>(source, addressOf("objective", objectiveId));
  if (found === null || found.context.end !== null) return null;
  const { context } = found;
  const worker = context.workers.find(({ id }) => id === name);
  if (worker !== undefined) return claimOn(context, worker, source.settings.supervisor) ?? null;
  const isManager = context.manager.sessionId === name;
  return isManager ? { why: `it manages ${objectiveId}`, until: null } : null;
}

/** Whether a reviewer of that name still has runs to look at; null when it cannot be told whose it is. */
function isReviewed(source: Source, reviewer: string): boolean | null {
  const rest = reviewer.replace(/^review-/, "");
  const names = rest.split("-").map((_, n, parts) => parts.slice(0, parts.length - n).join("-"));
  for (const id of names) {
    const review = contextOf<ReviewContext>(source, addressOf("review", id));
    const seat = review?.context.seats.find(({ terminal }) => terminal === reviewer);
    if (seat !== undefined) return !seat.isReleased;
  }
  return null;
}

const Stored = z.object({ value: z.json(), context: z.record(z.string(), z.unknown()) });

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names what the kind keeps
function contextOf<Context>(
  source: Pick<Source, "snapshot">,
  address: Address,
): { readonly value: string; readonly context: Context } | null {
  const row = source.snapshot(address);
  const stored = row && Stored.safeParse(row.snapshot).data;
  if (stored === undefined) return null;
  const value = typeof stored.value === "string" ? stored.value : "";
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot of that kind
  return { value, context: stored.context as unknown as Context };
}
