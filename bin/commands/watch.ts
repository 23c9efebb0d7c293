import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { StepView } from "../../http/actors.ts";
import { Failure } from "../../machines/failures.ts";
import { addressIn } from "../cli/address.ts";
import { part, query } from "../cli/api.ts";
import { client } from "../cli/client.ts";
import { events } from "../cli/event-stream.ts";
import { isQuestion } from "./notices.ts";
import { paint, printable, type Output } from "../cli/output.ts";

type Step = z.infer<typeof StepView>;

export interface WatchOptions {
  readonly after?: number;
  readonly kind?: string;
  readonly address?: string;
  /** Ends after so many events. */
  readonly limit?: number;
}

// A daemon that restarts is back within seconds.
const AGAIN_AFTER_MS = 500;
const TRIES = 40;

/** Prints steps as they are committed, one line each; goes on by itself when the daemon was restarted. */
export async function watch(output: Output, options: WatchOptions): Promise<void> {
  const { limit = Number.POSITIVE_INFINITY, ...filter } = options;
  const address = options.address === undefined ? undefined : await addressOf(options.address);
  const path = `/events${query({ ...filter, address })}`;
  const seen: Seen = { last: undefined, count: 0, tries: 0 };
  if (address !== undefined) await sayIfAbsent(output, address);
  while (seen.count < limit) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      await follow(output, seen, { path, limit });
    } catch (error) {
      if (!canGoOn(error, seen)) throw error;
    }
    seen.tries += 1;
    // oxlint-disable-next-line no-await-in-loop -- between two streams
    if (seen.count < limit) await wait(AGAIN_AFTER_MS);
  }
}

/** As it was given where nobody is called so: what is wrong with it the stream tells. */
async function addressOf(given: string): Promise<string> {
  try {
    return await addressIn(given);
  } catch (error) {
    if (error instanceof Failure && error.code === "ACTOR_UNKNOWN") return given;
    throw error;
  }
}

/** Nothing comes of an actor that is not there, and it may be a slip; what else is wrong the stream tells. */
async function sayIfAbsent(output: Output, address: string): Promise<void> {
  try {
    await client(process.env).request("GET", `/actors/${address.split("/").map(part).join("/")}`);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "ACTOR_UNKNOWN") return;
    output.note(printable(`ao: there is no ${address} yet; waiting for it`));
  }
}

interface Seen {
  last: string | undefined;
  count: number;
  /** Streams that ended since the last event. */
  tries: number;
}

async function follow(
  output: Output,
  seen: Seen,
  { path, limit }: { path: string; limit: number },
): Promise<void> {
  const headers: Record<string, string> =
    seen.last === undefined ? {} : { "last-event-id": seen.last };
  for await (const { id, data } of events(await client(process.env).stream(path, headers))) {
    if (id === undefined) {
      output.note(`steps were missed: ${data}`);
      continue;
    }
    seen.last = id;
    seen.tries = 0;
    seen.count += 1;
    output.write(`${output.isJson ? data : lineOf(output, data)}\n`);
    if (seen.count >= limit) return;
  }
}

function canGoOn(error: unknown, { last, tries }: Seen): boolean {
  const hasBegun = last !== undefined || tries > 0;
  return error instanceof Failure && error.isRetryable && hasBegun && tries < TRIES;
}

function lineOf(output: Output, data: string): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the daemon's OpenAPI document says
  const step = JSON.parse(data) as Step;
  const time = paint(output, "dim", new Date(step.committedAt).toISOString());
  const state = step.value === undefined ? "" : ` → ${JSON.stringify(step.value)}`;
  const orders =
    step.orders.length === 0 ? "" : ` (${step.orders.map(({ name }) => name).join(", ")})`;
  const line = `${time} ${step.globalSeq} ${step.address}#${step.seq} ${step.message.type}${state}${orders}`;
  return `${line}${toldTo(output, step)}`;
}

const Told = z.object({
  result: z.object({ noticeId: z.string(), priority: z.string(), title: z.string() }),
});

/** What a person was told with this step, on a line of its own. */
function toldTo(output: Output, { message }: Step): string {
  if (message.type !== "notifyPerson.done") return "";
  const { result } = Told.safeParse(message.data).data ?? {};
  if (result === undefined) return "";
  const { noticeId, priority, title } = result;
  const next = isQuestion(noticeId) ? "question answer" : "notices ack";
  const text = printable(`! ${priority}: ${title} (ao ${next} ${noticeId})`);
  return `\n${paint(output, priority === "info" ? "green" : "yellow", text)}`;
}
