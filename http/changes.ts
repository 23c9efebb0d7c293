import type { ServerResponse } from "node:http";
import { z } from "zod";
import type { Committed } from "../actors/system.ts";
import { Failure } from "../machines/failures.ts";
import { KINDS, type Address, type KindName } from "../machines/ids.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { boardLine } from "./board.ts";
import type { App, Edge } from "./edge.ts";
import type { EventOptions } from "./events.ts";
import { STORE_HEADER, StoreName } from "./places.ts";

// Changes
//
// The lines of the board as they change, as server-sent events. Unlike `GET /events`, which tells every step, this
// tells how things stand: an actor that moved ten times is told once.
//
//   G1. What a reader is shown is committed; it sees the last state of every actor, if not every state.
//   G2. A change is told at once after a quiet spell. A frame is made once for all readers, and in between all that is
//       done for them is to remember who changed. Under load frames are made so seldom that making and writing them takes
//       a hundredth of the time, but once a second; a thread that rests for more than half of its time makes them oftener.
//   G3. A reader that resumes, or was too slow, gets the lines that changed meanwhile; where they are too many, or
//       pruned, and where its place is of another generation of the store, or beyond what there is, as after a restored
//       backup, a `reset` says to read the board anew. Nothing is kept for it but its place and which
//       actors changed since. One that just came may be told a line twice.

/** The pause between two frames: an eye sees no more, and a busy actor is told once. */
const PAUSE_MS = 40;
/** A page that hears nothing for a few of these says so. */
const BEAT_MS = 5_000;
/** The share of the time that frames may take under load is one to this. */
const SHARE = 100;
/** A thread that is busy for so much of its time is under load: the rest it waits for others, who use the same cores. */
const LOADED = 0.5;
const LONGEST_PAUSE_MS = 1_000;
/** More entries than this since a reader left, and it reads the board anew. */
const MOST_MISSED = 2_000;
/** More actors than this that changed while a reader did not read, and it does so too. */
const MOST_CHANGED = 10_000;

/** `GET /changes`. Fails with STREAMS_FULL. */
export function changeRoutes(app: App, edge: Edge, options: EventOptions): void {
  const feed = new ChangeFeed(edge, options);
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
        querystring: z.strictObject({
          after: Seq.optional(),
          store: StoreName.optional(),
          kind: z.enum(KINDS).optional(),
        }),
        headers: z.object({ "last-event-id": Seq.optional() }),
        response: { 200: z.string().meta({ description: "text/event-stream" }) },
      },
    },
    async (request, reply) => {
      const { after, store, kind } = request.query;
      const from = request.headers["last-event-id"] ?? after ?? edge.system.store.head().globalSeq;
      const isForeign = store !== undefined && store !== edge.generation;
      feed.checkRoom();
      reply.hijack();
      feed.follow(reply.raw, {
        after: isForeign ? Infinity : from,
        kind,
      });
      return reply;
    },
  );
}

/** How long to wait after a frame that took so many milliseconds, of a thread that was busy for that part of its time (G2). */
export function framePause(tookMs: number, busy: number): number {
  const load = Math.min(busy / LOADED, 1);
  return Math.min(Math.max(tookMs * SHARE * load, PAUSE_MS), LONGEST_PAUSE_MS);
}

interface Reader {
  readonly response: ServerResponse;
  readonly kind: KindName | undefined;
  /** The newest entry that it was told of. */
  at: number;
}

class ChangeFeed {
  readonly #edge: Pick<Edge, "system" | "views" | "generation">;
  readonly #options: EventOptions;
  readonly #readers = new Set<Reader>();
  /** What changed since the last frame, as it stands. All that is done of it while messages are applied. */
  readonly #news = new Map<Address, SnapshotRow>();
  /** What changed before that and a reader that stopped was not told: the entry of its frame, oldest first. */
  readonly #untold = new Map<Address, number>();
  readonly #stop: () => void;
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #pauseUntil = 0;
  /** As it was after the last frame. */
  #loopBefore = performance.eventLoopUtilization();
  /** The newest entry there is. */
  #head: number;
  /** The newest entry of the last frame. */
  #toldTo: number;
  /** Everything that changed after this entry is in `#untold` or in `#news`. */
  #knownFrom: number;

