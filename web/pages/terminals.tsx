import { useMemo, type ReactNode } from "react";
import type { Line } from "../model/answers.ts";
import { useBoard } from "../model/board.ts";
import { setQuery, type Route } from "../model/route.ts";
import { byName } from "../model/words.ts";
import { Badge } from "../parts/badge.tsx";
import { LinkState } from "../parts/link-state.tsx";
import { Notice } from "../parts/notice.tsx";
import { Terminal } from "../parts/terminal.tsx";
import "../style/terminals.css";

/** Terminals side by side, as many as somebody wants to see. */
export function TerminalsPage({ route }: { readonly route: Route }): ReactNode {
  const { lines, link, isComplete } = useBoard();
  const open = (route.query.get("open") ?? "").split(",").filter(Boolean);
  const titles = useMemo(() => titlesOf(lines), [lines]);
  const terminals = useMemo(() => terminalsOf(lines), [lines]);
  const toggle = (id: string): void =>
    show(open.includes(id) ? open.filter((each) => each !== id) : [...open, id]);
  return (
    <div className="terminals">
      <h1 className="hidden">Terminals</h1>
      <nav className="terminal-list" aria-label="Terminals">
        <LinkState link={link} />
        {isComplete && terminals.length === 0 && <p className="dim">No terminal is there now.</p>}
        {terminals.map(({ id, status }) => (
          <button
            key={id}
            type="button"
            className="terminal-choice"
            aria-pressed={open.includes(id)}
            onClick={() => toggle(id)}
          >
            <span className="mono">{id}</span> <Badge word={status} />
            <small className="dim">{titles.get(id)}</small>
          </button>
        ))}
      </nav>
      <div className="terminal-grid" data-count={Math.min(open.length, 5)}>
        {open.map((id) => (
          <Terminal key={id} id={id} onClose={() => toggle(id)} />
        ))}
        {open.length === 0 && (
          <Notice title="Choose terminals to look at">
            <p>To look changes nothing; typing begins when you say so.</p>
          </Notice>
        )}
      </div>
    </div>
  );
}

function show(ids: readonly string[]): void {
  setQuery({ open: ids.join(",") });
}

function terminalsOf(lines: ReturnType<typeof useBoard>["lines"]): readonly Line[] {
  return [...lines.values()]
    .filter(({ kind, status }) => kind === "terminal" && status !== "absent")
    .toSorted((one, other) => byName(one.id, other.id));
}

function titlesOf(lines: ReturnType<typeof useBoard>["lines"]): ReadonlyMap<string, string> {
  const titles = new Map<string, string>();
  for (const { kind, id, title } of lines.values()) if (kind === "session") titles.set(id, title);
  return titles;
}
