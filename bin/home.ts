import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { Settings } from "../machines/settings.ts";
import { wordingOf } from "../machines/wording.ts";
import { readIfThere, writeDurably } from "./run-file.ts";

// Home
//
// What lies in AO_HOME and how it is read and written. Everything secret is 0600; a file is there whole or not at all.

/** What runs every agent in its pane. */
export const LAUNCHER = fileURLToPath(new URL("launch", import.meta.url));

/** Makes the data directory, for its owner alone. Fails with CONFIG_INVALID where none can be. */
export function makeHome(home: string): void {
  try {
    makeFolder(resolve(home));
    chmodSync(home, 0o700);
    for (const folder of ["logs", "bin", "spool"])
      mkdirSync(join(home, folder), { recursive: true, mode: 0o700 });
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message : String(cause);
    const tried = `make the data directory ${home}`;
    throw new Failure("CONFIG_INVALID", `${tried}: ${seen}; name a folder with AO_HOME`, { cause });
  }
}

/** One folder at a time: Node's own `recursive` never returns where the system lets nobody make one, as below /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  mkdirSync(path, { mode: 0o700 });
}

/**
 * Settings of a home; all defaults without a `config.json`.
 * Fails with CONFIG_INVALID, which names the key that is wrong.
 */
export function readSettings(home: string): Settings {
  const file = join(home, "config.json");
  const text = readIfThere(file);
  const parsed = Settings.safeParse(text === undefined ? {} : parseJson(file, text), {
    error: wordingOf,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.join(".") ?? "";
  throw new Failure(
    "CONFIG_INVALID",
    `read ${file}: ${key || "(whole file)"}: ${issue?.message ?? "not valid"}`,
  );
}

const Secrets = z.object({ token: z.string().min(32), agents: z.string().min(32) });
type Secrets = z.infer<typeof Secrets>;

/** The secrets of a home that has some. Fails with CONFIG_INVALID. */
export function storedSecrets(home: string): Secrets | undefined {
  const file = join(home, "secrets.json");
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  const parsed = Secrets.safeParse(parseJson(file, text));
  if (parsed.success) return parsed.data;
  // Not made anew unasked: agents that run hold tokens signed with the old one.
  throw new Failure("CONFIG_INVALID", `read ${file}: it holds no secrets; remove it for new ones`);
}

/** The owner's token and the secret that signs agents' tokens; made once per home. Fails with CONFIG_INVALID. */
export function secretsOf(home: string): Secrets {
  const stored = storedSecrets(home);
  if (stored !== undefined) return stored;
  const made = {
    token: randomBytes(32).toString("base64url"),
    agents: randomBytes(32).toString("base64url"),
  };
  writeDurably(join(home, "secrets.json"), JSON.stringify(made));
  return made;
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("CONFIG_INVALID", `read ${file}: it is not JSON`, { cause });
  }
}
