import { useEffect, useMemo, useState, type ReactNode } from "react";
import { jumpTo, type Jump, type Strip } from "../model/jumps.ts";

/** Goes to a step, a time or an event; waits for what was not read yet, and says what is not there. */
export function JumpField({
  search,
  strip,
  seq,
  onSeq,
}: {
  readonly search: React.RefObject<HTMLInputElement | null>;
  readonly strip: Strip;
  readonly seq: number;
  readonly onSeq: (seq: number) => void;
}): ReactNode {
  const [asked, setAsked] = useState<string>();
  const jump: Jump | undefined = asked === undefined ? undefined : jumpTo(strip, seq, asked);
  useEffect(() => {
    if (jump?.type !== "to") return;
    setAsked(undefined);
    onSeq(jump.seq);
  });
  const { ticks } = strip;
  const types = useMemo(() => [...new Set(ticks.map(({ type }) => type))].toSorted(), [ticks]);
  return (
    <form
      className="jump"
      onSubmit={(event) => {
        event.preventDefault();
        setAsked(search.current?.value ?? "");
      }}
    >
      <input
        ref={search}
        type="search"
        aria-label="Jump to an event, a step or a time"
        aria-describedby="jump-said"
        aria-invalid={jump?.type === "nowhere"}
        placeholder="Event, #step or 14:03  /"
        list="event-types"
        onChange={() => setAsked(undefined)}
      />
      <datalist id="event-types">
        {types.map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
      <output id="jump-said" className="jump-said" hidden={jump === undefined}>
        {jump?.type === "nowhere" && jump.why}
        {jump?.type === "later" && "Reading the journal …"}
      </output>
    </form>
  );
}
