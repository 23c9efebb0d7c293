import type { Facts, Worker } from "./record.ts";

// Objective verdict
//
// What a task came to, by what is known of its session.
//
//   V1. Success needs evidence: a result of its own, an exit code of zero, a head that moved. A loss is never success.

/** How a task ended. */
export type Verdict = {
  readonly state: "succeeded" | "failed" | "canceled";
  readonly reason: string;
  readonly evidence: readonly string[];
};

/** How a task ended by what is known; undefined while it has not (V1). */
export function verdictOn(worker: Worker): Verdict | undefined {
  const { facts } = worker;
  if (facts === null) return undefined;
  const evidence = evidenceOf(worker, facts);
  if (facts.report !== null) return reportedVerdict(facts.report.outcome, evidence);
  const { ended, exitCode } = facts;
  if (ended === null) return undefined;
  if (ended === "clean" && exitCode === 0) {
    const reason = "its program ended with exit code 0";
    return { state: "succeeded", reason, evidence: ["exit code 0", ...evidence] };
  }
  if (ended === "user") return { state: "canceled", reason: "it was ended by a person", evidence };
  return { state: "failed", reason: ENDED_BY[ended] ?? `it ended: ${ended}`, evidence };
}

// The command line offers `succeeded`; over HTTP an agent may use a word of its own.
const GOOD: ReadonlySet<string> = new Set(["succeeded", "success", "done", "completed", "ok"]);

function reportedVerdict(outcome: string, evidence: readonly string[]): Verdict {
  const isGood = GOOD.has(outcome.toLowerCase());
  if (isGood && evidence.length > 0) {
    return { state: "succeeded", reason: "it reported its result", evidence };
  }
  const told = isGood ? "success without a result" : outcome;
  return { state: "failed", reason: `it reported ${told}`, evidence };
}

/** What speaks for its work besides the word itself. */
function evidenceOf({ baseSha }: Worker, { report, workspace, pulls }: Facts): string[] {
  const { headSha } = workspace;
  const hasMoved = headSha !== null && baseSha !== null && headSha !== baseSha;
  return [
    ...(report === null || report.summary.trim() === "" ? [] : ["result"]),
    ...(hasMoved ? ["head moved"] : []),
    ...(pulls.length > 0 ? ["pull request"] : []),
  ];
}

const ENDED_BY: Readonly<Record<string, string>> = {
  crash: "its program ended with an error",
  infra: "its terminal was lost",
  launch: "it could not be launched",
  quota: "its harness has reached a limit",
  no_progress: "it made no progress",
};
