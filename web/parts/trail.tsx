import { memo, useEffect, useRef, type ReactNode } from "react";
import type { Frame } from "../model/answers.ts";
import { changesOf } from "../model/states.ts";
import { clockTime } from "../model/words.ts";

/** The last changes of state, the newest at the end: what happened, when, and by which message. */
export const Trail = memo(function Trail({
  frame,
  onSeq,
}: {
  readonly frame: Frame | undefined;
  readonly onSeq: (seq: number) => void;
}): ReactNode {
  const moves = frame?.trail ?? [];
  const list = useRef<HTMLOListElement>(null);
  const newest = moves[0]?.seq;
  useEffect(() => {
    const element = list.current;
    if (element !== null) element.scrollLeft = element.scrollWidth;
  }, [newest, moves.length]);
  // Its room is there from the beginning: the chart does not move when it comes.
  if (moves.length === 0) return <div className="trail" />;
  return (
    <ol ref={list} className="trail" aria-label="The way here">
      {moves.toReversed().map((move) => (
        <li key={move.seq}>
          <button
            type="button"
            aria-current={move.seq === frame?.seq ? "step" : undefined}
            onClick={() => onSeq(move.seq)}
          >
            <span className="trail-head">
              <b>{move.seq}</b> <span>{clockTime(move.at).slice(0, -4)}</span>{" "}
              <span className="mono">{move.event}</span>
            </span>
            {changesOf(move).map(({ region, from, to }) => (
              <span key={`${region} ${to}`} className="trail-change">
                {region !== "" && <span className="dim">{region}</span>} {from}
                {from !== "" && " → "}
                <strong>{to}</strong>
              </span>
            ))}
          </button>
        </li>
      ))}
    </ol>
  );
});
