import type { Boundary } from "../../actors/host.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import type { Fate } from "../../bus/memory-stream.ts";
import { Failure } from "../../machines/failures.ts";
import type { Address, KindName } from "../../machines/ids.ts";
import type { Kind } from "../../machines/kind.ts";
import type { JsonObject } from "../../machines/json.ts";
import type { Outcome } from "../../storage/store.ts";
import { settle } from "./clock.ts";
import { tallyKind } from "./tally.ts";
import { unlucky } from "./unlucky.ts";
import { World, type Deed } from "./world.ts";

// Simulation
//
// The whole runtime over a disk, a stream and a clock that obey: a plan says what comes, what fails and when the
// daemon is killed. The same plan runs the same way every time. Afterwards `quiesce` mends everything and lets the
// runtime come to rest; what must hold then is for the test to say.

export const ACTORS = ["a", "b", "c"] as const;
/** Long enough for every deadline, back-off, republication and timer of a plan. */
const REST_MS = 120_000;

/** How one attempt at an effect goes. Two of them end the daemon: before anything is done, and just after. */
export type EffectFate = "done" | "retry" | "fail" | "slow" | "hang" | "kill before" | "kill after";

/** One thing that happens. `actor` may be one past the last: nobody. */
export type Move =
  | { readonly type: "command"; readonly actor: number; readonly order: CommandMove }
  | { readonly type: "repeat"; readonly which: number }
  | { readonly type: "observe"; readonly actor: number; readonly n: number }
  | { readonly type: "advance"; readonly ms: number }
  | { readonly type: "killAt"; readonly boundary: Boundary; readonly after: number }
  | { readonly type: "break"; readonly what: Breakage }
  | { readonly type: "kill" }
  /** So many steps from now on throw, whoever takes them. */
  | { readonly type: "throw"; readonly steps: number }
  | { readonly type: "fate"; readonly fate: Exclude<Fate, "stored"> }
  | { readonly type: "let in" };

/** What happens to the disk and to the stream; "unhold" and "restore" mend them. */
export type Breakage = "hold" | "unhold" | "fail write" | "wipe" | "outage" | "restore";

export type CommandMove =
  | { readonly type: "tally.add"; readonly n: number }
  | { readonly type: "tally.tell"; readonly to: number; readonly n: number }
  | { readonly type: "tally.arm"; readonly name: string; readonly inMs: number }
  | { readonly type: "tally.cancel"; readonly name: string }
  | { readonly type: "tally.work" | "tally.raise" | "tally.throw" | "tally.ask" };

export interface Plan {
  readonly moves: readonly Move[];
  readonly fates: readonly EffectFate[];
}

interface Sent {
  readonly id: string;
  readonly to: Address;
  readonly type: string;
  readonly data: JsonObject;
}

export class Simulation {
  readonly world: World;
  /** Outcomes that callers were told. */
  readonly told = new Map<string, Outcome[]>();
  /** Ids that the stream had in it and was not made to forget. */
  readonly stored = new Set<string>();
  /** Effects that were begun although their result was committed. */
  readonly lateDeeds: Deed[] = [];
  readonly #count: (fault: string) => void;
  readonly #sent: Sent[] = [];
  readonly #fates: EffectFate[];
  readonly #probe;
  #isDead = false;
  #isHeld = false;
  #throws = 0;
  #known = { stream: "", seq: 0 };

  /** `count` hears of every fault that really happened. */
  constructor(plan: Plan, count: (fault: string) => void) {
    this.#count = count;
    this.#fates = [...plan.fates];
    const tallies = new Map<KindName, Kind>([["session", tallyKind()]]);
    this.world = new World({
      kinds: unlucky(tallies, "session", (type) => this.#isUnlucky(type)),
      act: async (deed) => this.#act(deed),
      settings: {
        limits: { liveActors: 2, batch: 3 },
        effects: { lanes: 2, retryMs: 100, retryMaxMs: 1_000 },
        mail: { republishMs: 1_000 },
      },
    });
    const { stream, clock } = this.world;
    this.#probe = memoryBus({ stream, now: () => clock.now() });
    stream.onChange(() => this.#look());
  }

  /** Opens the actors and makes every move. */
  async run({ moves }: Plan): Promise<void> {
    for (const id of ACTORS) await this.world.open(id, { parent: "a" });
    for (const move of moves) {
      await this.#make(move);
      await settle();
    }
  }

  /** Mends everything and lets time pass until nothing is left to do. */
  async quiesce(): Promise<void> {
    const { world } = this;
    this.#fates.length = 0;
    world.onBoundary = () => {};
    world.fateOf = () => "stored";
    world.disk.release();
    world.stream.restore();
    while (world.stream.release()) await settle();
    this.#throws = 0;
    this.#revive();
    await world.clock.advance(REST_MS);
    const rows = world.store.snapshots({ limit: 99 }).filter(({ isQuarantined }) => isQuarantined);
    if (rows.length === 0) return;
    this.#count("quarantine");
    // A write that is yet to fail is tried again in its time.
    const released = rows.map(async ({ address }) => world.system.release(address));
    await world.clock.advance(REST_MS);
    await Promise.all(released);
  }

  #isUnlucky(type: string): boolean {
    if (this.#throws === 0 || type === "tally.open" || type.startsWith("xstate.")) return false;
    this.#throws -= 1;
    this.#count(`throw: ${type.split(".")[0]}`);
    return true;
  }

  async end(): Promise<void> {
    await this.#probe.close();
    await this.world.system.stop();
    await settle();
  }

  async #make(move: Move): Promise<void> {
    const { world } = this;
    switch (move.type) {
      case "command":
        return this.#command(move);
      case "repeat":
        return this.#send(this.#sent[move.which % Math.max(this.#sent.length, 1)]);
      case "observe":
        return this.#observe(move);
      case "advance":
        return world.clock.advance(move.ms);
      case "let in":
        return void world.stream.release();
      case "fate":
        return this.#nextFate(move.fate);
      case "throw":
        this.#throws = move.steps;
        return;
      case "kill":
        return this.#kill(this.#isHeld ? "kill in a commit" : "kill between");
      case "killAt":
        return this.#killAt(move);
      case "break":
        return this.#break(move.what);
    }
  }

  #break(fault: Breakage): void {
    const { disk, stream } = this.world;
    if (fault === "hold") disk.hold();
    else if (fault === "unhold") disk.release();
    else if (fault === "fail write") disk.failNextWrite();
    else if (fault === "restore") stream.restore();
    else if (fault === "outage") stream.fail("an outage");
    else {
      this.stored.clear();
      stream.wipe();
    }
    if (fault === "hold" || fault === "unhold") this.#isHeld = fault === "hold";
    else this.#count(fault);
  }

