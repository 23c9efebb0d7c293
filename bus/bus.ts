import type { Failure } from "../machines/failures.ts";

// Bus
//
// Carries messages into the daemon through a durable stream, and events out of it. Owns the connection, the stream
// and its repair. Does not know what a message means, nor what was applied: the reader's position is the caller's.
//
//   B1. `publish` resolves only when the stream has stored the message.
//   B2. `take` gives every message of the stream after the position once, in stream order, and none twice.
//   B3. A stream that was wiped or replaced is made again, and read from its beginning under its new name.
//   B4. An outage of the server makes `publish` fail and `take` wait; both work again by themselves after it.
//   B5. Nothing is remembered in the server about the reader.

/** A message as it stands in the stream. */
export interface RawMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** Names one incarnation of the stream. */
  readonly stream: string;
  readonly seq: number;
  /** When the stream stored it, milliseconds since 1970. */
  readonly time: number;
}

export interface StreamPosition {
  readonly stream: string;
  readonly seq: number;
  /** When the stream stored that message, milliseconds since 1970: tells it from another that got its number later. */
  readonly time?: number;
}

export interface Publication {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Becomes `Nats-Msg-Id`. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A body as every message here has one: JSON in UTF-8. */
export function jsonBytes(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** One reader of the stream. */
export interface Intake {
  /**
   * The next messages, at least one and at most `max`; waits for the first. Empty only when aborted.
   * Holds back the stream: what was not taken is not buffered without bound.
   */
  take(max: number, signal: AbortSignal): Promise<RawMessage[]>;
  /** Messages in the stream that were not taken yet, as far as is known. */
  lag(): number;
  close(): Promise<void>;
}

export type BusState =
  | {
      readonly type: "up";
      readonly since: number;
      readonly server: string;
      readonly stream: string;
    }
  | { readonly type: "down"; readonly since: number; readonly reason: string };

export interface Bus {
  /** Bytes that one message may have here, its headers with it: what the server takes, and the stream. */
  readonly maxMessageBytes: number;
  /** Fails with BUS_DOWN during an outage, BUS_FULL without room, BUS_REFUSED when it never will be stored: too large. */
  publish(publication: Publication): Promise<void>;
  /** Publishes to whoever listens now; forgotten during an outage. */
  emit(subject: string, body: Uint8Array): void;
  /** Reads the stream after a position; from its beginning without one, or when the stream is another. */
  read(after: StreamPosition | undefined): Promise<Intake>;
  /**
   * Lets the server forget everything up to and with a position, if the stream is still that one. False when that is
   * put off because it would hold up the stream: ask again later.
   */
  purge(upTo: StreamPosition): Promise<boolean>;
  /** Answers requests on a subject until the returned function is called; survives reconnects. */
  serve(
    subject: string,
    answer: (request: { subject: string; body: Uint8Array }) => Promise<Uint8Array>,
  ): () => void;
  state(): BusState;
  /** Called with every change of state, also when the stream is another (B3). Returns how to stop. */
  onState(listener: (state: BusState, failure?: Failure) => void): () => void;
  /** Settles when it is closed, or cannot be up again for another reason: no outage ends then. */
  readonly finished: Promise<unknown>;
  close(): Promise<void>;
}
