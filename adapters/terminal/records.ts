import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { link, mkdir, readdir, readFile, rm, stat, watch } from "node:fs/promises";
import { constants } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";
import { fileText, writePrivate } from "../private-file.ts";

// Terminal records
//
// Small files beside tmux that outlive it: `<home>/terminals/<generation>/<terminal>.<epoch>.<what>`, where the generation
// is that of the store, and left out when it has none. bin/launch writes `.start` and `.exit`, the daemon writes the rest.
//
//   `.launch`  what to run, 0600; gone once the launcher has read it
//   `.start`   the launcher's claim, then the process that runs; or the daemon's claim that none ever will
//   `.exit`    how it ended
//   `.gone`    every process of this epoch was ended and verified absent
//
//   F1. `.start` is made once per terminal and epoch: whoever makes it decides whether a process may run.
//   F2. Every file appears whole or not at all; only a power cut or a broken disk leaves another.
//   F3. Such a file takes no other's word away. It says that it cannot be read, and stays: a `.start` put aside would let
//       a process run twice (F1).

/** One incarnation of one terminal. */
export interface Incarnation {
  readonly terminal: string;
  readonly epoch: number;
}

/** A process, named for ever: a pid alone is used again. `start` is in clock ticks since boot. */
const ProcessName = z.object({ pid: z.number().int(), start: z.number().int() });
export type ProcessName = z.infer<typeof ProcessName>;

const StartRecord = z.union([
  z.object({ withdrawn: z.literal(true) }),
  z.object({ boot: z.string(), leader: ProcessName, program: ProcessName.nullable() }),
]);
/** Who runs, or `withdrawn`: none ever will. `program` is null until the program itself has begun. */
export type StartRecord = z.infer<typeof StartRecord>;

const ExitRecord = z.union([
  z.object({ code: z.number().int() }),
  z.object({ signal: z.number().int() }),
  z.object({ failed: z.string() }),
]);
/** How it ended: exit code, signal number, or why the program could not be run at all. */
export type ExitRecord = z.infer<typeof ExitRecord>;

/** A record that is there and holds no record, and why. */
export interface Unreadable {
  readonly unreadable: string;
}

const SUFFIXES = ["launch", "start", "exit", "gone"] as const;
export type RecordSuffix = (typeof SUFFIXES)[number];
const FILE = new RegExp(`^([A-Za-z0-9_-]{1,64})\\.(\\d+)\\.(${SUFFIXES.join("|")})$`);

/** A record that is there. */
export interface RecordName extends Incarnation {
  readonly suffix: RecordSuffix;
}

export interface TerminalRecords {
  path(of: Incarnation, suffix: RecordSuffix): string;
  promptPath(of: Incarnation): string;
  /** The folder for what a launch was given on disk. */
  filesPath(of: Incarnation): string;
  /** Keeps a text that is too long to be typed, until its incarnation is forgotten; where it lies. */
  keepMessage(of: Incarnation, deliveryId: string, text: string): Promise<string>;
  start(of: Incarnation): Promise<StartRecord | Unreadable | undefined>;
  exit(of: Incarnation): Promise<ExitRecord | Unreadable | undefined>;
  /** Names of all records, in one read of the folder. */
  names(): Promise<RecordName[]>;
  /** Lets no process start for an incarnation from now on; changes nothing when one has. */
  withdraw(of: Incarnation): Promise<void>;
  markGone(of: Incarnation): Promise<void>;
  isGone(of: Incarnation): Promise<boolean>;
  /** Forgets every incarnation of a terminal older than this one. */
  prune(of: Incarnation): Promise<void>;
  /** The records that appear from now on, as they appear. Ends when aborted. */
  changes(signal: AbortSignal): AsyncGenerator<RecordName>;
}

