import type { IncomingMessage } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type { z } from "zod";
import type { StepView } from "../../http/actors.ts";
import { Failure } from "../../machines/failures.ts";
import { query } from "../api.ts";
import { client } from "../client.ts";
import { paint, type Output } from "../output.ts";

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
  const path = `/events${query({ ...filter })}`;
  let last: string | undefined;
  let count = 0;
  for (let tries = 0; count < limit; tries += 1) {
    try {
      const headers: Record<string, string> = last === undefined ? {} : { "last-event-id": last };
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      for await (const event of events(await client(process.env).stream(path, headers))) {
        tries = 0;
        if (event.id === undefined) {
          output.note(`entries were pruned: ${event.data}`);
          continue;
        }
        last = event.id;
        output.write(`${output.isJson ? event.data : lineOf(output, event.data)}\n`);
        count += 1;
        if (count >= limit) return;
      }
    } catch (error) {
      const isFirst = last === undefined && tries === 0;
      if (!(error instanceof Failure) || !error.isRetryable || isFirst || tries >= TRIES) throw error;
    }
    // oxlint-disable-next-line no-await-in-loop -- between two streams
    await wait(AGAIN_AFTER_MS);
  }
}

interface ServerEvent {
  readonly id: string | undefined;
  readonly data: string;
}

async function* events(response: IncomingMessage): AsyncGenerator<ServerEvent> {
  response.setEncoding("utf8");
  let text = "";
  try {
    for await (const chunk of response) {
      text += String(chunk);
      const frames = text.split("\n\n");
      text = frames.pop() ?? "";
      for (const frame of frames) {
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (data !== undefined) yield { id: /^id: (\d+)$/m.exec(frame)?.[1], data };
      }
    }
  } catch (cause) {
    throw new Failure("DAEMON_DOWN", "follow events: the stream broke off", { cause });
  } finally {
    response.destroy();
  }
}

function lineOf(output: Output, data: string): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the daemon's OpenAPI document says
  const step = JSON.parse(data) as Step;
  const time = paint(output, "dim", new Date(step.committedAt).toISOString());
  const state = step.value === undefined ? "" : ` → ${JSON.stringify(step.value)}`;
  const orders = step.orders.length === 0 ? "" : ` (${step.orders.map(({ name }) => name).join(", ")})`;
  return `${time} ${step.globalSeq} ${step.address}#${step.seq} ${step.message.type}${state}${orders}`;
}
