// Reviews with the real daemon and real tmux: from a trigger to its answer, and from a trigger on a newer head until the
// old reviewer is gone and the new one works; and the list of a session with a thousand runs.
//
//   node bench/review.ts

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { reviewsView, type ReviewsView } from "../http/review/view.ts";
import { newbornReview } from "../machines/review/record.ts";
import type { Run } from "../machines/review/run.ts";
import { newbornSession } from "../machines/session/record.ts";
import { makeRepository, startDaemonProcess, withHome, type BenchDaemon } from "./daemon.ts";
import { percentile, print } from "./rows.ts";

const SUPERSEDES = 40;
const RUNS = 1_000;
const LISTS = 200;

interface Took {
  readonly answerMs: number;
  readonly supersedeMs: number;
}

function commit(repository: string, n: number): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: repository, encoding: "utf8" }).trim();
  const who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
  return git(...who, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", `head ${n}`);
}

async function reviewsOf(daemon: BenchDaemon): Promise<ReviewsView> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- daemon and bench are of one version
  return (await daemon.call("GET", "/sessions/bench-1/reviews")) as ReviewsView;
}

/** A newer head, a trigger, and the wait until its reviewer works and the one before is gone. */
async function supersede(daemon: BenchDaemon, headSha: string): Promise<Took> {
  const before = (await reviewsOf(daemon)).reviewers[0]?.pid ?? null;
  const pull = { url: "bench://1", number: 1, title: "A change", state: "open", headSha };
  const rest = { headRef: "topic", baseRef: "main", ci: { state: "none" }, reviewDecision: "none" };
  const prs = [{ ...pull, ...rest, comments: [], mergeable: true, updatedAt: 1 }];
  await daemon.call("POST", "/observations/scm/bench-1", { fetched: true, prs });
  const startedAt = performance.now();
  await daemon.call("POST", "/sessions/bench-1/reviews/trigger", {});
  const answerMs = performance.now() - startedAt;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- until it works
    const { runs } = await reviewsOf(daemon);
    if (runs[0]?.targetSha === headSha && runs[0].status === "running") break;
    // oxlint-disable-next-line no-await-in-loop
    await delay(5);
  }
  if (before !== null && existsSync(`/proc/${before}`))
    throw new Error("the old reviewer still runs");
  return { answerMs, supersedeMs: performance.now() - startedAt };
}

type Row = Parameters<typeof reviewsView>[0];

/** A row as the store keeps it, as far as a view reads it. */
function row(address: Row["address"], context: object): Row {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the view reads nothing else
  return { address, snapshot: { context } } as unknown as Row;
}

/** Milliseconds per list of a session with a thousand runs, made and serialised. */
function listMs(): number[] {
  const session = newbornSession({ id: "bench-1", at: 0 });
  const review = {
    ...newbornReview("bench-1"),
    runs: Array.from({ length: RUNS }, (_, n) => runOf(n)),
  };
  return Array.from({ length: LISTS }, () => {
    const startedAt = performance.now();
    JSON.stringify(reviewsView(row("session/bench-1", session), row("review/bench-1", review)));
    return performance.now() - startedAt;
  });
}

function runOf(n: number): Run {
  const subject = {
    url: "bench://1",
    number: 1,
    title: "A change",
    headRef: "topic",
    baseRef: "main",
  };
  return {
    id: `bench-1-r${n}`,
    seq: n,
    batchId: "bench-1-b1",
    seat: "main",
    harness: "command",
    trigger: "manual",
    subject,
    targetSha: "a".repeat(40),
    state: "delivered",
    attempt: 1,
    faults: 0,
    epoch: n,
    verdict: "changes_requested",
    body: "x".repeat(300),
    providerReviewId: "",
    reason: null,
    detail: null,
    tree: null,
    treeState: "pinned",
    baseSha: null,
    autoInject: true,
    createdAt: n,
    startedAt: n,
    submittedAt: n,
    endedAt: null,
    deliveredAt: n,
    delivery: { state: "delivered", reason: null, id: "d", attempts: 1 },
  };
}

await withHome(async (home) => {
  const repository = makeRepository(join(home, "repository"));
  const daemon = await startDaemonProcess(home);
  try {
    const config = {
      worker: { harness: "command", command: ["sleep", "1000"] },
      reviewers: [{ harness: "command", command: ["sleep", "1000"] }],
    };
    await daemon.call("POST", "/projects", { id: "bench", path: repository, scm: "none", config });
    await daemon.call("POST", "/sessions", { projectId: "bench", prompt: "wait" });
    await delay(2_000);
    const took: Took[] = [];
    for (let n = 0; n <= SUPERSEDES; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      took.push(await supersede(daemon, commit(repository, n)));
    }
    const answers = took.map(({ answerMs }) => answerMs);
    const supersedes = took.slice(1).map(({ supersedeMs }) => supersedeMs);
    print("Reviews", [
      {
        what: "a trigger, durable, median",
        value: percentile(answers, 0.5),
        unit: "ms",
        goal: { atMost: 10 },
      },
      { what: "a trigger, durable, 95 of 100", value: percentile(answers, 0.95), unit: "ms" },
      { what: "supersede, median", value: percentile(supersedes, 0.5), unit: "ms" },
      {
        what: "supersede, 95 of 100",
        value: percentile(supersedes, 0.95),
        unit: "ms",
        goal: { atMost: 1_500 },
      },
      {
        what: `a list of ${RUNS} runs`,
        value: percentile(listMs(), 0.5),
        unit: "ms",
        goal: { atMost: 3 },
      },
    ]);
  } finally {
    await daemon.stop();
  }
});
