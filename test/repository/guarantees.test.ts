import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** One row of the page: where a promise is kept and what fails without it. */
interface Row {
  /** Of the row alone; the rule's number is that of the file which tells it. */
  readonly id: string;
  readonly line: string;
  readonly rules: readonly string[];
  readonly keeps: readonly string[];
  /** Files that tell the rules of the whole table. */
  readonly homes: readonly string[];
  readonly tests: readonly Test[];
}

interface Test {
  readonly file: string;
  readonly title: string;
}

const page = readFileSync("docs/guarantees.md", "utf8");
const [preface = "", ...tables] = page.split(/^## /m);
const rows = tables.flatMap((table) => {
  const lines = table.split("\n");
  const homes = namesIn(preface + lines.filter((line) => !line.startsWith("|")).join("\n"));
  return lines.filter((line) => /^\| (?!id |-)/.test(line)).map((line) => rowOf(line, homes));
});

function rowOf(line: string, homes: readonly string[]): Row {
  const [, id = "", rule = "", , keptIn = "", fallsWith = ""] = line.split(/(?<!\\)\|/);
  const rules = rule.split(",").flatMap((name) => rulesOf(name.trim()));
  return { id: id.trim(), line, rules, keeps: namesIn(keptIn), homes, tests: testsOf(fallsWith) };
}

/** `file` "title", "title"; `file` "title" */
function testsOf(fallsWith: string): readonly Test[] {
  return fallsWith.split(/; (?=`)/).flatMap((part) => {
    const [, file = "", titles = ""] = /^ *`([^`]+)` "(.+)" *$/.exec(part) ?? [];
    return titles.split('", "').map((title) => ({ file, title }));
  });
}

/** Every rule of "V1–V7"; the one that is named alone; none of an empty cell. */
function rulesOf(name: string): readonly string[] {
  const [, letters = "", first, last] = /^([A-Z]+)(\d+)[–-][A-Z]*(\d+)$/.exec(name) ?? [];
  if (first === undefined || last === undefined) return name === "" ? [] : [name];
  const count = Number(last) - Number(first) + 1;
  return Array.from({ length: count }, (_, index) => `${letters}${Number(first) + index}`);
}

function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

/** Whether a test, or a row of a table of tests, of this file has this title. */
function hasTitle({ file, title }: Test): boolean {
  if (!existsSync(file)) return false;
  const text = readFileSync(file, "utf8");
  const quoted = JSON.stringify(title).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?:\b(?:it|test)\(|\)\(|\btitle:)\s*${quoted}`).test(text);
}

/** Names of functions that the files of the row do not hold, and files that are not there. */
function strangersOf({ keeps }: Row): readonly string[] {
  const files = keeps.filter((name) => /[./]/.test(name));
  const texts = textsOf(files);
  return keeps.filter((name) =>
    files.includes(name) ? !existsSync(name) : !texts.some((text) => text.includes(name)),
  );
}

/** Rules of the row that neither a file that keeps it nor one named above its table tells, as `R1. ` in a comment. */
function untoldOf({ rules, keeps, homes }: Row): readonly string[] {
  const texts = textsOf([...keeps, ...homes]);
  return rules.filter(
    (rule) =>
      !texts.some((text) => new RegExp(String.raw`^(?://|#| \*) +${rule}\. `, "m").test(text)),
  );
}

function textsOf(names: readonly string[]): readonly string[] {
  return names
    .filter((name) => /\w[./]\w/.test(name) && existsSync(name))
    .map((file) => readFileSync(file, "utf8"));
}

it("gives each guarantee an id of its own", () => {
  const ids = rows.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  expect(ids.filter((id) => !/^[A-Z]{2}[1-9]\d*$/.test(id))).toEqual([]);
});

it("names for each guarantee tests that exist", () => {
  const lost = rows.filter(({ tests }) => tests.length === 0 || !tests.every(hasTitle));
  expect(rows.length).toBeGreaterThan(50);
  expect(lost.map(({ line }) => line)).toEqual([]);
});

it("names for each guarantee a file, and what in it keeps it", () => {
  const odd = rows.filter((row) => row.keeps.length === 0 || strangersOf(row).length > 0);
  expect(odd.map(({ line }) => line)).toEqual([]);
});

it("names for each guarantee rules that are told where it says", () => {
  const odd = rows
    .map((row) => [row.id, ...untoldOf(row)])
    .filter(([, ...rules]) => rules.length > 0);
  expect(odd).toEqual([]);
});