  constructor(edge: Pick<Edge, "system" | "views" | "generation">, options: EventOptions) {
    this.#edge = edge;
    this.#options = options;
    this.#head = edge.system.store.head().globalSeq;
    this.#toldTo = this.#head;
    this.#knownFrom = this.#head;
    this.#stop = edge.system.onCommitted((committed) => this.#note(committed));
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
      [STORE_HEADER]: this.#edge.generation,
    });
    const { globalSeq } = this.#edge.system.store.head();
    response.write(this.#missed(after, kind));
    const reader: Reader = { response, kind, at: globalSeq };
    this.#readers.add(reader);
    // No timer without a reader.
    this.#heartbeat ??= setInterval(() => this.#beat(), BEAT_MS).unref();
    response.on("drain", () => {
      if (reader.at < this.#head) this.#schedule();
    });
    response.once("close", () => this.#forget(reader));
  }

  close(): void {
    this.#stop();
    for (const reader of this.#readers) reader.response.end();
    this.#readers.clear();
    this.#rest();
  }

  #note({ entries, snapshots }: Committed): void {
    this.#head = entries.at(-1)?.globalSeq ?? this.#head;
    if (this.#readers.size === 0) {
      this.#knowFromNow();
      return;
    }
    for (const row of snapshots) this.#news.set(row.address, row);
    if (this.#news.size > MOST_CHANGED) this.#knowFromNow();
    this.#schedule();
  }

  #schedule(): void {
    const pauseMs = Math.max(0, this.#pauseUntil - performance.now());
    this.#timer ??= setTimeout(() => this.#tell(), pauseMs).unref();
  }

  #tell(): void {
    this.#timer = undefined;
    const before = process.cpuUsage();
    const lines = new Map<Address, string>();
    // Those who were told the same so far are told the same now.
    const frames = new Map<string, Buffer>();
    let isOneBehind = false;
    for (const reader of this.#readers) {
      const { response, kind, at } = reader;
      if (at >= this.#head) continue;
      // It is told all at once when it took what was sent before.
      isOneBehind ||= response.writableNeedDrain;
      if (response.writableNeedDrain) continue;
      const from = Math.min(at, this.#toldTo);
      const group = `${from} ${kind}`;
      const frame = frames.get(group) ?? Buffer.from(this.#since(from, kind, lines));
      frames.set(group, frame);
      reader.at = this.#head;
      if (frame.length > 0) response.write(frame);
    }
    if (isOneBehind) this.#keepForLater();
    else this.#knowFromNow();
    // Node writes an answer's chunks after the turn in which they were given to it.
    process.nextTick(() => this.#pauseAfter(before));
  }

  #pauseAfter(before: NodeJS.CpuUsage): void {
    // Not what a clock says: on a machine that others keep busy the thread stands still for most of that.
    const { user, system } = process.cpuUsage(before);
    const { utilization } = performance.eventLoopUtilization(this.#loopBefore);
    this.#loopBefore = performance.eventLoopUtilization();
    this.#pauseUntil = performance.now() + framePause((user + system) / 1_000, utilization);
  }

  #since(at: number, kind: KindName | undefined, lines: Map<Address, string>): string {
    if (at < this.#knownFrom) return resetOf(this.#head);
    const changed = new Set(this.#news.keys());
    if (at < this.#toldTo) {
      for (const [address, frame] of this.#untold) if (frame > at) changed.add(address);
    }
    return frameOf(this.#head, this.#linesOf(changed, kind, lines));
  }

  /** Each is made once for all readers of a frame. */
  #linesOf(
    addresses: Iterable<Address>,
    kind: KindName | undefined,
    made = new Map<Address, string>(),
  ): string[] {
    const lines: string[] = [];
    for (const address of addresses) {
      if (!isOf(address, kind)) continue;
      const line = made.get(address) ?? this.#lineOf(address);
      if (line === undefined) continue;
      made.set(address, line);
      lines.push(line);
    }
    return lines;
  }

  #lineOf(address: Address): string | undefined {
    const { system, views } = this.#edge;
    const row = this.#news.get(address) ?? system.snapshot(address);
    return row && JSON.stringify(boardLine(row, views.facts(address)));
  }

  /** What changed after a point, in one frame, or that the board is to be read anew (G3). */
  #missed(after: number, kind: KindName | undefined): string {
    const { store } = this.#edge.system;
    const { globalSeq } = store.head();
    if (after === globalSeq) return FOLLOW;
    if (after > globalSeq || globalSeq - after > MOST_MISSED || store.oldest() > after + 1)
      return resetOf(globalSeq);
    const addresses = new Set(
      store.log({ after, limit: MOST_MISSED }).map((entry) => entry.address),
    );
    return frameOf(globalSeq, this.#linesOf(addresses, kind)) || FOLLOW;
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
    this.#knowFromNow();
  }

  /** A reader that stopped pins no rows (G3), and costs a frame no more than what is in it. */
  #keepForLater(): void {
    for (const address of this.#news.keys()) {
      this.#untold.delete(address);
      this.#untold.set(address, this.#head);
    }
    for (const [address, frame] of this.#untold) {
      if (this.#untold.size <= MOST_CHANGED) break;
      this.#untold.delete(address);
      this.#knownFrom = frame;
    }
    this.#news.clear();
    this.#toldTo = this.#head;
  }

  #knowFromNow(): void {
    this.#news.clear();
    this.#untold.clear();
    this.#toldTo = this.#head;
    this.#knownFrom = this.#head;
  }
}

function isOf(address: Address, kind: KindName | undefined): boolean {
  return kind === undefined || address.startsWith(`${kind}/`);
}

function frameOf(globalSeq: number, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `id: ${globalSeq}\nevent: lines\ndata: {"lines":[${lines.join(",")}]}\n\n`;
}

function resetOf(globalSeq: number): string {
  return `id: ${globalSeq}\nevent: reset\ndata: {}\n\n`;
}

const FOLLOW = ": follow\n\n";
