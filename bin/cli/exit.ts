import { Failure, type FailureCode } from "../../machines/failures.ts";
import { printable } from "./output.ts";

/** Exit codes, the same for every command. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Written down for the next daemon. */
  queued: 75,
  /** As timeout(1) has it: what was waited for may still happen. */
  timedOut: 124,
  interrupted: 130,
} as const;

const NEXT: Partial<Record<FailureCode, string>> = {
  DAEMON_DOWN: "start it with: ao up --detach",
  DAEMON_RUNNING: "look at it with: ao status",
  NOT_READY: "see what is missing: ao status",
  BUS_DOWN: "see what is wrong: ao doctor",
  BUS_FULL: "see what is wrong: ao doctor",
  STORE_FULL: "make room, then look: ao doctor",
  STORE_READ_ONLY: "see what is wrong: ao doctor",
  CONFIG_INVALID: "see what is wrong: ao doctor",
  PROGRAM_MISSING: "see what is missing: ao doctor",
  NOTICE_UNKNOWN: "see what there is: ao notices --all",
  SESSION_TERMINATED: "see what became of it: ao show <session>",
  SESSION_NOT_RESTORABLE: "see what it does: ao show <session>",
  SESSION_NOT_RESUMABLE: "start another: ao spawn <project> <prompt>",
  TERMINAL_NOT_LIVE: "see why: ao show <session>",
  QUEUE_FULL: "see what it waits for: ao show <session>",
  PANE_GONE: "see what became of it: ao show <session>",
  REVIEW_INVALID: "see what there is: ao review ls <session>",
  REVIEW_NOT_FOUND: "see what there is: ao ls, and ao review ls <session> --json",
  SUBMIT_TOKEN_INVALID: "give the --token that stands in the reviewer's task",
  EPOCH_STALE: "it is over for this process: a newer one has what it had",
  KIND_UNKNOWN: "name one of these",
  AGENT_BINARY_NOT_FOUND: "or give a command of your own after --",
  REVIEWER_BINARY_NOT_FOUND: "install it, or name another with --harness",
  PULL_REQUEST_ENDED: "see them with: ao pr ls <project>",
  PULL_REQUEST_UNKNOWN: "see them with: ao pr ls <project>",
  NOT_MERGEABLE: "see what it lacks: ao pr show <project> <number>",
  OBJECTIVE_ENDED: "see how: ao objective show <objective>",
  WORK_IS_OPEN: "see it with: ao objective show <objective>",
  DEPENDENCY_UNKNOWN: "see its workers: ao objective show <objective>",
  QUESTION_ENDED: "see how: ao question ls --all",
  LIMIT_REACHED: "see what there is: ao objective show <objective>",
  ACTOR_QUARANTINED: "see why: ao actor <address> --journal; then: ao release <address>",
  NOT_QUARANTINED: "see it with: ao actor <address>",
  LETTER_UNKNOWN: "see what there is: ao dead ls",
  CAUSE_UNKNOWN: "see ids with: ao actor <address> --journal",
  SEQ_UNKNOWN: "see its steps: ao actor <address> --journal",
  SCM_UNSUPPORTED: "see who keeps its pull requests: ao project show <project>",
  FORGE_UNAUTHORIZED: "gh auth login, or start the daemon with GH_TOKEN",
  FORGE_REFUSED: "see what it says: ao pr ls <project>",
  ALREADY_EXISTS: "give another name with: --id",
  FOLDER_INVALID: "name a new folder, whose parent is there",
  REPOSITORY_INVALID: "name the folder or the URL of a git repository",
  REPOSITORY_EMPTY: "make a first commit there: git commit --allow-empty --message Begin",
  BRANCH_UNKNOWN: "see those that are there: git branch --all",
  BRANCH_INVALID: "name another branch",
  BRANCH_CHECKED_OUT: "name another branch",
  HOME_LOST: "put it back, or name it with AO_HOME; then: ao up",
  PORT_TAKEN: "name another port",
  PROJECT_BUSY: "end them first: ao ls --all --project <project>, ao kill <session>",
  PROJECT_PAUSED: "let it go on with: ao project resume <project>",
};

/** Whatever holds the home is found by its lock. */
export const ANEW = "have it written anew with: ao down && ao up --detach";

