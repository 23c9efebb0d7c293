import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { Tick } from "../model/answers.ts";
import { next, previous } from "../model/jumps.ts";
import { useKeys } from "../model/keys.ts";
import { clockTime } from "../model/words.ts";
import { JumpField } from "./jump-field.tsx";
import { Scrubber } from "./scrubber.tsx";

// A step a while: long enough to see what moved.
const PLAY_MS = 700;

export interface RewindProps {
  readonly ticks: readonly Tick[];
  /** Whether `ticks` is all of the journal, or what was read of it so far. */
  readonly areTicksComplete: boolean;
  readonly last: number;
  readonly seq: number;
  readonly isLive: boolean;
  /** To a step, or back to what is now. */
  readonly onSeq: (seq: number | "live") => void;
}

/** The journal as a strip to scrub over, with everything that jumps in it. */
export function Rewind(props: RewindProps): ReactNode {
  const { ticks, last, seq, isLive, onSeq } = props;
  const search = useRef<HTMLInputElement>(null);
  const first = ticks[0]?.seq ?? 1;
  const tick = ticks[seq - first];
  const { move, isPlaying } = useMoves(props, first);
  useRewindKeys(move, search);
  const hasTrouble = ticks.some(({ isTrouble }) => isTrouble);
  return (
    <section className="rewind" aria-label="Rewind">
      <Scrubber ticks={ticks} first={first} last={last} seq={seq} onSeq={onSeq} />
      <div className="rewind-bar">
        <button type="button" onClick={() => onSeq(first)} title="First step">
          ⇤<span className="hidden">First step</span>
        </button>
        <button type="button" onClick={move.back} title="Step back (←)">
          ◂<span className="hidden">Step back</span>
        </button>
        <button type="button" onClick={move.play} title="Play (space)" aria-pressed={isPlaying}>
          {isPlaying ? "❚❚" : "▶"}
          <span className="hidden">Play</span>
        </button>
        <button type="button" onClick={move.on} title="Step on (→)">
          ▸<span className="hidden">Step on</span>
        </button>
        <button type="button" onClick={move.live} aria-pressed={isLive} title="What is now (l)">
          Live
        </button>
        <span className="rewind-place" aria-live="polite">
          step {seq} of {last}
          {tick !== undefined && ` · ${clockTime(tick.at)} · ${tick.type}`}
        </span>
        <JumpField
          search={search}
          strip={{ ticks, last, isComplete: props.areTicksComplete }}
          seq={seq}
          onSeq={onSeq}
        />
        <button type="button" onClick={move.trouble} disabled={!hasTrouble} title="(e)">
          Next error
        </button>
      </div>
    </section>
  );
}

function useMoves(props: RewindProps, first: number): { move: Moves; isPlaying: boolean } {
  const { ticks, last, seq, isLive, onSeq } = props;
  const [isPlaying, setPlaying] = useState(false);
  usePlaying(isPlaying, props, () => setPlaying(false));
  const move = useMemo(
    () => ({
      back: () => onSeq(Math.max(first, seq - 1)),
      on: () => onSeq(seq + 1 >= last ? "live" : seq + 1),
      play: () => {
        // From the beginning, when all of it was seen.
        if (!isPlaying && isLive) onSeq(first);
        setPlaying(!isPlaying);
      },
      live: () => onSeq("live"),
      trouble: () =>
        to(
          next(ticks, seq, ({ isTrouble }) => isTrouble),
          onSeq,
        ),
      moveOn: () =>
        to(
          next(ticks, seq, ({ isMove }) => isMove),
          onSeq,
        ),
      moveBack: () =>
        to(
          previous(ticks, seq, ({ isMove }) => isMove),
          onSeq,
        ),
    }),
    [ticks, seq, first, last, isLive, isPlaying, onSeq],
  );
  return { move, isPlaying };
}

function to(seq: number | undefined, onSeq: RewindProps["onSeq"]): void {
  if (seq !== undefined) onSeq(seq);
}

function usePlaying(
  isPlaying: boolean,
  { seq, last, onSeq }: RewindProps,
  onEnd: () => void,
): void {
  useEffect(() => {
    if (!isPlaying) return undefined;
    if (seq >= last) {
      onEnd();
      return undefined;
    }
    const timer = setTimeout(() => onSeq(seq + 1 >= last ? "live" : seq + 1), PLAY_MS);
    return () => clearTimeout(timer);
  }, [isPlaying, seq, last]);
}

interface Moves {
  readonly back: () => void;
  readonly on: () => void;
  readonly play: () => void;
  readonly live: () => void;
  readonly trouble: () => void;
  readonly moveOn: () => void;
  readonly moveBack: () => void;
}

function useRewindKeys(move: Moves, search: React.RefObject<HTMLInputElement | null>): void {
  useKeys(
    useMemo(
      () => [
        { keys: "ArrowLeft", what: "Step back", run: move.back },
        { keys: "ArrowRight", what: "Step on", run: move.on },
        { keys: "[", what: "To the change of state before", run: move.moveBack },
        { keys: "]", what: "To the next change of state", run: move.moveOn },
        { keys: "e", what: "To the next error", run: move.trouble },
        { keys: " ", what: "Play, or stop", run: move.play },
        { keys: "l", what: "Back to what is now", run: move.live },
        {
          keys: "/",
          what: "Jump to an event, a step or a time",
          run: () => search.current?.focus(),
        },
      ],
      [move, search],
    ),
  );
}
