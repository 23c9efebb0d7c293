import { jetstream, JetStreamApiError } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import {
  AuthorizationError,
  connect,
  headers,
  InvalidArgumentError,
  PermissionViolationError,
} from "@nats-io/transport-node";
import type { Auth, Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { Failure, FAILURES } from "../machines/failures.ts";
import type { Bus, BusState, Publication, StreamPosition } from "./bus.ts";
import type { NatsEndpoint } from "./nats-endpoint.ts";
import { NatsIntake } from "./nats-intake.ts";
import type { Link } from "./nats-intake.ts";
import {
  deleteStream,
  ensureStream,
  lookAtStream,
  purgeStream,
  renameStream,
  storedAt,
  STREAM_LIMITS,
} from "./nats-stream.ts";
import type { StreamHead, StreamLimits } from "./nats-stream.ts";

// Bus over NATS
//
// One connection, its state, and what goes out over it. The stream is in nats-stream, reading it in nats-intake.
//
//   C1. The connection is tried again for ever; where to is asked anew each time.
//   C2. The state is "up" only while the connection stands and the stream was seen on it.
//   C3. A publish that is under way when the connection breaks fails at once; it may have been stored all the same.
//   C4. What changes the stream happens one after the other.

export interface NatsBusOptions {
  /** Asked before every attempt to connect: a server that was started again may be elsewhere. */
  readonly endpoint: () => NatsEndpoint;
  readonly limits?: Partial<StreamLimits>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const CONNECT_MS = 2_000;
const RECONNECT_MS = 100;
const REQUEST_MS = 5_000;
// A frozen server is noticed after two pings without an answer.
const PING_MS = 2_000;
const RETRY_MS = 200;
// nats-server 2.9 tells its readers that a stream is gone first, and removes its files after. A stream made at once lost
// its own files in 7 of 20 runs, one made 50 ms later in none.
const SETTLE_MS = 500;
/** JetStream's own words for "ask again later": not active, temporarily unavailable, no leader. */
const UNAVAILABLE: ReadonlySet<number> = new Set([10_006, 10_008, 10_009]);
/** And for "no room": of the account, of its storage or memory, and of the stream or the disk under it. */
const WITHOUT_ROOM: ReadonlySet<number> = new Set([10_002, 10_023, 10_028, 10_047, 10_077]);

/**
 * A bus on a running server. The stream is there when it resolves.
 * Fails with BUS_DOWN when there is no server, BUS_REFUSED when it does not let us in or has no JetStream.
 */
export async function connectNatsBus(options: NatsBusOptions): Promise<Bus> {
  return onConnection(options.endpoint, async (nc) => {
    const js = jetstream(nc, { timeout: REQUEST_MS });
    const bus = new NatsBus({ nc, js, jsm: await js.jetstreamManager(), options });
    await bus.ensure();
    return bus;
  });
}

/** Looks whether a bus could be had there, and leaves nothing behind. Fails as `connectNatsBus` does. */
export async function reachNats(endpoint: NatsEndpoint): Promise<void> {
  await onConnection(
    () => endpoint,
    async (nc) => {
      await jetstream(nc, { timeout: REQUEST_MS }).jetstreamManager();
      await nc.close();
    },
  );
}

/** Closes the connection when `use` fails. */
async function onConnection<Answer>(
  endpoint: () => NatsEndpoint,
  use: (nc: NatsConnection) => Promise<Answer>,
): Promise<Answer> {
  const { servers } = endpoint();
  const attempt = `connect to NATS at ${servers.join(", ")}`;
  const nc = await connect({
    servers: [...servers],
    authenticator: () => authOf(endpoint()),
    name: "ao",
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  }).catch((cause: unknown) => {
    throw asFailure(attempt, cause);
  });
  try {
    return await use(nc);
  } catch (cause) {
    await nc.close();
    if (isUnheard(cause))
      throw new Failure("BUS_REFUSED", `${attempt}: it runs without JetStream`, { cause });
    throw asFailure(attempt, cause);
  }
}

class NatsBus implements Bus, Link {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly #js: JetStreamClient;
  readonly #endpoint: () => NatsEndpoint;
  readonly #limits: StreamLimits;
  readonly #now: () => number;
  readonly #intakes = new Set<NatsIntake>();
  readonly #asking = new Set<(failure: Failure) => void>();
  readonly #listeners = new Set<(state: BusState, failure?: Failure) => void>();
  /** The stream when a purge of it was put off the last time. */
  #unpurged: StreamHead | undefined;
  #waiting = Promise.withResolvers<void>();
  #changing: Promise<unknown> = Promise.resolve();
  #isConnected = true;
  #isClosed = false;
  #state: BusState;

  constructor(parts: {
    nc: NatsConnection;
    js: JetStreamClient;
    jsm: JetStreamManager;
    options: NatsBusOptions;
  }) {
    const { endpoint, limits, now } = parts.options;
    this.nc = parts.nc;
    this.jsm = parts.jsm;
    this.#js = parts.js;
    this.#endpoint = endpoint;
    this.#limits = { ...STREAM_LIMITS, ...limits };
    this.#now = now ?? Date.now;
    this.#state = { type: "down", since: this.#now(), reason: "not connected yet" };
    void this.#follow();
  }

  async publish(publication: Publication): Promise<void> {
    const attempt = `publish ${publication.body.length} bytes to ${publication.subject}`;
    const state = this.#state;
    if (state.type === "down") throw new Failure("BUS_DOWN", `${attempt}: ${state.reason}`);
    try {
      await this.#store(publication);
    } catch (cause) {
      if (!isUnheard(cause) && !isStoreGone(cause)) throw asFailure(attempt, cause);
      try {
        await this.#mendStream(state.stream, isStoreGone(cause));
        await this.#store(publication);
      } catch (again) {
        throw asFailure(attempt, again);
      }
    }
  }

  emit(subject: string, body: Uint8Array): void {
    if (this.#state.type === "down") return;
    try {
      this.nc.publish(subject, body);
    } catch (cause) {
      this.#tell(this.#state, asFailure(`emit ${body.length} bytes to ${subject}`, cause));
    }
  }

  read(after: StreamPosition | undefined): Promise<NatsIntake> {
    const intake = new NatsIntake(this, after);
    this.#intakes.add(intake);
    return Promise.resolve(intake);
  }

  async purge(upTo: StreamPosition): Promise<boolean> {
    const attempt = `purge ${upTo.stream} up to ${upTo.seq}`;
    if (this.#state.type === "down")
      throw new Failure("BUS_DOWN", `${attempt}: ${this.#state.reason}`);
    const seen = { maxBytes: this.#limits.maxBytes, before: this.#unpurged };
    try {
      this.#unpurged = await this.#inTurn(() => purgeStream(this.jsm, upTo, seen));
    } catch (cause) {
      throw asFailure(attempt, cause);
    }
    return this.#unpurged === undefined;
  }

  serve(
    subject: string,
    answer: (request: { subject: string; body: Uint8Array }) => Promise<Uint8Array>,
  ): () => void {
    const subscription = this.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) void respond(message, answer);
        else this.#tell(this.#state, asFailure(`serve ${subject}`, error));
      },
    });
    return () => subscription.unsubscribe();
  }

  get maxMessageBytes(): number {
    const { maxMessageBytes } = this.#limits;
    return Math.min(maxMessageBytes, this.nc.info?.max_payload ?? maxMessageBytes);
  }

  get finished(): Promise<unknown> {
    return this.nc.closed();
  }

  state(): BusState {
    return this.#state;
  }

  onState(listener: (state: BusState, failure?: Failure) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#goDown("the bus was closed");
    await Promise.all([...this.#intakes].map((intake) => intake.close()));
    await this.nc.close();
  }

  async whenUp(signal: AbortSignal): Promise<void> {
    while (this.#state.type === "down") {
      signal.throwIfAborted();
      const { promise, reject } = Promise.withResolvers<never>();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort);
      try {
        await Promise.race([this.#waiting.promise, promise]);
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    }
  }

  ensure(): Promise<StreamHead> {
    return this.#inTurn(() => this.#ensureNow());
  }

  rename(): Promise<StreamHead> {
    return this.#inTurn(async () => this.#saw(await renameStream(this.jsm)));
  }

  storedAt(seq: number): Promise<number | undefined> {
    return this.ask(() => storedAt(this.jsm, seq));
  }

  look(): Promise<StreamHead | undefined> {
    return this.ask(() => lookAtStream(this.jsm));
  }

  async ask<T>(request: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#asking.add(reject);
    request().then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#asking.delete(reject);
    }
  }

  forget(intake: NatsIntake): void {
    this.#intakes.delete(intake);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(() => this.ask(change));
    this.#changing = result.catch(() => undefined);
    return result;
  }

  async #ensureNow(): Promise<StreamHead> {
    const isLost = this.#state.type === "up" && (await lookAtStream(this.jsm)) === undefined;
    if (isLost) await delay(SETTLE_MS);
    return this.#saw(await ensureStream(this.jsm, this.#limits));
  }

  /** The stream is gone, or the files under it are: then there is nothing left to lose in it. */
  #mendStream(stream: string, isBroken: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const isMended = this.#state.type === "up" && this.#state.stream !== stream;
      if (isMended) return;
      if (isBroken) await deleteStream(this.jsm, stream);
      await this.#ensureNow();
    });
  }

  async #store({ subject, body, id, headers: given }: Publication): Promise<void> {
    const options = {
      ...(id === undefined ? {} : { msgID: id }),
      ...(given === undefined ? {} : { headers: headersOf(given) }),
    };
    await this.ask(() => this.#js.publish(subject, body, options));
  }

  async #follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect" || status.type === "staleConnection") {
        this.#isConnected = false;
        this.#goDown(`the connection to ${this.nc.getServer()} broke`);
        this.#aim();
      } else if (status.type === "reconnecting") {
        this.#aim();
      } else if (status.type === "reconnect") {
        this.#isConnected = true;
        void this.#mend();
      } else if (status.type === "error") {
        this.#tell(this.#state, asFailure("talk to NATS", status.error));
      }
    }
  }

  /** Points the next attempt to where the server is now (C1). */
  #aim(): void {
    const { servers } = this.#endpoint();
    const known = this.nc.getServers().map(({ listen }) => listen);
    if (!this.#isClosed && servers.some((server) => !known.includes(server)))
      this.nc.setServers([...servers]);
  }

  /** Looks for the stream on a new connection until it is there (C2). */
  async #mend(): Promise<void> {
    while (this.#isConnected && !this.#isClosed && this.#state.type === "down") {
      try {
        await this.ensure();
      } catch (cause) {
        this.#tell(this.#state, asFailure("make the stream", cause));
        await delay(RETRY_MS);
      }
    }
  }

  #saw(head: StreamHead): StreamHead {
    if (!this.#isConnected || this.#isClosed) return head;
    if (this.#state.type === "up" && this.#state.stream === head.name) return head;
    const wasDown = this.#state.type === "down";
    this.#tell({ type: "up", since: this.#now(), server: this.nc.getServer(), stream: head.name });
    if (wasDown) this.#waiting.resolve();
    return head;
  }

  #goDown(reason: string): void {
    const failure = new Failure("BUS_DOWN", `reach NATS at ${this.nc.getServer()}: ${reason}`);
    // The client would let them wait for answers that cannot come (C3).
    for (const reject of this.#asking) reject(failure);
    if (this.#state.type === "down") return;
    this.#waiting = Promise.withResolvers();
    this.#tell({ type: "down", since: this.#now(), reason }, failure);
    for (const intake of this.#intakes) intake.doubt();
  }

  #tell(state: BusState, failure?: Failure): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state, failure);
  }
}

function authOf({ user, pass, token }: NatsEndpoint): Auth {
  if (token !== undefined) return { auth_token: token };
  if (user !== undefined) return { user, pass: pass ?? "" };
  return undefined;
}

function headersOf(given: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(given)) made.set(name, value);
  return made;
}

