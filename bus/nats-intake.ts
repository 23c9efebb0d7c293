import { AckPolicy, DeliverPolicy, JsHeaders } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import { createInbox, nanos } from "@nats-io/transport-node";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import type { Intake, RawMessage, StreamPosition } from "./bus.ts";
import { STREAM } from "./nats-stream.ts";
import type { StreamHead } from "./nats-stream.ts";

// Intake from NATS
//
// Reads the stream in order from a position, through a consumer that lives in the server's memory and is thrown away at
// the first doubt. Owns the position while the daemon runs, and the bound on what is buffered. Pulls by hand instead of
// through the client's ordered consumer: that one mends itself after a wipe by asking the new stream for the old numbers.
//
//   N1. Every doubt has one remedy: a new consumer, from the message after the last one received. Doubts are a gap in
//       the consumer's numbers, a consumer or stream that is gone, silence over two heartbeats, a new connection.
//   N2. A message is labelled with a stream's name only if the stream had that name before and after the consumer was
//       made: a consumer belongs to one incarnation.
//   N3. At most BUFFER_MESSAGES and twice BUFFER_BYTES are held for a reader that does not take.

/** What an intake needs of the connection. */
export interface Link {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  /** Resolves when the server can be asked; rejects when the signal aborts. */
  whenUp(signal: AbortSignal): Promise<void>;
  /** The stream as it is now, made if it is gone. */
  ensure(): Promise<StreamHead>;
  /** The stream under another name, because its numbers went back. */
  rename(): Promise<StreamHead>;
  look(): Promise<StreamHead | undefined>;
  /** When the stream stored the message of this number, milliseconds since 1970; undefined when it has none. */
  storedAt(seq: number): Promise<number | undefined>;
  /** Fails with BUS_DOWN as soon as the connection breaks. */
  ask<T>(request: () => Promise<T>): Promise<T>;
  /** The intake was closed. */
  forget(intake: NatsIntake): void;
}

const BUFFER_MESSAGES = 4_096;
const BUFFER_BYTES = 16_777_216;
// 200,000 small messages: 329,000/s in pulls of 500, 396,000/s in 2,000; beyond that only the buffer grows.
const PULL_MESSAGES = 1_024;
// More than the largest message, or it could never be pulled.
const PULL_BYTES = 8_388_608;
const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 2_000;
// A consumer whose daemon was killed is forgotten after this.
const CONSUMER_IDLE_MS = 30_000;
const RETRY_MS = 100;
// The server tells times in nanoseconds, once as a text and once as a number that a double cannot hold.
const ROUNDING_MS = 1;

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** One consumer's life. */
interface Session {
  readonly stream: string;
  readonly consumer: string;
  readonly inbox: string;
  readonly subscription: Subscription;
  /** Number of the consumer's last message. */
  delivered: number;
  /** Messages that were pulled for and did not come yet. */
  pulled: number;
  wasHeard: boolean;
  silences: number;
  readonly end: () => void;
}

export class NatsIntake implements Intake {
  readonly #link: Link;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #after: StreamPosition | undefined;
  #session: Session | undefined;
  #buffer: RawMessage[] = [];
  #bufferedBytes = 0;
  #behind = 0;
  #wake: (() => void) | undefined;

  constructor(link: Link, after: StreamPosition | undefined) {
    this.#link = link;
    this.#after = after;
    this.#running = this.#run();
  }

