import { z } from "zod";

// Cases
//
// A file of conformance cases as it stands on disk. Read strictly: what is not known here is an error, never a pass.

const Case = z.strictObject({
  id: z.string().min(1),
  title: z.string(),
  given: z.record(z.string(), z.unknown()),
  expect: z.record(z.string(), z.unknown()),
  note: z.string().optional(),
  /** Not in the source, but computed from its rules. */
  derived: z.boolean().optional(),
  /** How the way to the agent behaves for the whole case. */
  messenger: z.enum(["always fails"]).optional(),
  informative: z.boolean().optional(),
});
export type Case = z.infer<typeof Case>;

const Suite = z.strictObject({
  id: z.string().min(1),
  generation: z.string(),
  subject: z.string(),
  kind: z.enum(["table", "scenario", "property"]),
  note: z.string().default(""),
  informative: z.boolean().default(false),
  cases: z.array(z.unknown()),
});
export type Suite = z.infer<typeof Suite>;

/** One file. The cases are parsed one by one, so that a broken one fails alone. */
export const CaseFile = z.object({
  schema: z.literal("lifecycle-cases/1"),
  suites: z.array(Suite),
});

/** One case; throws with what is wrong with it. */
export function parseCase(value: unknown): Case {
  return parsed(Case, value, "case");
}

/** The value in the shape; throws with every path that does not fit. */
export function parsed<Shape extends z.ZodType>(
  shape: Shape,
  value: unknown,
  what: string,
): z.infer<Shape> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(
    ({ path, message }) => `${[what, ...path].join(".")}: ${message}`,
  );
  throw new Error(issues.join("; "));
}

/** Only `seed*` is binding; the other generations speak of another model. */
export function isBinding({ id, informative }: Suite): boolean {
  return id.startsWith("seed") && !informative;
}

/** Whether it speaks of the later model, in words of its own. */
export function isHead({ id }: Suite): boolean {
  return id.startsWith("head-");
}
