import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../adapters/git.ts";

/** A real repository with a bare origin, and a folder where the demo's agents write down what happened to them. */
export interface Stage {
  readonly root: string;
  /** AO_HOME of the demo's daemon. */
  readonly home: string;
  readonly repository: string;
  readonly origin: string;
  readonly agent: string;
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

/**
 * A scripted coding agent: a real program in a real terminal. It reads its prompt, edits, commits, pushes, opens a pull
 * request, tells what it does through \`ao hook\`, and waits for messages; told that its check fails, it mends it.
 */
const AGENT = `#!/bin/sh
set -u
note() { printf '%s\\n' "$*" >> "$DIARY/$AO_SESSION_ID"; }
tell() { printf '{}' | ao hook command "$1"; }
say() { printf '\\033[1m• %s\\033[0m\\n' "$*"; }
commit() {
  printf 'echo "%s"\\n' "$1" > "$name.sh"
  git add "$name.sh" && git commit --quiet -m "$2" && git push --quiet -u origin HEAD && note "pushed $2"
}

note started
tell session-start
prompt=$(cat "$AO_PROMPT_FILE")
say "My task: $prompt"
name=$(printf '%s' "$prompt" | sed 's/.*write \\([a-z]*\\)\\.sh.*/\\1/')
tell user-prompt-submit

case "$prompt" in
  *carelessly*) commit "$name world" "Write $name.sh" ;;
  *) commit "$name, world" "Write $name.sh" ;;
esac
say "Pushed; opening a pull request."
ao pr open --title "Write $name.sh" && note opened
tell stop

while IFS= read -r line; do
  case "$line" in
    'Pull request #'*' fails: '*)
      note "told $line"
      say "My check fails. Mending $name.sh."
      tell user-prompt-submit
      commit "$name, world" "Mend $name.sh"
      tell stop
      ;;
  esac
done
`;

/** Builds the stage in an empty folder. */
export async function buildStage(root: string): Promise<Stage> {
  const stage: Stage = {
    root,
    home: join(root, "home"),
    repository: join(root, "greetings"),
    origin: join(root, "greetings.git"),
    agent: join(root, "agent.sh"),
    diary: join(root, "diary"),
  };
  for (const folder of [stage.home, stage.repository, stage.diary])
    mkdirSync(folder, { recursive: true });
  writeFileSync(stage.agent, AGENT, { mode: 0o755 });
  writeFileSync(
    join(stage.home, "config.json"),
    JSON.stringify({ http: { port: 0 }, probes: { terminalMs: 1_000, scmMs: 5_000 } }),
  );
  const run = async (...args: string[]): Promise<string> => git(args, { cwd: stage.repository });
  await run("init", "--quiet", "--bare", "--initial-branch=main", stage.origin);
  await run("init", "--quiet", "--initial-branch=main");
  await run("config", "user.name", "ao demo");
  await run("config", "user.email", "demo@localhost");
  writeFileSync(join(stage.repository, "check.sh"), CHECK);
  await run("add", ".");
  await run("commit", "--quiet", "-m", "Say what a greeting must be");
  await run("remote", "add", "origin", stage.origin);
  await run("push", "--quiet", "-u", "origin", "main");
  return stage;
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
