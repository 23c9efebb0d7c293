import { readFileSync } from "node:fs";
import { z } from "zod";
import { isRecord } from "./expectation.ts";

// Cases
//
// A file of conformance cases as it stands on disk. Read strictly: what is not known here is an error, never a pass.

const Case = z.strictObject({
  id: z.string().min(1),
  title: z.string(),
  given: z.record(z.string(), z.unknown()),
  expect: z
    .record(z.string(), z.unknown())
    .refine((keys) => Object.keys(keys).length > 0, "nothing is expected"),
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
  cases: z.array(z.unknown()).min(1, "a suite without a case"),
});
export type Suite = z.infer<typeof Suite>;

/** One file. Suites and cases are parsed one by one, so that a broken one fails alone. */
const CaseFile = z.looseObject({
  schema: z.literal("lifecycle-cases/1"),
  ops: z.record(z.string(), z.unknown()).default({}),
  suites: z.array(z.unknown()).min(1, "a file without a suite"),
});

/** A file of cases as far as it can be read, and what is wrong with the rest of it. */
export interface CaseFile {
  readonly suites: readonly Suite[];
  /** The ops that it speaks of. */
  readonly listed: ReadonlySet<string>;
  readonly mistakes: readonly { readonly id: string; readonly message: string }[];
}

/** The file of cases at a path; throws with one line that says what is wrong with it. */
export function readCases(path: string): CaseFile {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`read ${path}: ${why}; give it a JSON file in the format lifecycle-cases/1`, {
      cause,
    });
  }
  const { suites, ops } = parsed(CaseFile, content, "file");
  const read = suites.map((suite, index) => suiteOf(suite, index));
  const known = read.flatMap((each) => ("cases" in each ? [each] : []));
  return {
    suites: known,
    listed: new Set(Object.keys(ops)),
    mistakes: [...read.flatMap((each) => ("cases" in each ? [] : [each])), ...twice(known)],
  };
}

type Mistake = CaseFile["mistakes"][number];

function suiteOf(value: unknown, index: number): Suite | Mistake {
  try {
    return parsed(Suite, value, "suite");
  } catch (error) {
    const id = idsOf([value])[0] ?? `suites[${index}]`;
    return { id, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Names that two have: nobody could tell which of them failed. */
function twice(suites: readonly Suite[]): Mistake[] {
  const names = { suites, cases: suites.flatMap(({ cases }) => cases) };
  return Object.entries(names).flatMap(([what, values]) => {
    const ids = idsOf(values);
    const again = new Set(ids.filter((id, index) => ids.indexOf(id) !== index));
    return [...again].map((id) => ({ id, message: `two ${what} have this id` }));
  });
}

function idsOf(values: readonly unknown[]): string[] {
  return values.flatMap((value) =>
    isRecord(value) && typeof value["id"] === "string" ? [value["id"]] : [],
  );
}

// A line is read by a person.
const MOST_ISSUES = 5;

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
  const { issues } = result.error;
  const told = issues
    .slice(0, MOST_ISSUES)
    .map(({ path, message }) => `${[what, ...path].join(".")}: ${message}`);
  const more = issues.length - told.length;
  throw new Error([...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; "));
}

// Every timer that falls due is played: more than this is a slip of the pen, and would take minutes.
const MOST_SEC = 10_000_000;

/** A second of a case, counted from its beginning. */
export const AtSec = z.number().min(-MOST_SEC).max(MOST_SEC);

/** Only `seed*` is binding; the other generations speak of another model. */
export function isBinding({ id, informative }: Pick<Suite, "id" | "informative">): boolean {
  return id.startsWith("seed") && !informative;
}

/** A mistake in the file, as no model has such a word: it counts, also in a suite that does not bind. */
export class NotOfTheFormat extends Error {}

/** Whether it speaks of the later model, in words of its own. */
export function isHead({ id }: Suite): boolean {
  return id.startsWith("head-");
}
