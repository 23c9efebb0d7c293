import {
  closeSync,
  existsSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openLog } from "../../bin/daemon/log-file.ts";
import { tempFolder } from "../support/folder.ts";

function append(file: string, text: string): void {
  const log = openLog(file);
  writeSync(log, text);
  closeSync(log);
}

it("goes on in a log of up to 8 MiB, and begins a new one past that, keeping one old", () => {
  const file = join(tempFolder(), "daemon.log");
  append(file, "one\n");
  append(file, "two\n");
  expect(readFileSync(file, "utf8")).toBe("one\ntwo\n");
  truncateSync(file, 8_388_608);
  append(file, "!");
  expect(existsSync(`${file}.old`)).toBe(false);
  writeFileSync(`${file}.old`, "older");
  append(file, "three\n");
  expect(readFileSync(file, "utf8")).toBe("three\n");
  expect(readFileSync(`${file}.old`, "utf8")).toMatch(/^one\n/);
});
