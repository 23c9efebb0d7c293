import { join } from "node:path";
import type { EffectData, LaunchSpec } from "../../machines/effects.ts";
import { TOKEN_PLACE } from "../../machines/review/prompts.ts";
import { Failure } from "../../machines/failures.ts";
import type { Adapter } from "../adapter.ts";
import { writeAgentFiles, withRealPath } from "../agent/files.ts";
import { withFolders } from "../agent/folders.ts";
import { checkAgentProgram } from "../agent/programs.ts";
import { trustRepository } from "../agent/trust.ts";
import type { TerminalParts } from "./destroy.ts";
import { fileText, writePrivate } from "../private-file.ts";
import type { Incarnation } from "./records.ts";

// What is written down before a pane is made: the file that bin/launch reads, the prompt, the agent's own files.

export interface LaunchOptions {
  /** Absolute path of bin/launch. */
  readonly launcher: string;
  /** What programs inherit; what is said for one launch comes over it. */
  readonly inherit: Readonly<Record<string, string | undefined>>;
  /** AO_SESSION_ID, AO_TOKEN and their like. */
  readonly environment: (
    identity: LaunchSpec["identity"],
    terminal: string,
    epoch: number,
  ) => Readonly<Record<string, string>>;
  /** What is closed to the reviewer of a repository, as bin/launch takes it (L6). */
  readonly closedTo?: ((repo: string | undefined) => Promise<readonly string[]>) | undefined;
  /** Types a prompt. */
  readonly type: Adapter<"typeText">;
  /** Lines that a pane remembers. */
  readonly historyLines: number;
}

// TMUX would let an agent's own tmux commands reach the server of the whole fleet; the others describe
// the terminal of the daemon, not of the pane.
const NOT_INHERITED = new Set([
  "TMUX",
  "TMUX_PANE",
  "TMUX_TMPDIR",
  "TERM",
  "TERM_PROGRAM",
  "TERM_PROGRAM_VERSION",
  "COLUMNS",
  "LINES",
  "OLDPWD",
  "SHLVL",
  "_",
  "NO_COLOR",
]);

/**
 * Writes what bin/launch reads, and what the agent is given on disk. Fails with LAUNCH_FAILED, or with
 * AGENT_BINARY_NOT_FOUND when its program is not there.
 */
export async function writeLaunch(
  parts: TerminalParts,
  { terminal, epoch, launch }: EffectData<"launchTerminal">,
  options: LaunchOptions,
): Promise<void> {
  const { records } = parts;
  const of = { terminal, epoch };
  const env: Record<string, string> = { COLORTERM: "truecolor" };
  for (const [name, value] of Object.entries(options.inherit)) {
    if (value !== undefined && !NOT_INHERITED.has(name)) env[name] = value;
  }
  const folder = records.filesPath(of);
  const real = withRealPath(folder, launch);
  const own = Object.entries(launch.env).map(([name, value]) => [name, real(value)] as const);
  Object.assign(
    env,
    Object.fromEntries(own),
    options.environment(launch.identity, terminal, epoch),
    {
      ...marks(parts, of),
      AO_PROMPT_FILE: records.promptPath(of),
      PWD: launch.cwd,
    },
  );
  if (launch.identity.review !== undefined) delete env["AO_SESSION_ID"];
  const variables = Object.entries(env).map(([name, value]) => {
    if (name === "" || name.includes("="))
      throw new Failure(
        "LAUNCH_FAILED",
        `launch ${terminal}: no environment variable can be named "${name}"`,
      );
    return `${name}=${value}`;
  });
  const { harness, cwd } = launch;
  const words = await withFolders(launch.argv, { cwd, spool: join(parts.home, "spool") });
  const argv = words.map((word) => real(word));
  const { review } = launch.identity;
  const closed = review === undefined ? [] : ((await options.closedTo?.(review.repo)) ?? []);
  const counted = [argv, closed].flatMap((list) => [String(list.length), ...list]);
  const fields = [launch.cwd, ...counted, ...variables];
  if (fields.some((field) => field.includes("\0"))) {
    throw new Failure(
      "LAUNCH_FAILED",
      `launch ${terminal}: an argument or variable contains a NUL character`,
    );
  }
  await checkAgentProgram({ harness, argv, cwd, path: env["PATH"] ?? "" });
  if (launch.trust !== null) await trustRepository(cwd, env);
  await writeAgentFiles(folder, launch.files);
  await writePrivate(records.promptPath(of), fileText(promptOf(launch, env["AO_TOKEN"])));
  await writePrivate(records.path(of, "launch"), fields.map((field) => `${field}\0`).join(""));
}

/** A reviewer's task holds the place of its token only: what is kept in the store has none. */
function promptOf({ prompt, identity }: LaunchSpec, token = ""): string {
  return identity.review === undefined ? prompt : prompt.replaceAll(TOKEN_PLACE, token);
}

/** What names the incarnation in the environment. */
// Every process carries them, the launcher too: destroy finds by them what left the pane.
export function marks(
  { home, generation }: TerminalParts,
  { terminal, epoch }: Incarnation,
): Record<string, string> {
  return {
    AO_HOME: home,
    AO_STORE: generation(),
    AO_TERMINAL_ID: terminal,
    AO_EPOCH: String(epoch),
  };
}
