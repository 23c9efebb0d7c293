import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Engine } from "./engine.ts";
import { put, readerOf } from "./rows.ts";

// Generation
//
// Tells a store from a copy of it that was put in its place: names and numbers that it gave since the copy was made will
// be given again, and what bears them in the world is not of this store.
//
//   E1. The store and the file beside it have a mark in common, a new one after each opening; a backup has none. A store
//       without the mark of its file begins a new generation.
//   E2. Killed between the two writes it is of the same one: the file names both marks before the store gets the new one.
//   E3. A store from before there were generations is of the one without a name.

/** Beside the data file; it also says that there was a store. */
export const GENERATION_FILE = "created";

const Noted = z.object({ name: z.string(), marks: z.array(z.string()) });
type Noted = z.infer<typeof Noted>;

const UNMARKED = "";
const FORMER: Noted = { name: "", marks: [UNMARKED] };

/** The generation of an open store, by the file beside it. Fails only when a new one cannot be noted. */
export function generationOf(engine: Engine, file: string): string {
  const mark = markOf(engine);
  const noted = readNoted(file);
  const isSame = noted?.marks.includes(mark) ?? false;
  const name = isSame && noted !== undefined ? noted.name : randomUUID();
  const next = randomUUID();
  try {
    writeNoted(file, { name, marks: [mark, next] });
    setMark(engine, next);
    writeNoted(file, { name, marks: [next] });
  } catch (error) {
    // On a full disk it keeps the mark that it has.
    if (!isSame) throw error;
  }
  return name;
}

/** The generation of the store in a folder, as it was opened last; undefined when there is none. */
export function lastGenerationIn(folder: string): string | undefined {
  return readNoted(join(folder, GENERATION_FILE))?.name;
}

/** Takes the mark from a copy (E1). */
export function unmark(copy: Engine): void {
  setMark(copy, UNMARKED);
}

function markOf(engine: Engine): string {
  return readerOf(engine).get("meta", ["identity"])?.mark ?? UNMARKED;
}

function setMark(engine: Engine, mark: string): void {
  const identity = readerOf(engine).get("meta", ["identity"]);
  engine.writeNow([put("meta", ["identity"], { ...identity, mark })]);
}

function readNoted(file: string): Noted | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return text === "" ? FORMER : Noted.parse(JSON.parse(text));
  } catch {
    // Gone, or not of ours: what it knew of is not known.
    return undefined;
  }
}

function writeNoted(file: string, noted: Noted): void {
  const draft = `${file}.draft`;
  writeFileSync(draft, JSON.stringify(noted), { mode: 0o600, flush: true });
  renameSync(draft, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
