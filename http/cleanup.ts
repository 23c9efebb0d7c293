import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { deadline } from "../adapters/deadline.ts";
import { Failure } from "../machines/failures.ts";
import { addressOf, Token } from "../machines/ids.ts";
import { isOpenPull } from "../machines/pull-state.ts";
import { ANSWER_WITHIN_MS, collect, messageIdOf } from "./commands.ts";
import { directoriesOf, DirectoryView, MissingView } from "./directories.ts";
import type { Edge } from "./edge.ts";
import { PreservedView, preservedOf } from "./preserved.ts";
import { lastingClaim } from "./objective/view.ts";
import { knownProject } from "./projects.ts";
import type { SessionView } from "./session/view.ts";

// Session cleanup
//
// Closes what is over: the terminal and the worktree of sessions in which nothing is left to be done.
//
//   C1. A session that may still do something is not touched.
//   C2. One whose worktree holds uncommitted work is left for a person, and named with what can be done about it.
//   C6. One that others still need is left too: its pull request is open and it can answer, or its objective claims it.
//   C3. Asked again it finds nothing new; the same request again is answered with what the first one closed.
//   C4. One in trouble keeps no other from being closed.
//   C5. Every directory is told of, kept or removed and why; what nobody holds goes with a pass of the collector.

export const CleanupBody = z.strictObject({
  projectId: Token.optional(),
  /** Tells what would be closed, and closes nothing. */
  dryRun: z.boolean().default(false),
});

export const Cleaned = z.object({
  dryRun: z.boolean(),
  /** What was closed, or would be. */
  cleaned: z.array(z.string()),
  /** What is over and was left as it is (C2, C6). */
  skipped: z.array(z.object({ id: z.string(), reason: z.string(), message: z.string() })),
  /** Sessions that did not take the order (C4). */
  failed: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })),
  /** What becomes of each directory (C5); absent where directories cannot be looked at. */
  directories: z.array(DirectoryView).exactOptional(),
  missing: z.array(MissingView).exactOptional(),
  /** The uncommitted work that is kept in refs. */
  preserved: z.array(PreservedView).exactOptional(),
});
type Cleaned = z.infer<typeof Cleaned>;

/** Closes the sessions that are over. Fails with ACTOR_UNKNOWN for a project that is none. */
export async function cleanUp(
  edge: Edge,
  request: FastifyRequest,
  { projectId, dryRun = false }: z.input<typeof CleanupBody>,
): Promise<Cleaned> {
  const result: Cleaned = { dryRun, cleaned: [], skipped: [], failed: [] };
  if (projectId !== undefined) knownProject(edge, projectId);
  const summaries = edge.views.list({
    kind: "session",
    limit: Number.MAX_SAFE_INTEGER,
    where: ({ isDone, facts }) =>
      !isDone && (projectId === undefined || facts["projectId"] === projectId),
  });
  const key = dryRun ? undefined : messageIdOf(edge, request);
  for (const view of edge.sessions.all(summaries)) {
    const messageId = key === undefined ? undefined : `${key}:${view.id}`;
    const isRepeat = messageId !== undefined && edge.system.store.seen(messageId) !== undefined;
    if (!isOver(view) && !isRepeat) continue;
    // oxlint-disable-next-line no-await-in-loop -- there is hardly ever more than one
    const kept = isRepeat ? undefined : await keptOf(edge, view);
    if (kept !== undefined) result.skipped.push(kept);
    else if (dryRun) result.cleaned.push(view.id);
    // oxlint-disable-next-line no-await-in-loop -- each is answered or refused by itself
    else await close(edge, { view, messageId, result });
  }
  return withDirectories(edge, result, projectId);
}

/** A pass over what nobody holds, unless it is only to be told of, and what becomes of each directory (C5). */
async function withDirectories(
  edge: Edge,
  result: Cleaned,
  projectId: string | undefined,
): Promise<Cleaned> {
  if (edge.survey === undefined) return result;
  if (!result.dryRun) await collect(edge);
  const { directories, missing } = await directoriesOf(edge, projectId);
  const preserved = await preservedOf(edge, projectId);
  const judged = directories.map((each) => withCleanup(each, result));
  return { ...result, directories: judged, missing, preserved };
}

/** What this cleanup makes of a directory that would stay without it. */
function withCleanup(
  view: DirectoryView,
  { dryRun, cleaned, skipped }: Pick<Cleaned, "dryRun" | "cleaned" | "skipped">,
): DirectoryView {
  if (view.area !== "worktree") return view;
  const left = skipped.find(({ id }) => id === view.name);
  if (left !== undefined) return { ...view, verdict: "kept", why: left.message, until: null };
  if (!dryRun || !cleaned.includes(view.name)) return view;
  return { ...view, verdict: "removed", why: "its session is over, and is ended", until: null };
}

async function close(
  edge: Edge,
  {
    view: { id },
    messageId,
    result,
  }: {
    view: SessionView;
    messageId: string | undefined;
    result: Cleaned;
  },
): Promise<void> {
  using due = deadline(ANSWER_WITHIN_MS);
  const outcome = await edge.system.ask(
    {
      to: `session/${id}`,
      type: "session.kill",
      data: { kind: "cleanup" },
      // One key would be one command; here it stands for many. A repeat finds what the first one closed.
      ...(messageId === undefined ? {} : { id: messageId }),
    },
    due.signal,
  );
  if (outcome.type === "applied") result.cleaned.push(id);
  else result.failed.push({ id, code: outcome.code, message: outcome.message });
}

/** Whether nothing is left to be done in it, and nobody has closed it yet. */
function isOver({ lifecycle, status, wanted }: SessionView): boolean {
  const hasEnded = lifecycle.state === "done" || lifecycle.state === "terminated";
  return wanted === "running" && (hasEnded || status === "merged");
}

/** Why it is left as it is; undefined when nothing speaks against closing it. */
async function keptOf(
  edge: Edge,
  view: SessionView,
): Promise<Cleaned["skipped"][number] | undefined> {
  const { id, workspace } = view;
  const claim = claimOn(edge, view);
  if (claim !== undefined) {
    return { id, reason: "claimed", message: `${claim}; to end it all the same: ao kill ${id}` };
  }
  const { path } = workspace;
  const isThere = path !== undefined && path !== null;
  if (workspace.dirty !== true && !(isThere && (await isDirtyNow(edge, path)))) return undefined;
  return {
    id,
    reason: "dirty",
    message: `${path ?? "its worktree"} holds uncommitted work: commit it there, or end the session with ao kill ${id}, which keeps it`,
  };
}

/** What a session is still needed for (C6). That it ended a moment ago keeps nothing from who asks for a cleanup. */
function claimOn(edge: Edge, { id, objectiveId, prs, lifecycle }: SessionView): string | undefined {
  const row =
    objectiveId === undefined
      ? undefined
      : edge.system.snapshot(addressOf("objective", objectiveId));
  const claim = row === undefined ? undefined : lastingClaim(row, id);
  if (claim !== undefined) return claim;
  const open = lifecycle.state === "done" ? prs.find(isOpenPull) : undefined;
  return open === undefined ? undefined : `pull request #${open.number} is open`;
}

/** The probe sees what git does in a worktree; a file that was only written is seen when somebody looks. */
async function isDirtyNow(edge: Edge, path: string): Promise<boolean> {
  try {
    return (await edge.isDirty?.(path)) ?? false;
  } catch (error) {
    // A worktree that cannot be looked at has nothing that this could keep.
    if (error instanceof Failure) return false;
    throw error;
  }
}
