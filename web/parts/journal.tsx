import type { ReactNode } from "react";
import type { Tick } from "../model/answers.ts";
import { clockTime } from "../model/words.ts";
import { LongList } from "./long-list.tsx";

const ROW = 30;

/** Every step, newest first. */
export function Journal({
  ticks,
  seq,
  onSeq,
}: {
  readonly ticks: readonly Tick[];
  readonly seq: number;
  readonly onSeq: (seq: number) => void;
}): ReactNode {
  return (
    <LongList
      label="Steps, newest first"
      items={ticks.toReversed()}
      keyOf={(tick) => String(tick.seq)}
      heightOf={() => ROW}
      draw={(tick) => (
        <button
          type="button"
          className="tick"
          aria-current={tick.seq === seq ? "step" : undefined}
          data-tone={tick.isTrouble ? "bad" : tick.isMove ? "active" : "quiet"}
          onClick={() => onSeq(tick.seq)}
        >
          <span className="tick-seq">{tick.seq}</span>
          <span className="tick-type mono">{tick.type}</span>
          <span className="dim">{clockTime(tick.at)}</span>
        </button>
      )}
    />
  );
}
