import { branchUrl } from "../own-addresses.ts";
import { isOpenRun, type Run, type Subject } from "./run.ts";
import type { WorkerFacts } from "./worker.ts";

// Review plan
//
// What each pull request of a worker needs, from its facts and the runs so far. Pure; shared by trigger and list, so
// the two can never disagree.
//
//   P1. A run counts for its own head only; without a pull request the branch itself is the subject.
//   P2. Per reviewer the newest run of a head speaks, newest by sequence, never by clock.
//   P3. Quorum: one reviewer that asks for changes outweighs every approval of the same head.
//   P4. Failed, cancelled and empty runs leave the head to be reviewed again.
//   P5. A verdict on a tree that was not the target commit is none.

export type ReviewStatus =
  | "needs_review"
  | "running"
  | "up_to_date"
  | "changes_requested"
  | "ineligible";

export type Planned = {
  readonly subject: Subject;
  readonly targetSha: string;
  readonly status: ReviewStatus;
  /** Why it is ineligible. */
  readonly reason: string | null;
  readonly latestRun: Run | null;
  readonly previousRun: Run | null;
};

/** One row per pull request, by number, then URL. */
export function planReviews(worker: WorkerFacts, runs: readonly Run[]): Planned[] {
  return subjectsOf(worker)
    .map(({ subject, targetSha, obstacle }) => {
      const own = runs.filter(({ subject: { url } }) => url === subject.url);
      const onHead = own.filter((run) => run.targetSha === targetSha);
      const latestRun = onHead.at(-1) ?? null;
      const others = own.filter((run) => run.targetSha !== targetSha && hasVerdict(run));
      return {
        subject,
        targetSha,
        status: obstacle === null ? statusOfHead(onHead) : ("ineligible" as const),
        reason: obstacle,
        latestRun,
        previousRun: others.at(-1) ?? null,
      };
    })
    .toSorted(
      (a, b) => a.subject.number - b.subject.number || compare(a.subject.url, b.subject.url),
    );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

type Target = {
  readonly subject: Subject;
  readonly targetSha: string;
  readonly obstacle: string | null;
};

/** Every pull request, or the branch when there is none and it has something to show (P1). */
function subjectsOf(worker: WorkerFacts): Target[] {
  if (worker.prs.length > 0) {
    return worker.prs.map(({ url, number, title, headSha, headRef, baseRef, state }) => ({
      subject: { url, number, title, headRef, baseRef },
      targetSha: headSha,
      obstacle: obstacleOf({ url, headSha, state }),
    }));
  }
  const { branch, headSha, baseSha } = worker.workspace;
  if (branch === null || headSha === null || headSha === baseSha) return [];
  const subject = {
    url: branchUrl(worker.projectId, worker.workspace.branch),
    number: 0,
    title: branch,
    headRef: branch,
    baseRef: worker.baseRef,
  };
  return [{ subject, targetSha: headSha, obstacle: null }];
}

function obstacleOf(pr: { url: string; headSha: string; state: string }): string | null {
  if (pr.url === "") return "missing_url";
  if (pr.state === "merged") return "merged_pr";
  if (pr.state === "closed") return "closed_pr";
  return pr.headSha === "" ? "missing_head_sha" : null;
}

/** What the runs of one head come to (P2, P3). */
function statusOfHead(onHead: readonly Run[]): Exclude<ReviewStatus, "ineligible"> {
  const newest = [...new Map(onHead.map((run) => [run.harness, run])).values()];
  if (newest.some(isOpenRun)) return "running";
  const verdicts = newest.filter(hasVerdict).map(({ verdict }) => verdict);
  if (verdicts.includes("changes_requested")) return "changes_requested";
  return verdicts.includes("approved") ? "up_to_date" : "needs_review";
}

/** Whether it says something about its commit (P4, P5). */
function hasVerdict({ state, verdict, treeState }: Run): boolean {
  const isSaid = state === "complete" || state === "delivered";
  return isSaid && verdict !== "" && treeState !== "changed";
}

/** Runs of one head by one reviewer that asked for changes before another is made without a person's word. */
export const MOST_ROUNDS = 3;

/** What a trigger makes of one row. */
export type Eligibility =
  | { readonly isEligible: true }
  | { readonly isEligible: false; readonly reason: string };

/**
 * Whether a trigger may make a run for this row. An explicit harness is a second opinion: only its own runs of the head
 * count. `isForced` goes past the limit of rounds.
 */
export function eligibilityOf(
  planned: Planned,
  runs: readonly Run[],
  asked: { readonly harness: string; readonly isExplicit: boolean; readonly isForced: boolean },
): Eligibility {
  if (planned.status === "ineligible") return no(planned.reason ?? "planner_ineligible");
  const onHead = runs.filter(
    (run) => run.subject.url === planned.subject.url && run.targetSha === planned.targetSha,
  );
  const own = onHead.filter(({ harness }) => harness === asked.harness);
  const status = asked.isExplicit ? statusOfHead(own) : planned.status;
  if (status === "running") return no("review_running");
  if (status === "up_to_date") return no("already_approved");
  if (status === "needs_review" || asked.isForced) return { isEligible: true };
  const rounds = own.filter((run) => hasVerdict(run)).length;
  return rounds < MOST_ROUNDS ? { isEligible: true } : no("same_head_changes_requested");
}

function no(reason: string): Eligibility {
  return { isEligible: false, reason };
}

/** Open runs of the same pull request on another commit than its head. */
export function staleRuns(planned: Planned, runs: readonly Run[]): Run[] {
  if (planned.status === "ineligible" && planned.targetSha === "") return [];
  return runs.filter(
    (run) =>
      isOpenRun(run) &&
      run.subject.url === planned.subject.url &&
      run.targetSha !== planned.targetSha,
  );
}

/** The newest findings on the subject of a run, besides its own; undefined when nobody found anything. */
export function earlierFindings(run: Run, runs: readonly Run[]): Run | undefined {
  return runs.findLast(
    (other) =>
      other.id !== run.id &&
      other.subject.url === run.subject.url &&
      hasVerdict(other) &&
      other.body.trim() !== "",
  );
}

/**
 * The newest commit of a subject; undefined when it is gone, merged or closed. What began as a review of the branch goes
 * on as one of the pull request that was made of it meanwhile.
 */
export function headOf(worker: WorkerFacts, { url, number, headRef }: Subject): string | undefined {
  return subjectsOf(worker).find(
    ({ obstacle, subject }) =>
      obstacle === null && (subject.url === url || (number === 0 && subject.headRef === headRef)),
  )?.targetSha;
}