/** Answers with what `answer` resolves to; a rejection goes out in the headers that NATS services use for errors. */
async function respond(
  message: Msg,
  answer: (request: { subject: string; body: Uint8Array }) => Promise<Uint8Array>,
): Promise<void> {
  try {
    message.respond(await answer({ subject: message.subject, body: message.data }));
  } catch (error) {
    const code = error instanceof Failure ? FAILURES[error.code].status : 500;
    const text = error instanceof Error ? error.message.replaceAll(/[\r\n]+/g, " ") : "unknown";
    const reason = headersOf({
      "Nats-Service-Error-Code": String(code),
      "Nats-Service-Error": text,
    });
    message.respond(new Uint8Array(), { headers: reason });
  }
}

/** Whether nobody answered: no stream keeps the subject, or there is no JetStream at all. */
function isUnheard(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "JetStreamNotEnabled";
}

/** Whether the server cannot store because somebody removed its files; a full disk is not that. */
function isStoreGone(cause: unknown): boolean {
  return cause instanceof JetStreamApiError && cause.message.includes("no such file or directory");
}

function asFailure(attempt: string, cause: unknown): Failure {
  if (cause instanceof Failure)
    return new Failure(cause.code, `${attempt}: ${cause.message}`, { cause });
  const seen = cause instanceof Error ? cause.message : String(cause);
  return new Failure(codeOf(cause), `${attempt}: ${seen}`, { cause });
}

function codeOf(cause: unknown): "BUS_DOWN" | "BUS_FULL" | "BUS_REFUSED" {
  if (cause instanceof JetStreamApiError && WITHOUT_ROOM.has(cause.code)) return "BUS_FULL";
  return isRefusal(cause) ? "BUS_REFUSED" : "BUS_DOWN";
}

function isRefusal(cause: unknown): boolean {
  if (cause instanceof JetStreamApiError) return !UNAVAILABLE.has(cause.code);
  if (cause instanceof AuthorizationError || cause instanceof PermissionViolationError) return true;
  if (cause instanceof InvalidArgumentError) return true;
  return cause instanceof Error && cause.cause !== undefined && isRefusal(cause.cause);
}
