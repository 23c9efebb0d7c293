import { Failure } from "../../machines/failures.ts";
import { ask, look, part } from "../cli/api.ts";
import { isWaiting, type WaitOptions } from "../cli/declaration.ts";
import { EXIT } from "../cli/exit.ts";
import { textOfFile } from "../cli/text-file.ts";
import { print, printable, type Output } from "../cli/output.ts";
import { eachOf, type Orders } from "../cli/several.ts";
import type { Standing } from "../cli/settled.ts";

// Send
//
//   S1. With --wait it ends with what became of the message: 0 delivered, 1 expired or undeliverable, 124 still queued
//       when the time is over. The message stays queued then.

export interface SendOptions extends WaitOptions {
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
  const queue = async (): Promise<string> =>
    (await ask<{ messageId: string }>("POST", `${path}/send`, { body })).messageId;
  if (!isWaiting(options)) {
    const messageId = await queue();
    print(output, { messageId, state: "queued" }, () => `queued ${messageId}`);
    return EXIT.done;
  }
  const orders: Orders<Sent> = {
    command: "ao send",
    run: async () => ({ id: await queue(), state: "queued" }),
    line: ({ state, reason }) => printable(reason === undefined ? state : `${state}: ${reason}`),
    outcome: ({ id: messageId }) => ({
      name: `the message to ${id}`,
      address: `session/${id}`,
      next: `ao show ${id}`,
      look: async (signal) => looked(path, messageId, signal),
    }),
  };
  return eachOf(output, [id], orders, options);
}

/** Fails with SESSION_TERMINATED when the message is not kept any more. */
async function looked(
  path: string,
  messageId: string,
  signal: AbortSignal,
): Promise<Standing<Sent>> {
  const { messages } = await look<{ messages: Sent[] }>(`${path}/messages`, signal);
  const fact = messages.find((message) => message.id === messageId);
  if (fact === undefined) throw new Failure("SESSION_TERMINATED", `message ${messageId} is gone`);
  const isOpen = fact.state === "queued" || fact.state === "delivering";
  const is = fact.state === "delivered" ? "reached" : "failed";
  return { fact, is: isOpen ? "open" : is, words: fact.state };
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
