import type { IncomingMessage } from "node:http";
import { Failure } from "../../machines/failures.ts";
import { failureOf } from "./client.ts";

/** One event of a stream. */
export interface ServerEvent {
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly data: string;
}

/**
 * The events of a running answer; it is let go with the loop. Fails with DAEMON_DOWN when it breaks off, and with what the
 * daemon says went wrong when that is its end.
 */
export async function* events(response: IncomingMessage): AsyncGenerator<ServerEvent> {
  response.setEncoding("utf8");
  try {
    yield* eventsIn(response);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure("DAEMON_DOWN", "follow events: the stream broke off", { cause });
  } finally {
    response.destroy();
  }
}

/** The events of a text that comes in parts. Fails with what the daemon says went wrong when that is its end. */
export async function* eventsIn(parts: AsyncIterable<unknown>): AsyncGenerator<ServerEvent> {
  let text = "";
  for await (const part of parts) {
    text += String(part);
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data === undefined) continue;
      const type = /^event: (.*)$/m.exec(frame)?.[1];
      if (type === "error") throw failureOf(JSON.parse(data));
      yield { id: /^id: (\d+)$/m.exec(frame)?.[1], type, data };
    }
  }
}
