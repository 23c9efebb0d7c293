import type { ReactNode } from "react";
import { plain, SIGNS, toneOf, type Tone } from "../model/words.ts";

/** A state in one word, told by colour and by sign. */
export function Badge({
  word,
  tone = toneOf(word),
}: {
  readonly word: string;
  readonly tone?: Tone;
}): ReactNode {
  return (
    <span className="badge" data-tone={tone} title={plain(word)}>
      <span aria-hidden="true" className="badge-sign">
        {SIGNS[tone]}
      </span>
      <span className="badge-word">{plain(word)}</span>
    </span>
  );
}
