import { paint, printable, type Output, type Style } from "./output.ts";

// Columns
//
// A table that fits the terminal it is shown in.
//
//   F1. Without a width nothing is cut: a program, or a file, gets every cell whole.
//   F2. Where it is too wide, flexible columns shrink first, the widest most; then columns go, the least important first.
//   F3. A cell counts by the columns it takes on a screen: a wide character takes two, a combining one none.

export interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
  readonly style?: (row: Row) => Style | undefined;
  /** It may shrink to so many columns; never when absent. */
  readonly least?: number;
  /** Columns of a higher rank go first; those without one stay. */
  readonly rank?: number;
}

const GAP = 2;

/** Rows under headings. */
export function columns<Row>(
  output: Output,
  all: readonly Column<Row>[],
  rows: readonly Row[],
): string {
  const shown = all.map((column) => ({
    ...column,
    texts: rows.map((row) => printable(column.cell(row))),
  }));
  const wide = shown.map((column) => ({
    ...column,
    width: Math.max(widthOf(column.heading), ...column.texts.map(widthOf)),
  }));
  const fitting = fitted(wide, output.width);
  const heading = lineOf(fitting, ({ heading: text }) => text.toUpperCase());
  const lines = rows.map((row, index) =>
    lineOf(
      fitting,
      ({ texts }) => texts[index] ?? "",
      (column, text) => {
        const style = column.style?.(row);
        return style === undefined ? text : paint(output, style, text);
      },
    ),
  );
  return [paint(output, "dim", heading), ...lines].join("\n");
}

interface Shown<Row> extends Column<Row> {
  readonly texts: readonly string[];
  readonly width: number;
}

function fitted<Row>(all: readonly Shown<Row>[], width: number | undefined): readonly Shown<Row>[] {
  const over = width === undefined ? 0 : totalOf(all) - width;
  if (over <= 0) return all;
  const shrunk = shrink(all, over);
  if (totalOf(shrunk) <= (width ?? 0)) return shrunk;
  const ranks = all.flatMap(({ rank }) => rank ?? []);
  if (ranks.length === 0) return shrunk;
  const last = Math.max(...ranks);
  return fitted(
    all.filter(({ rank }) => rank !== last),
    width,
  );
}

/** Takes columns from the widest flexible one, one at a time. */
function shrink<Row>(all: readonly Shown<Row>[], over: number): readonly Shown<Row>[] {
  const widths = all.map(({ width }) => width);
  for (let left = over; left > 0; left -= 1) {
    const room = widths.map((width, index) => {
      const { least } = all[index] ?? {};
      return least !== undefined && width > least ? width : 0;
    });
    const widest = Math.max(...room);
    if (widest === 0) break;
    widths[room.indexOf(widest)] = widest - 1;
  }
  return all.map((column, index) => ({ ...column, width: widths[index] ?? column.width }));
}

function totalOf(all: readonly { readonly width: number }[]): number {
  return all.reduce((sum, { width }) => sum + width, GAP * (all.length - 1));
}

function lineOf<Row>(
  all: readonly Shown<Row>[],
  textOf: (column: Shown<Row>) => string,
  painted: (column: Shown<Row>, text: string) => string = (_, text) => text,
): string {
  const cells = all.map((column, index) => {
    const text = cut(textOf(column), column.width);
    const isLast = index === all.length - 1;
    const padding = isLast ? "" : " ".repeat(Math.max(0, column.width - widthOf(text)));
    return text === "" ? padding : `${painted(column, text)}${padding}`;
  });
  return cells.join(" ".repeat(GAP)).trimEnd();
}

// Characters of East Asian scripts and emoji take two columns, marks and joiners none.
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NONE = /\p{M}|\p{Default_Ignorable_Code_Point}/u;

/** Columns that a text takes on a screen (F3). */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  if (character < "\u0300") return 1;
  if (NONE.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let taken = 0;
  for (const character of text) {
    taken += columnsOf(character);
    if (taken > width - 1) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}
