import { mkdir, readFile, realpath } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../machines/failures.ts";
import { endWhenStuck, knock, untilNextLook, waitForAnswer } from "./nats-answer.ts";
import { atPort, keepOneOldLog, natsFiles, recallIdentity, rememberIdentity } from "./nats-home.ts";
import type { Credential, NatsFiles, NatsIdentity, ServerLimits } from "./nats-home.ts";
import { endLife, findProcess, launchProcess, noteProcess, watchProcess } from "./nats-process.ts";
import type { Life, NatsExit } from "./nats-process.ts";

// Our own nats-server
//
// Starts, adopts and stops the one server of a home. Does not restart it: who asked for it does, with the same call.
//
//   D1. One home has one server: one that runs already is adopted, one of ours that does not answer is killed first.
//   D2. A process is taken for ours only if it is the program with our configuration file, and is signalled only if we
//       launched it, by pid and start time, or if it let us in; a port, only if who listens there knows our name and
//       our password.
//   D3. The port stays the same as long as nobody else has taken it.
//   D4. The server outlives a daemon that is killed.
//   D5. One that runs and answers nobody any more is killed: its end is what whoever asked for it acts upon.

export interface NatsServerOptions extends Partial<ServerLimits> {
  /** The data directory; the server keeps its own under `nats/`. */
  readonly home: string;
  readonly binary?: string;
  /** How long a server that runs may answer nobody (D5), milliseconds; 10,000 unless given. */
  readonly stuckMs?: number;
}

export interface NatsServer {
  readonly url: string;
  readonly pid: number;
  readonly isAdopted: boolean;
  /** `ao` may do all; `probe` may publish observations and hear the answers to them. */
  readonly credentials: { readonly ao: Credential; readonly probe: Credential };
  /** Resolves when the process is gone. Code and signal of an adopted one cannot be known and are null (D5: `isStuck`). */
  readonly exited: Promise<NatsExit & { readonly isStuck: boolean }>;
  /** Ends the process, by force after `graceMs` (3,000 unless given), and waits until it is gone. */
  stop(graceMs?: number): Promise<void>;
}

const LIMITS: ServerLimits = {
  maxPayloadBytes: 1_114_112,
  maxStoreBytes: 4_294_967_296,
  logBytes: 4_194_304,
};
// Reading a store of some gigabytes is part of it.
const START_MS = 30_000;
// A server that was stopped for a moment, or reads a large store, answers within this; after it, it is killed.
const ANSWER_MS = 3_000;
// A machine that swaps makes a server slow; this one is stuck.
const STUCK_MS = 10_000;
const STOP_MS = 3_000;
const PORT_ATTEMPTS = 5;
const PORT_PAUSE_MS = 50;

/**
 * The home's nats-server, running and answering.
 * Fails with PROGRAM_MISSING when it is not installed, BUS_DOWN when it does not come up.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  await mkdir(options.home, { recursive: true });
  // The one name of the folder: the configuration's path is how our process is known (D2).
  const files = natsFiles(await realpath(options.home));
  const identity = await recallIdentity(files);
  const binary = options.binary ?? "nats-server";
  const stuckMs = options.stuckMs ?? STUCK_MS;
  const adopted = await adopt({ files, identity, binary, stuckMs });
  if (adopted !== undefined) return adopted;
  const limits: ServerLimits = { ...LIMITS, ...options };
  for (let attempt = 1; ; attempt += 1) {
    const placed = atPort(identity, await choosePort(attempt === 1 ? identity.port : 0));
    if (placed.port !== identity.port) await refuseTwin(identity);
    await rememberIdentity(files, placed, limits);
    const life = await launchProcess(binary, files);
    const answer = await waitForAnswer(placed, { life, patienceMs: START_MS });
    if (answer !== undefined) {
      await answer.close();
      return present({ files, identity: placed, life, stuckMs, isAdopted: false });
    }
    await endLife(life, 0);
    const { output, log } = await readOutput(files);
    const isTaken = `${output}${log}`.includes("address already in use");
    if (isTaken && attempt < PORT_ATTEMPTS) continue;
    throw new Failure(
      "BUS_DOWN",
      `start nats-server for ${options.home}: it did not come up: ${output || log || "no word"}`,
    );
  }
}

/** The server that a daemon before us left running, if it answers (D1, D2). */
async function adopt({
  files,
  identity,
  binary,
  stuckMs,
}: {
  files: NatsFiles;
  identity: NatsIdentity;
  binary: string;
  stuckMs: number;
}): Promise<NatsServer | undefined> {
  const found = await findProcess(files, binary);
  if (found === undefined) return undefined;
  // It is not our child: the end of a connection to it says when to look.
  const life = watchProcess(found, () => untilNextLook(identity));
  const answer = await waitForAnswer(identity, { life, patienceMs: ANSWER_MS });
  if (answer !== undefined) {
    await answer.close();
    if (!found.isKnown) await noteProcess(files, found);
    return present({ files, identity, life, stuckMs, isAdopted: true });
  }
  if (!found.isKnown && !life.over.aborted) {
    throw new Failure(
      "BUS_DOWN",
      `start nats-server: process ${found.pid} runs with ${files.config} and does not answer, and we did not note that we launched it; end it by hand`,
    );
  }
  await endLife(life, 0);
  return undefined;
}

function present(parts: {
  files: NatsFiles;
  identity: NatsIdentity;
  life: Life;
  stuckMs: number;
  isAdopted: boolean;
}): NatsServer {
  const { files, identity, life, stuckMs, isAdopted } = parts;
  let isStuck = false;
  void endWhenStuck(identity, life, { stuckMs, stuck: () => (isStuck = true) });
  life.over.addEventListener("abort", keepOneOldLog(files));
  return {
    url: identity.ao.url,
    pid: life.pid,
    isAdopted,
    credentials: { ao: identity.ao, probe: identity.probe },
    exited: life.exited.then((exit) => ({ ...exit, isStuck })),
    stop: (graceMs = STOP_MS) => endLife(life, graceMs),
  };
}

/** Two servers on one store would destroy it. */
async function refuseTwin(identity: NatsIdentity): Promise<void> {
  const twin = identity.port === 0 ? undefined : await knock(identity);
  if (twin === undefined) return;
  await twin.close();
  throw new Failure(
    "BUS_DOWN",
    `start nats-server: one of this home runs at ${identity.ao.url}, but neither its pid file nor our note names it; end it by hand`,
  );
}

/** The wanted port if it is free, else any that is (D3). */
async function choosePort(wanted: number): Promise<number> {
  const own = wanted === 0 ? undefined : await tryPortPatiently(wanted);
  const port = own ?? (await tryPort(0));
  if (port !== undefined) return port;
  throw new Failure("BUS_DOWN", "start nats-server: there is no free port on 127.0.0.1");
}

/** A process that was killed may hold its port a moment longer than its command line. */
async function tryPortPatiently(port: number): Promise<number | undefined> {
  for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt += 1) {
    const found = await tryPort(port);
    if (found !== undefined) return found;
    await delay(PORT_PAUSE_MS);
  }
  return undefined;
}

async function tryPort(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once("error", () => resolve(undefined));
  server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
  });
  return promise;
}

/** What the program printed itself is of this start alone; its log tells of those before, too. */
async function readOutput(files: NatsFiles): Promise<{ output: string; log: string }> {
  return { output: await endOf(files.output), log: await endOf(files.log) };
}

async function endOf(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trim().slice(-2_000);
}
