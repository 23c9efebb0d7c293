import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { Settings } from "../machines/settings.ts";

// Home
//
// What lies in AO_HOME and how it is read and written. Everything secret is 0600; a file is there whole or not at all.

/** What a running daemon says of itself in `run.json`. */
export const RunFile = z.object({
  pid: z.number().int(),
  url: z.string(),
  token: z.string(),
  natsUrl: z.string(),
  startedAt: z.number(),
  version: z.string(),
});
export type RunFile = z.infer<typeof RunFile>;

/** The data directory: AO_HOME, else `~/.ao`. */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  const given = env["AO_HOME"];
  return given === undefined || given === "" ? join(homedir(), ".ao") : given;
}

/** Makes the data directory, for its owner alone. */
export function makeHome(home: string): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  chmodSync(home, 0o700);
  for (const folder of ["logs", "bin", "spool"])
    mkdirSync(join(home, folder), { recursive: true, mode: 0o700 });
}

/**
 * Settings of a home; all defaults without a `config.json`.
 * Fails with CONFIG_INVALID, which names the key that is wrong.
 */
export function readSettings(home: string): Settings {
  const file = join(home, "config.json");
  const text = readIfThere(file);
  const parsed = Settings.safeParse(text === undefined ? {} : parseJson(file, text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = [
    ...(issue?.path ?? []),
    ...(issue?.code === "unrecognized_keys" ? issue.keys : []),
  ].join(".");
  throw new Failure(
    "CONFIG_INVALID",
    `read ${file}: ${key || "(whole file)"}: ${issue?.message ?? "not valid"}`,
  );
}

/** What `run.json` says; undefined when there is none, or when its daemon is gone. */
export function readRunFile(home: string): RunFile | undefined {
  const text = readIfThere(join(home, "run.json"));
  if (text === undefined) return undefined;
  const parsed = RunFile.safeParse(parseJson("run.json", text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
}

export function writeRunFile(home: string, run: RunFile): void {
  writePrivate(join(home, "run.json"), JSON.stringify(run, undefined, 2));
}

export function removeRunFile(home: string): void {
  rmSync(join(home, "run.json"), { force: true });
}

const Secrets = z.object({ token: z.string().min(32), agents: z.string().min(32) });

/** The owner's token and the secret that signs agents' tokens; made once per home. */
export function secretsOf(home: string): z.infer<typeof Secrets> {
  const file = join(home, "secrets.json");
  const text = readIfThere(file);
  const parsed = Secrets.safeParse(text === undefined ? undefined : parseJson(file, text));
  if (parsed.success) return parsed.data;
  const made = {
    token: randomBytes(32).toString("base64url"),
    agents: randomBytes(32).toString("base64url"),
  };
  writePrivate(file, JSON.stringify(made));
  return made;
}

/** Writes a file for the owner alone, whole or not at all. */
export function writePrivate(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, file);
}

/** A file's text; undefined when there is no such file. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("CONFIG_INVALID", `read ${file}: it is not JSON`, { cause });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
