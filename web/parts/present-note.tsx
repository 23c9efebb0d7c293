import type { ReactNode } from "react";

/** Says, beside a chart that is rewound, that what follows is not. */
export function PresentNote({ isPast }: { readonly isPast: boolean }): ReactNode {
  return isPast && <p className="dim">This is how it stands now, not as it was then.</p>;
}
