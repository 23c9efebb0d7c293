import { z } from "zod";
import { nearest } from "./nearest.ts";

/**
 * What was expected, in words for the person who gave something else; undefined where zod's own words will do. A schema
 * that says it in its own words is heard before this.
 */
export function wordingOf(issue: z.core.$ZodRawIssue): string | undefined {
  const { code } = issue;
  if (code === "invalid_type") {
    return `${issue.input === undefined ? "missing: " : ""}expected ${kindOf(issue.expected)}`;
  }
  if (code === "invalid_value") {
    return oneOf(issue.values.map(String), issue.input);
  }
  if (code === "too_small") {
    const bound = issue.inclusive === false ? "more than" : "at least";
    return `expected ${bound} ${issue.minimum}${UNITS[issue.origin] ?? ""}`;
  }
  if (code === "unrecognized_keys") return unknownKeys(issue.keys, namesOf(issue.inst));
  if (code !== "too_big") return undefined;
  const bound = issue.inclusive === false ? "less than" : "at most";
  return `expected ${bound} ${issue.maximum}${UNITS[issue.origin] ?? ""}`;
}

function oneOf(values: readonly string[], given: unknown): string {
  const meant = typeof given === "string" ? nearest(given, values) : undefined;
  const hint = meant === undefined ? "" : `did you mean ${meant}? `;
  return `${hint}expected ${values.length === 1 ? "" : "one of "}${values.join(", ")}`;
}

function unknownKeys(keys: readonly string[], known: readonly string[]): string {
  const told = keys.map((key) => {
    const meant = nearest(key, known);
    return `${key}${meant === undefined ? "" : ` (did you mean ${meant}?)`}`;
  });
  const all = known.length === 0 ? "" : `; known are ${known.join(", ")}`;
  return `unknown ${keys.length === 1 ? "key" : "keys"} ${told.join(", ")}${all}`;
}

/** The keys that an object's schema has. */
function namesOf(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " entries" };

function kindOf(expected: string): string {
  if (expected === "int") return "a whole number";
  return `${/^[aio]/.test(expected) ? "an" : "a"} ${expected}`;
}
