import { Failure } from "../machines/failures.ts";
import type { Publication, RawMessage } from "./bus.ts";

// Stream in memory
//
// What the server is to the NATS bus: it outlives every bus on it, and it misbehaves on demand. Deterministic: nothing
// happens but by a call, and time is what `now` says.
//
//   Y1. A publication that was held keeps its place among those of its own subject.

/**
 * What becomes of one publication. `lost answer`: stored, but the publisher is told of an outage. `twice`: stored two
 * times, as a retry past the duplicate window is. `held`: on its way until `release`; others may overtake it.
 */
export type Fate = "stored" | "refused" | "lost answer" | "twice" | "held";

export interface MemoryStreamOptions {
  /** Milliseconds since 1970; 0 for ever unless given. */
  readonly now?: () => number;
  readonly duplicateWindowMs?: number;
  readonly maxMessages?: number;
  readonly maxBodyBytes?: number;
  /** Asked once for each publication; "stored" unless given. */
  readonly fateOf?: (publication: Publication) => Fate;
}

type Listener = () => void;
type Heard = (subject: string, body: Uint8Array) => void;
type Answer = (request: { subject: string; body: Uint8Array }) => Promise<Uint8Array>;
interface Held {
  readonly publication: Publication;
  readonly settle: (failure?: Failure) => void;
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** A stream, the subjects around it, and its faults. Give it to one `memoryBus` after the other. */
export class MemoryStream {
  readonly #now: () => number;
  readonly #duplicateWindowMs: number;
  readonly #maxMessages: number;
  readonly maxBodyBytes: number;
  readonly #fateOf: (publication: Publication) => Fate;
  readonly #listeners = new Set<Listener>();
  readonly #heard = new Map<Heard, string>();
  readonly #answers = new Map<Answer, string>();
  #life = 1;
  #lastSeq = 0;
  #messages: RawMessage[] = [];
  #ids = new Map<string, number>();
  #held: Held[] = [];
  #outage: string | undefined;

  constructor(options: MemoryStreamOptions = {}) {
    this.#now = options.now ?? (() => 0);
    this.#duplicateWindowMs = options.duplicateWindowMs ?? 120_000;
    this.#maxMessages = options.maxMessages ?? Infinity;
    this.maxBodyBytes = options.maxBodyBytes ?? 1_114_112;
    this.#fateOf = options.fateOf ?? (() => "stored");
  }

  /** Of this incarnation. */
  get name(): string {
    return `MEMORY@${this.#life}`;
  }
  get lastSeq(): number {
    return this.#lastSeq;
  }
  /** Why nobody reaches the stream; undefined when it can be reached. */
  get outage(): string | undefined {
    return this.#outage;
  }
  /** Publications on their way. */
  get held(): number {
    return this.#held.length;
  }

  /** Nobody reaches the stream until `restore`; what was held is lost. */
  fail(reason: string): void {
    this.#outage = reason;
    const lost = this.#held;
    this.#held = [];
    for (const { settle } of lost) settle(new Failure("BUS_DOWN", `publish: ${reason}`));
    this.#notify();
  }

  restore(): void {
    this.#outage = undefined;
    this.#notify();
  }

  /** Loses everything; the next message begins another incarnation. */
  wipe(): void {
    this.#life += 1;
    this.#lastSeq = 0;
    this.#messages = [];
    this.#ids = new Map();
    this.#notify();
  }

  /** Loses the newest messages, as a power cut does: their numbers would be given again, so it is another stream. */
  truncate(lastSeq: number): void {
    this.#life += 1;
    this.#lastSeq = Math.min(this.#lastSeq, lastSeq);
    this.#messages = this.#messages
      .filter(({ seq }) => seq <= lastSeq)
      .map((message) => ({ ...message, stream: this.name }));
    this.#notify();
  }

  /** Lets the oldest held publication in, or the oldest of one subject; false when there is none. */
  release(subject?: string): boolean {
    const at = this.#held.findIndex(
      ({ publication }) => subject === undefined || publication.subject === subject,
    );
    const [held] = at === -1 ? [] : this.#held.splice(at, 1);
    if (held === undefined) return false;
    held.settle(this.#store(held.publication));
    return true;
  }

