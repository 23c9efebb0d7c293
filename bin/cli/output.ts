import { styleText } from "node:util";

/** Where a command writes, and how. */
export interface Output {
  readonly isJson: boolean;
  /** Columns of the terminal; undefined when nothing must fit. */
  readonly width: number | undefined;
  readonly hasColour: boolean;
  readonly write: (text: string) => void;
  /** For progress and remarks: never mixed into facts. */
  readonly note: (line: string) => void;
}

/** Standard output and error of this process; colours only for a terminal that wants them. */
export function standardOutput(options: { json?: boolean | undefined }): Output {
  const { env, stdout } = process;
  const isPlain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  return {
    isJson: options.json === true,
    width: stdout.isTTY ? screenSize(stdout).columns : undefined,
    hasColour: stdout.isTTY && !isPlain,
    write: (text) => {
      stdout.write(text);
    },
    note: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How large a terminal is. One that was not told, as over a bare serial line or `docker exec`, says 0. */
export function screenSize({ columns, rows }: Size): Size {
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}

/** Facts as JSON, or as the text that `render` makes of them. */
export function print<Facts>(output: Output, facts: Facts, render: (facts: Facts) => string): void {
  output.write(output.isJson ? `${JSON.stringify(facts, undefined, 2)}\n` : `${render(facts)}\n`);
}

/** Rows under headings, or that there are none; each column as wide as its widest cell, the last gives way to the width. */
export function table(
  output: Output,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...clean.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    fit(
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
      output.width,
    );
  const lines = rows.length === 0 ? [paint(output, "dim", "none")] : clean.map(line);
  return [
    paint(output, "dim", line(headings.map((heading) => heading.toUpperCase()))),
    ...lines,
  ].join("\n");
}

/** Names and values, one per line; those without a value are left out. */
export function listing(output: Output, facts: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(facts).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return fit(`${paint(output, "dim", name.padEnd(width))}  ${printable(text)}`, output.width);
    })
    .join("\n");
}

/** How long ago, in its largest unit. */
export function age(since: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - since) / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export type Style = "bold" | "dim" | "green" | "red" | "yellow";

export function paint(output: Output, style: Style, text: string): string {
  return output.hasColour ? styleText(style, text, { validateStream: false }) : text;
}

/** What agents and people write, as one line that a terminal does not obey. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

function fit(line: string, width: number | undefined): string {
  return width === undefined || line.length <= width
    ? line
    : `${line.slice(0, Math.max(1, width - 1))}…`;
}
