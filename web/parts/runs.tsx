import { Fragment, type ReactNode } from "react";
import type { ReviewRun } from "../model/answers.ts";
import { usePolled } from "../model/polled.ts";
import { actorHref } from "../model/route.ts";
import { brief, clockTime, plain } from "../model/words.ts";
import { Badge } from "./badge.tsx";
import { PresentNote } from "./present-note.tsx";

/**
 * The reviews of a session, run by run, newest first: what became of each, when and why. `onTime` leads to how the chart
 * stood at a time.
 */
export function Runs({
  id,
  stamp,
  isPast,
  onTime,
}: {
  readonly id: string;
  readonly stamp: number;
  /** Whether the rest of the page tells of an older step. */
  readonly isPast: boolean;
  readonly onTime: ((at: number) => void) | undefined;
}): ReactNode {
  const { answer, failure } = usePolled<{ runs: readonly ReviewRun[] }>(
    `/sessions/${encodeURIComponent(id)}/reviews`,
    10_000,
    stamp,
  );
  if (failure !== undefined) return <p className="problem">{failure.message}</p>;
  if (answer === undefined) return <p className="dim">Reading …</p>;
  if (answer.runs.length === 0) return <p className="dim">Nothing was reviewed yet.</p>;
  return (
    <>
      <PresentNote isPast={isPast} />
      <ul className="orders">
        {answer.runs
          .toSorted((a, b) => b.createdAt - a.createdAt)
          .map((run) => (
            <li key={run.id}>
              <Run run={run} onTime={onTime} />
            </li>
          ))}
      </ul>
    </>
  );
}

function Run({ run, onTime }: { readonly run: ReviewRun } & Pick<TimeProps, "onTime">): ReactNode {
  const word = run.failReason ?? (run.verdict || run.status);
  // To the outside a run that a newer commit made void has failed; nothing went wrong.
  const words = word === "superseded" ? [word] : [...new Set([run.status, word])];
  return (
    <>
      <p>
        {words.map((each) => (
          <Fragment key={each}>
            <Badge word={each} />{" "}
          </Fragment>
        ))}
        <span className="mono">{run.targetSha.slice(0, 9)}</span>
      </p>
      <p>
        <Story run={run} onTime={onTime} />
      </p>
      {run.detail !== undefined && <p className="dim">{run.detail}</p>}
      <p className="dim">
        <Reviewer run={run} /> · {run.prUrl} · {run.id}
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

function Reviewer({ run: { reviewerHandleId, harness, epoch } }: { readonly run: ReviewRun }) {
  if (reviewerHandleId === "" || epoch === null) return <>by {harness}</>;
  return (
    <>
      by <a href={actorHref(`terminal/${reviewerHandleId}`)}>{reviewerHandleId}</a>, epoch {epoch}
    </>
  );
}

function Story({ run, onTime }: { readonly run: ReviewRun } & Pick<TimeProps, "onTime">) {
  const { createdAt, startedAt, submittedAt, endedAt, deliveredAt, failReason } = run;
  const time = (at: number): ReactNode => <Time at={at} onTime={onTime} />;
  return (
    <>
      Asked for at {time(createdAt)}
      {startedAt !== undefined && `; begun ${brief(startedAt - createdAt)} later`}
      {submittedAt !== undefined && (
        <>
          ; answered {plain(run.verdict)} at {time(submittedAt)}
        </>
      )}
      {failReason !== undefined && (
        <>
          ; ended
          {endedAt !== undefined && <> at {time(endedAt)}</>},{" "}
          {REASONS[failReason] ?? plain(failReason)}
        </>
      )}
      {deliveredAt !== undefined && <>; told to the worker at {time(deliveredAt)}</>}.
    </>
  );
}

interface TimeProps {
  readonly at: number;
  readonly onTime: ((at: number) => void) | undefined;
}

function Time({ at, onTime }: TimeProps): ReactNode {
  if (onTime === undefined) return clockTime(at);
  return (
    <button
      type="button"
      className="time"
      title="The chart as it was then"
      onClick={() => onTime(at)}
    >
      {clockTime(at)}
    </button>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  superseded: "superseded: the pull request got a newer commit",
  lease_expired: "because nothing was heard of the reviewer for too long",
  reviewer_exited: "because the reviewer's process ended",
};
