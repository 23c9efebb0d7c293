import type { ReactNode } from "react";
import type { Tone } from "../model/words.ts";

/** What stands where there is nothing else to show: empty, loading, refused. */
export function Notice({
  title,
  tone = "quiet",
  children,
}: {
  readonly title: string;
  readonly tone?: Tone;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <section className="notice" data-tone={tone}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
