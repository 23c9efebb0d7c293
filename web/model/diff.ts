import type { Json } from "./answers.ts";
import { clockTime } from "./words.ts";

// Diff
//
// What one step changed in a context, leaf by leaf.

export interface Change {
  readonly path: string;
  /** Absent: it was not there. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Leaves that differ, in the order of the later value; lists are compared place by place. */
export function diff(before: Json | undefined, after: Json | undefined, path = ""): Change[] {
  if (Object.is(before, after)) return [];
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) {
    return same(before, after) ? [] : [{ path, before, after }];
  }
  const names = new Set([...Object.keys(after), ...Object.keys(before)]);
  return [...names].flatMap((name) => {
    const at = path === "" ? name : `${path}.${name}`;
    return diff(before[name], after[name], at);
  });
}

// Between 2014 and 2049: a number like that is a time, milliseconds since 1970.
const FIRST_TIME = 1.4e12;
const LAST_TIME = 2.5e12;

/** A value in one line, as short as it can be said. */
export function short(value: Json | undefined, longest = 120): string {
  if (value === undefined) return "–";
  if (typeof value === "number" && value > FIRST_TIME && value < LAST_TIME) return clockTime(value);
  const text = JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

function isBranch(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