  /** Resolves when the publication is stored. Fails like the bus. */
  async publish(publication: Publication): Promise<void> {
    await Promise.resolve();
    if (this.#outage !== undefined)
      throw new Failure("BUS_DOWN", `publish to ${publication.subject}: ${this.#outage}`);
    const fate = this.#fateOf(publication);
    const mustWait = this.#held.some((held) => held.publication.subject === publication.subject);
    const failure =
      fate === "held" || mustWait ? await this.#hold(publication) : this.#meet(publication, fate);
    if (failure !== undefined) throw failure;
  }

  #hold(publication: Publication): Promise<Failure | undefined> {
    const { promise, resolve } = Promise.withResolvers<Failure | undefined>();
    this.#held.push({ publication, settle: resolve });
    return promise;
  }

  #meet(publication: Publication, fate: Fate): Failure | undefined {
    if (fate === "refused")
      return new Failure("BUS_DOWN", `publish to ${publication.subject}: not stored`);
    const failure = this.#store(publication);
    if (fate === "lost answer")
      return new Failure("BUS_DOWN", `publish to ${publication.subject}: no answer`);
    if (fate === "twice" && failure === undefined) this.#append(publication);
    return failure;
  }

  #store(publication: Publication): Failure | undefined {
    const { subject, body, id } = publication;
    if (body.length > this.maxBodyBytes) {
      return new Failure(
        "BUS_REFUSED",
        `publish ${body.length} bytes to ${subject}: more than ${this.maxBodyBytes}`,
      );
    }
    const before = id === undefined ? undefined : this.#ids.get(id);
    if (before !== undefined && this.#now() - before < this.#duplicateWindowMs) return undefined;
    if (this.#messages.length >= this.#maxMessages) {
      return new Failure("BUS_FULL", `publish to ${subject}: the stream is full`);
    }
    this.#append(publication);
    return undefined;
  }

  #append({ subject, body, id, headers }: Publication): void {
    this.#lastSeq += 1;
    if (id !== undefined) this.#ids.set(id, this.#now());
    const carried = id === undefined ? headers : { ...headers, "Nats-Msg-Id": id };
    this.#messages.push({
      subject,
      body: body.slice(),
      headers: carried ?? NO_HEADERS,
      stream: this.name,
      seq: this.#lastSeq,
      time: this.#now(),
    });
    this.#notify();
  }

  /** Messages with seq > after, oldest first. */
  messages(after: number, max: number): RawMessage[] {
    // Numbers have no gaps but at the front, where messages were purged.
    const first = this.#messages[0]?.seq ?? this.#lastSeq + 1;
    const from = Math.max(0, after + 1 - first);
    return this.#messages.slice(from, from + max);
  }

  purge(upTo: number): void {
    this.#messages = this.#messages.filter(({ seq }) => seq > upTo);
  }

  /** Calls back when something changed. Returns how to stop. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Hears what buses emit on a subject, wildcards allowed. Returns how to stop. */
  hear(pattern: string, heard: Heard): () => void {
    this.#heard.set(heard, pattern);
    return () => this.#heard.delete(heard);
  }

  emit(subject: string, body: Uint8Array): void {
    for (const [heard, pattern] of this.#heard) if (isMatch(pattern, subject)) heard(subject, body);
  }

  serve(pattern: string, answer: Answer): () => void {
    this.#answers.set(answer, pattern);
    return () => this.#answers.delete(answer);
  }

  /** Asks whoever serves the subject. Fails with BUS_DOWN when nobody does. */
  async request(subject: string, body: Uint8Array): Promise<Uint8Array> {
    for (const [answer, pattern] of this.#answers)
      if (isMatch(pattern, subject)) return answer({ subject, body });
    throw new Failure("BUS_DOWN", `request ${subject}: nobody serves it`);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A stream in memory; see MemoryStreamOptions for how it misbehaves. */
export function memoryStream(options?: MemoryStreamOptions): MemoryStream {
  return new MemoryStream(options);
}

/** Whether a subject falls under a pattern with `*` and `>`. */
function isMatch(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const parts = subject.split(".");
  for (const [at, want] of wanted.entries()) {
    if (want === ">") return parts.length > at;
    if (parts[at] === undefined || (want !== "*" && want !== parts[at])) return false;
  }
  return wanted.length === parts.length;
}
