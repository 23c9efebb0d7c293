import { Failure } from "../../machines/failures.ts";
import { addressOf } from "../../machines/ids.ts";
import type { Edge } from "../edge.ts";
import { stateOf } from "../stored-state.ts";
import type { SessionView } from "./view.ts";

/**
 * Sessions as they are shown, without the kept work that is not there any more: whoever drops it, a person, a compaction
 * or git itself, need tell no actor. Asks git once for each repository that keeps something of them.
 */
export async function withKeptWork(
  edge: Pick<Edge, "system" | "preserved">,
  views: readonly SessionView[],
): Promise<SessionView[]> {
  const projects = new Set(views.filter(waitsInRef).map(({ projectId }) => projectId));
  const kept = new Map<string, ReadonlySet<string>>();
  for (const project of projects) {
    // oxlint-disable-next-line no-await-in-loop -- one repository after the other is gentle on the disk
    const refs = await refsOf(edge, project);
    if (refs !== undefined) kept.set(project, refs);
  }
  return views.map((view) => {
    const { workspace, projectId } = view;
    const isGone = kept.get(projectId)?.has(workspace.preserved?.ref ?? "") === false;
    return waitsInRef(view) && isGone
      ? { ...view, workspace: { ...workspace, preserved: null } }
      : view;
  });
}

function waitsInRef({ workspace: { preserved } }: SessionView): boolean {
  return preserved?.isApplied === false;
}

/** The refs of kept work in a project's repository; undefined when nobody can say. */
async function refsOf(
  { system, preserved }: Pick<Edge, "system" | "preserved">,
  project: string,
): Promise<ReadonlySet<string> | undefined> {
  const row = system.snapshot(addressOf("project", project));
  const root = row === undefined ? undefined : stateOf(row).context["root"];
  if (preserved === undefined || typeof root !== "string") return undefined;
  try {
    return new Set((await preserved.list(root)).map(({ ref }) => ref));
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
