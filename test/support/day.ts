import type { JsonObject } from "../../machines/json.ts";
import type { ObjectiveContext } from "../../machines/objective/record.ts";
import { DayPulls } from "./day-pulls.ts";
import { MINUTE, Objectives } from "./objectives.ts";

// Day
//
// A day of many objectives at once: agents that stall, die, lie, finish late, reach limits and hang at prompts, pull
// requests that are reviewed, mended and merged, probes of which some lie, a person who looks after everything in the end,
// and a daemon that is killed now and then. Everything that happens follows from the seed.
//
//   Y1. An agent does one thing at a time, by itself or because something was typed; what it does is drawn when it begins.
//   Y2. A real death is seen by the honest part of the probe within `PROBE_MS`, as by the real one.
//   Y3. A lie is one that a single witness can tell: both together would be evidence.

const HOUR = 60 * MINUTE;
const PROBE_MS = 5_000;
const LIES = 0.05;
/** The last objective begins so long before the end of the day: each must have the time to be reached. */
const LAST_HOURS = 6;
const MOST_WORKERS = 30;
/** Liveness reports of each pass; the real probe is silent while nothing changes. */
const REPORTS = 1;

export interface DayOptions {
  readonly seed: number;
  readonly objectives: number;
  readonly hours: number;
  /** Kills of the daemon in the whole day. */
  readonly kills: number;
}

/** What one agent is up to. */
interface Agent {
  readonly session: string;
  readonly epoch: number;
  readonly role: "manager" | "worker" | "reviewer";
  /** Texts that it has read. */
  read: number;
  state: "working" | "resting" | "limited" | "asking" | "dead";
  /** When it does the next thing by itself. */
  nextAt: number;
  diedAt: number | null;
  /** It has given its worker's result. */
  isDone: boolean;
  /** It was already slow once: nobody is late for ever. */
  wasLate: boolean;
}

/** A command of a manager to its objective. */
type Order = (type: string, data: JsonObject) => Promise<unknown>;

/** What was found wrong, in words; and what the day held. */
export interface Report {
  readonly faults: string[];
  readonly counts: Record<string, number>;
  readonly world: Objectives;
  readonly ids: readonly string[];
}

