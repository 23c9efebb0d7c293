import { Failure } from "../machines/failures.ts";
import type { Bus, BusState, Intake, Publication, RawMessage, StreamPosition } from "./bus.ts";
import { memoryStream } from "./memory-stream.ts";
import type { MemoryStream } from "./memory-stream.ts";

export interface MemoryBusOptions {
  /** The stream that outlives this bus; a fresh one unless given. */
  readonly stream?: MemoryStream;
  /** Milliseconds since 1970; 0 for ever unless given. */
  readonly now?: () => number;
}

/** A bus without a server, for the simulator: the same contract, deterministic, with the faults of its stream. */
export function memoryBus({ stream = memoryStream(), now = () => 0 }: MemoryBusOptions = {}): Bus {
  const listeners = new Set<(state: BusState, failure?: Failure) => void>();
  const open = new Set<() => void>();
  let isClosed = false;
  let state = look();
  function look(): BusState {
    const reason = isClosed ? "the bus was closed" : stream.outage;
    if (reason !== undefined) return { type: "down", since: now(), reason };
    return { type: "up", since: now(), server: "memory", stream: stream.name };
  }
  function follow(): void {
    const next = look();
    if (isSame(state, next)) return;
    state = next;
    const failure = next.type === "up" ? undefined : outageOf(next.reason);
    for (const listener of listeners) listener(state, failure);
  }
  function check(attempt: string): void {
    if (state.type === "down") throw new Failure("BUS_DOWN", `${attempt}: ${state.reason}`);
  }
  open.add(stream.onChange(follow));

  return {
    finished: new Promise<void>((resolve) => void open.add(resolve)),
    maxMessageBytes: stream.maxBodyBytes,
    publish: async (publication: Publication) => {
      check(`publish to ${publication.subject}`);
      await stream.publish(publication);
    },
    emit(subject, body) {
      if (state.type === "up") stream.emit(subject, body);
    },
    read(after) {
      const intake = memoryIntake(stream, after);
      open.add(() => void intake.close());
      return Promise.resolve(intake);
    },
    purge: async ({ stream: name, seq }) => {
      check(`purge up to ${seq}`);
      await Promise.resolve();
      if (name === stream.name) stream.purge(seq);
      return true;
    },
    serve(subject, answer) {
      const stop = stream.serve(subject, answer);
      open.add(stop);
      return stop;
    },
    state: () => state,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      isClosed = true;
      follow();
      for (const end of open) end();
      return Promise.resolve();
    },
  };
}

function memoryIntake(stream: MemoryStream, after: StreamPosition | undefined): Intake {
  const closing = new AbortController();
  let position = after;

  /** What comes next, in the stream as it is now: from its beginning when it is not the one we read before. */
  function next(max: number): RawMessage[] {
    if (stream.outage !== undefined) return [];
    if (position?.stream === stream.name && position.seq > stream.lastSeq) {
      stream.truncate(stream.lastSeq);
    }
    if (position?.stream !== stream.name) position = { stream: stream.name, seq: 0 };
    const found = stream.messages(position.seq, max);
    position = { stream: stream.name, seq: found.at(-1)?.seq ?? position.seq };
    return found;
  }

  async function change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const stop = stream.onChange(wake);
    signal.addEventListener("abort", wake);
    closing.signal.addEventListener("abort", wake);
    await promise;
    closing.signal.removeEventListener("abort", wake);
    signal.removeEventListener("abort", wake);
    stop();
  }

  return {
    async take(max, signal) {
      while (!signal.aborted && !closing.signal.aborted) {
        const found = next(max);
        if (found.length > 0) return found;
        await change(signal);
      }
      return [];
    },
    lag() {
      const seq = position?.stream === stream.name ? position.seq : 0;
      return stream.messages(seq, Infinity).length;
    },
    close() {
      closing.abort();
      return Promise.resolve();
    },
  };
}

function outageOf(reason: string): Failure {
  return new Failure("BUS_DOWN", `reach the stream: ${reason}`);
}

function isSame(one: BusState, other: BusState): boolean {
  if (one.type === "down") return other.type === "down" && one.reason === other.reason;
  return other.type === "up" && one.stream === other.stream;
}
