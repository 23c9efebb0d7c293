import { z } from "zod";
import type { Judged } from "../actors/survey.ts";
import { deadline } from "../adapters/deadline.ts";
import { AREAS } from "../machines/collector/collection.ts";
import { Token } from "../machines/ids.ts";
import type { App, Edge } from "./edge.ts";
import { knownProject } from "./projects.ts";

// Directories
//
// Every directory that this program made: kept or removed, and why. What is told is what the next pass of the collector
// would do, worked out by the same rules.

const SURVEY_MS = 20_000;

export const DirectoryView = z.object({
  path: z.string(),
  /** "" for a mirror, which projects share. */
  projectId: z.string(),
  /** The session, reviewer or repository it was made for. */
  name: z.string(),
  /** A worktree, one half made or half removed, a reviewer's checkouts, or the mirror of a repository. */
  area: z.enum(AREAS),
  verdict: z.enum(["kept", "removed"]),
  why: z.string(),
  /** When what keeps it ends by itself, or its removal is tried again; milliseconds since 1970. */
  until: z.number().nullable(),
});
export type DirectoryView = z.infer<typeof DirectoryView>;

/** A workspace that should have a directory and has none. */
export const MissingView = z.object({
  workspace: z.string(),
  projectId: z.string(),
  path: z.string(),
  why: z.string(),
  /** When it is tried again to end it; milliseconds since 1970. */
  until: z.number().nullable(),
});

const Directories = z.object({
  directories: z.array(DirectoryView),
  missing: z.array(MissingView),
  /** Bytes; null when the disk cannot be measured. */
  freeBytes: z.number().nullable(),
  /** The disk is nearly full: what only waits for its time goes at once. */
  isPressed: z.boolean(),
});
type Directories = z.infer<typeof Directories>;

/** What becomes of each directory, of one project or of all; nothing where directories cannot be looked at. */
export async function directoriesOf(
  edge: Pick<Edge, "survey">,
  projectId?: string,
): Promise<Directories> {
  using due = deadline(SURVEY_MS);
  const survey = await edge.survey?.(due.signal);
  if (survey === undefined) {
    return { directories: [], missing: [], freeBytes: null, isPressed: false };
  }
  const { directories, missing, freeBytes, isPressed } = survey;
  const shown = directories.filter(
    (each) => projectId === undefined || each.projectId === projectId,
  );
  const gone = missing.filter((each) => projectId === undefined || each.projectId === projectId);
  return {
    directories: shown.map(viewOf),
    missing: gone.map(({ judged: { why, until }, ...each }) => ({ ...each, why, until })),
    freeBytes,
    isPressed,
  };
}

function viewOf({ path, projectId, name, area, judged }: Judged): DirectoryView {
  const { verdict, why, until } = judged;
  return { path, projectId, name, area, verdict, why, until };
}

/** Reading what becomes of directories. */
export function directoryRoutes(app: App, edge: Edge): void {
  app.get(
    "/directories",
    {
      schema: {
        tags: ["directories"],
        summary: "Every directory made for a session or a reviewer: kept or removed, and why",
        querystring: z.strictObject({ project: Token.optional() }),
        response: { 200: Directories },
      },
    },
    async ({ query: { project } }, _reply) => {
      if (project !== undefined) knownProject(edge, project);
      return directoriesOf(edge, project);
    },
  );
}
