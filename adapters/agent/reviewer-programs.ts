import { delimiter, join } from "node:path";
import type { Adapter } from "../adapter.ts";
import { isProgram } from "./programs.ts";

/**
 * Whether a program can be run with a PATH. One that is named from the worktree of its reviewer is taken to be there:
 * only that commit can tell.
 */
export async function hasProgram(program: string, path: string): Promise<boolean> {
  if (program.startsWith("/")) return isProgram(program);
  if (program.includes("/")) return true;
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const found = await Promise.all(folders.map(async (folder) => isProgram(join(folder, program))));
  return found.includes(true);
}

/** The adapter that looks for a reviewer's program on `path`. */
export function reviewerPrograms(path: string): { readonly findReviewer: Adapter<"findReviewer"> } {
  return {
    findReviewer: async ({ program }) => ({ program, isThere: await hasProgram(program, path) }),
  };
}
