import { appendFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
}

/** A value that has a goal, and of which measurement it is. */
export interface Reached extends Required<Row> {
  readonly title: string;
}

/** Names the variable with the file in which values that have goals are collected, one line of JSON each. */
export const GOALS_FILE = "AO_BENCH_GOALS";

/** Prints rows as one part of the table: what, value, unit, and whether its goal is met. */
export function print(title: string, rows: readonly Row[]): void {
  process.stdout.write(`\n${title}\n`);
  for (const { what, value, unit, goal } of rows) {
    const line = `  ${what.padEnd(58)}${shown(value).padStart(10)} ${unit.padEnd(15)}`;
    process.stdout.write(`${line}${goal === undefined ? "" : verdict(value, goal)}`.trimEnd());
    process.stdout.write("\n");
  }
  const file = process.env[GOALS_FILE];
  if (file === undefined) return;
  const reached = rows.filter(({ goal }) => goal !== undefined);
  const lines = reached.map((row) => `${JSON.stringify({ title, ...row })}\n`);
  appendFileSync(file, lines.join(""));
}

/** What `print` collected. */
export function parseGoals(text: string): Reached[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Reached => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `print`
      return JSON.parse(line) as Reached;
    });
}

/** The one table: goal, got, ok or missed; and what gave no result. */
export function summary(reached: readonly Reached[], failed: readonly string[]): string {
  const head = `${"".padEnd(58)}${"goal".padStart(14)}${"got".padStart(12)}  ${"".padEnd(15)}`;
  const lines = reached.flatMap(({ title, what, value, unit, goal }, n) => {
    const { bound, sign, isMet } = judged(value, goal);
    const asked = `${sign} ${bound.toLocaleString("en")}`.padStart(14);
    const got = shown(value).padStart(12);
    const line = `  ${what.trim().padEnd(56)}${asked}${got}  ${unit.padEnd(15)}${isMet ? "ok" : "MISSED"}`;
    return title === reached[n - 1]?.title ? [line] : [title, line];
  });
  const missing = failed.map((why) => `${why.padEnd(58)}${"no result".padStart(26)}`);
  return `\nAll goals\n${[head.trimEnd(), ...lines, ...missing].join("\n")}\n`;
}

/** The machine, in one line. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${memory} GiB, Node ${process.versions.node}`;
}

/** The value below which `share` of the sorted values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function verdict(value: number, goal: NonNullable<Row["goal"]>): string {
  const { sign, bound, isMet } = judged(value, goal);
  return `${sign} ${bound.toLocaleString("en")}`.padEnd(12) + (isMet ? "met" : "NOT MET");
}

function judged(
  value: number,
  goal: NonNullable<Row["goal"]>,
): { sign: string; bound: number; isMet: boolean } {
  return "atLeast" in goal
    ? { sign: ">=", bound: goal.atLeast, isMet: value >= goal.atLeast }
    : { sign: "<=", bound: goal.atMost, isMet: value <= goal.atMost };
}

function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}