/** What to do where only the words of a failure tell it from others of its code. */
const TOLD: readonly {
  readonly code: FailureCode;
  readonly words: RegExp;
  readonly next: string;
}[] = [
  // What is missing there no list of reviews shows.
  {
    code: "REVIEW_INVALID",
    words: /the project's reviewers/,
    next: "give it one: ao project config --help",
  },
  // Others only lack their command.
  { code: "HARNESS_UNKNOWN", words: /known are/, next: "name one of these" },
  { code: "FOLDER_INVALID", words: /was removed$/, next: "cd to another one" },
  {
    code: "SCM_UNSUPPORTED",
    words: /names no repository of GitHub/,
    next: "git remote add origin https://github.com/OWNER/NAME.git, or --scm local",
  },
  {
    code: "ACTOR_UNKNOWN",
    words: /^drop what is kept of /,
    next: "see what is kept: ao cleanup --dry-run",
  },
  {
    code: "DAEMON_DOWN",
    words: /does not answer in time/,
    next: "see what is wrong: ao doctor; a new start: ao down && ao up --detach",
  },
  { code: "DAEMON_DOWN", words: /is damaged, no daemon is found/, next: ANEW },
];

/** What lists the actors of a kind, for who named one that is not there. */
const LISTS: Readonly<Record<string, string>> = {
  project: "ao project ls",
  objective: "ao objective ls --all",
  question: "ao question ls --all",
  session: "ao ls --all",
};

/** What the system says when a file cannot be written. */
const SYSTEM: Readonly<Record<string, FailureCode>> = {
  ENOSPC: "STORE_FULL",
  EDQUOT: "STORE_FULL",
  EFBIG: "STORE_FULL",
  EROFS: "STORE_READ_ONLY",
  EACCES: "STORE_READ_ONLY",
};

function named(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  if ("syscall" in error && error.syscall === "uv_cwd") {
    return new Failure("FOLDER_INVALID", "the folder in which this was called was removed");
  }
  const code = SYSTEM[String(error.code)];
  return code === undefined ? error : new Failure(code, error.message);
}

/** Why a command failed and what to do next; what is no `Failure` has neither code nor next step. */
export interface Trouble {
  readonly code?: FailureCode;
  readonly message: string;
  readonly next?: string;
}

/** What to tell of a command (`ao pr open`) that failed. */
export function troubleOf(thrown: unknown, command: string): Trouble {
  const error = thrown instanceof Failure ? thrown : named(thrown);
  if (!(error instanceof Failure)) {
    return { message: brief(error instanceof Error ? error.message : String(error)) };
  }
  const next = nextOf(error, command) ?? `see ${error.code} in docs/failures.md`;
  return { code: error.code, message: brief(asTyped(error)), next };
}

/** A next step with the words that were given in place of what stands for them: `<session>`. */
export function filled(next: string, given: ReadonlyMap<string, string>): string {
  return next.replaceAll(/<(\w+)>/g, (whole, name: string) => given.get(name) ?? whole);
}

/** The one line of it: JSON for who asked for that. */
export function lineOf(trouble: Trouble, isJson: boolean): string {
  if (isJson) return JSON.stringify(trouble);
  const { code, message, next } = trouble;
  return `ao: ${message}${code === undefined ? "" : ` (${code})`}${next === undefined ? "" : `; ${next}`}`;
}

/** The one line that says why a command (`ao pr open`) failed and what to do next. */
export function failureLine(thrown: unknown, command: string): string {
  return lineOf(troubleOf(thrown, command), false);
}

/** What was said in one line, with no word in it that nobody can read: it is what was typed, given back. */
function brief(text: string): string {
  const line = printable(text).trim();
  return line.replaceAll(LONG_WORD, (word) => `${word.slice(0, SHOWN_CHARS)}…`);
}

// No path is as long as this; what is shown is enough to know it by.
const LONG_WORD = /\S{300,}/g;
const SHOWN_CHARS = 60;

function nextOf({ code, message }: Failure, command: string): string | undefined {
  const told = TOLD.find((each) => each.code === code && each.words.test(message));
  if (told !== undefined) return told.next;
  if (code === "MALFORMED" || code === "HARNESS_UNKNOWN") return `see: ${command} --help`;
  if (code !== "ACTOR_UNKNOWN") return NEXT[code];
  const [, objective] = / of objective (\S+): it is not one of its workers/.exec(message) ?? [];
  if (objective !== undefined) return `see its workers: ao objective show ${objective}`;
  const [, kind = ""] = /\bno (\w+)\//.exec(message) ?? [];
  return `see what there is: ${LISTS[kind] ?? "ao actors"}`;
}

/** The message, with the parts of a request called what they are called on the command line. */
function asTyped({ code, message }: Failure): string {
  if (code !== "MALFORMED") return message;
  return message
    .replaceAll(/\bquerystring\/(?=\w)/g, "--")
    .replaceAll(/\b(?:body|params)(?:\/|: )/g, "");
}

/** The exit code of a failure: what was asked could not be understood, or could not be done. */
export function exitCodeOf(error: unknown): number {
  return error instanceof Failure && error.code === "MALFORMED" ? EXIT.usage : EXIT.failed;
}
