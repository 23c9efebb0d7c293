import type { ReactNode } from "react";
import type { ReviewRun } from "../model/answers.ts";
import { usePolled } from "../model/polled.ts";
import { brief, clockTime, plain } from "../model/words.ts";
import { Badge } from "./badge.tsx";

/** The reviews of a session, run by run, newest first: what became of each, when and why. */
export function Runs({ id, stamp }: { readonly id: string; readonly stamp: number }): ReactNode {
  const { answer, failure } = usePolled<{ runs: readonly ReviewRun[] }>(
    `/sessions/${encodeURIComponent(id)}/reviews`,
    10_000,
    stamp,
  );
  if (failure !== undefined) return <p className="problem">{failure.message}</p>;
  if (answer === undefined) return <p className="dim">Reading …</p>;
  if (answer.runs.length === 0) return <p className="dim">Nothing was reviewed yet.</p>;
  return (
    <ul className="orders">
      {answer.runs
        .toSorted((a, b) => b.createdAt - a.createdAt)
        .map((run) => (
          <li key={run.id}>
            <Run run={run} />
          </li>
        ))}
    </ul>
  );
}

function Run({ run }: { readonly run: ReviewRun }): ReactNode {
  const word = run.failReason ?? (run.verdict || run.status);
  return (
    <>
      <p>
        <Badge word={run.status} /> {word !== run.status && <Badge word={word} />}{" "}
        <span className="mono">{run.targetSha.slice(0, 9)}</span>{" "}
        <span className="dim">by {run.harness}</span>
      </p>
      <p>{storyOf(run)}</p>
      {run.detail !== undefined && <p className="dim">{run.detail}</p>}
      <p className="dim">
        {run.prUrl} · {run.id}
        {run.attempt > 1 && ` · launched ${run.attempt} times`}
      </p>
      {run.body !== "" && (
        <details>
          <summary>What it said</summary>
          <pre className="said">{run.body}</pre>
        </details>
      )}
    </>
  );
}

function storyOf({ createdAt, startedAt, submittedAt, endedAt, deliveredAt, ...run }: ReviewRun) {
  const parts = [`Asked for at ${clockTime(createdAt)}`];
  if (startedAt !== undefined) parts.push(`begun ${brief(startedAt - createdAt)} later`);
  if (submittedAt !== undefined)
    parts.push(`answered ${plain(run.verdict)} at ${clockTime(submittedAt)}`);
  if (run.failReason !== undefined) {
    const when = endedAt === undefined ? "" : ` at ${clockTime(endedAt)}`;
    parts.push(`ended${when}, ${REASONS[run.failReason] ?? plain(run.failReason)}`);
  }
  if (deliveredAt !== undefined) parts.push(`told to the worker at ${clockTime(deliveredAt)}`);
  return `${parts.join("; ")}.`;
}

const REASONS: Readonly<Record<string, string>> = {
  superseded: "superseded: the pull request got a newer commit",
  lease_expired: "because nothing was heard of the reviewer for too long",
  reviewer_exited: "because the reviewer's process ended",
};
