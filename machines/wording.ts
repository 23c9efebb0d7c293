import type { z } from "zod";

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
    return `expected ${issue.values.length === 1 ? "" : "one of "}${issue.values.join(", ")}`;
  }
  if (code === "too_small") {
    const bound = issue.inclusive === false ? "more than" : "at least";
    return `expected ${bound} ${issue.minimum}${UNITS[issue.origin] ?? ""}`;
  }
  if (code !== "too_big") return undefined;
  const bound = issue.inclusive === false ? "less than" : "at most";
  return `expected ${bound} ${issue.maximum}${UNITS[issue.origin] ?? ""}`;
}

const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " entries" };

function kindOf(expected: string): string {
  if (expected === "int") return "a whole number";
  return `${/^[aio]/.test(expected) ? "an" : "a"} ${expected}`;
}
