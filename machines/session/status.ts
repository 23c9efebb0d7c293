// Status
//
// The one word that lists show for a session, and the reason behind it. Derived on read, never stored.
//
//   T1. Hard session states beat any pull request; a pull request beats the soft states idle and working.
//   T2. A state or reason that is not known here falls through to a broader word, never to an error.
//   T3. Silence is told apart from work: an agent that should have signalled and never did is `no_signal`.

export const STATUSES = [
  "spawning",
  "no_signal",
  "working",
  "detecting",
  "pr_open",
  "draft",
  "ci_failed",
  "review_pending",
  "changes_requested",
  "approved",
  "mergeable",
  "merged",
  "cleanup",
  "needs_input",
  "stuck",
  "errored",
  "killed",
  "exited",
  "idle",
  "done",
  "terminated",
] as const;
export type Status = (typeof STATUSES)[number];

// A first prompt takes an agent a minute to answer; its hooks speak long before.
const SIGNAL_EXPECTED_WITHIN_MS = 90_000;

export interface StatusFacts {
  readonly lifecycle: { readonly state: string; readonly reason: string };
  readonly pr: { readonly state: string; readonly reason: string };
  readonly activity: string;
  readonly runtime: string;
  /** How long an agent whose hooks should speak has been silent since it was born; absent once it spoke. */
  readonly silentMs?: number;
}

/** The display status of a session and the axis reason it rests on. */
export function displayStatus(facts: StatusFacts): { status: Status; reason: string } {
  const { lifecycle, pr } = facts;
  const hard = hardStatus(facts);
  if (hard !== undefined) return { status: hard, reason: lifecycle.reason };
  const shown = pullRequestStatus(pr);
  if (shown !== undefined) return { status: shown, reason: pr.reason };
  return { status: softStatus(facts), reason: lifecycle.reason };
}

function hardStatus(facts: StatusFacts): Status | undefined {
  switch (facts.lifecycle.state) {
    case "done":
    case "needs_input":
    case "stuck":
    case "detecting":
      return facts.lifecycle.state;
    case "terminated":
      return TERMINATED.get(facts.lifecycle.reason) ?? "terminated";
    case "not_started":
      return facts.runtime === "alive" && isSilent(facts) ? "no_signal" : "spawning";
    default:
      return undefined;
  }
}

const TERMINATED: ReadonlyMap<string, Status> = new Map<string, Status>([
  ["manually_killed", "killed"],
  ["runtime_lost", "killed"],
  ["agent_process_exited", "killed"],
  ["auto_cleanup", "cleanup"],
  ["pr_merged", "cleanup"],
  ["error_in_process", "errored"],
  ["probe_failure", "errored"],
]);

function pullRequestStatus(pr: StatusFacts["pr"]): Status | undefined {
  if (pr.state === "merged") return "merged";
  if (pr.state === "draft") return pr.reason === "ci_failing" ? "ci_failed" : "draft";
  if (pr.state === "open") return OPEN.get(pr.reason) ?? "pr_open";
  return undefined;
}

const OPEN: ReadonlyMap<string, Status> = new Map<string, Status>([
  ["ci_failing", "ci_failed"],
  ["changes_requested", "changes_requested"],
  ["bot_comments", "changes_requested"],
  ["approved", "approved"],
  ["merge_ready", "mergeable"],
  ["review_pending", "review_pending"],
]);

function softStatus(facts: StatusFacts): Status {
  if (facts.activity === "exited") return "exited";
  if (isSilent(facts)) return "no_signal";
  return facts.lifecycle.state === "idle" ? "idle" : "working";
}

function isSilent({ silentMs = 0 }: StatusFacts): boolean {
  return silentMs > SIGNAL_EXPECTED_WITHIN_MS;
}

/** Reasons for which nobody knows what its agent does: its terminal was lost, or nobody could look at it. */
export const OUT_OF_SIGHT: ReadonlySet<string> = new Set(["runtime_lost", "probe_failure"]);

/** Why a session has ended, for a person: its trouble says more than its reason, and a program its code or signal. */
export function endWords({
  reason,
  trouble,
  exitCode,
  signal,
}: {
  readonly reason: string;
  readonly trouble: { readonly message: string } | null;
  readonly exitCode?: number | null | undefined;
  readonly signal?: string | null | undefined;
}): string {
  if (trouble !== null) return trouble.message;
  const words = reason.replaceAll("_", " ");
  const code = exitCode === undefined || exitCode === null ? null : `exit code ${exitCode}`;
  const exit = signal ?? code;
  return exit === null || !BY_ITSELF.has(reason) ? words : `${words}: ${exit}`;
}

// Of a program that was told to end, the way tells nothing.
const BY_ITSELF: ReadonlySet<string> = new Set(["agent_process_exited", "error_in_process"]);
