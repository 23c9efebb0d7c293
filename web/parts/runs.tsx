import { Fragment, type ReactNode } from "react";
import type { ReviewRun } from "../model/answers.ts";
import { usePolled } from "../model/polled.ts";
import { actorHref } from "../model/route.ts";
import { brief, clockTime, count, plain } from "../model/words.ts";
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
  const runs = answer.runs.toSorted((a, b) => b.createdAt - a.createdAt);
  return (
    <>
      <PresentNote isPast={isPast} />
      <Voided runs={runs} onTime={onTime} />
      <ul className="orders">
        {runs.map((run) => (
          <li key={run.id}>
            <Run run={run} by={supersederOf(run, runs)} onTime={onTime} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** What newer commits made void lies below the newer runs: it is told first, the last of it. */
function Voided({
  runs,
  onTime,
}: { readonly runs: readonly ReviewRun[] } & Pick<TimeProps, "onTime">): ReactNode {
  const [last, ...others] = runs.filter(({ failReason }) => failReason === "superseded");
  if (last === undefined) return null;
  return (
    <p className="voided">
      <Badge word="superseded" /> the review of{" "}
      <span className="mono">{short(last.targetSha)}</span>
      {last.endedAt !== undefined && (
        <>
          {" "}
          at <Time at={last.endedAt} onTime={onTime} />
        </>
      )}{" "}
      {pushOf(supersederOf(last, runs))}
      {others.length > 0 && `, and ${count(others.length, "run")} before it`}
    </p>
  );
}

/** The run that was begun in the place of one that is void. */
function supersederOf(
  { failReason, prUrl, endedAt = 0, targetSha }: ReviewRun,
  newestFirst: readonly ReviewRun[],
): ReviewRun | undefined {
  if (failReason !== "superseded") return undefined;
  return newestFirst.findLast(
    (run) => run.prUrl === prUrl && run.createdAt >= endedAt && run.targetSha !== targetSha,
  );
}

function pushOf(by: ReviewRun | undefined): ReactNode {
  if (by === undefined) return "by a newer commit";
  return (
    <>
      by a push of <span className="mono">{short(by.targetSha)}</span>
    </>
  );
}

function short(sha: string): string {
  return sha.slice(0, 9);
}

interface RunProps {
  readonly run: ReviewRun;
  /** What superseded it. */
  readonly by: ReviewRun | undefined;
  readonly onTime: TimeProps["onTime"];
}

function Run({ run, by, onTime }: RunProps): ReactNode {
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
        <span className="mono">{short(run.targetSha)}</span>
      </p>
      <p>
        <Story run={run} by={by} onTime={onTime} />
      </p>
      {run.detail !== undefined && word !== "superseded" && <p className="dim">{run.detail}</p>}
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

function Story({ run, by, onTime }: RunProps): ReactNode {
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
          {failReason === "superseded" ? (
            <>superseded {pushOf(by)}</>
          ) : (
            (REASONS[failReason] ?? plain(failReason))
          )}
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
  lease_expired: "because nothing was heard of the reviewer for too long",
  reviewer_exited: "because the reviewer's process ended",
};
