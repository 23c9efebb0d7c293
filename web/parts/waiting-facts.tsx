import type { ReactNode } from "react";
import type { Frame, Present } from "../model/answers.ts";
import { useNow } from "../model/clock.ts";
import { actorHref } from "../model/route.ts";
import { brief, clockTime, count, span } from "../model/words.ts";
import { PresentNote } from "./present-note.tsx";

/** What the actor waits for now: timers, counting down, mail under way to it, and orders without effect yet. */
export function WaitingFacts({
  frame: { seq, present },
  isPast,
}: {
  /** The newest that was read. */
  readonly frame: Frame;
  /** Whether the rest of the page tells of an older step. */
  readonly isPast: boolean;
}): ReactNode {
  const now = useNow();
  if (present === null) return null;
  const { timers, mailbox, outbox } = present;
  return (
    <>
      <PresentNote isPast={isPast} />
      <h3>Timers</h3>
      {timers.length === 0 ? (
        <p className="dim">None is armed.</p>
      ) : (
        <dl className="facts">
          {timers.map(({ name, what, at }) => (
            <div key={name} style={{ display: "contents" }}>
              <dt>{name}</dt>
              <dd>
                <strong>{at > now ? `in ${span(at - now)}` : "due"}</strong>: {what}{" "}
                <span className="dim">{clockTime(at)}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
      <Mailbox mailbox={mailbox} now={now} />
      <Outbox outbox={outbox} now={now} />
      <Itself seq={seq} present={present} now={now} />
    </>
  );
}

function Mailbox({
  mailbox,
  now,
}: {
  readonly mailbox: Present["mailbox"];
  readonly now: number;
}): ReactNode {
  return (
    <>
      <h3>Mailbox</h3>
      {mailbox.length === 0 ? (
        <p className="dim">Nothing from another actor is under way to it.</p>
      ) : (
        <ul className="orders">
          {mailbox.map(({ id, from, name, at, attempts }) => (
            <li key={id}>
              <strong className="mono">{name}</strong> from <a href={actorHref(from)}>{from}</a>{" "}
              <span className="dim">
                {brief(now - at)} ago, {count(attempts, "attempt")}
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Outbox({
  outbox,
  now,
}: {
  readonly outbox: Present["outbox"];
  readonly now: number;
}): ReactNode {
  return (
    <>
      <h3>Outbox</h3>
      {outbox.length === 0 ? (
        <p className="dim">Every order has had its effect.</p>
      ) : (
        <ul className="orders">
          {outbox.map(({ id, order, attempts, nextAt, lastError }) => (
            <li key={id}>
              <strong className="mono">{order.name ?? order.type}</strong>{" "}
              {order.to !== undefined && <>to {order.to} </>}
              <span className="dim">
                {count(attempts, "attempt")}
                {nextAt > now && `, next in ${brief(nextAt - now)}`}
              </span>
              {lastError !== undefined && <p className="problem">{lastError}</p>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Itself({
  seq,
  present: { machine, version, createdAt, updatedAt, strikes },
  now,
}: {
  readonly seq: number;
  readonly present: Present;
  readonly now: number;
}): ReactNode {
  return (
    <>
      <h3>Itself</h3>
      <dl className="facts">
        <dt>steps</dt>
        <dd>{seq}</dd>
        <dt>chart</dt>
        <dd>
          <a href={`/machines/${machine}`}>
            {machine} {version}
          </a>
        </dd>
        <dt>born</dt>
        <dd>{clockTime(createdAt)}</dd>
        <dt>last step</dt>
        <dd>{brief(now - updatedAt)} ago</dd>
        {strikes > 0 && (
          <>
            <dt>strikes</dt>
            <dd>{strikes}: so many steps in a row threw</dd>
          </>
        )}
      </dl>
    </>
  );
}
