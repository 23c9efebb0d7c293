import type { ReactNode } from "react";
import type { Tone } from "../model/words.ts";

/** What stands where there is nothing else to show: empty, loading, refused. */
export function Notice({
  title,
  tone = "quiet",
  isWhole = false,
  children,
}: {
  readonly title: string;
  readonly tone?: Tone;
  /** It is all of the page, which its title heads. */
  readonly isWhole?: boolean;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <section className="notice" data-tone={tone}>
      {isWhole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </section>
  );
}
