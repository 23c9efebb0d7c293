import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import type { Committed } from "../actors/system.ts";
import { KINDS, type Address, type KindName } from "../machines/ids.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { boardLine } from "./board.ts";
import type { App, Edge } from "./edge.ts";
import { StoreName } from "./places.ts";
import { EventStreams, eventFrame, type EventStream, type StreamOptions } from "./sse.ts";
import { whole } from "./schemas.ts";

// Changes
//
// The lines of the board as they change, as server-sent events. Unlike `GET /events`, which tells every step, this
// tells how things stand: an actor that moved ten times is told once. How a stream is written, bounded and ended stands
// in sse.ts.
//
//   G1. What a reader is shown is committed; it sees the last state of every actor, if not every state.
//   G2. A change is told at once after a quiet spell. A frame is made once for all readers, and in between all that is
//       done for them is to remember who changed. Under load frames are made so seldom that making and writing them takes
//       a hundredth of the time, but once a second; a thread that rests for more than half of its time makes them oftener.
//   G3. A reader that resumes, or was too slow, gets the lines that changed meanwhile; where they are too many, or
//       pruned, and where its place is of another generation of the store, or beyond what there is, as after a restored
//       backup, a `reset` says to read the board anew. Nothing is kept for it but its place and which
//       actors changed since. One that just came may be told a line twice.
//   G4. However many lines are told, no more than SLICE are made in one turn: the daemon's work goes on in between.

/** The pause between two frames: an eye sees no more, and a busy actor is told once. */
const PAUSE_MS = 40;
/** The share of the time that frames may take under load is one to this. */
const SHARE = 100;
/** A thread that is busy for so much of its time is under load: the rest it waits for others, who use the same cores. */
const LOADED = 0.5;
const LONGEST_PAUSE_MS = 1_000;
/** More entries than this since a reader left, and it reads the board anew. */
const MOST_MISSED = 2_000;
/** More actors than this that changed while a reader did not read, and it does so too. */
const MOST_CHANGED = 10_000;
/** Lines, or entries of the log, that are worked on in one turn: one or two milliseconds. */
const SLICE = 200;

