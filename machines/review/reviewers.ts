import type { LaunchFile } from "../harness/harness.ts";
import { claudeFiles, SETTINGS_FILE } from "../harness/claude-code.ts";
import type { ReviewerWish, Reviewing } from "./worker.ts";

// Reviewers
//
// Who can review, and how each is launched. Apart from the harnesses of workers: a worker's harness is not a reviewer
// by itself, and a reviewer need not be able to work.
//
//   V1. Whatever is launched runs without asking anybody: nobody sits at a reviewer's terminal.
//   V2. Where a program has a way to forbid writing, it is used; the worktree is read-only for all.
//   V3. Every pass gets a process of its own, so programs that end after one task are reviewers like any other.

/** Every reviewer there is. */
export const REVIEWER_HARNESSES = ["claude-code", "codex", "opencode", "command"] as const;
export type ReviewerHarness = (typeof REVIEWER_HARNESSES)[number];

type Reviewer = {
  /** A worker's harness of this name reviews its own work when nothing else is said. */
  readonly isInherited: boolean;
  /** How writing is prevented besides the read-only worktree. */
  readonly isolation: "tool rules" | "sandbox" | "worktree only";
  readonly argv: (wish: ReviewerWish) => readonly string[] | undefined;
  /** What it needs on disk beside its terminal's records. */
  readonly files?: readonly LaunchFile[];
};

const GIT_READS = ["diff", "log", "show", "status", "blame", "grep", "rev-parse", "merge-base"];

const CLAUDE_ALLOWED = [
  "Read",
  "Grep",
  "Glob",
  ...GIT_READS.map((verb) => `Bash(git ${verb}:*)`),
  "Bash(gh:*)",
  "Bash(printf:*)",
  "Bash(ao review submit:*)",
].join(",");
const CLAUDE_DENIED = "Edit,Write,NotebookEdit,Bash(git push:*),Bash(git commit:*)";

const OPENCODE_RULES = JSON.stringify({
  edit: "deny",
  webfetch: "deny",
  bash: {
    "*": "deny",
    ...Object.fromEntries(GIT_READS.map((verb) => [`git ${verb}*`, "allow"])),
    "gh *": "allow",
    "printf *": "allow",
    "ao review submit*": "allow",
  },
});

/** The program with the task as its standard input; the shell knows where the task lies. */
function fed(program: readonly string[], ...args: readonly string[]): readonly string[] {
  return ["sh", "-c", 'exec "$@" < "$AO_PROMPT_FILE"', "sh", ...program, ...args];
}

/** The program of a harness, or what the project says stands for it. */
function programAs(name: string, { command }: ReviewerWish): readonly string[] {
  if (command === undefined) return [name];
  return typeof command === "string" ? ["sh", "-c", `exec ${command} "$@"`, "sh"] : command;
}

function withModel(flag: string, { model }: ReviewerWish): readonly string[] {
  return model === undefined ? [] : [flag, model];
}

const REVIEWERS: Readonly<Record<ReviewerHarness, Reviewer>> = {
  "claude-code": {
    isInherited: true,
    isolation: "tool rules",
    argv: (wish) =>
      fed(
        programAs("claude", wish),
        "-p",
        "--verbose",
        ...withModel("--model", wish),
        "--allowedTools",
        CLAUDE_ALLOWED,
        "--disallowedTools",
        CLAUDE_DENIED,
        "--settings",
        SETTINGS_FILE,
      ),
    files: claudeFiles(),
  },
  codex: {
    isInherited: true,
    isolation: "sandbox",
    // Its read-only sandbox has no network, and without that no verdict leaves it; the worktree itself is read-only.
    argv: (wish) =>
      fed(
        programAs("codex", wish),
        "exec",
        "--skip-git-repo-check",
        ...withModel("--model", wish),
        "--sandbox",
        "workspace-write",
        "-c",
        "sandbox_workspace_write.network_access=true",
        "-",
      ),
  },
  opencode: {
    isInherited: true,
    isolation: "tool rules",
    argv: (wish) =>
      fed(
        ["env", `OPENCODE_PERMISSION=${OPENCODE_RULES}`, ...programAs("opencode", wish)],
        "run",
        ...withModel("--model", wish),
      ),
  },
  command: {
    isInherited: false,
    isolation: "worktree only",
    argv: ({ command }) => (typeof command === "string" ? ["sh", "-c", command] : command),
  },
};

/** Whether a name is one of a reviewer. */
export function isReviewer(name: string): name is ReviewerHarness {
  return Object.hasOwn(REVIEWERS, name);
}

/** The argv that runs a reviewer; undefined for one that is not in the table, or that lacks its command. */
export function reviewerArgv(wish: ReviewerWish): readonly string[] | undefined {
  return isReviewer(wish.harness) ? REVIEWERS[wish.harness].argv(wish) : undefined;
}

/** The files of a reviewer's launch. */
export function reviewerFiles({ harness }: ReviewerWish): readonly LaunchFile[] {
  return isReviewer(harness) ? (REVIEWERS[harness].files ?? []) : [];
}

const FALLBACK: ReviewerWish = { harness: "claude-code" };

/** Who reviews when a trigger names nobody: preference, project, the worker's own harness, claude-code; in this order. */
export function defaultReviewer(known: {
  readonly preference: string | null;
  readonly reviewing: Reviewing;
  readonly workerHarness: string;
}): ReviewerWish {
  const { preference, reviewing, workerHarness } = known;
  if (preference !== null) return namedReviewer(preference, reviewing);
  const [first] = reviewing.reviewers;
  if (first !== undefined) return first;
  const isInherited = isReviewer(workerHarness) && REVIEWERS[workerHarness].isInherited;
  return isInherited ? { harness: workerHarness } : FALLBACK;
}

/** A reviewer by name, with the command and model that the project gives it. */
export function namedReviewer(harness: string, { reviewers }: Reviewing): ReviewerWish {
  return reviewers.find((each) => each.harness === harness) ?? { harness };
}

// What a shell does by itself; anything else that a command begins with must be a program.
const SHELL_WORDS: ReadonlySet<string> = new Set(
  "cd set export exec if for while case test echo printf read trap umask eval true false : . until wait sleep command".split(
    " ",
  ),
);

// Where it is not named as its harness; a command without a command is refused for that.
const PROGRAMS: Readonly<Record<string, string>> = { "claude-code": "claude" };

/** The program that must be there before anything is launched; undefined when only its own shell can tell. */
export function programOf({ harness, command }: ReviewerWish): string | undefined {
  if (command === undefined) return PROGRAMS[harness] ?? harness;
  if (typeof command !== "string") return command?.[0];
  const word = /^\s*([\w./+-]+)(?=\s|$)/.exec(command)?.[1];
  return word === undefined || SHELL_WORDS.has(word) ? undefined : word;
}
