import { useDeferredValue, useMemo, type ReactNode } from "react";
import type { Line } from "../model/answers.ts";
import { useBoard } from "../model/board.ts";
import { useKeys } from "../model/keys.ts";
import { setQuery, type Route } from "../model/route.ts";
import { useRowKeys } from "../model/row-keys.ts";
import {
  countsOf,
  kindsOf,
  nameOfKind,
  sectionsOf,
  SHOWS,
  type Choice,
  type Section,
  type Show,
} from "../model/sections.ts";
import { useNarrow } from "../model/screen.ts";
import { BoardRow, ROW_HEIGHT } from "../parts/board-row.tsx";
import { LinkState } from "../parts/link-state.tsx";
import { LongList } from "../parts/long-list.tsx";
import { Notice } from "../parts/notice.tsx";
import { SearchBox } from "../parts/search-box.tsx";

/** Everything that people think of, and how it stands. */
export function Board({ route }: { readonly route: Route }): ReactNode {
  const { lines, isComplete, link, failure } = useBoard();
  const choice = choiceOf(route);
  const shown = useDeferredValue(lines);
  const sections = useMemo(
    () => sectionsOf(shown.values(), choice),
    [shown, choice.text, choice.show, choice.kind],
  );
  useRowKeys();
  return (
    <div className="board">
      <h1 className="hidden">Board</h1>
      <div className="bar">
        <Filters lines={shown} choice={choice} />
        <LinkState link={link} />
      </div>
      {failure !== undefined && (
        <Notice title="The board could not be read" tone="bad">
          <p>{failure}</p>
        </Notice>
      )}
      {!isComplete && failure === undefined && <Notice title="Reading the board …" />}
      {isComplete && sections.length === 0 && <Empty choice={choice} hasLines={lines.size > 0} />}
      <Sections sections={sections} />
    </div>
  );
}

function Filters({
  lines,
  choice,
}: {
  readonly lines: ReadonlyMap<string, Line>;
  readonly choice: Choice;
}): ReactNode {
  useKeys(
    useMemo(
      () =>
        SHOWS.map((show, index) => ({
          keys: String(index + 1),
          what: SHOW_NAMES[show],
          run: () => setQuery({ show: show === "all" ? null : show }),
        })),
      [],
    ),
  );
  const counts = countsOf(lines.values(), choice.kind);
  return (
    <div className="filters" role="search">
      <SearchBox text={choice.text} />
      <div className="chips" role="group" aria-label="Show">
        {SHOWS.map((show) => (
          <button
            key={show}
            type="button"
            className="chip"
            aria-pressed={choice.show === show}
            onClick={() => setQuery({ show: show === "all" ? null : show })}
          >
            {SHOW_NAMES[show]} <span className="number">{counts[show]}</span>
          </button>
        ))}
      </div>
      <label className="select">
        <span className="hidden">Kind</span>
        <select value={choice.kind} onChange={({ target }) => setQuery({ kind: target.value })}>
          <option value="">Work</option>
          {kindsOf(lines.values()).map((kind) => (
            <option key={kind} value={kind}>
              {nameOfKind(kind)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

const SHOW_NAMES: Readonly<Record<Show, string>> = {
  all: "All",
  needs: "Needs you",
  moving: "Moving",
  resting: "Resting",
  ended: "Ended",
};

type Item =
  | { readonly type: "heading"; readonly section: Section }
  | { readonly type: "row"; readonly line: Line };

function Sections({ sections }: { readonly sections: readonly Section[] }): ReactNode {
  const isNarrow = useNarrow();
  const items = useMemo(
    () =>
      sections.flatMap((section): Item[] => [
        { type: "heading", section },
        ...section.lines.map((line) => ({ type: "row" as const, line })),
      ]),
    [sections],
  );
  const height = isNarrow ? ROW_HEIGHT.narrow : ROW_HEIGHT.wide;
  return (
    <LongList
      label="Board"
      items={items}
      keyOf={(item) => (item.type === "row" ? item.line.address : item.section.kind)}
      heightOf={(item) => (item.type === "row" ? height : ROW_HEIGHT.heading)}
      draw={(item) =>
        item.type === "row" ? (
          <BoardRow line={item.line} />
        ) : (
          <h2 className="section">
            {nameOfKind(item.section.kind)}{" "}
            <span className="number">{item.section.lines.length}</span>
          </h2>
        )
      }
    />
  );
}

function Empty({
  choice,
  hasLines,
}: {
  readonly choice: Choice;
  readonly hasLines: boolean;
}): ReactNode {
  if (choice.text !== "" || choice.show !== "all" || choice.kind !== "") {
    return (
      <Notice title="Nothing is like that">
        <p>
          No line fits the filters. <a href="/">Show everything</a>
        </p>
      </Notice>
    );
  }
  return (
    <Notice title="Nothing is under way">
      <p>
        {hasLines ? "There is a project, and no work in it yet." : "There is no project yet."} Start
        some work:
      </p>
      <pre>
        {hasLines ? "" : "ao project add .\n"}ao spawn {"<project>"} "What shall be done"
      </pre>
    </Notice>
  );
}

function choiceOf({ query }: Route): Choice {
  const show = SHOWS.find((name) => name === query.get("show")) ?? "all";
  return { text: query.get("q") ?? "", show, kind: query.get("kind") ?? "" };
}
