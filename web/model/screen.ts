import { useSyncExternalStore } from "react";

// As in the styles: below this a row has two lines.
const narrow = window.matchMedia("(width < 720px)");

/** Whether the window is as narrow as a phone. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener("change", listener);
      return () => narrow.removeEventListener("change", listener);
    },
    () => narrow.matches,
  );
}