/** Numbers between 0 and 1 that follow from a seed. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class Day {
  readonly world = new Objectives({
    settings: { supervisor: { tickMs: MINUTE }, scheduling: { workers: 60, slotsPerHost: 60 } },
  });
  readonly ids: string[] = [];
  readonly faults: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly pulls: DayPulls;
  readonly #random: () => number;
  readonly #options: DayOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #over = new Set<string>();
  readonly #answerAt = new Map<string, number>();
  readonly #startAt: number;

  constructor(options: DayOptions) {
    this.#options = options;
    this.#random = chance(options.seed);
    this.pulls = new DayPulls({
      world: this.world,
      random: this.#random,
      count: (what) => this.#count(what),
      fault: (what) => this.#fault(what),
    });
    this.#startAt = this.world.clock.now();
  }

  async run(): Promise<Report> {
    const { world } = this;
    const { objectives, hours, kills } = this.#options;
    await world.project(PROJECT, "local");
    const passes = (hours * HOUR) / PROBE_MS;
    const begin = Math.floor(((hours - LAST_HOURS) * HOUR) / PROBE_MS / objectives);
    for (let pass = 0; pass < passes; pass += 1) {
      if (pass % begin === 0 && this.ids.length < objectives) {
        // oxlint-disable-next-line no-await-in-loop -- one thing after the other, as time goes
        this.ids.push(await world.objective(`Reach goal ${this.ids.length}.`));
      }
      // oxlint-disable-next-line no-await-in-loop
      if (this.#random() < kills / passes) await this.#kill();
      // oxlint-disable-next-line no-await-in-loop
      await this.#pass(pass);
    }
    await world.pass(HOUR);
    this.pulls.judge();
    return { faults: this.faults, counts: this.counts, world, ids: this.ids };
  }

  async #kill(): Promise<void> {
    this.#count("kill of the daemon");
    await this.world.restart();
  }

  async #pass(pass: number): Promise<void> {
    this.#meet();
    for (const agent of this.#agents.values()) {
      // oxlint-disable-next-line no-await-in-loop -- agents act one after the other
      if (agent.state !== "dead") await this.#live(agent);
    }
    await this.#report();
    if (pass % 12 === 0) await this.#answer();
    if (pass % 120 === 0) await this.pulls.person();
    this.#look({ isMinute: pass % 12 === 0, isTenth: pass % 120 === 0 });
    await this.world.pass(PROBE_MS);
  }

  /** Agents that were launched since, and those that were ended. */
  #meet(): void {
    const { panes } = this.world.outside;
    for (const [session, { epoch, hasEnded = false }] of panes) {
      if (hasEnded || this.#agents.get(session)?.epoch === epoch) continue;
      this.#agents.set(session, {
        session,
        epoch,
        role: roleOf(session),
        read: 0,
        state: "working",
        nextAt: this.#now() + this.#between(5_000, MINUTE),
        diedAt: null,
        isDone: false,
        wasLate: false,
      });
    }
    for (const agent of this.#agents.values()) {
      if (panes.get(agent.session)?.epoch === agent.epoch || agent.state === "dead") continue;
      this.#lookAt(agent, this.#now());
      this.#agents.delete(agent.session);
    }
  }

  async #live(agent: Agent): Promise<void> {
    const typed = this.world.typed(agent.session);
    const isTold = typed.length > agent.read;
    agent.read = typed.length;
    if (isTold && agent.state === "resting") return this.#begin(agent);
    if (isTold && agent.state === "limited" && agent.nextAt <= this.#now()) {
      return this.#begin(agent);
    }
    if (agent.nextAt > this.#now() || agent.state === "resting") return undefined;
    if (agent.state === "asking") return this.#begin(agent);
    if (agent.state === "working") return this.#end(agent);
    return undefined;
  }

  /** It takes up its work again. */
  async #begin(agent: Agent): Promise<void> {
    agent.state = "working";
    const isWorker = agent.role === "worker";
    agent.nextAt = this.#now() + this.#between(20_000, isWorker ? 10 * MINUTE : 2 * MINUTE);
    if (agent.role !== "reviewer") await this.world.says(agent.session, "active");
  }

  /** What its turn comes to. */
  async #end(agent: Agent): Promise<void> {
    const draw = this.#random();
    if (draw < 0.1) return this.#die(agent);
    if (agent.role === "reviewer") return this.#review(agent, draw < 0.17);
    if (draw < 0.115) return this.#limit(agent);
    if (draw < 0.17) return this.#hang(agent);
    if (draw < 0.23) return this.#rest(agent, "stall");
    if (draw < 0.29 && !agent.wasLate) return this.#late(agent);
    return agent.role === "manager" ? this.#manage(agent) : this.#work(agent);
  }

  async #die(agent: Agent): Promise<void> {
    const { session, role, epoch } = agent;
    this.#count(role === "reviewer" ? "death of a reviewer" : "death");
    agent.state = "dead";
    agent.diedAt = this.#now();
    const isLost = this.#random() < 0.3;
    const how = isLost ? {} : { exitCode: 1 };
    if (isLost) this.world.outside.panes.delete(session);
    else this.world.outside.end(session);
    await this.world.system.observe("terminal", session, { process: "dead", epoch, ...how });
  }

  async #limit(agent: Agent): Promise<void> {
    this.#count("limit");
    const until = this.#now() + this.#between(5 * MINUTE, HOUR);
    agent.state = "limited";
    agent.nextAt = until;
    const { session } = agent;
    await this.world.says(session, "active");
    await this.world.says(session, "idle", { event: "stop-failure", limitedUntil: until });
  }

  async #hang(agent: Agent): Promise<void> {
    this.#count("prompt");
    agent.state = "asking";
    agent.nextAt = this.#now() + this.#between(5 * MINUTE, 40 * MINUTE);
    await this.world.says(agent.session, this.#random() < 0.5 ? "waiting_input" : "blocked");
  }

  async #rest(agent: Agent, what: string): Promise<void> {
    this.#count(what);
    agent.state = "resting";
    await this.world.says(agent.session, "idle");
  }

  async #late(agent: Agent): Promise<void> {
    this.#count("late");
    agent.wasLate = true;
    agent.nextAt = this.#now() + this.#between(HOUR, 3 * HOUR);
    if (agent.role === "manager")
      agent.nextAt = this.#now() + this.#between(10 * MINUTE, 40 * MINUTE);
    await this.world.says(agent.session, "active");
  }

  async #manage(agent: Agent): Promise<void> {
    const id = agent.session.replace(/-m\d+$/, "");
    const { workers, end } = this.world.context(id);
    const by = { session: agent.session, epoch: agent.epoch };
    const order: Order = async (type, data) =>
      this.world.ask(`objective/${id}`, `objective.${type}`, { ...data, by });
    const wanted = 2 + (Number(id.split("-o")[1]) % 5);
    if (end === null) await this.#decide(workers, { wanted, order });
    if (this.world.outside.panes.has(agent.session)) await this.#rest(agent, "turn of a manager");
  }

  /** What a manager does with its plan: so many good results are wanted. */
  async #decide(
    workers: ObjectiveContext["workers"],
    { wanted, order }: { readonly wanted: number; readonly order: Order },
  ): Promise<void> {
    const isBusy = workers.some(({ state }) => !ENDED.has(state));
    const idle = workers.find(({ state }) => state === "idle");
    const good = workers.filter(({ state }) => state === "succeeded").length;
    const gone = workers.filter(({ facts }) => facts !== null && facts.ended !== null);
    await this.pulls.giveUp(new Set(gone.map(({ id }) => id)));
    if (!isBusy && good >= wanted) await order("done", { summary: "It is reached." });
    else if (!isBusy && workers.length < MOST_WORKERS) {
      await order("worker", { title: "A task", prompt: "Do it." });
      if (this.#random() < 0.5) await order("worker", { title: "More", prompt: "Do it too." });
    } else if (idle !== undefined) {
      // It rests without a result: it is spoken to, or ended.
      const isStopped = this.#random() < 0.5;
      await (isStopped
        ? order("stop", { worker: idle.id })
        : order("send", { to: idle.id, text: "Go on." }));
    } else if (isBusy && this.#random() < 0.1) {
      this.#count("lie of a manager");
      await order("done", { summary: "I say so." });
    }
  }

  async #review(agent: Agent, isStalling: boolean): Promise<void> {
    agent.state = "resting";
    if (isStalling) this.#count("stall of a reviewer");
    else await this.pulls.review(agent.session, agent.epoch);
  }

  async #work(agent: Agent): Promise<void> {
    if (agent.isDone) {
      await this.pulls.mend(agent.session);
      return this.#rest(agent, "rest after a result");
    }
    agent.isDone = true;
    const isLie = this.#random() < 0.1;
    if (this.#random() < PUBLISHED) await this.pulls.open(agent.session);
    this.#count(isLie ? "lie of a worker" : "result");
    await this.world.ask(`session/${agent.session}`, "session.report", {
      summary: isLie ? "" : "It works.",
      outcome: "succeeded",
    });
    return this.#rest(agent, "turn of a worker");
  }

  /** What the probe says of some that live; now and then it lies (Y3). */
  async #report(): Promise<void> {
    const alive = [...this.#agents.values()].filter(({ state }) => state !== "dead");
    for (let n = 0; n < REPORTS && alive.length > 0; n += 1) {
      const agent = alive[Math.floor(this.#random() * alive.length)];
      const isLie = this.#random() < LIES;
      const [runtime = "alive", process = "alive"] = isLie
        ? (LIED[Math.floor(this.#random() * LIED.length)] ?? [])
        : [];
      this.#count(isLie ? "lie of a probe" : "word of a probe");
      if (agent === undefined) continue;
      const { session, epoch } = agent;
      // oxlint-disable-next-line no-await-in-loop -- in order
      if (isLie) await this.world.system.observe("terminal", session, { process, epoch });
      if (agent.role === "reviewer") continue;
      // oxlint-disable-next-line no-await-in-loop
      await this.world.system.observe("runtime", session, { runtime, process, epoch });
    }
  }

  /** A person answers what is asked, a while after it was. */
  async #answer(): Promise<void> {
    for (const { address, value } of this.world.system.store.summaries("question")) {
      if (value !== "open") continue;
      const dueAt = this.#answerAt.get(address) ?? this.#now() + this.#between(MINUTE, HOUR);
      this.#answerAt.set(address, dueAt);
      if (dueAt > this.#now()) continue;
      this.#count("answer of a person");
      // oxlint-disable-next-line no-await-in-loop -- in order
      await this.world.ask(address, "question.answer", { answer: "grant" });
    }
  }

  /**
   * What must hold at every moment: deaths with every pass, what costs more to read every minute, and who lives every ten
   * (a false kill is also seen when the pane goes).
   */
  #look({ isMinute, isTenth }: { isMinute: boolean; isTenth: boolean }): void {
    const now = this.#now();
    for (const agent of this.#agents.values()) {
      if (isTenth || agent.state === "dead") this.#lookAt(agent, now);
    }
    if (!isMinute) return;
    for (const id of this.ids) if (!this.#over.has(id)) this.#lookAtObjective(id, now);
    if (this.world.root.held.length > 60) this.#fault(`${this.world.root.held.length} slots held`);
  }

  #lookAt(agent: Agent, now: number): void {
    if (agent.role === "reviewer") {
      this.#lookAtReviewer(agent, now);
      return;
    }
    const row = this.world.session(agent.session);
    const { state, reason } = row.axes.lifecycle;
    if (agent.state !== "dead") {
      const isKilled = state === "terminated" && BY_PROBES.has(reason);
      if (isKilled) this.#fault(`false kill of ${agent.session}: ${reason}`);
      return;
    }
    const isFound = state === "terminated" || row.terminal.state !== "live";
    this.#found(agent, { isFound, now });
  }

  #lookAtReviewer(agent: Agent, now: number): void {
    const isLive = this.world.statesOf(`terminal/${agent.session}`).includes("live");
    if (agent.state === "dead") this.#found(agent, { isFound: !isLive, now });
    else if (!isLive && this.world.outside.panes.get(agent.session)?.epoch === agent.epoch) {
      this.#fault(`${agent.session} lives, and its terminal does not`);
    }
  }

  #found(agent: Agent, { isFound, now }: { isFound: boolean; now: number }): void {
    const lateMs = now - (agent.diedAt ?? now);
    if (isFound) this.#agents.delete(agent.session);
    else if (lateMs > 15_000) this.#fault(`${agent.session} died ${lateMs} ms ago, unseen`);
  }

  #lookAtObjective(id: string, now: number): void {
    const row = this.world.system.store.snapshot(`objective/${id}`);
    if (row === undefined) return;
    if (this.#contextOf(id).end !== null) {
      this.#over.add(id);
      return;
    }
    const timer = row.timers["next"];
    if (timer === undefined) this.#fault(`silent stall of ${id}: no timer`);
    else if (timer.dueAt < now - PROBE_MS) this.#fault(`silent stall of ${id}: an overdue timer`);
  }

  #contextOf(id: string): ObjectiveContext {
    return this.world.context(id);
  }

  #fault(what: string): void {
    if (this.faults.length < 50) {
      this.faults.push(`${Math.round((this.#now() - this.#startAt) / 1_000)} s: ${what}`);
    }
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #now(): number {
    return this.world.clock.now();
  }

  #between(least: number, most: number): number {
    return Math.floor(least + this.#random() * (most - least));
  }
}

/** Who somebody is, by the name of its terminal. */
function roleOf(terminal: string): Agent["role"] {
  if (terminal.startsWith("review-")) return "reviewer";
  return /-m\d+$/.test(terminal) ? "manager" : "worker";
}

/** So many workers publish what they did. */
const PUBLISHED = 0.5;
const PROJECT = {
  checks: [{ name: "test", command: "true" }],
  reviewers: [{ harness: "command", command: ["review"] }],
  autoReview: true,
  mergeOnGreen: true,
};
const ENDED: ReadonlySet<string> = new Set(["succeeded", "failed", "canceled"]);
const BY_PROBES: ReadonlySet<string> = new Set([
  "runtime_lost",
  "agent_process_exited",
  "probe_failure",
]);
const LIED: readonly (readonly [string, string])[] = [
  ["failed", "failed"],
  ["dead", "alive"],
  ["dead", "failed"],
  ["alive", "dead"],
  ["indeterminate", "dead"],
  ["dead", "indeterminate"],
];
