import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { holderOf, LOCK_FILE, takeWriterLock } from "../../storage/writer-lock.ts";
import { tempFolder } from "../support/folder.ts";

it("a lock that is held is seen, and one that was given back is not", () => {
  const folder = tempFolder();
  expect(holderOf(folder)).toBeUndefined();
  const lock = takeWriterLock(folder);
  expect(holderOf(folder)).toBe(process.pid);
  expect(() => takeWriterLock(folder)).toThrow(`process ${process.pid} has it open`);
  lock.release();
  expect(holderOf(folder)).toBeUndefined();
});

it("those who look at a lock hold it for nobody, and leave no name there", () => {
  const folder = tempFolder();
  const named = join(folder, "writer.pid");
  writeFileSync(named, "4242\n");
  const looking = new DatabaseSync(join(folder, LOCK_FILE));
  looking.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
  expect(holderOf(folder)).toBeUndefined();
  looking.close();
  expect(holderOf(folder)).toBeUndefined();
  expect(readFileSync(named, "utf8")).toBe("4242\n");
});
