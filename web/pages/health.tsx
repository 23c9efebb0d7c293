import { useState, type ReactNode } from "react";
import type { Books, Letter, Ready } from "../model/answers.ts";
import { usePolled, type Polled } from "../model/polled.ts";
import { clockTime, count, numeral } from "../model/words.ts";
import { Confirmation, type Action } from "../parts/actions.tsx";
import { Badge } from "../parts/badge.tsx";
import "../style/causes.css";

const EVERY_MS = 2_000;

/** How the daemon stands: its parts, its books, what could not be applied. */
export function HealthPage(): ReactNode {
  const intake = usePolled<Books>("/intake", EVERY_MS);
  const load = usePolled<Load>("/load", EVERY_MS);
  const letters = usePolled<{ letters: readonly Letter[] }>("/dead-letters?limit=500", EVERY_MS);
  return (
    <div className="stack">
      <h1>Health</h1>
      {intake.failure !== undefined && (
        <p className="problem">{intake.failure.message} What you see is how it was.</p>
      )}
      <div className="cards flowing">
        <Parts load={load.answer} />
        <BooksCard books={intake.answer} />
        <Lanes load={load.answer} />
        <StoreCard load={load.answer} />
      </div>
      <Letters letters={letters} />
    </div>
  );
}

interface Load extends Ready {
  readonly lanes: readonly {
    readonly lane: string;
    readonly open: number;
    readonly oldestAt: number;
  }[];
  readonly rows: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly journalBytes: number;
  readonly bus: string;
}

function Parts({ load }: { readonly load: Load | undefined }): ReactNode {
  return (
    <article className="card">
      <h2>
        Parts{" "}
        {load !== undefined && (
          <Badge word={load.isReady ? "ready" : "not ready"} tone={load.isReady ? "good" : "bad"} />
        )}
      </h2>
      <dl className="facts">
        {load?.parts.map(({ name, state, reason }) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>
              <Badge word={state} tone={state === "running" ? "good" : "bad"} /> {reason}
            </dd>
          </div>
        ))}
        <dt>NATS</dt>
        <dd>{load?.bus}</dd>
        <dt>version</dt>
        <dd>{load?.version}</dd>
      </dl>
    </article>
  );
}

const LINES: readonly (readonly [Exclude<keyof Books, "isBalanced">, string])[] = [
  ["received", "came in"],
  ["applied", "changed an actor, or nothing"],
  ["duplicate", "had been seen before"],
  ["stale", "spoke of an older epoch"],
  ["dead", "could not be applied"],
  ["lag", "wait in the stream"],
  ["outbox", "orders are open"],
  ["timers", "timers are armed"],
];

function BooksCard({ books }: { readonly books: Books | undefined }): ReactNode {
  return (
    <article className="card">
      <h2>
        Books{" "}
        {books !== undefined && (
          <Badge
            word={books.isBalanced ? "balanced" : "not balanced"}
            tone={books.isBalanced ? "good" : "bad"}
          />
        )}
      </h2>
      <dl className="facts">
        {LINES.map(([name, says]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>
              <strong>{books === undefined ? "…" : numeral(books[name])}</strong>{" "}
              <span className="dim">{says}</span>
            </dd>
          </div>
        ))}
      </dl>
    </article>
  );
}

function Lanes({ load }: { readonly load: Load | undefined }): ReactNode {
  return (
    <article className="card">
      <h2>Lanes</h2>
      {load?.lanes.length === 0 && <p className="dim">No effect is open.</p>}
      <ul>
        {load?.lanes.map(({ lane, open, oldestAt }) => (
          <li key={lane}>
            <span className="mono">{lane}</span> {open} open since {clockTime(oldestAt)}
          </li>
        ))}
      </ul>
    </article>
  );
}

/** Tables of which people ask how much is in them; open orders, timers and dead letters are in the books. */
const KEPT = [
  ["snapshots", "actors"],
  ["journal", "steps of theirs in the journal"],
  ["seen", "ids of messages that were seen"],
] as const;

function StoreCard({ load }: { readonly load: Load | undefined }): ReactNode {
  return (
    <article className="card">
      <h2>Store</h2>
      <dl className="facts">
        <dt>size</dt>
        <dd>{((load?.bytes ?? 0) / 1e6).toFixed(1)} MB</dd>
        <dt>journal, seen ids, dead letters</dt>
        <dd>{((load?.journalBytes ?? 0) / 1e6).toFixed(1)} MB</dd>
        {KEPT.map(([name, says]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{says}</dt>
            <dd>{load === undefined ? "…" : numeral(load.rows[name] ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </article>
  );
}

function Letters({
  letters,
}: {
  readonly letters: Polled<{ letters: readonly Letter[] }>;
}): ReactNode {
  const [open, setOpen] = useState<Action>();
  const found = letters.answer?.letters.toReversed() ?? [];
  return (
    <section className="card" aria-label="Dead letters">
      <h2>
        Dead letters <span className="number">{found.length}</span>
      </h2>
      {found.length === 0 && <p className="dim">Everything that came in could be applied.</p>}
      {found.length > 0 && (
        <table className="plain-table letters">
          <thead>
            <tr>
              <th scope="col">when</th>
              <th scope="col">code</th>
              <th scope="col">subject</th>
              <th scope="col">why</th>
              <th scope="col">retry</th>
            </tr>
          </thead>
          <tbody>
            {found.map((letter) => (
              <LetterRow key={letter.id} letter={letter} onRetry={setOpen} />
            ))}
          </tbody>
        </table>
      )}
      {open !== undefined && (
        <Confirmation
          action={open}
          onClose={() => {
            setOpen(undefined);
            letters.again();
          }}
        />
      )}
    </section>
  );
}

function LetterRow({
  letter,
  onRetry,
}: {
  readonly letter: Letter;
  readonly onRetry: (action: Action) => void;
}): ReactNode {
  return (
    <tr>
      <td>{clockTime(letter.at)}</td>
      <td>{letter.code}</td>
      <td className="mono">{letter.subject}</td>
      <td>
        {letter.message}
        <details>
          <summary className="dim">its body</summary>
          <pre>{letter.body}</pre>
        </details>
      </td>
      <td>
        <button type="button" onClick={() => onRetry(retryOf(letter))}>
          Retry …<span className="hidden"> letter {letter.id}</span>
        </button>
        {letter.retries > 0 && (
          <small className="dim">retried {count(letter.retries, "time")}</small>
        )}
      </td>
    </tr>
  );
}

function retryOf({ id, subject }: Letter): Action {
  return {
    name: "Retry",
    question: `Letter ${id} is published again on ${subject}, as a new message.`,
    path: `/dead-letters/${id}/retry`,
    body: () => ({}),
  };
}
