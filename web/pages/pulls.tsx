import { useMemo, type ReactNode } from "react";
import type { OpenPull } from "../model/answers.ts";
import { useNow } from "../model/clock.ts";
import { usePolled } from "../model/polled.ts";
import { actorHref, type Route } from "../model/route.ts";
import { useRowKeys } from "../model/row-keys.ts";
import { useNarrow } from "../model/screen.ts";
import { brief, plain } from "../model/words.ts";
import { Badge } from "../parts/badge.tsx";
import { LongList } from "../parts/long-list.tsx";
import { Notice } from "../parts/notice.tsx";
import { SearchBox } from "../parts/search-box.tsx";
import "../style/pulls.css";

const EVERY_MS = 3_000;
const HEIGHT = { wide: 40, narrow: 88, heading: 44 } as const;

const STAGES = [
  { stage: "ready", name: "Can be merged" },
  { stage: "blocked", name: "Something is in the way" },
  { stage: "waits", name: "On the way" },
] as const;

/** The open pull requests of all projects: what can be merged, what is in the way of the others, who works on each. */
export function PullsPage({ route }: { readonly route: Route }): ReactNode {
  const { answer, failure } = usePolled<{ pulls: readonly OpenPull[] }>("/pulls", EVERY_MS);
  const text = route.query.get("q") ?? "";
  const items = useMemo(() => itemsOf(answer?.pulls ?? [], text), [answer, text]);
  const isNarrow = useNarrow();
  useRowKeys();
  const height = isNarrow ? HEIGHT.narrow : HEIGHT.wide;
  return (
    <div className="pulls">
      <h1 className="hidden">Open pull requests</h1>
      <div className="filters" role="search">
        <SearchBox text={text} />
      </div>
      {failure !== undefined && answer !== undefined && (
        <p className="problem">{failure.message} What you see is how it was.</p>
      )}
      {answer === undefined && <Notice title={failure?.message ?? "Reading …"} />}
      {answer !== undefined && items.length === 0 && <Empty hasText={text !== ""} />}
      <LongList
        label="Open pull requests"
        items={items}
        keyOf={(item) => (typeof item === "string" ? item : `${item.projectId} ${item.number}`)}
        heightOf={(item) => (typeof item === "string" ? HEIGHT.heading : height)}
        draw={(item) =>
          typeof item === "string" ? <h2 className="section">{item}</h2> : <PullRow pull={item} />
        }
      />
    </div>
  );
}

/** Headings and what is below them; the newest first. */
function itemsOf(pulls: readonly OpenPull[], text: string): (string | OpenPull)[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = pulls
    .filter((pull) => words.every((word) => textOf(pull).includes(word)))
    .toSorted((a, b) => b.updatedAt - a.updatedAt || a.number - b.number);
  return STAGES.flatMap(({ stage, name }) => {
    const own = found.filter((pull) => pull.stage === stage);
    return own.length === 0 ? [] : [`${name} · ${own.length}`, ...own];
  });
}

function textOf(pull: OpenPull): string {
  const { projectId, number, title, headRef, baseRef, status, reason, session } = pull;
  const words = [projectId, `#${number}`, title, headRef, baseRef, plain(status), reason];
  return [...words, session?.id ?? ""].join(" ").toLowerCase();
}

/** One pull request; it leads to who works on it, else to the forge that keeps it. */
function PullRow({ pull }: { readonly pull: OpenPull }): ReactNode {
  const now = useNow();
  const { projectId, number, title, url, headRef, baseRef, session, status, reason } = pull;
  const href = actorHref(session === null ? `forge/${projectId}` : `session/${session.id}`);
  return (
    <a className="row pull-row" href={href} data-pull={url}>
      <span className="row-status">
        <Badge word={status} tone={TONES[pull.stage]} />
      </span>
      <span className="row-title">
        <span className="pull">#{number}</span> <strong>{title}</strong>{" "}
        <span className="dim">{projectId}</span>
      </span>
      <span className="row-why" title={reason}>
        {reason}
      </span>
      <span className="pull-facts">
        <Fact name="checks" {...CHECKS[pull.checks]} />
        <Fact name="review" {...REVIEWS[pull.reviewDecision]} />
        <Fact name="merge" {...MERGES[String(pull.mergeable)]} />
      </span>
      <span className="row-where mono" title={`${headRef} into ${baseRef}`}>
        {pull.stackedOn !== null && <span className="pull">on #{pull.stackedOn} </span>}
        {headRef}
      </span>
      <span className="pull-who">
        {session === null ? (
          <span className="dim">nobody</span>
        ) : (
          <>
            {session.id} <span className="dim">{plain(session.status)}</span>
          </>
        )}
      </span>
      <span className="row-since" title={new Date(pull.updatedAt).toISOString()}>
        {brief(now - pull.updatedAt)}
      </span>
    </a>
  );
}

const TONES = { ready: "good", blocked: "needs", waits: "active" } as const;

interface FactProps {
  readonly sign: string;
  readonly says: string;
  readonly tone: string;
}

const NONE: FactProps = { sign: "–", says: "none", tone: "quiet" };
const CHECKS: Readonly<Record<OpenPull["checks"], FactProps>> = {
  none: NONE,
  pending: { sign: "●", says: "running", tone: "active" },
  passing: { sign: "✓", says: "passing", tone: "good" },
  failing: { sign: "×", says: "failing", tone: "bad" },
};
const REVIEWS: Readonly<Record<OpenPull["reviewDecision"], FactProps>> = {
  none: NONE,
  required: { sign: "○", says: "owed", tone: "quiet" },
  approved: { sign: "✓", says: "approved", tone: "good" },
  changes_requested: { sign: "!", says: "changes requested", tone: "needs" },
};
const MERGES: Readonly<Record<string, FactProps>> = {
  true: { sign: "✓", says: "no conflict", tone: "good" },
  false: { sign: "×", says: "conflict", tone: "bad" },
  null: { sign: "?", says: "not known yet", tone: "quiet" },
};

/** One of its facts: its name, and its sign for who sees it, its word for who does not. */
function Fact({ name, sign, says, tone }: Partial<FactProps> & { readonly name: string }) {
  return (
    <span className="pull-fact" data-tone={tone} title={`${name}: ${says}`}>
      {name} <span aria-hidden="true">{sign}</span>
      <span className="hidden">{says}</span>
    </span>
  );
}

function Empty({ hasText }: { readonly hasText: boolean }): ReactNode {
  if (hasText) {
    return (
      <Notice title="Nothing is like that">
        <p>
          No open pull request fits the search. <a href="/pulls">Show all</a>
        </p>
      </Notice>
    );
  }
  return (
    <Notice title="No pull request is open">
      <p>Agents open them when their work can be seen; a person does by:</p>
      <pre>ao pr open {"<project>"} --title "What it does" --head branch</pre>
    </Notice>
  );
}
