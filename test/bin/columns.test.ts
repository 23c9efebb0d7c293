import { describe, expect, it } from "vitest";
import { columns, widthOf, type Column } from "../../bin/cli/columns.ts";
import { screenSize, table, type Output } from "../../bin/cli/output.ts";

interface Row {
  readonly id: string;
  readonly why: string;
  readonly words: string;
}

const TABLE: readonly Column<Row>[] = [
  { heading: "id", cell: ({ id }) => id, style: () => "red" },
  { heading: "why", cell: ({ why }) => why, least: 6, rank: 2 },
  { heading: "words", cell: ({ words }) => words, least: 8, rank: 1 },
];
const ROWS: readonly Row[] = [
  { id: "app-1", why: "waits for you", words: "May I delete all of it?" },
  { id: "app-10", why: "", words: "" },
];

function output(more: Partial<Output> = {}): Output {
  return {
    isJson: false,
    width: undefined,
    hasColour: false,
    write: () => {},
    note: () => {},
    ...more,
  };
}

function shown(width: number | undefined, rows = ROWS): string[] {
  return columns(output({ width }), TABLE, rows).split("\n");
}

describe("a table", () => {
  it("is cut nowhere when nothing must fit (F1)", () => {
    expect(shown(undefined)).toEqual([
      "ID      WHY            WORDS",
      "app-1   waits for you  May I delete all of it?",
      "app-10",
    ]);
  });

  it.each([
    { width: 40, second: "app-1   waits for you  May I delete all…" },
    { width: 30, second: "app-1   waits for…  May I del…" },
    { width: 24, second: "app-1   waits…  May I d…" },
    { width: 23, second: "app-1   May I delete a…" },
    { width: 15, second: "app-1" },
    { width: 1, second: "app-1" },
  ])("of $width columns shrinks what may shrink, then loses what matters least (F2)", (row) => {
    const lines = shown(row.width);
    expect(lines[1]).toBe(row.second);
    const longest = Math.max(...lines.map(widthOf));
    expect(longest).toBeLessThanOrEqual(Math.max(row.width, 6));
  });

  it.each([
    { text: "plain", width: 5 },
    { text: "漢字", width: 4 },
    { text: "e\u0301", width: 1 },
    { text: "🚀 up", width: 5 },
    { text: "한글", width: 4 },
    { text: "Ünïcödé", width: 7 },
  ])("counts $text as $width columns (F3)", ({ text, width }) => {
    expect(widthOf(text)).toBe(width);
  });

  it("stands straight below wide characters (F3)", () => {
    const rows = [
      { id: "漢", why: "b", words: "c" },
      { id: "abcd", why: "b", words: "c" },
    ];
    expect(shown(undefined, rows).slice(1)).toEqual(["漢    b    c", "abcd  b    c"]);
  });

  it("is painted only where there is text", () => {
    const [, first, second] = columns(output({ hasColour: true }), TABLE, ROWS).split("\n");
    expect(first?.startsWith("\u001b[31mapp-1\u001b[39m   waits")).toBe(true);
    expect(second).toBe("\u001b[31mapp-10\u001b[39m");
  });

  it("obeys nothing that stands in a cell", () => {
    const rows = [{ id: "a\u001b[2J", why: "b\nc", words: "d\u0007" }];
    expect(shown(undefined, rows)[1]).toBe("a [2J  b c  d");
  });

  it("without rows is its headings", () => {
    expect(shown(80, [])).toEqual(["ID  WHY  WORDS"]);
  });
});

it("a plain table without rows says that there are none", () => {
  expect(table(output(), ["id", "why"], []).split("\n")).toEqual(["ID  WHY", "none"]);
  expect(table(output(), ["id", "why"], [["a", "b"]]).split("\n")).toEqual(["ID  WHY", "a   b"]);
});

it("a terminal that does not know its size is taken for one of the usual size", () => {
  expect(screenSize({ columns: 0, rows: 0 })).toEqual({ columns: 80, rows: 24 });
  expect(screenSize({ columns: 132, rows: 50 })).toEqual({ columns: 132, rows: 50 });
});
