import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { Settings } from "../machines/settings.ts";
import { readIfThere, writePrivate } from "./run-file.ts";

// Home
//
// What lies in AO_HOME and how it is read and written. Everything secret is 0600; a file is there whole or not at all.

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

const Secrets = z.object({ token: z.string().min(32), agents: z.string().min(32) });

/** The owner's token and the secret that signs agents' tokens; made once per home. Fails with CONFIG_INVALID. */
export function secretsOf(home: string): z.infer<typeof Secrets> {
  const file = join(home, "secrets.json");
  const text = readIfThere(file);
  if (text !== undefined) {
    const parsed = Secrets.safeParse(parseJson(file, text));
    if (parsed.success) return parsed.data;
    // Not made anew unasked: agents that run hold tokens signed with the old one.
    throw new Failure(
      "CONFIG_INVALID",
      `read ${file}: it holds no secrets; remove it for new ones`,
    );
  }
  const made = {
    token: randomBytes(32).toString("base64url"),
    agents: randomBytes(32).toString("base64url"),
  };
  writePrivate(file, JSON.stringify(made));
  return made;
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("CONFIG_INVALID", `read ${file}: it is not JSON`, { cause });
  }
}