  async take(max: number, signal: AbortSignal): Promise<RawMessage[]> {
    if (this.#wake !== undefined) throw new Error("take was called while another take waits");
    while (this.#buffer.length === 0) {
      if (signal.aborted || this.#closing.signal.aborted) return [];
      await this.#nextArrival(signal);
    }
    if (signal.aborted) return [];
    const taken = this.#buffer.splice(0, max);
    for (const { body } of taken) this.#bufferedBytes -= body.length;
    if (this.#session !== undefined) this.#pull(this.#session);
    return taken;
  }

  lag(): number {
    return this.#buffer.length + this.#behind;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#session?.end();
    this.#wake?.();
    await this.#running;
    this.#link.forget(this);
  }

  /** Says that the connection is not what it was (N1). */
  doubt(): void {
    this.#session?.end();
  }

  async #nextArrival(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake);
    await promise;
    signal.removeEventListener("abort", wake);
    this.#wake = undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#link.whenUp(signal);
        await this.#readOneSession(signal);
      } catch {
        // What went wrong shows in the state of the bus; here there is only one remedy (N1).
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #readOneSession(signal: AbortSignal): Promise<void> {
    const { nc, jsm } = this.#link;
    const stream = await this.#resumeAt();
    const first = (this.#after?.seq ?? 0) + 1;
    const { name: consumer } = await this.#link.ask(() =>
      jsm.consumers.add(STREAM, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: first,
        ack_policy: AckPolicy.None,
        inactive_threshold: nanos(CONSUMER_IDLE_MS),
        mem_storage: true,
        num_replicas: 1,
      }),
    );
    const head = await this.#link.look();
    if (head?.name !== stream || signal.aborted) return;
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const inbox = createInbox();
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error === null) this.#receive(session, message);
        else end();
      },
    });
    const session: Session = {
      stream,
      consumer,
      inbox,
      subscription,
      end,
      delivered: 0,
      pulled: 0,
      wasHeard: true,
      silences: 0,
    };
    this.#session = session;
    const listening = setInterval(() => this.#listen(session), HEARTBEAT_MS);
    this.#pull(session);
    await ended;
    this.#session = undefined;
    clearInterval(listening);
    subscription.unsubscribe();
    jsm.consumers.delete(STREAM, consumer).catch(() => undefined);
  }

  /** Sets where to read on, and says in which stream: from the beginning when it is not the one we read before. */
  async #resumeAt(): Promise<string> {
    const after = this.#after;
    let head = await this.#link.ensure();
    const isSame = after !== undefined && after.stream === head.name;
    if (isSame && after.seq <= head.lastSeq && !(await this.#isOther(after))) return head.name;
    if (isSame) head = await this.#link.rename();
    this.#after = { stream: head.name, seq: 0 };
    return head.name;
  }

  /**
   * Whether another message has that number now: the stream lost its end, and was given new ones before we looked (T1).
   * Where nothing has it, it was purged, and the numbers after it are as they were.
   */
  async #isOther({ seq, time }: StreamPosition): Promise<boolean> {
    const storedAt = time === undefined ? undefined : await this.#link.storedAt(seq);
    return storedAt !== undefined && Math.abs(storedAt - (time ?? 0)) > ROUNDING_MS;
  }

  #receive(session: Session, message: Msg): void {
    if (session !== this.#session) return;
    session.wasHeard = true;
    if (message.subject === session.inbox) {
      this.#readStatus(session, message);
      return;
    }
    const { seq, delivered, time, pending } = parseDelivery(message.reply ?? "");
    if (delivered !== session.delivered + 1) {
      session.end();
      return;
    }
    session.delivered = delivered;
    session.pulled = Math.max(0, session.pulled - 1);
    this.#after = { stream: session.stream, seq, time };
    this.#behind = pending;
    const body = message.data;
    this.#bufferedBytes += body.length;
    this.#buffer.push({
      subject: message.subject,
      body,
      headers: readHeaders(message),
      stream: session.stream,
      seq,
      time,
    });
    this.#pull(session);
    this.#wake?.();
  }

  #readStatus(session: Session, message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (code === 100) return;
    const left = Number(message.headers?.get(JsHeaders.PendingMessagesHdr) || Number.NaN);
    // Its time is over, or its bytes are; anything else says that the consumer is not to be relied on.
    const isOver =
      code === 408 || /maxbytes|batch completed/i.test(message.headers?.description ?? "");
    if (!isOver || Number.isNaN(left)) {
      session.end();
      return;
    }
    session.pulled = Math.max(0, session.pulled - left);
    this.#pull(session);
  }

  /** Asks for more, as far as there is room (N3). */
  #pull(session: Session): void {
    if (session.pulled > PULL_MESSAGES / 2) return;
    if (this.#buffer.length + session.pulled + PULL_MESSAGES > BUFFER_MESSAGES) return;
    if (this.#bufferedBytes > BUFFER_BYTES) return;
    session.pulled += PULL_MESSAGES;
    const request = {
      batch: PULL_MESSAGES,
      max_bytes: PULL_BYTES,
      expires: nanos(PULL_EXPIRES_MS),
      idle_heartbeat: nanos(HEARTBEAT_MS),
    };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${session.consumer}`;
    this.#link.nc.publish(subject, JSON.stringify(request), { reply: session.inbox });
  }

  #listen(session: Session): void {
    session.silences = session.wasHeard || session.pulled === 0 ? 0 : session.silences + 1;
    session.wasHeard = false;
    if (session.silences >= 2) session.end();
  }
}

interface Delivery {
  readonly seq: number;
  readonly delivered: number;
  readonly time: number;
  readonly pending: number;
}

/** `$JS.ACK.<stream>.<consumer>.<count>.<seq>.<delivered>.<nanoseconds>.<pending>`, or with domain and account before the stream. */
function parseDelivery(reply: string): Delivery {
  const parts = reply.split(".");
  const at = parts.length === 9 ? 5 : 7;
  return {
    seq: Number(parts[at]),
    delivered: Number(parts[at + 1]),
    time: Math.floor(Number(parts[at + 2]) / 1e6),
    pending: Number(parts[at + 3]),
  };
}

function readHeaders(message: Msg): Readonly<Record<string, string>> {
  const found = message.headers;
  if (found === undefined) return NO_HEADERS;
  const headers: Record<string, string> = {};
  for (const [name, [value]] of found) if (value !== undefined) headers[name] = value;
  return headers;
}
