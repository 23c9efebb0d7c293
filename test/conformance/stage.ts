import { ActorSystem } from "../../actors/actor-system.ts";
import { mailSubject } from "../../bus/subjects.ts";
import type { Adapters } from "../../adapters/adapter.ts";
import type { Bus } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { Failure } from "../../machines/failures.ts";
import { addressOf, type Address } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import { kinds } from "../../machines/kinds.ts";
import type { SessionContext } from "../../machines/session/record.ts";
import { Settings } from "../../machines/settings.ts";
import type { Outcome, SnapshotRow, Store } from "../../storage/store.ts";
import { manualClock, settle } from "../support/clock.ts";
import { outside } from "../support/outside.ts";

// Stage
//
// The real actors, host and message path over a store, a stream and an outside in memory, with a clock that only the
// runner moves. It can be stopped and started again over the same store, as a daemon that was killed.

/** The beginning of every case, milliseconds since 1970. */
export const T0 = 1_780_000_000_000;

// The model speaks to an agent that rests at once.
// One message a batch: each step is committed by itself, so that what it changed can be told from what others did.
// The model has probes and no looks of the session's own: what is not told in a case was not seen.
const NEVER_MS = 1e13;
const SETTINGS = Settings.parse({
  reactions: { idleAfterMs: 0 },
  limits: { batch: 1 },
  leases: { workingMs: NEVER_MS, restingMs: NEVER_MS, askingMs: NEVER_MS, doubtMs: NEVER_MS },
});
// Enough for a disk that is slow; a turn costs microseconds.
const MARK_SUBJECT = mailSubject("supervisor/root");
const TURNS = 100_000;

export interface StageOptions {
  /** Opens the store of one life; the same rows each time. */
  readonly openStore: () => Store;
  /** Every text comes back untyped. */
  readonly isMute?: boolean;
  readonly projectId: string;
  /** The session that the case is about; the first of its project unless given. */
  readonly id?: string;
  /** Stands between the actors and the outside. */
  readonly wrap?: (adapters: Adapters) => Adapters;
}

export class Stage {
  readonly clock = manualClock(T0);
  readonly outside = outside();
  readonly stream = memoryStream({ now: () => this.clock.now() });
  readonly troubles: unknown[] = [];
  /** Delivery ids of the texts that were given to the terminal. */
  readonly tries = new Set<string>();
  /** What was typed, by its delivery id; it stays when its pane is gone. */
  readonly texts = new Map<string, string>();
  readonly options: StageOptions;
  /** Every state of the session's record that a step left, oldest first. */
  readonly past: SessionContext[] = [];
  #ids = 0;
  store!: Store;
  bus!: Bus;
  system!: ActorSystem;

  constructor(options: StageOptions) {
    this.options = options;
    this.start();
  }

  /** The address of the one session that a case is about. */
  get session(): Address {
    return addressOf("session", this.id);
  }

  get id(): string {
    return this.options.id ?? `${this.options.projectId}-1`;
  }

  start(): void {
    this.store = this.#remembering(this.options.openStore());
    this.bus = memoryBus({ stream: this.stream, now: () => this.clock.now() });
    this.system = new ActorSystem({
      store: this.store,
      bus: this.bus,
      adapters: this.#adapters(),
      kinds: kinds(SETTINGS),
      settings: SETTINGS,
      clock: this.clock,
      newId: () => {
        this.#ids += 1;
        return `id-${this.#ids}`;
      },
      onTrouble: (trouble) => void this.troubles.push(trouble),
    });
    this.system.finished.catch((error: unknown) => void this.troubles.push(error));
  }

