import { useEffect, useState, type ReactNode } from "react";
import type { Cause } from "../model/answers.ts";
import { ask } from "../model/client.ts";
import { actorHref, type Route } from "../model/route.ts";
import { brief, clockTime, count } from "../model/words.ts";
import { Tree } from "../parts/context.tsx";
import { Notice } from "../parts/notice.tsx";
import { Sequence } from "../parts/sequence.tsx";
import "../style/actor.css";
import "../style/causes.css";

/** Why something happened: from what began it, told and drawn. */
export function CausesPage({ route }: { readonly route: Route }): ReactNode {
  const [, id = ""] = route.parts;
  const [causes, setCauses] = useState<readonly Cause[]>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const stopped = new AbortController();
    setProblem(undefined);
    ask<{ causes: readonly Cause[] }>(
      "GET",
      `/causes/${encodeURIComponent(id)}`,
      undefined,
      stopped.signal,
    )
      .then((answer) => setCauses(answer.causes))
      .catch((error: unknown) => {
        if (!stopped.signal.aborted)
          setProblem(error instanceof Error ? error.message : String(error));
      });
    return () => stopped.abort();
  }, [id]);
  if (problem !== undefined) {
    return (
      <Notice title="Its causes are not known" tone="bad" isWhole>
        <p>{problem}</p>
        <p className="dim">The journal may have been pruned since.</p>
      </Notice>
    );
  }
  if (causes === undefined) return <Notice title="Looking back …" isWhole />;
  return <Story id={id} causes={causes} />;
}

function Story({
  id,
  causes,
}: {
  readonly id: string;
  readonly causes: readonly Cause[];
}): ReactNode {
  const first = causes[0];
  const last = causes.at(-1);
  return (
    <div className="causes">
      <header>
        <h1>Why {last?.name ?? id}?</h1>
        <p className="dim">
          {count(causes.length, "link")} from what began it
          {first !== undefined && last !== undefined && `, over ${brief(last.at - first.at)}`}
        </p>
      </header>
      <ol className="story">
        {causes.map((cause, index) => (
          <li key={cause.id} data-type={cause.type}>
            <Link cause={cause} before={causes[index - 1]} />
          </li>
        ))}
      </ol>
      <section className="sequence" aria-label="As a sequence" tabIndex={0}>
        <Sequence causes={causes} />
      </section>
    </div>
  );
}

const SENTENCES: Readonly<Record<Cause["type"], string>> = {
  observation: "was observed of",
  command: "was asked of",
  mail: "was told to",
  timer: "came due for",
  result: "came back to",
  order: "was ordered by",
};

function Link({
  cause,
  before,
}: {
  readonly cause: Cause;
  readonly before: Cause | undefined;
}): ReactNode {
  const { name, type, at, address, seq, data, brings } = cause;
  return (
    <>
      <p>
        <span className="dim">{clockTime(at)}</span>{" "}
        {before !== undefined && at > before.at && (
          <span className="dim">+{at - before.at} ms</span>
        )}
      </p>
      <p className="sentence">
        <strong className="mono">{name}</strong> {SENTENCES[type]}{" "}
        {address !== undefined && (
          <a href={actorHref(address, seq)}>
            {address}
            {seq !== undefined && ` at its step ${seq}`}
          </a>
        )}
        {brings !== undefined && (
          <>
            {": "}
            the push of <strong className="mono">{brings.headSha.slice(0, 9)}</strong>, which is
            what the review below is of
          </>
        )}
      </p>
      {typeof data === "object" && data !== null && Object.keys(data).length > 0 && (
        <details>
          <summary className="dim">what it said</summary>
          <Tree value={data} changed={NOTHING} />
        </details>
      )}
    </>
  );
}

const NOTHING: ReadonlySet<string> = new Set();
