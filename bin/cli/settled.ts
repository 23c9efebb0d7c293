import { addAbortSignal } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Failure, type FailureCode } from "../../machines/failures.ts";
import { query } from "./api.ts";
import { awaited } from "./awaited.ts";
import { client } from "./client.ts";
import { isWaiting, type WaitOptions } from "./declaration.ts";
import { events } from "./event-stream.ts";
import { EXIT } from "./exit.ts";
import type { Output } from "./output.ts";

// Settled
//
// Waits for what an order leads to, as it is committed: --wait of every command that orders something.
//
//   W1. It follows the steps of the actor that tells of it, and looks after the stream has begun and after each step on
//       it: nothing falls between, and nothing is asked while nothing happens.
//   W2. A daemon that restarts meanwhile is waited for.
//   W3. The end of --timeout, or Ctrl-C, ends the waiting and not the work: what was seen last is printed, what to do next
//       is told, and it ends with 124, or with 130.

/** How something stands that was ordered. */
export interface Standing<Fact> {
  readonly fact: Fact;
  readonly is: "open" | "reached" | "failed";
  /** A word for who waits. */
  readonly words: string;
}

/** Something that was ordered, and will come to an end of one kind or the other. */
export interface Outcome<Fact> {
  readonly name: string;
  /** The actor whose steps lead there. */
  readonly address: string;
  readonly look: (signal: AbortSignal) => Promise<Standing<Fact>>;
  /** Whole command line that shows how it stands. */
  readonly next: string;
}

/** How long one command waits, for all that it ordered. */
export interface Patience {
  readonly signal: AbortSignal;
  /** What is waited for, and how each of it stands. */
  readonly stages: Map<string, string>;
  /** Why it is over; 0 while it is not. */
  readonly code: () => number;
}

const AGAIN_AFTER_MS = 500;

// Who may not follow, or finds no room among those who do, looks from time to time.
const LOOKS_INSTEAD: ReadonlySet<FailureCode> = new Set(["FORBIDDEN", "STREAMS_FULL"]);

/** What `run` gives, and the patience with which it ran; undefined when none was asked for. */
export async function patiently<Result>(
  output: Output,
  options: WaitOptions,
  run: (patience: Patience | undefined) => Promise<Result>,
): Promise<{ readonly result: Result; readonly patience: Patience | undefined }> {
  const { timeout } = options;
  if (!isWaiting(options)) return { result: await run(undefined), patience: undefined };
  const ended = new AbortController();
  let code: number = EXIT.done;
  const stages = new Map<string, string>();
  const end = (with_: number) => (): void => {
    code = with_;
    ended.abort();
  };
  const interrupt = (): void => {
    // Before anything was ordered, or while nobody answers, there is nothing to be told.
    if (stages.size === 0) process.exit(EXIT.interrupted);
    end(EXIT.interrupted)();
  };
  const timer = timeout === undefined ? undefined : setTimeout(end(EXIT.timedOut), timeout * 1_000);
  process.once("SIGINT", interrupt);
  const told = (): string =>
    `waiting for ${[...stages].map(([name, words]) => `${name} (${words})`).join(", ")}`;
  try {
    const patience = { signal: ended.signal, stages, code: () => code };
    return { result: await awaited(output, told, async () => run(patience)), patience };
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", interrupt);
  }
}

/** How it stands once it has come to an end, or nobody waits any longer; then `first` where nobody could look (W3). */
export async function settled<Fact>(
  { signal, stages }: Pick<Patience, "signal" | "stages">,
  { name, address, look }: Outcome<Fact>,
  first: Standing<Fact>,
): Promise<Standing<Fact>> {
  let last = first;
  stages.set(name, first.words);
  while (!signal.aborted) {
    try {
      // oxlint-disable-next-line no-await-in-loop, no-unused-vars -- one stream after the other; that it came says all
      for await (const _ of stirs(address, signal)) {
        last = await look(signal);
        stages.set(name, last.words);
        if (last.is !== "open") break;
      }
    } catch (error) {
      if (!(error instanceof Failure) || !error.isRetryable) throw error;
    }
    if (last.is !== "open") break;
    // oxlint-disable-next-line no-await-in-loop -- between two streams
    await delay(AGAIN_AFTER_MS, undefined, { signal }).catch(() => {});
  }
  stages.delete(name);
  return last;
}

/** Once at the beginning, then each time that something happened to an actor, as the stream tells. */
async function* stirs(address: string, signal: AbortSignal): AsyncGenerator<void> {
  const stream = await followed(address, signal);
  if (stream === undefined) {
    yield;
    return;
  }
  // Its first words are no event, and its heartbeats are none either.
  const told = events(addAbortSignal(signal, stream));
  try {
    yield;
    // oxlint-disable-next-line no-unused-vars -- as above
    for await (const _ of told) yield;
  } finally {
    stream.destroy();
  }
}

/** An agent may look at what is its own, and follow nothing; undefined where nothing is to be followed. */
async function followed(
  address: string,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<ReturnType<typeof client>["stream"]>> | undefined> {
  try {
    return await client(process.env).stream(`/events${query({ address })}`, {}, signal);
  } catch (error) {
    if (error instanceof Failure && LOOKS_INSTEAD.has(error.code)) return undefined;
    throw error;
  }
}