  #remembering(store: Store): Store {
    const commit = store.commit.bind(store);
    store.commit = async (changes) => {
      for (const { address, snapshot } of changes.snapshots) {
        if (address !== this.session || changes.journal.length === 0) continue;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the session's own machine
        this.past.push((snapshot as unknown as { context: SessionContext }).context);
      }
      return commit(changes);
    };
    return store;
  }

  /** Ends the daemon; nothing that was only in its memory is left. */
  async stop(): Promise<void> {
    await this.system.stop();
    await this.bus.close();
    await this.store.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
    await this.rest();
  }

  /** Waits until every message was applied and every order carried out. */
  async rest(): Promise<void> {
    let quiet = 0;
    for (let turn = 0; turn < TURNS && quiet < 2; turn += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one turn of everything after the other
      await settle();
      const isIdle = this.#uncommitted() === 0 && this.system.report().outbox === 0;
      quiet = isIdle ? quiet + 1 : 0;
    }
  }

  /** Messages in the stream behind the position that is on disk. */
  #uncommitted(): number {
    const { position } = this.store.head();
    const seq = position?.stream === this.stream.name ? position.seq : 0;
    const behind = this.stream.messages(seq, Infinity);
    // The daemon's own marks are read and not kept.
    return behind.filter(({ subject }) => subject !== MARK_SUBJECT).length;
  }

  /** Moves the clock to so many seconds after T0, running what falls due; it never goes back. */
  async moveTo(sec: number): Promise<void> {
    const ms = T0 + sec * 1_000 - this.clock.now();
    if (ms > 0) await this.clock.advance(ms);
    await this.rest();
  }

  /** A command, and what became of it. */
  async ask(to: Address, type: string, data: JsonObject = {}): Promise<Outcome> {
    const asked = this.system.ask({ to, type, data });
    const outcome = await this.#driven(asked);
    await this.rest();
    return outcome;
  }

  /** What any NATS client could publish, told of a time. Does not wait for it to be applied. */
  async publish(subject: string, body: JsonObject, at: number): Promise<void> {
    this.#ids += 1;
    await this.bus.publish({
      subject,
      id: `case-${this.#ids}`,
      headers: { "Ao-At": String(at) },
      body: new TextEncoder().encode(JSON.stringify(body)),
    });
  }

  row(address: Address = this.session): SnapshotRow | undefined {
    return this.store.snapshot(address);
  }

  /** The record of a session; undefined when there is none. */
  record(address: Address = this.session): SessionContext | undefined {
    const row = this.row(address);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the session's own machine
    return row && (row.snapshot as unknown as { context: SessionContext }).context;
  }

  /** Starts a real session: its worktree and terminal are there afterwards. */
  async spawn(): Promise<void> {
    const worker = { harness: "command", command: ["agent"] };
    const config = { worker };
    const root = "/repository";
    const project = addressOf("project", this.options.projectId);
    await this.ask(project, "project.register", {
      root,
      scm: "none",
      defaultBranch: "main",
      config,
    });
    await this.ask(project, "project.spawn", { prompt: "do the thing" });
  }

  /** Writes a session's record by hand, while nothing runs: direct set-up. */
  async write(
    change: (record: SessionContext) => SessionContext,
    address: Address = this.session,
  ): Promise<void> {
    const record = this.record(address);
    if (record === undefined) throw new Error(`no ${address} to set up`);
    const context = change(record);
    await this.rewrite(address, () => ({ value: valueOf(context), context }));
  }

  /** Writes any actor's state by hand, while nothing runs. */
  async rewrite(
    address: Address,
    change: (state: { value: unknown; context: unknown }) => { value: unknown; context: unknown },
  ): Promise<void> {
    const row = this.row(address);
    if (row === undefined) throw new Error(`no ${address} to set up`);
    await this.system.stop();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- XState's persisted snapshot
    const former = row.snapshot as { value: unknown; context: unknown };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- states are JSON
    const snapshot = { ...former, ...change(former) } as SnapshotRow["snapshot"];
    const { books } = this.store.head();
    const none = {
      journal: [],
      seen: [],
      armed: [],
      cancelled: [],
      outbox: [],
      closed: [],
      dead: [],
    };
    const snapshots = [{ ...row, snapshot }];
    await this.store.commit({ books, ...none, snapshots, summaries: [] });
    await this.bus.close();
    await this.store.close();
    this.start();
    await this.rest();
  }

  /** Lets a promise that waits for the actors come true. */
  async #driven<Value>(promise: Promise<Value>): Promise<Value> {
    for (let turn = 0; turn < TURNS; turn += 1) {
      const turned = settle().then(() => undefined);
      // oxlint-disable-next-line no-await-in-loop -- one turn of everything after the other
      const done = await Promise.race([promise.then((value) => ({ value })), turned]);
      if (done !== undefined) return done.value;
    }
    throw new Error("nothing came of it");
  }

  #adapters(): Adapters {
    const { wrap = (adapters) => adapters } = this.options;
    const adapters = wrap(this.outside.adapters);
    return {
      ...adapters,
      typeText: async (data, attempt) => {
        this.tries.add(data.deliveryId);
        if (this.options.isMute === true) throw new Failure("PANE_GONE", "the messenger fails");
        const result = await adapters.typeText(data, attempt);
        this.texts.set(data.deliveryId, data.text);
        return result;
      },
    };
  }
}

/** Where the chart stands when this is the record. */
export function valueOf({ axes, wanted }: SessionContext): JsonObject {
  return {
    lifecycle: axes.lifecycle.state,
    runtime: axes.runtime.state,
    activity: axes.activity.state,
    pr: axes.pr.state,
    wanted: wanted === "running" ? "running" : { stopped: wanted },
  };
}