/** The records of one generation of the store; makes the folders. */
export function terminalRecords(home: string, generation: string): TerminalRecords {
  const folder = join(home, "terminals", generation);
  const prompts = join(home, "prompts");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(prompts, { recursive: true, mode: 0o700 });
  const files = join(home, "agents");
  mkdirSync(files, { recursive: true, mode: 0o700 });
  const path = (of: Incarnation, suffix: RecordSuffix) =>
    join(folder, `${of.terminal}.${of.epoch}.${suffix}`);
  const promptPath = (of: Incarnation) => join(prompts, `${of.terminal}.${of.epoch}.md`);
  const filesPath = (of: Incarnation) => join(files, `${of.terminal}.${of.epoch}`);
  const messages = join(home, "messages");
  mkdirSync(messages, { recursive: true, mode: 0o700 });
  // One empty file per message says whose it is.
  const listPath = (of: Incarnation) => join(filesPath(of), "messages");
  const forget = async (of: Incarnation) => {
    const kept = (await readdir(listPath(of)).catch(ignore("ENOENT"))) ?? [];
    await Promise.all(kept.map(async (name) => rm(join(messages, name), { force: true })));
    await rm(promptPath(of), { force: true });
    await rm(filesPath(of), { recursive: true, force: true });
    // The counter of its hooks.
    await rm(join(home, "spool", `.hook.${of.terminal}.${of.epoch}`), { force: true });
  };
  const names = async () => (await readdir(folder)).flatMap((file) => recordName(file) ?? []);
  return {
    path,
    promptPath,
    filesPath,
    async keepMessage(of, deliveryId, text) {
      const name = messageName(of, deliveryId);
      await mkdir(listPath(of), { recursive: true, mode: 0o700 });
      await writePrivate(join(listPath(of), name), "");
      await writePrivate(join(messages, name), fileText(text));
      return join(messages, name);
    },
    start: (of) => parsed(path(of, "start"), StartRecord),
    exit: (of) => parsed(path(of, "exit"), ExitRecord),
    names,
    async withdraw(of) {
      const draft = `${path(of, "start")}.${randomUUID()}.draft`;
      await writePrivate(draft, JSON.stringify({ withdrawn: true }));
      await link(draft, path(of, "start")).catch(ignore("EEXIST"));
      await rm(draft, { force: true });
      await rm(path(of, "launch"), { force: true });
    },
    async markGone(of) {
      await writePrivate(path(of, "gone"), "");
      await forget(of);
    },
    isGone: async (of) => (await stat(path(of, "gone")).catch(ignore("ENOENT"))) !== undefined,
    async prune(of) {
      const older = (await names()).filter(
        (name) => name.terminal === of.terminal && name.epoch < of.epoch,
      );
      await Promise.all(
        older.flatMap((name) => [rm(path(name, name.suffix), { force: true }), forget(name)]),
      );
    },
    changes: (signal) => recordChanges(folder, signal),
  };
}

async function* recordChanges(folder: string, signal: AbortSignal): AsyncGenerator<RecordName> {
  try {
    for await (const event of watch(folder, { signal })) {
      const name = event.filename === null ? undefined : recordName(event.filename);
      if (name) yield name;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Another's id may read the same, and one message may go to two terminals: the digest tells them apart. */
function messageName({ terminal, epoch }: Incarnation, deliveryId: string): string {
  const legible = deliveryId.replaceAll(/[^\w.-]/g, "_").slice(0, 128);
  const digest = createHash("sha256").update(`${terminal} ${epoch} ${deliveryId}`).digest("hex");
  return `${legible}.${digest.slice(0, 16)}.md`;
}

function recordName(file: string): RecordName | undefined {
  const [, terminal, epoch, ending] = FILE.exec(file) ?? [];
  const suffix = SUFFIXES.find((known) => known === ending);
  return terminal && epoch && suffix ? { terminal, epoch: Number(epoch), suffix } : undefined;
}

async function parsed<Shape extends z.ZodType>(
  path: string,
  shape: Shape,
): Promise<z.infer<Shape> | Unreadable | undefined> {
  const text = await readFile(path, "utf8").catch(ignore("ENOENT"));
  if (text === undefined) return undefined;
  const read = shape.safeParse(fromJson(text));
  return read.success ? read.data : { unreadable: `${basename(path)} cannot be read` };
}

/** What a text holds; undefined, which is no record, when it is not JSON. */
function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Turns one expected error of the file system into undefined. */
function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === code) return undefined;
    throw error;
  };
}

const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

/** An exit record as observations tell it; a program that never began has neither. */
export function exitFacts(exit: ExitRecord): { exitCode?: number; signal?: string } {
  if ("code" in exit) return { exitCode: exit.code };
  return "signal" in exit ? { signal: signalName(exit.signal) } : {};
}

/** `SIGTERM` for 15. */
function signalName(number: number): string {
  return SIGNAL_NAMES.get(number) ?? `SIG${number}`;
}
