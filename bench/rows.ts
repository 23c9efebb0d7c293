import { cpus, totalmem } from "node:os";

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
}

/** Prints rows as one part of the table: what, value, unit, and whether its goal is met. */
export function print(title: string, rows: readonly Row[]): void {
  process.stdout.write(`\n${title}\n`);
  for (const { what, value, unit, goal } of rows) {
    const line = `  ${what.padEnd(58)}${shown(value).padStart(10)} ${unit.padEnd(15)}`;
    process.stdout.write(`${line}${goal === undefined ? "" : verdict(value, goal)}`.trimEnd());
    process.stdout.write("\n");
  }
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
  const [sign, bound, isMet] =
    "atLeast" in goal
      ? [">=", goal.atLeast, value >= goal.atLeast]
      : ["<=", goal.atMost, value <= goal.atMost];
  return `${sign} ${bound.toLocaleString("en")}`.padEnd(12) + (isMet ? "met" : "NOT MET");
}

function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}
