import { memo, useCallback, useState, type ReactNode } from "react";
import type { ExplainedMove, Frame, Move } from "../model/answers.ts";
import { short } from "../model/diff.ts";
import { useReasons } from "../model/frame.ts";
import type { Tone } from "../model/words.ts";

// Moves
//
// What would move the actor, sorted by how near it is: what only waits for its message first, then what a guard refuses.

const VERDICTS: Readonly<
  Record<Move["verdict"], { readonly word: string; readonly tone: Tone; readonly rank: number }>
> = {
  open: { word: "open", tone: "good", rank: 0 },
  yes: { word: "yes", tone: "good", rank: 0 },
  unknown: { word: "depends", tone: "quiet", rank: 1 },
  no: { word: "no", tone: "needs", rank: 2 },
};

/** The list, each with its guard's answer; why is asked for once one is opened. */
export const Moves = memo(function Moves({
  path,
  frame: { seq, moves },
  onTry,
}: {
  readonly path: string;
  readonly frame: Frame;
  readonly onTry: (event: string) => void;
}): ReactNode {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const reasons = useReasons(
    path,
    seq,
    moves.some((move) => opened.has(keyOf(move))),
  );
  const note = useCallback((key: string, isOpen: boolean): void => {
    setOpened((was) => {
      const others = [...was].filter((each) => each !== key);
      return new Set(isOpen ? [...others, key] : others);
    });
  }, []);
  const why = new Map(reasons?.map((move) => [keyOf(move), move]));
  if (moves.length === 0) return <p className="dim">Nothing moves it any more.</p>;
  const sorted = moves.toSorted((a, b) => rankOf(a) - rankOf(b));
  return (
    <ul className="moves">
      {sorted.map((move) => (
        <li key={keyOf(move)}>
          <MoveLine move={move} why={why.get(keyOf(move))} onOpen={note} onTry={onTry} />
        </li>
      ))}
    </ul>
  );
});

function keyOf({ source, event, guard, targets }: Move): string {
  return `${source} ${event} ${guard} ${targets.join()}`;
}

/** Leaving comes before noting. */
function rankOf({ verdict, targets }: Move): number {
  return VERDICTS[verdict].rank * 2 + (targets.length === 0 ? 1 : 0);
}

function MoveLine({
  move,
  why,
  onOpen,
  onTry,
}: {
  readonly move: Move;
  readonly why: ExplainedMove | undefined;
  readonly onOpen: (key: string, isOpen: boolean) => void;
  readonly onTry: (event: string) => void;
}): ReactNode {
  const { event, source, targets, actions, guard, verdict } = move;
  const { word, tone } = VERDICTS[verdict];
  return (
    <details onToggle={({ currentTarget: { open } }) => onOpen(keyOf(move), open)}>
      <summary>
        <span className="badge verdict" data-tone={tone}>
          {word}
        </span>
        <span className="mono">
          {event} {guard !== null && <span className="guard">[{guard}]</span>}
        </span>
        <span className="move-way mono">
          {source || "any state"} {targets.length > 0 ? `→ ${targets.join(", ")}` : "stays"}
          {actions.length > 0 && ` / ${actions.join(", ")}`}
        </span>
      </summary>
      <div className="move-why">
        {/* Of one answer: what it read is what it says no for. */}
        <MoveWhy move={why ?? { ...move, reads: [], words: null }} />
        <button type="button" onClick={() => onTry(event)}>
          What if …
        </button>
      </div>
    </details>
  );
}

function MoveWhy({
  move: { verdict, askedWith, reads, words },
}: {
  readonly move: ExplainedMove;
}): ReactNode {
  if (verdict === "open") return <p>No guard stands in its way: the message is all it takes.</p>;
  const asked =
    askedWith === null ? "an empty message" : `the last message of that type, of step ${askedWith}`;
  return (
    <>
      {verdict === "unknown" ? (
        <p>It depends on what the message says, and none of that type was seen lately.</p>
      ) : (
        <p>
          Asked with {asked}, the guard says <strong>{verdict}</strong>.
        </p>
      )}
      {reads.length > 0 && (
        <>
          <p className="dim">It read:</p>
          <dl className="facts mono">
            {reads.map(({ path, value }) => (
              <div key={path} style={{ display: "contents" }}>
                <dt>{path}</dt>
                <dd>{short(value, 80)}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
      {words !== null && <pre>{words}</pre>}
    </>
  );
}
