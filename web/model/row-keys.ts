import { useMemo, type KeyboardEvent } from "react";
import { useKeys } from "./keys.ts";

/** j and k go from row to row of a list. */
export function useRowKeys(): void {
  useKeys(
    useMemo(
      () => [
        { keys: "j", what: "Next row", run: () => step(1) },
        { keys: "k", what: "Row before", run: () => step(-1) },
      ],
      [],
    ),
  );
}

/** From the field of the search to what it found. */
export function toRows(event: KeyboardEvent): void {
  if (event.key !== "Enter" && event.key !== "ArrowDown") return;
  event.preventDefault();
  step(1);
}

function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("a.row")];
  const tops = new Map(rows.map((row) => [row, row.getBoundingClientRect().top]));
  const sorted = rows.toSorted((a, b) => (tops.get(a) ?? 0) - (tops.get(b) ?? 0));
  const at = sorted.findIndex((row) => row === document.activeElement);
  const next = at === -1 ? sorted.find((row) => (tops.get(row) ?? 0) > 0) : sorted[at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
