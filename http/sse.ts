import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Failure } from "../machines/failures.ts";
import type { App, Edge } from "./edge.ts";
import { failureOf } from "./failures.ts";
import { STORE_HEADER } from "./places.ts";

// Server-sent events
//
// Answers that go on: what a frame is, what waits for a reader, how it ends. What is told is the feed's.
//
//   S1. A reader gets whole frames. A comment says at once that it is followed, and every `heartbeatMs` that the daemon is
//       there, unless something waits for it anyway.
//   S2. What a feed throws ends the one answer that it was made for, with an `error` event in the shape of all failures,
//       and is reported. Neither the daemon nor another reader hears of it.
//   S3. A reader for whom `bufferBytes` wait is cut off between two frames, and may resume. A feed that waits until it is
//       `drained` never gets so far.
//   S4. Over `maxReaders` of one feed are refused; who is cut off makes room at once.
//   S5. When the daemon closes every answer ends. One that is not read is dropped soon after its end.

export interface StreamOptions {
  /** Bytes that may wait for one reader. */
  readonly bufferBytes: number;
  readonly heartbeatMs: number;
  /** Readers of one feed at the same time. */
  readonly maxReaders: number;
}

export const STREAM_OPTIONS: StreamOptions = {
  bufferBytes: 4 * 1024 * 1024,
  // A page that hears nothing for a few of these says so; proxies close what was silent for 30 s or more.
  heartbeatMs: 5_000,
  maxReaders: 256,
};

// What a reader may still take to read what is on its way, before its connection is dropped.
const LAST_WORDS_MS = 5_000;

/** One event; `data` is JSON, which has no line breaks. An event without an id is no place to resume from. */
export function eventFrame(event: string, data: string, id?: number): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

/** The answers of one feed. */
export class EventStreams {
  readonly #name: string;
  readonly #edge: Pick<Edge, "generation" | "report">;
  readonly #options: StreamOptions;
  readonly #open = new Set<EventStream>();
  #heartbeat: NodeJS.Timeout | undefined;

  /** `name`: what is followed, for people. They end with `app`. */
  constructor(
    name: string,
    app: App,
    edge: Pick<Edge, "generation" | "report">,
    options: StreamOptions,
  ) {
    this.#name = name;
    this.#edge = edge;
    this.#options = options;
    app.addHook("preClose", (done) => {
      for (const stream of this.#open) stream.end();
      done();
    });
  }

  /** Begins an answer, which `feed` goes on with. Fails with STREAMS_FULL. */
  answer(
    request: FastifyRequest,
    reply: FastifyReply,
    feed: (stream: EventStream) => void | Promise<void>,
  ): void {
    const { bufferBytes, heartbeatMs, maxReaders } = this.#options;
    const { size } = this.#open;
    if (size >= maxReaders) {
      throw new Failure("STREAMS_FULL", `follow ${this.#name}: ${size} readers follow already`);
    }
    reply.hijack();
    const { id: requestId } = request;
    const stream = new EventStream(reply.raw, {
      bufferBytes,
      store: this.#edge.generation,
      requestId,
      report: (error) => this.#edge.report(error, requestId),
    });
    this.#open.add(stream);
    // No timer without a reader.
    this.#heartbeat ??= setInterval(() => this.#beat(), heartbeatMs).unref();
    stream.over.addEventListener("abort", () => this.#forget(stream));
    stream.feed(() => feed(stream));
  }

  #beat(): void {
    for (const stream of this.#open) if (stream.isFree) stream.write(": beat\n\n");
  }

  #forget(stream: EventStream): void {
    this.#open.delete(stream);
    if (this.#open.size > 0) return;
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}

interface StreamStart {
  readonly bufferBytes: number;
  /** The generation of the store (PL1). */
  readonly store: string;
  readonly requestId: string;
  readonly report: (error: unknown) => void;
}

/** One answer. */
export class EventStream {
  /** Aborted once nothing more is told: the reader went, or the answer was ended. */
  readonly over: AbortSignal;
  readonly #over = new AbortController();
  readonly #response: ServerResponse;
  readonly #start: StreamStart;

  constructor(response: ServerResponse, start: StreamStart) {
    this.#response = response;
    this.#start = start;
    this.over = this.#over.signal;
    response.once("close", () => this.#over.abort());
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      // What drops a reader that does not read shall drop nothing else that it asked for since.
      connection: "close",
      [STORE_HEADER]: start.store,
    });
    response.write(": follow\n\n");
  }

  get isOver(): boolean {
    return this.over.aborted;
  }

  /** Whether the reader took all that was written. */
  get isFree(): boolean {
    return !this.isOver && !this.#response.writableNeedDrain;
  }

  /** Writes whole frames; cuts the reader off instead when too much waits for it (S3). */
  write(frames: string | Buffer): void {
    if (this.isOver) return;
    if (this.#response.writableLength > this.#start.bufferBytes) this.end();
    else this.#response.write(frames);
  }

  /** Resolves when it is free, or over. */
  async drained(): Promise<void> {
    if (this.isOver || this.isFree) return;
    try {
      await once(this.#response, "drain", { signal: this.over });
    } catch {
      // The reader went away; whoever waits sees it.
    }
  }

  /** Calls each time that the reader took what waited for it. */
  onDrain(call: () => void): void {
    this.#response.on("drain", () => {
      if (!this.isOver) this.feed(call);
    });
  }

  /** Runs what feeds this reader: what it throws is this reader's alone (S2). */
  feed(run: () => void | Promise<void>): void {
    try {
      run()?.catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends with what went wrong, and reports it (S2); of a reader that is gone nobody need hear. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.#start.report(error);
    const { code, message } = failureOf(error instanceof Error ? error : new Error(String(error)));
    const { requestId } = this.#start;
    this.#response.write(eventFrame("error", JSON.stringify({ code, message, requestId })));
    this.end();
  }

  /** Ends after the last whole frame; drops the connection when that is not read either (S5). */
  end(): void {
    if (this.isOver) return;
    this.#over.abort();
    this.#response.end();
    const { socket } = this.#response;
    setTimeout(() => socket?.destroy(), LAST_WORDS_MS).unref();
  }
}
