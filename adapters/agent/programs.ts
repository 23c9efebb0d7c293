import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { Failure } from "../../machines/failures.ts";
import { HARNESSES } from "../../machines/harness/harnesses.ts";

/**
 * Fails with AGENT_BINARY_NOT_FOUND when the program of a harness is not there to be run; what is said is how to get it.
 * The command of harness `command` is not looked for: what keeps it from running is seen best when it is run.
 */
export async function checkAgentProgram(asked: {
  readonly harness: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The PATH that it will run with. */
  readonly path: string;
}): Promise<void> {
  const harness = HARNESSES.get(asked.harness);
  const [program] = asked.argv;
  if (harness === undefined || harness.program === null || program === undefined) return;
  if (await isThere(program, asked)) return;
  const where = program.includes("/") ? `there is no program ${program}` : `no ${program} on PATH`;
  throw new Failure(
    "AGENT_BINARY_NOT_FOUND",
    `launch ${asked.harness}: ${where}; ${harness.install}, or name another with worker.command of the project`,
  );
}

async function isThere(
  program: string,
  { cwd, path }: { readonly cwd: string; readonly path: string },
): Promise<boolean> {
  if (program.includes("/")) return isProgram(resolve(cwd, program));
  const found = await Promise.all(
    path.split(delimiter).map((folder) => isProgram(join(folder === "" ? cwd : folder, program))),
  );
  return found.includes(true);
}

/** Whether there is a file that this process may run. */
export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