  #command({ actor, order }: Extract<Move, { type: "command" }>): void {
    const now = this.world.clock.now();
    const { type, ...rest } = order;
    const data: Record<string, string | number> = { ...rest };
    if (order.type === "tally.tell") data["to"] = addressOf(order.to);
    if (order.type === "tally.arm") data["dueAt"] = now + order.inMs;
    if (order.type === "tally.work") data["text"] = `text ${this.#sent.length}`;
    const sent = { id: `cmd:${this.#sent.length}`, to: addressOf(actor), type, data };
    this.#sent.push(sent);
    this.#send(sent);
  }

  /** Asks as a caller does; a repeat is a caller who asks again after it heard nothing. */
  #send(sent: Sent | undefined): void {
    if (sent === undefined) return;
    this.#revive();
    const { id, to, type, data } = sent;
    this.world.ask(to, type, data, id).then(
      (outcome) => this.told.set(id, [...(this.told.get(id) ?? []), outcome]),
      (error: unknown) => {
        if (!(error instanceof Failure)) throw error;
      },
    );
  }

  /** What a probe publishes, daemon up or down; twice the same `n` is a repeat, a smaller one is late. */
  #observe({ actor, n }: Extract<Move, { type: "observe" }>): void {
    const body = new TextEncoder().encode(JSON.stringify({ state: n % 2 ? "idle" : "active" }));
    const subject = `ao.obs.activity.${idOf(actor)}`;
    this.#probe.publish({ subject, body, id: `obs-${actor}-${n}` }).catch(() => {});
  }

  #nextFate(fate: Fate): void {
    this.world.fateOf = () => {
      this.world.fateOf = () => "stored";
      this.#count(fate);
      return fate;
    };
  }

  #killAt({ boundary, after }: Extract<Move, { type: "killAt" }>): void {
    let left = after;
    this.world.onBoundary = (reached) => {
      if (reached !== boundary) return;
      if (left === 0) {
        this.#kill(`kill at ${boundary}`);
        throw new Error("killed");
      }
      left -= 1;
    };
  }

  #kill(fault: string): void {
    if (this.#isDead) return;
    this.#count(fault);
    for (const trouble of this.world.troubles.splice(0)) this.#count(troubleOf(trouble));
    this.world.onBoundary = () => {};
    this.#isDead = true;
    this.#isHeld = false;
    this.world.kill();
  }

  #revive(): void {
    if (!this.#isDead) return;
    this.#isDead = false;
    this.world.start();
  }

  async #act(deed: Deed): Promise<unknown> {
    const { world } = this;
    // One that broke its step is no end: the effect is begun again under its id.
    const end = world.store.seen(`result:${deed.effectId}`)?.outcome;
    if (end !== undefined && end.type !== "dead") this.lateDeeds.push(deed);
    const fate = this.#fates.shift() ?? "done";
    this.#count(`effect: ${fate}`);
    await Promise.resolve();
    if (fate === "retry") throw new Failure("TMUX_UNREACHABLE", "as the plan wished");
    if (fate === "fail") throw new Failure("PANE_GONE", "as the plan wished");
    if (fate === "hang") await Promise.withResolvers<never>().promise;
    if (fate === "slow") await this.#wait(700);
    if (fate === "kill before" || fate === "kill after") this.#kill(`effect: ${fate}`);
    return { repeated: false };
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.world.clock.after(ms, resolve);
    await promise;
  }

  /** Notes what came into the stream. */
  #look(): void {
    const { stream } = this.world;
    if (this.#known.stream !== stream.name) this.#known = { stream: stream.name, seq: 0 };
    for (const { headers, seq } of stream.messages(this.#known.seq, Infinity)) {
      const given = headers["Nats-Msg-Id"] ?? `${stream.name}:${seq}`;
      this.stored.add(given.replace(/~memory(?:~\d+)?$/, ""));
      this.#known = { stream: stream.name, seq };
    }
  }
}

function idOf(actor: number): string {
  return ACTORS[actor] ?? "nobody";
}

function addressOf(actor: number): Address {
  return `session/${idOf(actor)}`;
}

function troubleOf(trouble: unknown): string {
  return trouble instanceof Failure ? trouble.code : "a defect";
}
