import { nearest } from "../nearest.ts";
import { shellWord } from "../shell-word.ts";
import { aider } from "./aider.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { opencode } from "./opencode.ts";
import type { FailureCode } from "../failures.ts";
import { type Agent, type AgentLaunch, type Harness, type Task } from "./harness.ts";
import type { Command } from "../argument.ts";

// Harnesses
//
// The agents that can be run, as one table. Each row is data and pure functions; what they ask for on disk is done by
// adapters/.

const command: Harness = {
  name: "command",
  program: null,
  install: "give the command: worker.command of the project, or after -- of ao spawn",
  prompt: "none",
  says: { submits: false, blocked: false, ends: false },
  steers: false,
  readsQuota: false,
  resumes: false,
  rests: null,
  launch: ({ argv }) => ({ argv, env: {}, files: [], typed: null, trust: null }),
};

/** Every harness, by name. */
export const HARNESSES: ReadonlyMap<string, Harness> = new Map(
  [command, claudeCode, codex, opencode, aider].map((harness) => [harness.name, harness]),
);

/** What is known of an agent before it is launched. */
export interface Wish {
  readonly harness: string;
  readonly command?: Command | undefined;
}

/** The program with its first arguments, or why there is none. */
export type Launch =
  | { readonly type: "launch"; readonly argv: readonly string[] }
  | { readonly type: "refused"; readonly code: FailureCode; readonly message: string };

/**
 * What runs a harness: its own program, or the command given in its place. HARNESS_UNKNOWN for one that is not in the
 * table, or that lacks its command.
 */
export function launchOf({ harness: name, command: given }: Wish): Launch {
  const harness = HARNESSES.get(name);
  if (harness === undefined) return refused(`launch an agent with ${strange(name)}`);
  const { program, install } = harness;
  if (given === undefined) {
    return program === null
      ? refused(
          `launch an agent with harness ${name}: no command is given, nor configured; ${install}`,
        )
      : { type: "launch", argv: [program] };
  }
  if (typeof given !== "string") return { type: "launch", argv: given };
  // What a harness adds must reach the program behind the shell.
  const argv =
    program === null ? ["sh", "-c", given] : ["sh", "-c", `${given} "$@"`, shellWord(program)];
  return { type: "launch", argv };
}

/** Why an agent of these names none that can be launched: its harness is not in the table; undefined when each is. */
export function strangerAmong(agents: readonly { harness: string }[]): string | undefined {
  const stranger = agents.find(({ harness }) => !HARNESSES.has(harness));
  return stranger && strange(stranger.harness);
}

/** What to say of a harness that is none of those that may be named. */
export function strange(name: string, known: readonly string[] = [...HARNESSES.keys()]): string {
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : `did you mean ${meant}? `;
  return `harness ${name}: ${hint}known are ${known.join(", ")}`;
}

function refused(message: string): Launch {
  return { type: "refused", code: "HARNESS_UNKNOWN", message };
}

/** What one launch of an agent takes. Throws for a harness that is not in the table: `launchOf` was not asked. */
export function agentLaunch(agent: Agent, task: Task): AgentLaunch {
  const harness = HARNESSES.get(agent.harness);
  if (harness === undefined)
    throw new Error(`launch an agent: harness ${agent.harness} is unknown`);
  return harness.launch(agent, task);
}
