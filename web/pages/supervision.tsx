import type { ReactNode } from "react";
import type { Supervisor, SupervisorTick } from "../model/answers.ts";
import { useNow } from "../model/clock.ts";
import { usePolled } from "../model/polled.ts";
import { actorHref } from "../model/route.ts";
import { byName, brief, clockTime, count, plain } from "../model/words.ts";
import { Badge } from "../parts/badge.tsx";
import { Notice } from "../parts/notice.tsx";
import "../style/causes.css";

interface Answer {
  readonly parts: readonly Supervisor[];
  readonly tick: SupervisorTick | null;
  readonly actors: readonly Supervisor[];
  readonly next: string | null;
}

/** Who keeps whom up, and what that took. */
export function SupervisionPage(): ReactNode {
  const { answer, failure } = usePolled<Answer>("/supervision?limit=500", 2_000);
  if (answer === undefined) return <Notice title={failure?.message ?? "Reading …"} isWhole />;
  return (
    <div className="stack">
      <h1>Supervision</h1>
      {failure !== undefined && (
        <p className="problem">{failure.message} What you see is how it was.</p>
      )}
      <section className="stack" aria-label="The daemon">
        <h2>The daemon's own parts</h2>
        <Trees trees={answer.parts} />
      </section>
      {answer.tick !== null && <TickFacts tick={answer.tick} />}
      <Actors actors={answer.actors} hasMore={answer.next !== null} />
    </div>
  );
}

function Actors({
  actors,
  hasMore,
}: {
  readonly actors: readonly Supervisor[];
  readonly hasMore: boolean;
}): ReactNode {
  const sorted = actors.toSorted((one, other) => byName(one.name, other.name));
  const over = sorted.filter(({ phase }) => phase === "stopped");
  const busy = sorted.filter((tree) => !over.includes(tree));
  return (
    <section className="stack" aria-label="Actors">
      <h2>
        Actors with children <span className="number">{busy.length}</span>
      </h2>
      {busy.length === 0 && <p className="dim">No actor keeps another one up now.</p>}
      <Trees trees={busy} />
      {over.length > 0 && (
        <details className="stack">
          <summary>
            Their children have ended <span className="number">{over.length}</span>
          </summary>
          <Trees trees={over} />
        </details>
      )}
      {hasMore && (
        <p className="dim">
          There are more; <code>/api/v1/supervision</code> tells them all, page by page.
        </p>
      )}
    </section>
  );
}

function Trees({ trees }: { readonly trees: readonly Supervisor[] }): ReactNode {
  return (
    <div className="cards">
      {trees.map((tree) => (
        <Tree key={tree.name} tree={tree} />
      ))}
    </div>
  );
}

function Tree({ tree }: { readonly tree: Supervisor }): ReactNode {
  const now = useNow();
  const { name, address, phase, strategy, intensity, periodMs, restarts, dueAt, parts, pokes } =
    tree;
  return (
    <article className="card">
      <h2>
        {address === undefined ? name : <a href={actorHref(address)}>{name}</a>}
        <Badge word={phase} />
      </h2>
      <p className="dim">
        {plain(strategy)}, at most {intensity} restarts of one cause in {brief(periodMs)}
        {dueAt !== null && `; starts again in ${brief(dueAt - now)}`}
      </p>
      {Object.entries(restarts).map(([cause, used]) => (
        <Budget key={cause} cause={cause} used={used} intensity={intensity} />
      ))}
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">child</th>
            <th scope="col">state</th>
            <th scope="col">epoch</th>
            <th scope="col">last end</th>
          </tr>
        </thead>
        <tbody>
          {parts.map(({ id, address: child, state, epoch, lastCause, error }) => (
            <tr key={id}>
              <td>{child === undefined ? id : <a href={actorHref(child)}>{id}</a>}</td>
              <td>
                <Badge word={state} />
              </td>
              <td>{epoch}</td>
              <td>{plain([lastCause, error].filter(Boolean).join(": ") || "–")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {pokes !== undefined && <Pokes pokes={pokes} />}
    </article>
  );
}

function TickFacts({ tick }: { readonly tick: SupervisorTick }): ReactNode {
  const now = useNow();
  const { address, ticks, lastTick, held, queue } = tick;
  const repairs = Object.entries(tick.repairs);
  return (
    <section className="stack" aria-label="The tick">
      <h2>
        <a href={actorHref(address)}>The tick</a> <span className="number">{ticks}</span>
      </h2>
      <p>
        {lastTick === null
          ? "It has not looked yet: nothing went on."
          : `Looked ${brief(now - lastTick.at)} ago: ${count(lastTick.active, "objective")} under way, ${lastTick.due} due. `}
        {repairs.length === 0
          ? "It had to mend nothing."
          : `It mended ${repairs.map(([what, times]) => `${plain(what)} ${times} times`).join(", ")}.`}
      </p>
      <p className="dim">
        {count(held, "slot")} given out, {queue.length} waiting.
      </p>
      {queue.length > 0 && (
        <ul>
          {queue.map(({ worker, objective, reason }) => (
            <li key={worker}>
              {worker} of <a href={actorHref(`objective/${objective}`)}>{objective}</a>: {reason}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Budget(props: {
  readonly cause: string;
  readonly used: number;
  readonly intensity: number;
}): ReactNode {
  const { cause, used, intensity } = props;
  const places = Array.from(
    { length: Math.min(24, Math.max(intensity, used)) },
    (_, index) => index,
  );
  return (
    <p className="budget">
      <span>
        {used} of {intensity} restarts for {plain(cause)}
      </span>
      {places.map((place) => (
        <i key={place} data-used={place < used} aria-hidden="true" />
      ))}
    </p>
  );
}

function Pokes({ pokes }: { readonly pokes: NonNullable<Supervisor["pokes"]> }): ReactNode {
  return (
    <>
      <h3>Pokes</h3>
      <ul>
        {pokes.toReversed().map(({ n, at, after, state, outcome }) => (
          <li key={n}>
            {clockTime(at)} after {after === "turn" ? "the end of a turn" : "silence"}: {state},{" "}
            {outcome === "progress"
              ? "and it went on"
              : outcome === "none"
                ? "and nothing came of it"
                : "open"}
          </li>
        ))}
      </ul>
    </>
  );
}