/** `GET /changes`. Fails with STREAMS_FULL. */
export function changeRoutes(app: App, edge: Edge, options: StreamOptions): void {
  const streams = new EventStreams("changes", app, edge, options);
  const feed = new ChangeFeed(edge);
  app.addHook("preClose", (done) => {
    feed.close();
    done();
  });
  const Seq = whole(0);
  app.get(
    "/changes",
    {
      schema: {
        tags: ["web"],
        summary:
          "Lines of the board as they change, as server-sent events; `id` is the global sequence. A `reset` says to read the board anew. An `error` is the last event: why no more can be told",
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
      const isForeign = store !== undefined && store !== edge.generation;
      const from = isForeign ? Infinity : (request.headers["last-event-id"] ?? after);
      streams.answer(request, reply, async (stream) => feed.follow(stream, { after: from, kind }));
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
  readonly stream: EventStream;
  readonly kind: KindName | undefined;
  /** The newest entry that it was told of. */
  at: number;
  /** It is still told what it missed before it came. */
  isResuming: boolean;
}

/** Those who were told the same so far are told the same now. */
interface Group {
  readonly readers: Reader[];
  /** Undefined: the board is to be read anew. */
  readonly changed: readonly Address[] | undefined;
}

/** What is told to all groups of one moment. */
interface Telling {
  readonly head: number;
  /** What changed since the last one, as it stands. */
  readonly news: ReadonlyMap<Address, SnapshotRow>;
  /** Each is made once for all. */
  readonly lines: Map<Address, string>;
}

class ChangeFeed {
  readonly #edge: Pick<Edge, "system" | "views">;
  readonly #readers = new Set<Reader>();
  /** What changed since the last frame, as it stands. All that is done of it while messages are applied. */
  #news = new Map<Address, SnapshotRow>();
  /** What changed before that and a reader that stopped was not told: the entry of its frame, oldest first. */
  readonly #untold = new Map<Address, number>();
  readonly #stop: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isTelling = false;
  #pauseUntil = 0;
  /** As it was after the last frame. */
  #loopBefore = performance.eventLoopUtilization();
  /** The newest entry there is. */
  #head: number;
  /** The newest entry of the last frame. */
  #toldTo: number;
  /** Everything that changed after this entry is in `#untold` or in `#news`. */
  #knownFrom: number;

  constructor(edge: Pick<Edge, "system" | "views">) {
    this.#edge = edge;
    this.#head = edge.system.store.head().globalSeq;
    this.#toldTo = this.#head;
    this.#knownFrom = this.#head;
    this.#stop = edge.system.onCommitted((committed) => this.#note(committed));
  }

  /** Resolves once the reader was told what it missed after an entry; what comes is told to it from now on. */
  async follow(
    stream: EventStream,
    { after, kind }: { readonly after: number | undefined; readonly kind: KindName | undefined },
  ): Promise<void> {
    const { globalSeq: at } = this.#edge.system.store.head();
    const reader: Reader = { stream, kind, at, isResuming: true };
    this.#readers.add(reader);
    stream.over.addEventListener("abort", () => this.#forget(reader));
    stream.onDrain(() => this.#lookAt(reader));
    await this.#tellMissed(reader, after ?? at);
    reader.isResuming = false;
    this.#lookAt(reader);
  }

  close(): void {
    this.#stop();
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
    if (this.#isTelling) return;
    const pauseMs = Math.max(0, this.#pauseUntil - performance.now());
    this.#timer ??= setTimeout(() => void this.#tell(), pauseMs).unref();
  }

  /** It may be told now what it could not be told before. */
  #lookAt(reader: Reader): void {
    if (reader.at < this.#head && isReady(reader)) this.#schedule();
  }

  /** Never fails: what goes wrong ends the answers that it was made for, and no other (S2). */
  async #tell(): Promise<void> {
    this.#timer = undefined;
    this.#isTelling = true;
    try {
      const telling = { head: this.#head, news: this.#news, lines: new Map<Address, string>() };
      let tookMs = 0;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      for (const group of this.#groups()) tookMs += await this.#tellGroup(group, telling);
      this.#pauseAfter(tookMs);
    } catch (error) {
      for (const { stream } of this.#readers) stream.fail(error);
    }
    this.#isTelling = false;
    for (const reader of this.#readers) this.#lookAt(reader);
  }

  /** Who is told what now; the others are told all at once when they took what was sent before. */
  #groups(): Group[] {
    const groups = new Map<string, Group>();
    const waiting = [...this.#readers].filter(({ at }) => at < this.#head);
    const ready = waiting.filter(isReady);
    for (const reader of ready) {
      const from = Math.min(reader.at, this.#toldTo);
      const key = `${from} ${reader.kind}`;
      const group = groups.get(key) ?? { readers: [], changed: this.#changed(from, reader.kind) };
      groups.set(key, group);
      group.readers.push(reader);
      reader.at = this.#head;
    }
    if (ready.length < waiting.length) this.#keepForLater();
    else this.#knowFromNow();
    return [...groups.values()];
  }

  /** Undefined when that is not known any more. */
  #changed(after: number, kind: KindName | undefined): readonly Address[] | undefined {
    if (after < this.#knownFrom) return undefined;
    const changed = new Set(this.#news.keys());
    if (after < this.#toldTo) {
      for (const [address, frameAt] of this.#untold) if (frameAt > after) changed.add(address);
    }
    return [...changed].filter((address) => isOf(address, kind));
  }

  /** Resolves with the processor time that it took, in milliseconds. */
  async #tellGroup({ readers, changed }: Group, telling: Telling): Promise<number> {
    const frames = changed === undefined ? [resetOf(telling.head)] : this.#frames(changed, telling);
    let tookMs = 0;
    try {
      let before = process.cpuUsage();
      for (const text of frames) {
        const bytes = Buffer.from(text);
        for (const { stream } of readers) stream.write(bytes);
        // oxlint-disable-next-line no-await-in-loop -- Node writes an answer's chunks after the turn in which it was given them
        await nextTick();
        // Not what a clock says: on a machine that others keep busy the thread stands still for most of that.
        const { user, system } = process.cpuUsage(before);
        tookMs += (user + system) / 1_000;
        // oxlint-disable-next-line no-await-in-loop -- the daemon's work goes on in between (G4)
        await nextTurn();
        before = process.cpuUsage();
      }
    } catch (error) {
      for (const { stream } of readers) stream.fail(error);
    }
    return tookMs;
  }

  /** Made when it is asked for; the last one is a place to resume from. */
  *#frames(changed: readonly Address[], telling: Telling): Generator<string> {
    for (let from = 0; from < changed.length; from += SLICE) {
      const isLast = from + SLICE >= changed.length;
      const lines = this.#linesOf(changed.slice(from, from + SLICE), telling);
      if (lines.length > 0) yield linesFrame(lines, isLast ? telling.head : undefined);
    }
  }

  #pauseAfter(tookMs: number): void {
    const { utilization } = performance.eventLoopUtilization(this.#loopBefore);
    this.#loopBefore = performance.eventLoopUtilization();
    this.#pauseUntil = performance.now() + framePause(tookMs, utilization);
  }

  #linesOf(
    addresses: Iterable<Address>,
    { news, lines }: Pick<Telling, "news" | "lines">,
  ): string[] {
    const told: string[] = [];
    for (const address of addresses) {
      const line = lines.get(address) ?? this.#lineOf(address, news);
      if (line === undefined) continue;
      lines.set(address, line);
      told.push(line);
    }
    return told;
  }

  #lineOf(address: Address, news: Telling["news"]): string | undefined {
    const { system, views } = this.#edge;
    const row = news.get(address) ?? system.snapshot(address);
    return row && JSON.stringify(boardLine(row, views.facts(address)));
  }

  /** What changed after an entry and before the reader came, or that the board is to be read anew (G3). */
  async #tellMissed({ stream, kind, at }: Reader, after: number): Promise<void> {
    const { store } = this.#edge.system;
    const told = new Set<Address>();
    let from = after;
    let isKnown = after <= at && at - after <= MOST_MISSED;
    while (isKnown && from < at && !stream.isOver) {
      isKnown = store.oldest() <= from + 1;
      const entries = isKnown ? store.log({ after: from, limit: SLICE }) : [];
      from = entries.at(-1)?.globalSeq ?? at;
      // A line that was told since the reader came tells what became of all that it missed.
      const changed = new Set(entries.map(({ address }) => address));
      const untold = [...changed].filter((each) => isOf(each, kind) && !told.has(each));
      for (const address of untold) told.add(address);
      const lines = this.#linesOf(untold, { news: this.#news, lines: new Map() });
      if (lines.length > 0) stream.write(linesFrame(lines, from));
      // oxlint-disable-next-line no-await-in-loop -- at the reader's pace (G4)
      await Promise.all([stream.drained(), nextTurn()]);
    }
    if (!isKnown) stream.write(resetOf(at));
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearTimeout(this.#timer);
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
    this.#news = new Map();
    this.#toldTo = this.#head;
  }

  #knowFromNow(): void {
    if (this.#news.size > 0) this.#news = new Map();
    this.#untold.clear();
    this.#toldTo = this.#head;
    this.#knownFrom = this.#head;
  }
}

function isReady({ stream, isResuming }: Reader): boolean {
  return stream.isFree && !isResuming;
}

function isOf(address: Address, kind: KindName | undefined): boolean {
  return kind === undefined || address.startsWith(`${kind}/`);
}

function linesFrame(lines: readonly string[], globalSeq: number | undefined): string {
  return eventFrame("lines", `{"lines":[${lines.join(",")}]}`, globalSeq);
}

function resetOf(globalSeq: number): string {
  return eventFrame("reset", "{}", globalSeq);
}

async function nextTick(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
