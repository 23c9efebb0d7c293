import { basename } from "node:path";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { addressOf, splitAddress, Token } from "../machines/ids.ts";
import { directoriesOf } from "./directories.ts";
import type { App, Edge } from "./edge.ts";
import { Id } from "./schemas.ts";
import { sessionView } from "./session/view.ts";

// Preserved
//
// Work that was not committed when its worktree was removed, and is kept in a ref of the repository until somebody takes it
// back or drops it.

export const PreservedView = z.object({
  ref: z.string(),
  /** The session whose work it is. */
  session: z.string(),
  /** "" in the mirror of a project that was removed. */
  projectId: z.string(),
  /** When it was kept; milliseconds since 1970. */
  at: z.number(),
  why: z.string(),
  /** When it goes by itself; null for never. */
  until: z.number().nullable(),
});
export type PreservedView = z.infer<typeof PreservedView>;

const Dropped = z.object({
  ref: z.string(),
  /** By which git can still show it, until the repository is packed. */
  sha: z.string(),
});

/** What is kept in the repositories of one project, or of all; the oldest first. */
export async function preservedOf(edge: Edge, projectId?: string): Promise<PreservedView[]> {
  const { keepPreservedMs } = edge.system.settings.gc;
  const found: PreservedView[] = [];
  for (const { project, repo } of await repositoriesOf(edge, projectId)) {
    // oxlint-disable-next-line no-await-in-loop -- one repository after the other is gentle on the disk
    for (const { ref, workspace, at } of await keptIn(edge, repo)) {
      const state = wantedOf(edge, workspace);
      const isOver = state !== undefined && state !== "running";
      const goesAt = isOver && keepPreservedMs > 0 ? at + keepPreservedMs : null;
      found.push({
        ref,
        session: workspace,
        projectId: project,
        at,
        why: whyOf(workspace, state),
        until: goesAt,
      });
    }
  }
  return found.toSorted((one, other) => one.at - other.at);
}

/** Dropping what is kept of a session. */
export function preservedRoutes(app: App, edge: Edge): void {
  app.delete(
    "/sessions/:id/preserved",
    {
      schema: {
        tags: ["sessions"],
        summary: "Drop the uncommitted work that was kept of a session",
        params: Id,
        response: { 200: Dropped },
      },
    },
    async ({ params: { id } }, _reply) => {
      for (const { repo } of await repositoriesOf(edge)) {
        // oxlint-disable-next-line no-await-in-loop -- it is in one of them
        const isHere = (await keptIn(edge, repo)).some(({ workspace }) => workspace === id);
        // oxlint-disable-next-line no-await-in-loop -- as above
        const dropped = isHere ? await edge.preserved?.drop(repo, id) : undefined;
        if (dropped !== undefined) return dropped;
      }
      throw new Failure("ACTOR_UNKNOWN", `drop what is kept of ${id}: nothing is`);
    },
  );
}

/** What one repository keeps; nothing where it cannot be read: that is told where it is worked in. */
async function keptIn(edge: Edge, repo: string): Promise<readonly Kept[]> {
  try {
    return (await edge.preserved?.list(repo)) ?? [];
  } catch (error) {
    if (error instanceof Failure) return [];
    throw error;
  }
}
type Kept = Awaited<ReturnType<NonNullable<Edge["preserved"]>["list"]>>[number];

/** Each repository once, with the first project of it, and the mirrors that are left of projects that were removed. */
async function repositoriesOf(
  edge: Edge,
  projectId?: string,
): Promise<{ project: string; repo: string }[]> {
  const rows = edge.views.list({ kind: "project", limit: Number.MAX_SAFE_INTEGER });
  const repos = new Map<string, string>();
  for (const { address, states, facts } of rows) {
    const { root } = facts;
    const { id } = splitAddress(address);
    const isAsked = projectId === undefined || projectId === id;
    if (!isAsked || states.includes("removed") || typeof root !== "string" || root === "") continue;
    if (!repos.has(root)) repos.set(root, id);
  }
  // By its name: a home that was moved has it under another path than its projects say.
  const names = new Set([...repos.keys()].map((repo) => basename(repo)));
  const { directories } = await directoriesOf(edge);
  for (const { area, path } of projectId === undefined ? directories : []) {
    if (area === "mirror" && !names.has(basename(path))) repos.set(path, "");
  }
  return [...repos].map(([repo, project]) => ({ project, repo }));
}

function wantedOf(edge: Edge, session: string): string | undefined {
  if (!Token.safeParse(session).success) return undefined;
  const row = edge.system.snapshot(addressOf("session", session));
  return row === undefined ? undefined : sessionView(row).wanted;
}

function whyOf(session: string, wanted: string | undefined): string {
  const drops = `ao cleanup --preserved ${session} drops it`;
  if (wanted === undefined) return `no session of this name is known here; ${drops}`;
  return wanted === "running"
    ? `its session is open, and it was not put back there; ${drops}`
    : `ao restore ${session} puts it back; ${drops}`;
}
