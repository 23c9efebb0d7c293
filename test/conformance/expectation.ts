import { isDeepStrictEqual } from "node:util";
import { evidenceHashOf } from "../../machines/session/liveness.ts";

/** One key of what was expected, and what came instead. */
export interface Difference {
  readonly key: string;
  readonly expected: unknown;
  readonly got: unknown;
}

/** In a list, what nothing is expected of. */
export const ANYTHING = "(anything)";

/** How one key is compared; undefined when it holds. */
export type Compare = (expected: unknown, got: unknown) => boolean;

/** A number, or a bound on one: ">0", "<= 3". */
export const sameCount: Compare = (expected, got) => {
  if (typeof expected !== "string") return isDeepStrictEqual(expected, got);
  const [, sign = "", bound = ""] = /^([<>]=?|=)\s*(\d+)$/.exec(expected) ?? [];
  if (sign === "" || typeof got !== "number") return expected === got;
  const by = Number(bound);
  return (
    { ">": got > by, ">=": got >= by, "<": got < by, "<=": got <= by, "=": got === by }[sign] ===
    true
  );
};

/** Some of the members, each as expected. */
export const someMembers: Compare = (expected, got) => {
  if (!isRecord(expected) || !isRecord(got)) return isDeepStrictEqual(expected, got);
  const members = Object.entries(expected);
  if (members.length === 0) throw new Error("expect: nothing is expected of {}");
  return members.every(([name, value]) => sameCount(value, got[name]));
};

/** Texts that are looked for; none is no expectation. */
export function someTexts(expected: unknown): string[] | undefined {
  if (!Array.isArray(expected)) return undefined;
  if (expected.length === 0) throw new Error("expect: nothing is expected of []");
  return expected.map(String);
}

/** Quarantine memory: there or not, or its attempts, beginning (seconds after T0) and evidence. */
export const sameMemory: Compare = (expected, got) => {
  if (expected === "any") return true;
  if (expected === "present") return got !== null;
  if (expected === "absent" || expected === null) return got === null;
  if (!isRecord(expected) || !isRecord(got)) return false;
  return Object.entries(expected).every(([name, value]) => {
    if (name !== "evidence") return isDeepStrictEqual(value, got[name]);
    return typeof value === "string" && got["evidenceHash"] === evidenceHashOf(value);
  });
};

/** Each of a list, step by step. */
export function each(compare: Compare): Compare {
  return (expected, got) =>
    Array.isArray(expected) &&
    Array.isArray(got) &&
    expected.length === got.length &&
    expected.every((value, index) => value === ANYTHING || compare(value, got[index]));
}

export const equal: Compare = isDeepStrictEqual;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
