import { sha256 } from "../sha256.ts";

// Liveness
//
// Decides from two witnesses, the terminal and the process in it, whether an agent lives. Pure.
//
//   A1. A failed probe is never a death.
//   A2. A death needs two independent witnesses and silence.
//   A3. What cannot be decided is doubted: the third time the same evidence comes, or five minutes after the first,
//       it is `stuck` and a person is asked. New evidence begins the count again, not the time.

export type RuntimeState = "unknown" | "alive" | "exited" | "missing" | "probe_failed";
export type ProcessState = "alive" | "dead" | "failed" | "indeterminate";

/** What is remembered of an undecided agent. Times are milliseconds since 1970. */
export type Doubt = {
  readonly attempts: number;
  readonly startedAt: number;
  readonly evidenceHash: string;
};

export interface LivenessFacts {
  readonly runtime: RuntimeState;
  readonly process: ProcessState;
  readonly runtimeProbeFailed?: boolean;
  readonly processProbeFailed?: boolean;
  readonly recentActivity: boolean;
  readonly killRequested?: boolean;
  readonly prior: Doubt | null;
  /** What the probe itself says, for people and for telling evidence apart. */
  readonly evidence?: string | undefined;
  readonly at: number;
}

export interface DoubtLimits {
  readonly maxAttempts: number;
  readonly maxMs: number;
}

export type LivenessReason =
  | "manually_killed"
  | "probe_failure"
  | "agent_process_exited"
  | "task_in_progress"
  | "runtime_lost";

export type Verdict =
  | { readonly state: "working"; readonly reason: LivenessReason }
  | { readonly state: "terminated"; readonly reason: LivenessReason }
  | {
      readonly state: "detecting";
      readonly reason: LivenessReason;
      readonly memory: Doubt;
    }
  | { readonly state: "stuck"; readonly reason: LivenessReason; readonly evidenceHash: string };

/** The verdict on one probe. First match. */
export function decideLiveness(facts: LivenessFacts, limits: DoubtLimits): Verdict {
  const { runtime, process, recentActivity } = facts;
  const doubt = (reason: LivenessReason): Verdict => undecided(facts, reason, limits);
  if (facts.killRequested === true) return { state: "terminated", reason: "manually_killed" };
  if (hasFailed(facts)) return doubt("probe_failure");
  if (runtime === "alive") {
    return process === "dead"
      ? doubt("agent_process_exited")
      : { state: "working", reason: "task_in_progress" };
  }
  const isGone = runtime === "exited" || runtime === "missing";
  const isQuiet = process === "dead" && !recentActivity;
  return isGone && isQuiet
    ? { state: "terminated", reason: "runtime_lost" }
    : doubt("runtime_lost");
}

function hasFailed(facts: LivenessFacts): boolean {
  return (
    facts.runtimeProbeFailed === true ||
    facts.processProbeFailed === true ||
    facts.runtime === "probe_failed" ||
    facts.process === "failed"
  );
}

function undecided(facts: LivenessFacts, reason: LivenessReason, limits: DoubtLimits): Verdict {
  const { runtime, process, prior, at, evidence } = facts;
  const told = evidence === undefined ? "" : ` ${evidence}`;
  const text = `${reason} runtime=${runtime} process=${process}${told}`;
  return doubted({ evidence: text, reason, prior, at }, limits);
}

/** One more undecided probe: waits on, or gives up and asks a person (A3). */
export function doubted(
  doubt: { evidence: string; reason: LivenessReason; prior: Doubt | null; at: number },
  limits: DoubtLimits,
): Verdict {
  const { evidence, reason, prior, at } = doubt;
  const evidenceHash = evidenceHashOf(evidence);
  const attempts = prior?.evidenceHash === evidenceHash ? prior.attempts + 1 : 1;
  const startedAt = prior?.startedAt ?? at;
  const isOver = attempts >= limits.maxAttempts || at >= startedAt + limits.maxMs;
  return isOver
    ? { state: "stuck", reason, evidenceHash }
    : { state: "detecting", reason, memory: { attempts, startedAt, evidenceHash } };
}

/** Names a piece of evidence: equal for texts that differ only in times and white space. */
export function evidenceHashOf(evidence: string): string {
  return sha256(evidenceTextOf(evidence));
}

/** The text without times, its white space made even. */
export function evidenceTextOf(evidence: string): string {
  return evidence
    .replaceAll(/\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?/g, "")
    .replaceAll(/\d{2}:\d{2}:\d{2}(?:\.\d+)?/g, "")
    .replaceAll(/\b\d{10,13}\b/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}
