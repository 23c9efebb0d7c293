import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { Committed, System } from "../actors/system.ts";
import { Failure } from "../machines/failures.ts";
import { KINDS, splitAddress, type Address, type KindName } from "../machines/ids.ts";
import type { JsonObject } from "../machines/json.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { boardLine } from "./board.ts";
import type { App, Edge } from "./edge.ts";
import type { EventOptions } from "./events.ts";

// Changes
//
// The lines of the board as they change, as server-sent events. Unlike `GET /events`, which tells every step, this
// tells how things stand: an actor that moved ten times is told once.
//
//   G1. What a reader is shown is committed; it sees the last state of every actor, if not every state.
//   G2. A change is told at once after a quiet spell. Under load frames are made so seldom that making them takes at
//       most a fiftieth of the time, however many read: a frame is made once for all.
//   G3. A reader that resumes gets the lines that changed meanwhile; where they are too many, or pruned, where it saw
//       more than there is, as after a restored backup, and where it was too slow, a `reset` says to read the board
//       anew. Nothing is kept for it in memory.

/** The pause between two frames: an eye sees no more, and a busy actor is told once. */
const PAUSE_MS = 40;
/** A page that hears nothing for a few of these says so. */
const BEAT_MS = 5_000;
/** The share of the time that making frames may take is one to this. */
const SHARE = 50;
/** More entries than this since a reader left, and it reads the board anew. */
const MOST_MISSED = 2_000;

/** `GET /changes`. Fails with STREAMS_FULL. */
export function changeRoutes(app: App, edge: Edge, options: EventOptions): void {
  const feed = new ChangeFeed(edge.system, options);
  app.addHook("preClose", (done) => {
    feed.close();
    done();
  });
  const Seq = z.coerce.number().int().nonnegative();
  app.get(
    "/changes",
    {
      schema: {
        tags: ["web"],
        summary:
          "Lines of the board as they change, as server-sent events; `id` is the global sequence",
        querystring: z.strictObject({ after: Seq.optional(), kind: z.enum(KINDS).optional() }),
        headers: z.object({ "last-event-id": Seq.optional() }),
        response: { 200: z.string().meta({ description: "text/event-stream" }) },
      },
    },
    async (request, reply) => {
      const { after, kind } = request.query;
      const from = request.headers["last-event-id"] ?? after ?? edge.system.store.head().globalSeq;
      feed.checkRoom();
      reply.hijack();
      feed.follow(reply.raw, { after: from, kind });
      return reply;
    },
  );
}

interface Reader {
  readonly response: ServerResponse;
  readonly kind: KindName | undefined;
  /** Did not take what was sent last: it is told to read anew once it does. */
  isBehind: boolean;
}

interface Changed {
  readonly row: SnapshotRow;
  readonly facts: JsonObject;
}

class ChangeFeed {
  readonly #system: System;
  readonly #options: EventOptions;
  readonly #readers = new Set<Reader>();
  readonly #changed = new Map<Address, Changed>();
  readonly #stop: () => void;
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #pauseUntil = 0;
  /** The newest entry that was told of: what a reader may resume after. */
  #head: number;

  constructor(system: System, options: EventOptions) {
    this.#system = system;
    this.#options = options;
    this.#head = system.store.head().globalSeq;
    this.#stop = system.onCommitted((committed) => this.#note(committed));
  }

  checkRoom(): void {
    if (this.#readers.size < this.#options.maxReaders) return;
    throw new Failure("STREAMS_FULL", `follow changes: ${this.#readers.size} follow already`);
  }

  follow(response: ServerResponse, { after, kind }: { after: number; kind: KindName | undefined }) {
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const reader: Reader = { response, kind, isBehind: false };
    response.write(this.#missed(after, kind));
    this.#readers.add(reader);
    // No timer without a reader.
    this.#heartbeat ??= setInterval(() => this.#beat(), BEAT_MS).unref();
    response.on("drain", () => this.#catchUp(reader));
    response.once("close", () => this.#forget(reader));
  }

  close(): void {
    this.#stop();
    for (const reader of this.#readers) reader.response.end();
    this.#readers.clear();
    this.#rest();
  }

  #note({ entries, snapshots, summaries }: Committed): void {
    this.#head = entries.at(-1)?.globalSeq ?? this.#head;
    if (this.#readers.size === 0) return;
    const facts = new Map(summaries.map((summary) => [summary.address, summary.facts]));
    for (const row of snapshots) {
      this.#changed.set(row.address, { row, facts: facts.get(row.address) ?? {} });
    }
    const pauseMs = Math.max(0, this.#pauseUntil - performance.now());
    this.#timer ??= setTimeout(() => this.#tell(), pauseMs).unref();
  }

  #tell(): void {
    this.#timer = undefined;
    const startedAt = performance.now();
    const lines = [...this.#changed.values()].map(({ row, facts }) => boardLine(row, facts));
    this.#changed.clear();
    const frames = new Map<KindName | undefined, string>();
    for (const reader of this.#readers) {
      const { kind } = reader;
      const frame =
        frames.get(kind) ??
        frameOf(
          this.#head,
          lines.filter((line) => (kind ?? line.kind) === line.kind),
        );
      frames.set(kind, frame);
      this.#send(reader, frame);
    }
    const now = performance.now();
    this.#pauseUntil = now + Math.max(PAUSE_MS, (now - startedAt) * SHARE);
  }

  #send(reader: Reader, frame: string): void {
    if (reader.response.writableNeedDrain) reader.isBehind = true;
    else if (!reader.isBehind && frame !== "") reader.response.write(frame);
  }

  #catchUp(reader: Reader): void {
    if (!reader.isBehind) return;
    reader.isBehind = false;
    reader.response.write(resetOf(this.#head));
  }

  /** What changed after a point, in one frame, or that the board is to be read anew (G3). */
  #missed(after: number, kind: KindName | undefined): string {
    const { store } = this.#system;
    const { globalSeq } = store.head();
    if (after === globalSeq) return ": follow\n\n";
    if (after > globalSeq || globalSeq - after > MOST_MISSED || store.oldest() > after + 1)
      return resetOf(globalSeq);
    const addresses = new Set(
      store.log({ after, limit: MOST_MISSED }).map((entry) => entry.address),
    );
    const lines = [...addresses].flatMap((address) => {
      const { kind: own } = splitAddress(address);
      const row = (kind ?? own) === own ? this.#system.snapshot(address) : undefined;
      return row === undefined ? [] : [boardLine(row, factsOf(this.#system, row))];
    });
    return frameOf(globalSeq, lines) || ": follow\n\n";
  }

  #beat(): void {
    for (const { response } of this.#readers) {
      if (!response.writableNeedDrain) response.write(": beat\n\n");
    }
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#rest();
  }

  #rest(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    this.#heartbeat = undefined;
    this.#timer = undefined;
    this.#changed.clear();
  }
}

function factsOf({ kinds }: System, row: SnapshotRow): JsonObject {
  const summarize = kinds.get(splitAddress(row.address).kind)?.summarize;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our own persisted()
  return summarize?.(row.snapshot as unknown as Parameters<typeof summarize>[0]) ?? {};
}

function frameOf(globalSeq: number, lines: readonly object[]): string {
  if (lines.length === 0) return "";
  return `id: ${globalSeq}\nevent: lines\ndata: ${JSON.stringify({ lines })}\n\n`;
}

function resetOf(globalSeq: number): string {
  return `id: ${globalSeq}\nevent: reset\ndata: {}\n\n`;
}
