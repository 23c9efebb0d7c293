import { constants } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { jsonBytes, type Publication } from "../bus/bus.ts";
import { commandSubject, observationSubject } from "../bus/subjects.ts";
import { Failure } from "../machines/failures.ts";
import { Address, Token } from "../machines/ids.ts";
import { LANE_NAMES } from "../machines/observations.ts";
import { watchFolders, type Wait } from "./folder-watch.ts";
import { hookOrder, hookPublication, type ReviewerClaim } from "./hook-files.ts";

// Spool
//
// Publishes what was written down for the daemon: by agents' hooks at any time, by their commands while none ran.
//
//   Q1. A file leaves the folder only after the stream has stored its message; its id makes a repeat harmless.
//   Q2. Files are published in the order in which they were written, those of one session's hooks in exactly that.
//   Q3. A file that can never be published, unreadable or refused for good, is set aside as `<name>.bad` and told.
//   Q5. Results of reviews are believed for the token that they carry, and for nothing else.
//   Q4. What failed but may succeed later holds back all that came after it.

const At = z.number().int().nonnegative();

/** One file of the spool. `at` is the time of the fact, milliseconds since 1970. */
export const SpooledMessage = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("observation"),
    id: z.string().min(1).max(256),
    at: At,
    lane: z.enum(LANE_NAMES),
    to: Token,
    data: z.record(z.string(), z.unknown()),
  }),
  z.object({
    type: z.literal("command"),
    id: z.string().min(1).max(256),
    at: At,
    to: Address,
    name: z.string().min(1).max(128),
    epoch: z.number().int().nonnegative().optional(),
    data: z.record(z.string(), z.unknown()),
  }),
  /** Results of a reviewer, believed for its token. */
  z.object({
    type: z.literal("submission"),
    id: z.string().min(1).max(256),
    at: At,
    to: Token,
    data: z.object({
      reviews: z.array(z.record(z.string(), z.unknown())),
      token: z.string().max(1_024),
    }),
  }),
]);
export type SpooledMessage = z.infer<typeof SpooledMessage>;

export interface SpoolOptions {
  readonly folder: string;
  /** Whom a reviewer's token speaks for; undefined for one that nobody was given. */
  readonly claimOf?: (token: string) => ReviewerClaim | undefined;
  /** Resolves when the stream has it. */
  readonly publish: (publication: Publication & { readonly id: string }) => Promise<void>;
  readonly signal: AbortSignal;
  /** Milliseconds between looks when no change was seen. */
  readonly everyMs?: number;
  readonly wait?: Wait;
  /** Told of a file that was set aside, and of a publication that failed and is tried again. */
  readonly onTrouble?: (error: unknown) => void;
}

const SETTLE_MS = 10;
const EVERY_MS = 60_000;
/** More than any message may have. */
const FILE_BYTES = 2_097_152;

/** Drains the folder now and whenever a file comes, until the signal aborts. */
export async function spoolProbe(options: SpoolOptions): Promise<void> {
  const { folder, signal, everyMs = EVERY_MS, wait, onTrouble } = options;
  await watchFolders({
    folders: async () => Promise.resolve([{ path: folder }]),
    look: async () => drain(options),
    everyMs,
    settleMs: SETTLE_MS,
    signal,
    wait,
    onFailure: onTrouble,
  });
}

async function drain(options: SpoolOptions): Promise<void> {
  const { folder, signal, onTrouble } = options;
  for (const name of inOrder(await filesOf(folder))) {
    if (signal.aborted) return;
    const file = join(folder, name);
    // oxlint-disable-next-line no-await-in-loop -- in order (Q2)
    const trouble = await deliver(file, options);
    if (trouble === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop -- in order (Q2)
    await rename(file, `${file}.bad`);
    onTrouble?.(new Error(`set aside as ${file}.bad: ${trouble.message}`, { cause: trouble }));
  }
}

/** The files that are whole, as they came (Q2). */
function inOrder(names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, order: name.endsWith(".json") ? timeOf(name) : hookOrder(name) }))
    .flatMap(({ name, order }) => (order === undefined ? [] : [{ name, order }]))
    .toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

/** The time that a name begins with; whoever names a file otherwise is heard first. */
function timeOf(name: string): number {
  const time = Number.parseInt(name, 10);
  return Number.isNaN(time) ? 0 : time;
}

/** Why a file can never be published (Q3), if so. Rejects with what may succeed later. */
async function deliver(
  file: string,
  { publish, claimOf }: SpoolOptions,
): Promise<Error | undefined> {
  const publication = await read(file, claimOf).catch((cause: unknown) => {
    const seen = cause instanceof Error ? cause.message : String(cause);
    return new Error(`it cannot be read: ${seen}`, { cause });
  });
  if (publication instanceof Error) return publication;
  try {
    if (publication !== undefined) await publish(publication);
  } catch (error) {
    if (error instanceof Failure && !error.isRetryable) return error;
    throw error;
  }
  // Only now (Q1).
  await rm(file, { force: true });
  return undefined;
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    // Nothing was ever spooled here.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Reads a plain file of bounded size: a pipe would never end, a device would fill the memory. */
async function read(
  file: string,
  claimOf: SpoolOptions["claimOf"],
): Promise<(Publication & { readonly id: string }) | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  await using handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const { size, isPlain, at } = await handle
    .stat()
    .then((stat) => ({ size: stat.size, isPlain: stat.isFile(), at: stat.mtimeMs }));
  if (!isPlain || size > FILE_BYTES)
    throw new Error(`not a plain file of at most ${FILE_BYTES} bytes`);
  const text = await handle.readFile("utf8");
  const name = basename(file);
  if (hookOrder(name) !== undefined)
    return hookPublication(name, text, { at, ...(claimOf && { claimOf }) });
  const parsed: unknown = JSON.parse(text);
  return publicationOf(SpooledMessage.parse(parsed), claimOf);
}

function publicationOf(
  message: SpooledMessage,
  claimOf: SpoolOptions["claimOf"],
): Publication & { readonly id: string } {
  const { id, at, data } = message;
  const headers = { "Ao-At": String(at) };
  if (message.type === "observation") {
    const subject = observationSubject(message.lane, message.to);
    return { subject, id, headers, body: jsonBytes(data) };
  }
  if (message.type === "submission") return submissionOf(message, claimOf);
  const { name: type, epoch } = message;
  if (type === "review.submit")
    throw new Error("results of a review come with their reviewer's token");
  const envelope = { id, type, at, data, ...(epoch === undefined ? {} : { epoch }) };
  return { subject: commandSubject(message.to), id, headers, body: jsonBytes(envelope) };
}

/** Results whose token speaks for a reviewer of that very session (Q5). */
function submissionOf(
  { id, at, to, data: { reviews, token } }: Extract<SpooledMessage, { type: "submission" }>,
  claimOf: SpoolOptions["claimOf"],
): Publication & { readonly id: string } {
  const claim = claimOf?.(token);
  if (claim?.sessionId !== to) throw new Error(`its token is of no reviewer of session ${to}`);
  const { terminal, epoch } = claim;
  const data = { reviews, claim: { terminal, epoch } };
  const body = jsonBytes({ id, type: "review.submit", at, data });
  return { subject: commandSubject(`review/${to}`), id, headers: { "Ao-At": String(at) }, body };
}
