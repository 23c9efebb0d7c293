import { onTestFinished } from "vitest";
import { ActorSystem } from "../../actors/actor-system.ts";
import type { Clock } from "../../actors/clock.ts";
import type { Boundary } from "../../actors/host.ts";
import type { Adapters, Attempt } from "../../adapters/adapter.ts";
import type { Bus, Publication } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream, type Fate, type MemoryStream } from "../../bus/memory-stream.ts";
import { Failure } from "../../machines/failures.ts";
import type { Address, KindName } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import type { Kind } from "../../machines/kind.ts";
import { Settings } from "../../machines/settings.ts";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../storage/memory-store.ts";
import type { Outcome, Store } from "../../storage/store.ts";
import { manualClock, settle, type ManualClock } from "./clock.ts";
import { tallyKind, type TallyContext } from "./tally.ts";

// World
//
// One actor system over a disk, a stream and a clock that outlive it, with tallies for actors and adapters that write
// down what they were asked. Crash it, start it again, and look at what is left.

/** One thing an adapter was asked to do. */
export interface Deed {
  readonly effectId: string;
  readonly name: string;
  readonly data: unknown;
}

export interface WorldOptions {
  readonly settings?: Parameters<typeof Settings.parse>[0];
  readonly kinds?: ReadonlyMap<KindName, Kind>;
  /** What the adapters do; the default answers typeText at once. */
  readonly act?: (deed: Deed, attempt: Attempt) => Promise<unknown>;
  /** In place of the adapters that only write down. */
  readonly adapters?: Adapters;
  /** Its test ends it, where a test has thousands of them. */
  readonly endsItself?: boolean;
}

export class World {
  readonly disk: MemoryDisk = memoryDisk();
  readonly clock: ManualClock = manualClock();
  readonly stream: MemoryStream = memoryStream({
    now: () => this.clock.now(),
    fateOf: (publication) => this.fateOf(publication),
  });
  readonly deeds: Deed[] = [];
  readonly troubles: unknown[] = [];
  readonly #options: WorldOptions;
  #ids = 0;
  #life = 0;
  /** Called at each boundary; may crash the world. */
  onBoundary: (boundary: Boundary) => void = () => {};
  /** What becomes of the next publication on its way to the stream. */
  fateOf: (publication: Publication) => Fate = () => "stored";
  /** The kinds that the next daemon plays. */
  kinds: ReadonlyMap<KindName, Kind>;
  store!: Store;
  bus!: Bus;
  system!: ActorSystem;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.kinds = options.kinds ?? new Map([["session", tallyKind()]]);
    this.start();
    if (options.endsItself === true) return;
    onTestFinished(async () => {
      await this.system.stop();
    });
  }

  /** A new daemon over what the last one left. */
  start(): void {
    this.#life += 1;
    const life = this.#life;
    this.store = memoryStore({ disk: this.disk });
    this.bus = memoryBus({ stream: this.stream, now: () => this.clock.now() });
    this.system = new ActorSystem({
      store: this.store,
      bus: this.bus,
      adapters: this.#adapters(),
      kinds: this.kinds,
      settings: Settings.parse(this.#options.settings ?? {}),
      clock: this.#mortalClock(),
      newId: () => {
        this.#ids += 1;
        return `id-${this.#ids}`;
      },
      onTrouble: (trouble) => {
        if (life === this.#life) this.troubles.push(trouble);
      },
      onBoundary: (boundary) => {
        if (life !== this.#life) throw new Error("the daemon is dead");
        this.onBoundary(boundary);
      },
    });
    this.system.finished.catch((error: unknown) => {
      if (life === this.#life) this.troubles.push(error);
    });
  }

  /** The daemon is gone at this instant: what was not flushed never was, and nothing more is done. */
  kill(): void {
    this.#life += 1;
    this.disk.crash();
    void this.bus.close();
    void this.system.stop();
  }

  async crash(): Promise<void> {
    this.kill();
    await settle();
  }

  async restart(): Promise<void> {
    await this.crash();
    this.start();
    await settle();
  }

  async ask(to: Address, type: string, data: JsonObject = {}, id?: string): Promise<Outcome> {
    return this.system.ask({ to, type, data, ...(id !== undefined && { id }) });
  }

  /** Opens a tally. */
  async open(id: string, data: JsonObject = {}): Promise<void> {
    await this.ask(`session/${id}`, "tally.open", data);
  }

  /** What any NATS client could publish. */
  async publish(
    subject: string,
    body: string | object,
    headers: Record<string, string> = {},
  ): Promise<void> {
    const { "Nats-Msg-Id": id, ...others } = headers;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    await this.bus.publish({
      subject,
      body: new TextEncoder().encode(text),
      headers: others,
      ...(id !== undefined && { id }),
    });
  }

  /** A tally's context as the store has it. */
  tally(id: string): TallyContext {
    const row = this.store.snapshot(`session/${id}`);
    if (row === undefined) throw new Error(`no tally ${id}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- tallies only
    return (row.snapshot as unknown as { context: TallyContext }).context;
  }

  /** Wakes nobody after the daemon that set it died. */
  #mortalClock(): Clock {
    const life = this.#life;
    return {
      now: () => this.clock.now(),
      after: (ms, run) =>
        this.clock.after(ms, () => {
          if (life === this.#life) run();
        }),
    };
  }

  #adapters(): Adapters {
    const life = this.#life;
    const { adapters } = this.#options;
    if (adapters !== undefined) return mortal(adapters, () => life === this.#life);
    const act = this.#options.act ?? (async () => Promise.resolve({ repeated: false }));
    const acting =
      (name: string) =>
      async (data: unknown, attempt: Attempt): Promise<never> => {
        // A dead daemon does nothing more.
        if (life !== this.#life) await Promise.withResolvers<never>().promise;
        const deed = { effectId: attempt.effectId, name, data };
        this.deeds.push(deed);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host checks results
        return (await act(deed, attempt)) as never;
      };
    return {
      typeText: acting("typeText"),
      inspectHost: none,
      sweepDirectory: none,
      compactRepository: none,
      launchTerminal: none,
      inspectTerminal: none,
      destroyTerminal: acting("destroyTerminal"),
      prepareWorkspace: none,
      reclaimWorkspace: none,
      inspectBranches: none,
      runChecks: acting("runChecks"),
      mergePullRequest: none,
      openPullRequest: none,
      prepareReview: none,
      verifyReview: none,
      releaseReview: none,
      findReviewer: none,
      notifyPerson: none,
    };
  }
}

/** The adapters of one daemon: once it is dead they neither begin anything nor answer. */
function mortal(adapters: Adapters, isAlive: () => boolean): Adapters {
  const wrapped = Object.entries(adapters).map(([name, adapter]) => [
    name,
    async (data: never, attempt: Attempt) => {
      if (!isAlive()) return Promise.withResolvers<never>().promise;
      const result: unknown = await adapter(data, attempt);
      return isAlive() ? result : Promise.withResolvers<never>().promise;
    },
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same names, the same answers
  return Object.fromEntries(wrapped) as Adapters;
}

async function none(): Promise<never> {
  await Promise.resolve();
  throw new Failure("LAUNCH_FAILED", "this world has only typeText");
}
