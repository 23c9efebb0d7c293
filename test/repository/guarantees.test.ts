import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** One row of the page: where a promise is kept and what fails without it. */
interface Row {
  /** Of the row alone; the rule's number is that of the file which keeps it. */
  readonly id: string;
  readonly line: string;
  readonly keeps: readonly string[];
  readonly file: string;
  readonly title: string;
}

const page = readFileSync("docs/guarantees.md", "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("|") && !/^\| *(?:id|-)/.test(line))
  .map(rowOf);

function rowOf(line: string): Row {
  const [, id = "", , , keptIn = "", fallsWith = ""] = line.split(/(?<!\\)\|/);
  const [, file = "", title = ""] = /^ *`([^`]+)` "(.+)" *$/.exec(fallsWith) ?? [];
  const keeps = [...keptIn.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
  return { id: id.trim(), line, keeps, file, title };
}

/** Whether a test, or a row of a table of tests, of this file has this title. */
function hasTitle(file: string, title: string): boolean {
  if (!existsSync(file)) return false;
  const text = readFileSync(file, "utf8");
  const quoted = JSON.stringify(title).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?:\b(?:it|test)\(|\)\(|\btitle:)\s*${quoted}`).test(text);
}

/** Names of functions that the files of the row do not hold, and files that are not there. */
function strangersOf({ keeps }: Row): readonly string[] {
  const files = keeps.filter((name) => /[./]/.test(name));
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, "utf8"));
  return keeps.filter((name) =>
    files.includes(name) ? !existsSync(name) : !texts.some((text) => text.includes(name)),
  );
}

it("gives each guarantee an id of its own", () => {
  const ids = rows.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  expect(ids.filter((id) => !/^[A-Z]{2}[1-9]\d*$/.test(id))).toEqual([]);
});

it("names for each guarantee a test that exists", () => {
  const lost = rows.filter(({ file, title }) => !hasTitle(file, title));
  expect(rows.length).toBeGreaterThan(50);
  expect(lost.map(({ line }) => line)).toEqual([]);
});

it("names for each guarantee a file, and what in it keeps it", () => {
  const odd = rows.filter((row) => row.keeps.length === 0 || strangersOf(row).length > 0);
  expect(odd.map(({ line }) => line)).toEqual([]);
});
