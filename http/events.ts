import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { System } from "../actors/system.ts";
import { Failure } from "../machines/failures.ts";
import { Address, KINDS, type KindName } from "../machines/ids.ts";
import type { JournalEntry } from "../storage/store.ts";
import { stepView } from "./actors.ts";
import type { App, Edge } from "./edge.ts";
import { STORE_HEADER, StoreName } from "./places.ts";

// Events
//
// The journal as server-sent events: from a point in the past to now, and on.
//
//   E1. A reader gets every entry after its point once, in order of globalSeq; resuming after the last id it saw
//       continues without a gap.
//   E2. A reader that is behind reads from the log at its own pace; nothing is kept for it in memory.
//   E3. A reader that stops reading is cut off between two events once `bufferBytes` wait for it.
//   E4. Where entries were pruned, a `gap` event says so before the first one that is left; and to a reader whose point
//       is of another store, or beyond the log, before the first one that comes: a backup took its place.
//   E5. A reader for whom the log could not be read is cut off, and that is reported; the daemon goes on.

export interface EventOptions {
  /** Bytes that may wait for one reader. */
  readonly bufferBytes: number;
  readonly heartbeatMs: number;
  /** Readers at the same time. */
  readonly maxReaders: number;
}

export const EVENT_OPTIONS: EventOptions = {
  bufferBytes: 4 * 1024 * 1024,
  // Proxies commonly close a connection that was silent for 30 s or more.
  heartbeatMs: 15_000,
  maxReaders: 256,
};

// What a cut-off reader may still take to read what is on its way, before its connection is dropped.
const LAST_WORDS_MS = 5_000;
// Entries may be large, and a page is in memory for each reader that is behind (E2).
const PAGE = 32;

interface Filter {
  readonly kind?: KindName | undefined;
  readonly address?: string | undefined;
}
/** The frame of an entry; made once for all readers, and not at all when none wants it: most follow one actor. */
type Frames = (entry: JournalEntry) => string;

/** `GET /events`. Fails with STREAMS_FULL. */
export function eventRoutes(app: App, edge: Edge, options: EventOptions): void {
  const feed = new Feed(edge, options);
  const { report } = edge;
  app.addHook("preClose", (done) => {
    feed.close();
    done();
  });
  const Seq = z.coerce.number().int().nonnegative();
  app.get(
    "/events",
    {
      schema: {
        tags: ["events"],
        summary:
          "Steps of all actors as server-sent events; `id` is the global sequence. Without `after` or Last-Event-ID: from now. A `gap` says that steps were missed: read anew what you show",
        querystring: z.strictObject({
          after: Seq.optional(),
          store: StoreName.optional(),
          kind: z.enum(KINDS).optional(),
          address: Address.optional(),
        }),
        headers: z.object({ "last-event-id": Seq.optional() }),
        response: { 200: z.string().meta({ description: "text/event-stream" }) },
      },
    },
    async (request, reply) => {
      const { after, store, ...filter } = request.query;
      // What a client saw last is newer than the address it began with.
      const from = request.headers["last-event-id"] ?? after;
      feed.checkRoom();
      reply.hijack();
      feed.follow(reply.raw, {
        after: from,
        isForeign: store !== undefined && store !== edge.generation,
        filter,
        onTrouble: (error) => report(error, request.id),
      });
      return reply;
    },
  );
}

