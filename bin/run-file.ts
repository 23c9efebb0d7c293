import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Failure } from "../machines/failures.ts";

// Run file
//
// Where a running daemon says how it is reached (contract §1). Light on purpose: agents' hooks load it many times a
// minute.

/** What a running daemon says of itself in `run.json`. `startedAt` is milliseconds since 1970. */
export interface RunFile {
  readonly pid: number;
  readonly url: string;
  readonly token: string;
  readonly natsUrl: string;
  readonly startedAt: number;
  readonly version: string;
}

/** The absolute path of the data directory: AO_HOME, else `~/.ao`. */
export function homeOf(env: NodeJS.ProcessEnv): string {
  const given = env["AO_HOME"];
  return given === undefined || given === "" ? join(homedir(), ".ao") : resolve(given);
}

/** What `run.json` says, whether its daemon is still there or not; undefined without one that makes sense. */
export function readRunFile(home: string): RunFile | undefined {
  const text = readIfThere(join(home, "run.json"));
  if (text === undefined) return undefined;
  try {
    const run: unknown = JSON.parse(text);
    return isRunFile(run) ? run : undefined;
  } catch {
    return undefined;
  }
}

/** The path of a `run.json` that is there and says nothing that makes sense; undefined when all is well. */
export function damagedRunFile(home: string): string | undefined {
  const file = join(home, "run.json");
  return existsSync(file) && readRunFile(home) === undefined ? file : undefined;
}

export function writeRunFile(home: string, run: RunFile): void {
  writeDurably(join(home, "run.json"), JSON.stringify(run, undefined, 2));
}

export function removeRunFile(home: string): void {
  rmSync(join(home, "run.json"), { force: true });
}

/** Writes a file for the owner alone, whole or not at all, also over a power cut. */
export function writeDurably(file: string, text: string): void {
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, file);
}

/** A file's text; undefined when there is no such file. Fails with CONFIG_INVALID where none can be read. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT") return undefined;
    const seen = cause instanceof Error ? cause.message : String(cause);
    const why =
      code === "ENOTDIR" ? "the data directory is a file, name a folder with AO_HOME" : seen;
    throw new Failure("CONFIG_INVALID", `read ${file}: ${why}`, { cause });
  }
}

const TEXTS = ["url", "token", "natsUrl", "version"] as const;
const NUMBERS = ["pid", "startedAt"] as const;

function isRunFile(run: unknown): run is RunFile {
  if (typeof run !== "object" || run === null) return false;
  return (
    TEXTS.every((key) => typeof Reflect.get(run, key) === "string") &&
    NUMBERS.every((key) => typeof Reflect.get(run, key) === "number")
  );
}
