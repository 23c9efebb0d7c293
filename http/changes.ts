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
import { STORE_HEADER, StoreName } from "./places.ts";

// Changes
//
// The lines of the board as they change, as server-sent events. Unlike `GET /events`, which tells every step, this
// tells how things stand: an actor that moved ten times is told once.
//
//   G1. What a reader is shown is committed; it sees the last state of every actor, if not every state.
//   G2. A change is told at once after a quiet spell. Under load frames are made so seldom that making and writing them
//       takes a hundredth of the time, however many read, but once a second: a line is made once for all.
//   G3. A reader that resumes, or was too slow, gets the lines that changed meanwhile; where they are too many, or
//       pruned, and where its place is of another generation of the store, or beyond what there is, as after a restored
//       backup, a `reset` says to read the board anew. Nothing is kept for it but its place and which
//       actors changed since.

/** The pause between two frames: an eye sees no more, and a busy actor is told once. */
const PAUSE_MS = 40;
/** A page that hears nothing for a few of these says so. */
const BEAT_MS = 5_000;
/** The share of the time that frames may take is one to this. */
const SHARE = 100;
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

interface Reader {
  readonly response: ServerResponse;
  readonly kind: KindName | undefined;
  /** The newest entry that it was told of. */
  at: number;
}

interface Changed {
  /** How it stands; left out once those who keep up were told: it is read again for the others. */
  now?: { readonly row: SnapshotRow; readonly facts: JsonObject } | undefined;
  /** The newest entry of the transaction that changed it. */
  readonly globalSeq: number;
  /** Made when the first reader is told of it. */
  line?: string | undefined;
}

class ChangeFeed {
  readonly #system: System;
  readonly #generation: string;
  readonly #options: EventOptions;
  readonly #readers = new Set<Reader>();
  /** What changed since the reader was told that is furthest behind; the newest is at the end. */
  readonly #changed = new Map<Address, Changed>();
  readonly #stop: () => void;
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #pauseUntil = 0;
  /** The newest entry there is. */
  #head: number;
  /** Everything that changed after this entry is in `#changed`. */
  #knownFrom: number;

  constructor({ system, generation }: Pick<Edge, "system" | "generation">, options: EventOptions) {
    this.#system = system;
    this.#generation = generation;
    this.#options = options;
    this.#head = system.store.head().globalSeq;
    this.#knownFrom = this.#head;
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
      [STORE_HEADER]: this.#generation,
    });
    const { globalSeq } = this.#system.store.head();
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

  #note({ entries, snapshots, summaries }: Committed): void {
    const globalSeq = entries.at(-1)?.globalSeq ?? this.#head;
    this.#head = globalSeq;
    if (this.#readers.size === 0) {
      this.#knownFrom = globalSeq;
      return;
    }
    const facts = new Map(summaries.map((summary) => [summary.address, summary.facts]));
    for (const row of snapshots) {
      this.#changed.delete(row.address);
      this.#changed.set(row.address, {
        now: { row, facts: facts.get(row.address) ?? {} },
        globalSeq,
      });
    }
    for (const [address, oldest] of this.#changed) {
      if (this.#changed.size <= MOST_CHANGED) break;
      this.#changed.delete(address);
      this.#knownFrom = oldest.globalSeq;
    }
    this.#schedule();
  }

  #schedule(): void {
    const pauseMs = Math.max(0, this.#pauseUntil - performance.now());
    this.#timer ??= setTimeout(() => this.#tell(), pauseMs).unref();
  }

  #tell(): void {
    this.#timer = undefined;
    const startedAt = performance.now();
    // Those who were told the same so far are told the same now.
    const frames = new Map<string, string>();
    for (const reader of this.#readers) {
      const { response, kind, at } = reader;
      // It is told all at once when it took what was sent before.
      if (at >= this.#head || response.writableNeedDrain) continue;
      const group = `${at} ${kind}`;
      const frame = frames.get(group) ?? this.#since(at, kind);
      frames.set(group, frame);
      reader.at = this.#head;
      if (frame !== "") response.write(frame);
    }
    if ([...this.#readers].every(({ at }) => at >= this.#head)) this.#forgetChanges();
    else this.#forgetRows();
    const now = performance.now();
    const pauseMs = Math.min((now - startedAt) * SHARE, LONGEST_PAUSE_MS);
    this.#pauseUntil = now + Math.max(PAUSE_MS, pauseMs);
  }

  #since(at: number, kind: KindName | undefined): string {
    if (at < this.#knownFrom) return resetOf(this.#head);
    const lines: string[] = [];
    for (const [address, changed] of this.#changed) {
      if (changed.globalSeq <= at || !isOf(address, kind)) continue;
      const now = changed.line === undefined ? (changed.now ?? this.#read(address)) : undefined;
      changed.line ??= now && JSON.stringify(boardLine(now.row, now.facts));
      if (changed.line !== undefined) lines.push(changed.line);
    }
    return frameOf(this.#head, lines);
  }

  #read(address: Address): Changed["now"] {
    const row = this.#system.snapshot(address);
    return row === undefined ? undefined : { row, facts: factsOf(this.#system, row) };
  }

  /** What changed after a point, in one frame, or that the board is to be read anew (G3). */
  #missed(after: number, kind: KindName | undefined): string {
    const { store } = this.#system;
    const { globalSeq } = store.head();
    if (after === globalSeq) return FOLLOW;
    if (after > globalSeq || globalSeq - after > MOST_MISSED || store.oldest() > after + 1)
      return resetOf(globalSeq);
    const addresses = new Set(
      store.log({ after, limit: MOST_MISSED }).map((entry) => entry.address),
    );
    const lines = [...addresses].flatMap((address) => {
      const now = isOf(address, kind) ? this.#read(address) : undefined;
      return now === undefined ? [] : [JSON.stringify(boardLine(now.row, now.facts))];
    });
    return frameOf(globalSeq, lines) || FOLLOW;
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
    this.#forgetChanges();
  }

  /** A reader that stopped pins no rows (G3). */
  #forgetRows(): void {
    for (const changed of this.#changed.values()) {
      changed.now = undefined;
      changed.line = undefined;
    }
  }

  #forgetChanges(): void {
    this.#changed.clear();
    this.#knownFrom = this.#head;
  }
}

function factsOf({ kinds }: System, row: SnapshotRow): JsonObject {
  const summarize = kinds.get(splitAddress(row.address).kind)?.summarize;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by our own persisted()
  return summarize?.(row.snapshot as unknown as Parameters<typeof summarize>[0]) ?? {};
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
