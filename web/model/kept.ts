import { useRef } from "react";

/**
 * A list whose parts are the very same objects as before where nothing of them became other: what is drawn of them is
 * not drawn anew.
 */
export function useKept<Part extends { readonly id: string }>(parts: readonly Part[]): Part[] {
  const known = useRef(new Map<string, Part>());
  const kept = parts.map((part) => {
    const before = known.current.get(part.id);
    return before !== undefined && isSame(before, part, DEPTH) ? before : part;
  });
  known.current = new Map(kept.map((part) => [part.id, part]));
  return kept;
}

// A part, its data, and what an arrow says or where its step stands.
const DEPTH = 4;

/** Whether two values say the same, as deep as is worth looking. */
export function isSame(a: unknown, b: unknown, depth: number): boolean {
  if (Object.is(a, b)) return true;
  if (depth === 0 || typeof a !== "object" || typeof b !== "object") return false;
  if (a === null || b === null) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => isSame(Reflect.get(a, name), Reflect.get(b, name), depth - 1))
  );
}
