import { randomBytes } from "node:crypto";
import { watch } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Token } from "../machines/ids.ts";
import { PROBE_SUBJECTS } from "./subjects.ts";

/** One user of our server, as its file holds it; `url` is where the server was when it started last. */
export const Credential = z.object({ url: z.string(), user: z.string(), pass: z.string().min(16) });
export type Credential = z.infer<typeof Credential>;

/** What one home remembers of its server: its name, its port, its users. */
export interface NatsIdentity {
  readonly name: string;
  /** 0 before the first start. */
  readonly port: number;
  readonly ao: Credential;
  readonly probe: Credential;
}

/** Where everything of one home's server is kept. */
export interface NatsFiles {
  readonly folder: string;
  readonly store: string;
  readonly config: string;
  readonly pid: string;
  /** The process that we launched last. */
  readonly process: string;
  readonly server: string;
  readonly ao: string;
  readonly probe: string;
  readonly logs: string;
  readonly log: string;
  /** What the program printed before it had read its configuration. */
  readonly output: string;
}

/** The files under `<home>/nats`. */
export function natsFiles(home: string): NatsFiles {
  const folder = join(home, "nats");
  const logs = join(folder, "logs");
  return {
    folder,
    store: join(folder, "store"),
    config: join(folder, "server.conf"),
    pid: join(folder, "server.pid"),
    process: join(folder, "process.json"),
    server: join(folder, "server.json"),
    ao: join(folder, "ao.json"),
    probe: join(folder, "probe.json"),
    logs,
    log: join(logs, "server.log"),
    output: join(folder, "start.log"),
  };
}

const ServerFile = z.object({ name: Token, port: z.number().int().min(1).max(65_535) });

/** What the home remembers; what is missing or damaged is made anew. */
export async function recallIdentity(files: NatsFiles): Promise<NatsIdentity> {
  await mkdir(files.logs, { recursive: true, mode: 0o700 });
  await chmod(files.folder, 0o700);
  const server = await readJson(files.server, ServerFile);
  const url = urlOf(server?.port ?? 0);
  const ao = (await readJson(files.ao, Credential)) ?? { url, user: "ao", pass: makeSecret() };
  const probe = (await readJson(files.probe, Credential)) ?? {
    url,
    user: "probe",
    pass: makeSecret(),
  };
  return {
    name: server?.name ?? `ao-${randomBytes(6).toString("hex")}`,
    port: server?.port ?? 0,
    ao,
    probe,
  };
}

/** The same server on a port, as it will be remembered. */
export function atPort(identity: NatsIdentity, port: number): NatsIdentity {
  const url = urlOf(port);
  return { ...identity, port, ao: { ...identity.ao, url }, probe: { ...identity.probe, url } };
}

/** Writes the configuration and everything that `recallIdentity` reads; every file is for the owner alone. */
export async function rememberIdentity(
  files: NatsFiles,
  identity: NatsIdentity,
  limits: ServerLimits,
): Promise<void> {
  const { name, port } = identity;
  await writePrivate(files.config, configText({ files, identity, limits }));
  await writePrivate(files.ao, JSON.stringify(identity.ao));
  await writePrivate(files.probe, JSON.stringify(identity.probe));
  await writePrivate(files.server, JSON.stringify({ name, port }));
}

export interface ServerLimits {
  /** Largest message the server takes, headers included. */
  readonly maxPayloadBytes: number;
  /** Disk that all streams together may use. */
  readonly maxStoreBytes: number;
  /** A log file is set aside at this size; one set aside is kept. */
  readonly logBytes: number;
}

/**
 * The server's configuration. Probes have an account of their own, which reaches the other one only through a service:
 * a permission alone would let them name any subject as the reply of an observation, and the server would write its
 * acknowledgement there: into somebody's commands, or to the API that purges the stream.
 */
function configText(parts: {
  files: NatsFiles;
  identity: NatsIdentity;
  limits: ServerLimits;
}): string {
  const { files, identity, limits } = parts;
  // JSON is valid in a NATS configuration, but for the escapes of characters that no path needs.
  return `${JSON.stringify(
    {
      server_name: identity.name,
      host: "127.0.0.1",
      port: identity.port,
      pid_file: files.pid,
      log_file: files.log,
      logfile_size_limit: limits.logBytes,
      max_payload: limits.maxPayloadBytes,
      jetstream: { store_dir: files.store, max_file_store: limits.maxStoreBytes },
      accounts: {
        AO: {
          jetstream: "enabled",
          users: [{ user: identity.ao.user, password: identity.ao.pass }],
          exports: [{ service: PROBE_SUBJECTS, accounts: ["PROBE"] }],
        },
        PROBE: {
          users: [
            {
              user: identity.probe.user,
              password: identity.probe.pass,
              permissions: {
                publish: { allow: [PROBE_SUBJECTS] },
                subscribe: { allow: ["_INBOX.>"] },
              },
            },
          ],
          imports: [{ service: { account: "AO", subject: PROBE_SUBJECTS } }],
        },
      },
    },
    undefined,
    2,
  )}\n`;
}

function urlOf(port: number): string {
  return `nats://127.0.0.1:${port}`;
}

function makeSecret(): string {
  return randomBytes(24).toString("base64url");
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: a daemon that is killed here must not leave half a password. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.draft`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

/** The server of Debian 12 sets logs aside without end; keeps the newest of those. Returns how to stop. */
export function keepOneOldLog(files: NatsFiles): () => void {
  const prune = async () => {
    const names = await readdir(files.logs).catch(() => []);
    const old = names.filter((name) => name.startsWith("server.log.")).toSorted();
    for (const name of old.slice(0, -1)) await rm(join(files.logs, name), { force: true });
  };
  void prune();
  try {
    const watcher = watch(files.logs, { persistent: false }, (event) => {
      if (event === "rename") void prune();
    });
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    // Out of watches: what is set aside now goes with the next start.
    return () => {};
  }
}
