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
  REVIEW_INVALID: "see what there is: ao review ls <session>",
  REVIEW_NOT_FOUND: "see what there is: ao ls, and ao review ls <session> --json",
  SUBMIT_TOKEN_INVALID: "give the --token that stands in the reviewer's task",
  EPOCH_STALE: "it is over for this process: a newer one has what it had",
  REVIEWER_BINARY_NOT_FOUND: "install it, or name another with --harness",
  PULL_REQUEST_ENDED: "see them with: ao pr ls <project>",
  ACTOR_UNKNOWN: "see what there is: ao actors",
  CAUSE_UNKNOWN: "see ids with: ao actor <address> --journal",
  PULL_REQUEST_UNKNOWN: "see them with: ao pr ls <project>",
  SCM_UNSUPPORTED: "register the project with: --scm local",
  ALREADY_EXISTS: "give another name with: --id",
  FOLDER_INVALID: "name a new folder, whose parent is there",
  REPOSITORY_INVALID: "name the folder of a git repository",
  REPOSITORY_EMPTY: "make a first commit",
  PROJECT_PAUSED: "let it go on with: ao project resume <project>",
};

/** The one line that says why a command (`ao pr open`) failed and what to do next. */
export function failureLine(error: unknown, command: string): string {
  if (!(error instanceof Failure)) {
    return `ao: ${printable(error instanceof Error ? error.message : String(error)).trim()}`;
  }
  const help = error.code === "MALFORMED" ? `see: ${command} --help` : undefined;
  const next = help ?? NEXT[error.code] ?? `see ${error.code} in docs/failures.md`;
  return `ao: ${printable(error.message).trim()} (${error.code}); ${next}`;
}

/** The exit code of a failure: what was asked could not be understood, or could not be done. */
export function exitCodeOf(error: unknown): number {
  return error instanceof Failure && error.code === "MALFORMED" ? EXIT.usage : EXIT.failed;
}