class Feed {
  readonly #system: System;
  readonly #generation: string;
  readonly #options: EventOptions;
  readonly #readers = new Set<Reader>();
  readonly #stop: () => void;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor({ system, generation }: Pick<Edge, "system" | "generation">, options: EventOptions) {
    this.#system = system;
    this.#generation = generation;
    this.#options = options;
    this.#stop = system.onCommitted(({ entries }) => {
      if (this.#readers.size === 0) return;
      const frames = framesMade();
      for (const reader of this.#readers) reader.push(entries, frames);
    });
  }

  checkRoom(): void {
    const count = [...this.#readers].filter((reader) => !reader.isOver).length;
    if (count < this.#options.maxReaders) return;
    throw new Failure("STREAMS_FULL", `follow events: ${count} readers follow already`);
  }

  follow(response: ServerResponse, from: Omit<ReaderStart, "bufferBytes">): void {
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      [STORE_HEADER]: this.#generation,
    });
    const reader = new Reader(this.#system, response, { ...from, ...this.#options });
    this.#readers.add(reader);
    // No timer without a reader.
    this.#heartbeat ??= setInterval(() => {
      for (const each of this.#readers) each.beat();
    }, this.#options.heartbeatMs).unref();
    response.once("close", () => {
      this.#readers.delete(reader);
      if (this.#readers.size > 0) return;
      clearInterval(this.#heartbeat);
      this.#heartbeat = undefined;
    });
    reader.begin();
  }

  close(): void {
    this.#stop();
    clearInterval(this.#heartbeat);
    for (const reader of this.#readers) reader.cut();
  }
}

interface ReaderStart {
  /** A global sequence, or none: from now. */
  readonly after: number | undefined;
  /** It is one of another store (PL1). */
  readonly isForeign: boolean;
  readonly filter: Filter;
  readonly bufferBytes: number;
  /** Told why the log could not be read. */
  readonly onTrouble: (error: unknown) => void;
}

class Reader {
  readonly #system: System;
  readonly #response: ServerResponse;
  readonly #filter: Filter;
  readonly #bufferBytes: number;
  readonly #onTrouble: (error: unknown) => void;
  readonly #start: Pick<ReaderStart, "after" | "isForeign">;
  #at = 0;
  #isLive = false;

  constructor(system: System, response: ServerResponse, start: ReaderStart) {
    this.#system = system;
    this.#response = response;
    this.#filter = start.filter;
    this.#bufferBytes = start.bufferBytes;
    this.#onTrouble = start.onTrouble;
    this.#start = start;
  }

  /** Begins where it said, or at the end when that is no place here (E4). Never fails (E5). */
  begin(): void {
    try {
      const { globalSeq } = this.#system.store.head();
      const { after = globalSeq, isForeign } = this.#start;
      this.#at = isForeign ? globalSeq : after;
      if (isForeign) this.#writeGap(after, globalSeq + 1);
      this.#tellGap();
      this.#response.write(": follow\n\n");
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.catchUp();
  }

  /** Reads the log up to now at the reader's pace (E2), then lets `push` go on. Never fails (E5). */
  catchUp(): void {
    this.#isLive = false;
    this.#replay().catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (!this.isOver) this.#onTrouble(error);
    this.cut();
  }

  async #replay(): Promise<void> {
    this.#tellGap();
    while (!this.isOver) {
      const entries = this.#system.store.log({ after: this.#at, limit: PAGE });
      if (entries.length === 0) {
        // No await since the log was read: nothing can be committed and told in between.
        this.#isLive = true;
        return;
      }
      for (const entry of entries) {
        if (this.isOver) return;
        this.#write(entry, frameOf);
        // oxlint-disable-next-line no-await-in-loop -- at the reader's pace
        if (this.#response.writableNeedDrain) await this.#drained();
      }
    }
  }

  push(entries: readonly JournalEntry[], frames: Frames): void {
    if (!this.#isLive || this.isOver) return;
    const first = entries.find(({ globalSeq }) => globalSeq > this.#at);
    if (first === undefined) return;
    if (first.globalSeq !== this.#at + 1) {
      this.catchUp();
      return;
    }
    for (const entry of entries) {
      const isWritten = entry.globalSeq > this.#at && this.#write(entry, frames);
      if (isWritten && this.#response.writableLength > this.#bufferBytes) {
        this.cut();
        return;
      }
    }
  }

  beat(): void {
    if (this.#isLive && !this.#response.writableNeedDrain) this.#response.write(": beat\n\n");
  }

  /** Ends after the last whole event; drops the connection when that is not read either (E3). */
  cut(): void {
    if (this.isOver) return;
    this.#response.end();
    const { socket } = this.#response;
    setTimeout(() => socket?.destroy(), LAST_WORDS_MS).unref();
  }

  /** Whether the reader wants it, and was written to. */
  #write(entry: JournalEntry, frames: Frames): boolean {
    this.#at = entry.globalSeq;
    if (!isWanted(entry, this.#filter)) return false;
    this.#response.write(frames(entry));
    return true;
  }

  #tellGap(): void {
    const { store } = this.#system;
    const { globalSeq: newest } = store.head();
    const isBeyond = this.#at > newest;
    const oldest = isBeyond ? newest + 1 : store.oldest();
    if (!isBeyond && oldest <= this.#at + 1) return;
    this.#writeGap(this.#at, oldest);
    this.#at = oldest - 1;
  }

  #writeGap(after: number, oldest: number): void {
    this.#response.write(`event: gap\ndata: ${JSON.stringify({ after, oldest })}\n\n`);
  }

  get isOver(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  async #drained(): Promise<void> {
    const closed = new AbortController();
    const stop = (): void => closed.abort();
    this.#response.once("close", stop);
    try {
      await once(this.#response, "drain", { signal: closed.signal });
    } catch {
      // The reader went away; the loop sees it.
    } finally {
      this.#response.off("close", stop);
    }
  }
}

function frameOf(entry: JournalEntry): string {
  return `id: ${entry.globalSeq}\nevent: step\ndata: ${JSON.stringify(stepView(entry))}\n\n`;
}

function framesMade(): Frames {
  const made = new Map<JournalEntry, string>();
  return (entry) => {
    const frame = made.get(entry) ?? frameOf(entry);
    made.set(entry, frame);
    return frame;
  };
}

// Asked of every entry for every reader.
function isWanted({ address }: JournalEntry, filter: Filter): boolean {
  return (
    (filter.address === undefined || filter.address === address) &&
    (filter.kind === undefined || address.startsWith(`${filter.kind}/`))
  );
}
