import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import { ask, part } from "../cli/api.ts";
import { EXIT } from "../cli/exit.ts";
import { textOfFile } from "../cli/text-file.ts";
import { print, printable, type Output } from "../cli/output.ts";

// Send
//
//   S1. With --wait it ends with what became of the message: 0 delivered, 1 expired or undeliverable, 124 still queued
//       when the time is over. The message stays queued then.
//   S2. A daemon that restarts meanwhile is waited for.

const LOOK_EVERY_MS = 200;

export interface SendOptions {
  readonly wait?: boolean;
  /** Seconds. */
  readonly timeout?: number;
  readonly file?: string;
}

interface Sent {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
}

/** Queues a message; with `wait`, until it was typed or never will be. The answer is the exit code. */
export async function sendText(
  output: Output,
  { id, text }: { id: string; text: string | undefined },
  options: SendOptions,
): Promise<number> {
  const path = `/sessions/${part(id)}`;
  const body = { text: await textOf(text, options.file) };
  const { messageId } = await ask<{ messageId: string }>("POST", `${path}/send`, { body });
  if (options.wait !== true && options.timeout === undefined) {
    print(output, { messageId, state: "queued" }, () => `queued ${messageId}`);
    return EXIT.done;
  }
  const told = await settled(path, messageId, options.timeout);
  print(output, told, ({ state, reason }) =>
    printable(reason === undefined ? state : `${state}: ${reason}`),
  );
  if (told.state === "delivered") return EXIT.done;
  if (!isOpen(told)) return EXIT.failed;
  output.note(`ao: not delivered in time, and still queued; see what it waits for: ao show ${id}`);
  return EXIT.timedOut;
}

async function settled(
  path: string,
  messageId: string,
  timeout = Number.POSITIVE_INFINITY,
): Promise<Sent> {
  const deadline = Date.now() + timeout * 1_000;
  let last: Sent = { id: messageId, state: "queued" };
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- until it is told
    last = (await looked(path, messageId)) ?? last;
    if (!isOpen(last) || Date.now() >= deadline) return last;
    // oxlint-disable-next-line no-await-in-loop -- a person waits, not a program
    await wait(Math.min(LOOK_EVERY_MS, Math.max(1, deadline - Date.now())));
  }
}

/** Undefined while nobody can say (S2). Fails with SESSION_TERMINATED when the message is not kept any more. */
async function looked(path: string, messageId: string): Promise<Sent | undefined> {
  try {
    const { messages } = await ask<{ messages: Sent[] }>("GET", `${path}/messages`);
    const told = messages.find((message) => message.id === messageId);
    if (told !== undefined) return told;
  } catch (error) {
    if (error instanceof Failure && error.isRetryable) return undefined;
    throw error;
  }
  throw new Failure("SESSION_TERMINATED", `message ${messageId} is gone`);
}

function isOpen({ state }: Sent): boolean {
  return state === "queued" || state === "delivering";
}

/** The message itself; `-` and `--file -` are standard input. Fails with MALFORMED without one, or with two. */
async function textOf(text: string | undefined, file: string | undefined): Promise<string> {
  if ((text === undefined) === (file === undefined)) {
    const seen = text === undefined ? "none was given" : "text and --file were both given";
    throw new Failure("MALFORMED", `send a message: ${seen}; it is one text, - , or --file FILE`);
  }
  const source = file ?? (text === "-" ? "-" : undefined);
  if (source === undefined) return text ?? "";
  return textOfFile(source);
}
