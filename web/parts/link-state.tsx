import type { ReactNode } from "react";
import { useNow } from "../model/clock.ts";
import type { Link } from "../model/stream.ts";
import { brief } from "../model/words.ts";

/** Whether what is shown is live; when it is not, since when and why. */
export function LinkState({ link }: { readonly link: Link }): ReactNode {
  const now = useNow();
  if (link.type === "live") {
    return (
      <p className="link-state" data-state="live" role="status">
        live
      </p>
    );
  }
  if (link.type === "connecting") {
    return (
      <p className="link-state" data-state="connecting" role="status">
        connecting …
      </p>
    );
  }
  return (
    <p className="link-state" data-state="lost" role="status">
      <strong>Not live for {brief(now - link.since)}:</strong> {link.why} What you see is how it
      was; trying again.
    </p>
  );
}
