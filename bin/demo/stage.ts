import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { git } from "../../adapters/git/git.ts";

/** A real repository with a bare origin, and a folder where the demo's agents write down what happened to them. */
export interface Stage {
  readonly root: string;
  /** AO_HOME of the demo's daemon. */
  readonly home: string;
  readonly repository: string;
  readonly origin: string;
  readonly diary: string;
}

/** The project's check: every script must print what its name promises. */
const CHECK = `#!/bin/sh
# Every NAME.sh must print "NAME, world".
status=0
for script in *.sh; do
  [ "$script" = check.sh ] && continue
  want="$(basename "$script" .sh), world"
  got=$(sh "$script")
  if [ "$got" = "$want" ]; then echo "ok   $script"; else echo "FAIL $script: wanted '$want', got '$got'"; status=1; fi
done
exit $status
`;

// Short enough that nobody waits in a demo; a real day has the defaults.
const CONFIG = {
  http: { port: 0 },
  probes: { terminalMs: 1_000, scmMs: 5_000 },
  // A machine that is busy with something else must not hold the second worker back.
  scheduling: { loadPerCore: 0 },
  supervisor: { tickMs: 1_000, idleAfterMs: 1_500, cooldownMs: 1_500, keepEndedMs: 500 },
};

/** Builds the stage in an empty folder. */
export async function buildStage(root: string): Promise<Stage> {
  const stage: Stage = {
    root,
    home: join(root, "home"),
    repository: join(root, "greetings"),
    origin: join(root, "greetings.git"),
    diary: join(root, "diary"),
  };
  for (const folder of [stage.home, stage.repository, stage.diary])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(stage.home, "config.json"), JSON.stringify(CONFIG));
  const run = async (...args: string[]): Promise<string> => git(args, { cwd: stage.repository });
  await run("init", "--quiet", "--bare", "--initial-branch=main", stage.origin);
  await run("init", "--quiet", "--initial-branch=main");
  await run("config", "user.name", "ao demo");
  await run("config", "user.email", "demo@localhost");
  writeFileSync(join(stage.repository, "check.sh"), CHECK);
  writeFileSync(join(stage.repository, "GREETINGS"), "Greetings, one on each line:\n");
  await run("add", ".");
  await run("commit", "--quiet", "-m", "Say what a greeting must be");
  await run("remote", "add", "origin", stage.origin);
  await run("push", "--quiet", "-u", "origin", "main");
  return stage;
}

/** The argv of a scripted agent: a real program, to be read in `cast/`. */
export function scripted(role: "worker" | "manager" | "reviewer" | "drafter"): string[] {
  return ["sh", fileURLToPath(new URL(`cast/${role}.sh`, import.meta.url))];
}

/** What the agent in a terminal wrote down, oldest first. */
export function diaryOf({ diary }: Stage, terminal: string): string[] {
  const file = join(diary, terminal);
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

/** Files on the origin's main branch, and the subjects of its commits, newest first. */
export async function originMain({
  origin,
}: Stage): Promise<{ files: string[]; merges: string[]; commits: string[] }> {
  const lines = async (...args: string[]): Promise<string[]> =>
    (await git(args, { cwd: origin })).split("\n").filter((line) => line !== "");
  return {
    files: await lines("ls-tree", "--name-only", "main"),
    merges: await lines("log", "--merges", "--format=%s", "main"),
    commits: await lines("log", "--no-merges", "--format=%s", "main"),
  };
}
