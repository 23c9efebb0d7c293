import { hasProgram } from "../../adapters/agent/reviewer-programs.ts";
import { HARNESSES } from "../../machines/harness/harnesses.ts";
import { ProjectConfig } from "../../machines/project/config.ts";
import { programOf } from "../../machines/review/reviewers.ts";
import type { Settings } from "../../machines/settings.ts";
import { shellWord } from "../../machines/shell-word.ts";
import type { Finding } from "./finding.ts";

// Doctor of the programs that are named
//
// What projects and settings name is run when nobody is there any more to be told that it is not installed. As this shell
// finds it: the daemon goes by the PATH of the shell that it was started in. A path in a worktree nobody can look for.

const shellPath = (): string => process.env["PATH"] ?? "";

/** The programs of a project's agents and reviewers that are not there. */
export async function agentFindings(
  { id, config }: { readonly id: string; readonly config: unknown },
  path = shellPath(),
): Promise<Finding[]> {
  const { data } = ProjectConfig.safeParse(config);
  if (data === undefined) return [];
  const { worker, manager, reviewers, env } = data;
  const agents = [
    { role: "worker", wish: worker },
    ...(manager === undefined ? [] : [{ role: "manager", wish: manager }]),
    ...reviewers.map((wish) => ({ role: "reviewer", wish })),
  ];
  const findings = await Promise.all(
    agents.map(async ({ role, wish }): Promise<Finding[]> => {
      const program = programOf(wish);
      if (program === undefined || (await hasProgram(program, env["PATH"] ?? path))) return [];
      const { install } = HARNESSES.get(wish.harness) ?? { install: "" };
      const [, own] = /^install it with: (.+)$/.exec(install) ?? [];
      const found = `${id}: there is no program ${program}, its ${role} (${wish.harness})`;
      const mend =
        wish.command === undefined && own !== undefined
          ? `${own} # or name another: ao project config ${id}`
          : `ao project config ${id} # names it`;
      return [{ name: "agent", isFine: false, found, mend }];
    }),
  );
  return findings.flat();
}

/** Whether the program is there that tells people of notices; nothing where none is named. */
export async function notifyFindings(
  { notify }: Settings,
  mend: string,
  path = shellPath(),
): Promise<Finding[]> {
  const [program] = notify.command ?? [];
  if (program === undefined) return [];
  const name = "notify.command";
  return (await hasProgram(program, path))
    ? [{ name, isFine: true, found: `${shellWord(program)} is there` }]
    : [{ name, isFine: false, found: `there is no program ${shellWord(program)}`, mend }];
}
