import { Failure, type FailureCode } from "../../machines/failures.ts";

// What git says on stderr in the C locale, by the failure it means; the first that fits stands.
const SIGNS: readonly { readonly code: FailureCode; readonly seen: RegExp }[] = [
  {
    code: "BRANCH_INVALID",
    seen: /not a valid (?:branch|ref) ?name|bad ref name|exists; cannot create/,
  },
  {
    code: "REPOSITORY_LOCKED",
    // The third is how git says that another fetch or push moved the reference in the same moment.
    seen: /\.lock': File exists|could not lock config file|cannot lock ref '[^']*': (?:is at|reference already exists)|Another git process/,
  },
  { code: "BRANCH_CHECKED_OUT", seen: /already checked out at|already used by worktree/ },
  { code: "REPOSITORY_EMPTY", seen: /does not have any commits yet/ },
  {
    code: "REMOTE_UNREACHABLE",
    seen: /Could not read from remote repository|Could not resolve host|unable to access|Connection (?:refused|reset|timed out)/,
  },
  {
    code: "REPOSITORY_INVALID",
    seen: /not a git repository|must be run in a work tree|dubious ownership/,
  },
  {
    code: "BRANCH_UNKNOWN",
    seen: /invalid reference|unknown revision|Needed a single revision|bad revision|couldn't find remote ref|Not a valid object name/,
  },
];

// Enough for git's own words; a chatty filter or remote must not fill the journal.
const STDERR_TAIL_CHARS = 1_000;

/** The failure that git's words on stderr mean; GIT_FAILED when they mean none we know. */
export function gitFailure(tried: string, exitCode: number, stderr: string): Failure {
  const seen = withoutPasswords(stderr.trim()).slice(-STDERR_TAIL_CHARS);
  const code = SIGNS.find((sign) => sign.seen.test(stderr))?.code ?? "GIT_FAILED";
  return new Failure(code, `${tried}: git exited ${exitCode}: ${seen || "it said nothing"}`);
}

/** The text with the user and password of every URL in it left out. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/(\w+:\/\/)[^/@\s]+@/g, "$1");
}
