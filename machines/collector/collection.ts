// Collection
//
// What becomes of one directory that this program made. First match; on doubt it is kept.
//
//   D1. A claim keeps it: its session works here, another one goes on from it, its manager may publish it, its pull
//       request is open, a person has locked it, or it ended a moment ago. Only the last gives way when the disk is full.
//   D2. Nothing here removes anything: what is not kept is given to whoever looks for a loss in the step that removes.
//   D3. What could not be removed is tried again, at ever greater distance, and says until then what keeps it.
//   D4. A directory that nobody knows is removed as carefully as one whose session has ended.
//   D5. The mirror that projects share stays while one of them is registered, and while only it holds something.
//   D6. A workspace without its directory ends with its session; one that cannot be ended is asked again as in D3.

/** Which part of the data folder it is in: a worktree, one half made or half removed, a reviewer's checkouts, or the mirror of a repository. */
export const AREAS = ["worktree", "making", "trash", "review", "mirror"] as const;
export type Area = (typeof AREAS)[number];

/** One directory as it was found. */
export type Directory = {
  readonly area: Area;
  /** "" for a mirror, which any number of them share. */
  readonly projectId: string;
  /** The workspace, reviewer or repository it was made for. */
  readonly name: string;
  readonly path: string;
  /** A person has locked it (`git worktree lock`). */
  readonly isLocked: boolean;
  /** What would be lost with a mirror; null for nothing. */
  readonly holds?: string | null;
};

/** What the actors say of a directory; null where there is no such actor. */
export type Holders = {
  readonly workspace: {
    readonly state: string;
    readonly kept: { readonly at: number; readonly reason: string; readonly detail: string } | null;
  } | null;
  readonly session: {
    readonly wanted: "running" | "closing" | "closed";
    /** Nothing is left to be done in it: it is done, has ended, or its work is merged. */
    readonly isOver: boolean;
    readonly since: number;
  } | null;
  /** Why its objective needs it. */
  readonly claim: { readonly why: string; readonly until: number | null } | null;
  /** Whether a reviewer still looks at it; null when it is nobody's. */
  readonly isReviewed: boolean | null;
  /** The projects whose repository it is. */
  readonly projects: readonly string[];
};

export type Verdict = {
  readonly verdict: "kept" | "removed";
  readonly why: string;
  /** When that ends by itself, or is tried again; milliseconds since 1970. */
  readonly until: number | null;
  /** Who removes it: its session closes it, what nobody knows is swept, a reviewer's is released; null for nobody. */
  readonly act: "close" | "sweep" | "release" | null;
};

export type Judging = {
  readonly at: number;
  readonly everyMs: number;
  /** The disk is nearly full. */
  readonly isPressed: boolean;
};

/** What becomes of a workspace that should have a directory and has none (D6). */
export function verdictOnMissing(holders: Holders, judging: Judging): Verdict {
  const { session } = holders;
  if (session === null) return kept("its session is not known");
  if (session.wanted === "closed") return onClosed(holders, judging);
  return session.wanted === "closing"
    ? removed("its session is being ended", null)
    : kept("its session is open");
}

/** What becomes of a directory. */
export function verdictOn(directory: Directory, holders: Holders, judging: Judging): Verdict {
  if (directory.area === "review") return onReview(holders);
  if (directory.area === "mirror") return onMirror(directory, holders);
  return onTree(directory, holders, judging);
}

function onTree(directory: Directory, holders: Holders, judging: Judging): Verdict {
  if (directory.isLocked) return kept("a person has locked it (git worktree lock)");
  const { workspace, session } = holders;
  if (workspace?.state === "preparing") return kept("it is being made");
  if (workspace?.state === "reclaiming") return removed("it is being removed", null);
  if (workspace === null && session === null) return removed(ofNobody(directory), "sweep");
  if (directory.area !== "worktree") return onRemains(holders);
  if (session === null) return kept("its session is not known");
  return session.wanted === "closed"
    ? onClosed(holders, judging)
    : onOpen(session, holders, judging);
}

const DAY_MS = 86_400_000;

/** When what could not be removed is tried again: at twice the distance each time, at least a pass and at most a day. */
function triesAgainAt({ at }: { readonly at: number }, since: number, everyMs: number): number {
  return at + Math.min(Math.max(everyMs, at - since), DAY_MS);
}

function onReview({ isReviewed }: Holders): Verdict {
  if (isReviewed === null) return kept("it cannot be told whose it is");
  return isReviewed
    ? kept("a reviewer looks at it")
    : removed("its reviewer is done with it", "release");
}

function onMirror({ holds }: Directory, { projects }: Holders): Verdict {
  if (projects.length > 0) {
    return kept(`every checkout of ${projects.join(", ")} is cut from it`);
  }
  if (typeof holds === "string") return kept(`no project is registered with it, but ${holds}`);
  return removed("no project is registered with it", "sweep");
}

function ofNobody({ area }: Directory): string {
  return area === "worktree"
    ? "no session of this name is known"
    : "it was left over when work was cut short, and no session of this name is known";
}

function onRemains({ workspace, session }: Holders): Verdict {
  const isOver = session?.wanted === "closed" && workspace?.state !== "ready";
  return isOver
    ? removed("it was left over when work was cut short", "sweep")
    : kept("it was left over when work was cut short; its workspace settles it");
}

function onClosed({ workspace, session }: Holders, { at, everyMs }: Judging): Verdict {
  const before = workspace?.kept ?? null;
  if (before === null) return removed("its session has ended", "close");
  const until = triesAgainAt(before, session?.since ?? before.at, everyMs);
  const why = `it could not be removed: ${before.reason}: ${before.detail}`;
  if (until > at) return kept(why, until);
  return removed(`its session has ended; tried again, for ${why}`, "close");
}

function onOpen(
  session: NonNullable<Holders["session"]>,
  { claim }: Holders,
  { at, isPressed }: Judging,
): Verdict {
  if (session.wanted === "closing") return removed("its session is being ended", null);
  if (claim === null) {
    return kept(session.isOver ? "its session is over; ao cleanup ends it" : "its session is open");
  }
  const isRetention = claim.until !== null;
  if (isRetention && isPressed) return removed("the disk is nearly full", "close");
  if (claim.until !== null && claim.until <= at) return removed("nothing needs it any more", null);
  return kept(claim.why, claim.until);
}

function kept(why: string, until: number | null = null): Verdict {
  return { verdict: "kept", why, until, act: null };
}

function removed(why: string, act: Verdict["act"]): Verdict {
  return { verdict: "removed", why, until: null, act };
}
