import type { Run } from "../../machines/review/run.ts";
import { WorkerFacts } from "../../machines/review/worker.ts";
import { pull, workerFacts } from "../machines/review/lives.ts";

let count = 0;

/** A run as a plan sees it; later ones have higher numbers. */
export function runOf(change: Partial<Omit<Run, "subject">> & { readonly pr?: number } = {}): Run {
  count += 1;
  const { pr = 1, ...rest } = change;
  const url = `ao://mer/pull/${pr}`;
  return {
    id: `mer-1-r${count}`,
    seq: count,
    batchId: "mer-1-b1",
    seat: "main",
    harness: "command",
    trigger: "manual",
    subject: { url, number: pr, title: `Change ${pr}`, headRef: `topic-${pr}`, baseRef: "main" },
    targetSha: "a1",
    state: "queued",
    attempt: 0,
    faults: 0,
    epoch: null,
    verdict: "",
    body: "",
    providerReviewId: "",
    reason: null,
    detail: null,
    tree: null,
    treeState: "unverified",
    baseSha: null,
    autoInject: true,
    createdAt: count,
    startedAt: null,
    submittedAt: null,
    endedAt: null,
    deliveredAt: null,
    delivery: { state: "none", reason: null, id: null, attempts: 0 },
    ...rest,
  };
}

/** A worker with these pull requests. */
export function workerWith(...pulls: readonly Parameters<typeof pull>[]): WorkerFacts {
  return WorkerFacts.parse(workerFacts({ prs: pulls.map((each) => pull(...each)) }));
}
