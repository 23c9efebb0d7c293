import { z } from "zod";
import type { System } from "../actors/system.ts";
import { Address, KINDS, type KindName } from "../machines/ids.ts";
import type { JournalEntry } from "../storage/store.ts";
import { stepView } from "./actors.ts";
import type { App, Edge } from "./edge.ts";
import { StoreName } from "./places.ts";
import { EventStreams, eventFrame, type EventStream, type StreamOptions } from "./sse.ts";
import { whole } from "./schemas.ts";

// Events
//
// The journal as server-sent events: from a point in the past to now, and on. How a stream is written, bounded and ended
// stands in sse.ts.
//
//   E1. A reader gets every entry after its point once, in order of globalSeq; resuming after the last id it saw
//       continues without a gap.
//   E2. A reader that is behind reads from the log at its own pace; nothing is kept in memory for it.
//   E3. A reader that stops reading what is told live is cut off between two events (S3).
//   E4. Where entries were pruned, a `gap` event says so before the first one that is left; and to a reader whose point
//       is of another store, or beyond the log, before the first one that comes: a backup took its place.
//   E5. A reader for whom the log could not be read is told so, and ended; the daemon goes on (S2).

// Entries may be large, and a page is in memory for each reader that is behind (E2).
const PAGE = 32;

interface Filter {
  readonly kind?: KindName | undefined;
  readonly address?: string | undefined;
}
/** The frame of an entry; made once for all readers, and not at all when none wants it: most follow one actor. */
type Frames = (entry: JournalEntry) => string;

/** `GET /events`. Fails with STREAMS_FULL. */
export function eventRoutes(app: App, edge: Edge, options: StreamOptions): void {
  const streams = new EventStreams("events", app, edge, options);
  const readers = new Set<Reader>();
  const stop = edge.system.onCommitted(({ entries }) => {
    if (readers.size === 0) return;
    const frames = framesMade();
    for (const reader of readers) reader.push(entries, frames);
  });
  app.addHook("preClose", (done) => {
    stop();
    done();
  });
  const Seq = whole(0);
  app.get(
    "/events",
    {
      schema: {
        tags: ["events"],
        summary:
          "Steps of all actors as server-sent events; `id` is the global sequence. Without `after` or Last-Event-ID: from now. A `gap` says that steps were missed: read anew what you show. An `error` is the last event: why no more can be told",
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
      const start = {
        // What a client saw last is newer than the address it began with.
        after: request.headers["last-event-id"] ?? after,
        isForeign: store !== undefined && store !== edge.generation,
        filter,
      };
      streams.answer(request, reply, async (stream) => {
        const reader = new Reader(edge.system, stream, start);
        readers.add(reader);
        stream.over.addEventListener("abort", () => readers.delete(reader));
        await reader.begin();
      });
      return reply;
    },
  );
}

interface ReaderStart {
  /** A global sequence, or none: from now. */
  readonly after: number | undefined;
  /** It is one of another store (PL1). */
  readonly isForeign: boolean;
  readonly filter: Filter;
}

class Reader {
  readonly #system: System;
  readonly #stream: EventStream;
  readonly #start: ReaderStart;
  #at = 0;
  #isLive = false;

  constructor(system: System, stream: EventStream, start: ReaderStart) {
    this.#system = system;
    this.#stream = stream;
    this.#start = start;
  }

  /** Begins where it said, or at the end when that is no place here (E4). Resolves when it is up to now, or over. */
  async begin(): Promise<void> {
    const { globalSeq } = this.#system.store.head();
    const { after = globalSeq, isForeign } = this.#start;
    this.#at = isForeign ? globalSeq : after;
    if (isForeign) this.#writeGap(after, globalSeq + 1);
    await this.#catchUp();
  }

  /** Tells what was just committed, unless it still reads what was before. */
  push(entries: readonly JournalEntry[], frames: Frames): void {
    if (this.#isLive) this.#stream.feed(() => this.#take(entries, frames));
  }

  #take(entries: readonly JournalEntry[], frames: Frames): Promise<void> | undefined {
    const first = entries.find(({ globalSeq }) => globalSeq > this.#at);
    if (first !== undefined && first.globalSeq !== this.#at + 1) return this.#catchUp();
    for (const entry of entries) if (entry.globalSeq > this.#at) this.#write(entry, frames);
    return undefined;
  }

  /** Reads the log up to now at the reader's pace (E2), then lets `push` go on. */
  async #catchUp(): Promise<void> {
    this.#isLive = false;
    this.#tellGap();
    while (!this.#stream.isOver) {
      const entries = this.#system.store.log({ after: this.#at, limit: PAGE });
      if (entries.length === 0) {
        // No await since the log was read: nothing can be committed and told in between.
        this.#isLive = true;
        return;
      }
      for (const entry of entries) {
        if (this.#stream.isOver) return;
        this.#write(entry, frameOf);
        // oxlint-disable-next-line no-await-in-loop -- at the reader's pace
        if (!this.#stream.isFree) await this.#stream.drained();
      }
    }
  }

  #write(entry: JournalEntry, frames: Frames): void {
    this.#at = entry.globalSeq;
    if (isWanted(entry, this.#start.filter)) this.#stream.write(frames(entry));
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
    this.#stream.write(eventFrame("gap", JSON.stringify({ after, oldest })));
  }
}

function frameOf(entry: JournalEntry): string {
  return eventFrame("step", JSON.stringify(stepView(entry)), entry.globalSeq);
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
