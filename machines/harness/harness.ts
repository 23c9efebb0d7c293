import { z } from "zod";

// Harness
//
// What is said of one kind of agent, whichever it is. Pure.
//
//   H1. A prompt is said once: in the command, typed when it listens, or left to be read in AO_PROMPT_FILE.
//   H2. A prompt over 8 KiB is never an argument: the argument says where it lies.
//   H3. What an agent needs on disk lies beside its terminal's records, never in the worktree: nothing is dirty by it.
//   H4. A hook never fails its agent, and an agent without hooks loses nothing but its word.

/** How much an agent may do without asking. */
export const Permissions = z.enum(["default", "accept-edits", "auto", "bypass-permissions"]);
export type Permissions = z.infer<typeof Permissions>;

/** Who shall run. */
export interface Agent {
  readonly harness: string;
  /** The program with its first arguments; of harness `command` all of them. */
  readonly argv: readonly string[];
  readonly model?: string | undefined;
  readonly permissions?: Permissions | undefined;
}

/** What it shall do there. */
export interface Task {
  /** What it is told first; empty for nothing. */
  readonly prompt: string;
  /** What holds for all it does, where the harness takes that. */
  readonly rules?: string | undefined;
  /** Its conversation: a new one under an id that was never used, or one that it had before. */
  readonly conversation: { readonly id: string; readonly isResumed: boolean };
  /** The folder it works in. */
  readonly cwd: string;
}

/** A file of one launch, beside the records of its terminal. */
export const LaunchFile = z.object({
  name: z.string().regex(/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/),
  text: z.string(),
});
export type LaunchFile = z.infer<typeof LaunchFile>;

/** A prompt that is typed once the screen shows that the agent listens, or after `withinMs` in any case. */
export const TypedPrompt = z.object({
  text: z.string(),
  /** A regular expression on the last lines of the screen. */
  ready: z.string(),
  withinMs: z.number().int().positive(),
});
export type TypedPrompt = z.infer<typeof TypedPrompt>;

/** How a screen looks on which the agent rests at its prompt: regular expressions on its last lines. */
export const RestScreen = z.object({
  shows: z.string(),
  /** Shown while it works, or asks something by a menu. */
  lacks: z.string(),
  /** The notice of a limit as the last thing above the prompt, its words as the first group. */
  limited: z.string().exactOptional(),
});
export type RestScreen = z.infer<typeof RestScreen>;

/** Whether a screen shows an agent at its prompt. */
export function isAtRest(screen: string, { shows, lacks }: RestScreen): boolean {
  return new RegExp(shows, "im").test(screen) && !new RegExp(lacks, "im").test(screen);
}

const NOTICE_CHARS = 500;

/** The words of the limit that a screen shows last, on one line; undefined where it shows none. */
export function limitShown(screen: string, { limited }: RestScreen): string | undefined {
  const words = limited === undefined ? undefined : new RegExp(limited, "im").exec(screen)?.[1];
  return words?.replaceAll(/\s+/g, " ").trim().slice(0, NOTICE_CHARS);
}

/**
 * Stands, after a flag of `argv`, for the folders that an agent whose commands run in a sandbox has to write beside its
 * worktree: the flag comes once with each of them.
 */
export const SANDBOX_FOLDERS = "@ao/sandbox-folders";

/** What one launch takes. In `argv` and `env`, what begins with `FILES` stands for the path of a file of `files`. */
export interface AgentLaunch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly LaunchFile[];
  readonly typed: TypedPrompt | null;
  /** Whose list of trusted folders must name the repository. */
  readonly trust: "claude-code" | null;
}

/** Stands for the folder that the files of a launch are put into. */
export const FILES = "@ao/files";

/** One kind of agent. */
export interface Harness {
  readonly name: string;
  /** The program that is looked for on the PATH; null when it is always given. */
  readonly program: string | null;
  /** How a person gets it, as a sentence's end. */
  readonly install: string;
  readonly prompt: "in_command" | "after_start" | "none";
  /** What its hooks tell: that a prompt was taken, that it waits for a permission, that its turn ended. */
  readonly says: { readonly submits: boolean; readonly blocked: boolean; readonly ends: boolean };
  /** What is typed in the middle of a turn is taken into that turn. */
  readonly steers: boolean;
  /** Its quota can be read, from what it says or shows. */
  readonly readsQuota: boolean;
  /** It can go on with a conversation that it had before. */
  readonly resumes: boolean;
  /** How its screen is read when nothing was heard of it; null where it is not. */
  readonly rests: RestScreen | null;
  readonly launch: (agent: Agent, task: Task) => AgentLaunch;
}

const ARGUMENT_BYTES = 8_192;
const POINTER =
  'Your task is in the file that the environment variable AO_PROMPT_FILE names. Read all of it (cat "$AO_PROMPT_FILE"), then do what it says.';

/** The prompt as an argument (H2). A character takes at most three bytes of UTF-8 per unit. */
export function promptArgument(prompt: string): string {
  return prompt.length * 3 > ARGUMENT_BYTES && byteLength(prompt) > ARGUMENT_BYTES
    ? POINTER
    : prompt;
}

function byteLength(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes += 1;
    else if (code < 0x8_00) bytes += 2;
    else bytes += code < 0x1_00_00 ? 3 : 4;
  }
  return bytes;
}

/** What an agent's hook runs (H4). The first `ao` on the agent's PATH is that of its own daemon. */
export function hookCommand(harness: string, event: string): string {
  return `ao hook ${harness} ${event} || :`;
}

/** Two words of a command line, or none. */
export function flag(name: string, value: string | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : [name, value];
}
