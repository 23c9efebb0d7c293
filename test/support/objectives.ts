import { onTestFinished } from "vitest";
import { ActorSystem } from "../../actors/actor-system.ts";
import type { Clock } from "../../actors/clock.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream, type MemoryStream } from "../../bus/memory-stream.ts";
import type { Address, KindName } from "../../machines/ids.ts";
import type { JsonObject } from "../../machines/json.ts";
import type { Kind } from "../../machines/kind.ts";
import { kinds } from "../../machines/kinds.ts";
import type { ObjectiveContext, Worker } from "../../machines/objective/record.ts";
import type { QuestionContext } from "../../machines/objective/question.ts";
import { Settings } from "../../machines/settings.ts";
import type { RootContext } from "../../machines/supervision/record.ts";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../storage/memory-store.ts";
import type { Outcome } from "../../storage/store.ts";
import { manualClock, settle, type ManualClock } from "./clock.ts";
import { outside, type Outside } from "./outside.ts";
import { pullFacts } from "./pulls.ts";

// Objectives
//
// The real actors over a store, a stream, an outside and a clock in memory, and what managers, workers and persons do
// with them. Time only passes when a test says so; the daemon can be killed and started again over what it left.

export const IDLE_MS = 90_000;
export const COOLDOWN_MS = 90_000;
export const MINUTE = 60_000;

export interface Options {
  readonly settings?: Parameters<typeof Settings.parse>[0];
  /** Kinds in the place of the real ones. */
  readonly kinds?: (real: ReadonlyMap<KindName, Kind>) => ReadonlyMap<KindName, Kind>;
  readonly scm?: "none" | "local";
}

export class Objectives {
  readonly disk: MemoryDisk = memoryDisk();
  readonly clock: ManualClock = manualClock();
  readonly outside: Outside = outside();
  readonly stream: MemoryStream = memoryStream({ now: () => this.clock.now() });
  readonly settings: Settings;
  readonly troubles: unknown[] = [];
  system!: ActorSystem;
  readonly #kinds: ReadonlyMap<KindName, Kind>;
  #life = 0;
  #ids = 0;

  constructor(options: Options = {}) {
    this.settings = Settings.parse(options.settings ?? {});
    const real = kinds(this.settings);
    this.#kinds = options.kinds?.(real) ?? real;
    this.start();
    onTestFinished(async () => this.system.stop());
  }

  start(): void {
    this.#life += 1;
    const life = this.#life;
    this.system = new ActorSystem({
      store: memoryStore({ disk: this.disk }),
      bus: memoryBus({ stream: this.stream, now: () => this.clock.now() }),
      adapters: this.outside.adapters,
      directories: this.outside.directories,
      kinds: this.#kinds,
      settings: this.settings,
      clock: this.#mortalClock(life),
      newId: () => {
        this.#ids += 1;
        return `t${this.#ids}`;
      },
      onTrouble: (trouble) => {
        if (life === this.#life) this.troubles.push(trouble);
      },
      onBoundary: () => {
        if (life !== this.#life) throw new Error("the daemon is dead");
      },
    });
    this.system.finished.catch(() => {});
  }

  /** The daemon is killed at this instant and started again over what it had flushed. */
  async restart(): Promise<void> {
    this.#life += 1;
    this.disk.crash();
    void this.system.stop();
    await settle();
    this.start();
    await settle();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  async ask(to: Address, type: string, data: JsonObject = {}): Promise<Outcome> {
    const asked = this.system.ask({ to, type, data });
    await settle();
    return asked;
  }

  /** A command that must be taken; its reply. */
  async must(to: Address, type: string, data: JsonObject = {}): Promise<JsonObject> {
    const outcome = await this.ask(to, type, data);
    await settle();
    if (outcome.type !== "applied") throw new Error(`${type} to ${to}: ${JSON.stringify(outcome)}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- replies of ours are objects
    return (outcome.reply ?? {}) as JsonObject;
  }

  /** Registers `demo`; workers and managers run `true` in the fake outside. */
  async project(config: JsonObject = {}, scm: "none" | "local" = "none"): Promise<void> {
    await this.must("project/demo", "project.register", {
      root: "/srv/demo",
      scm,
      defaultBranch: "main",
      config: { worker: { harness: "command", command: ["true"] }, ...config },
    });
  }

  /** A new objective of `demo`; its id. */
  async objective(prompt = "Build it.", more: JsonObject = {}): Promise<string> {
    const { objectiveId } = await this.must("project/demo", "project.objective", {
      prompt,
      ...more,
    });
    await settle();
    return text(objectiveId);
  }

  /** An objective whose manager has ended its first turn. */
  async driven(prompt?: string): Promise<string> {
    const id = await this.objective(prompt);
    await this.says(this.managerId(id), "active");
    await this.says(this.managerId(id), "idle");
    return id;
  }

  /** Gives the objective a task, as its manager; the worker's id. */
  async worker(id: string, more: JsonObject = {}): Promise<string> {
    const data = { title: "A task", prompt: "Do it.", by: this.by(id), ...more };
    const { workerId } = await this.must(`objective/${id}`, "objective.worker", data);
    await settle();
    return text(workerId);
  }

  by(id: string): JsonObject {
    return { session: this.managerId(id), epoch: 1 };
  }

  /** A command of the present manager. */
  async does(id: string, type: string, data: JsonObject = {}): Promise<Outcome> {
    return this.ask(`objective/${id}`, `objective.${type}`, { ...data, by: this.by(id) });
  }

  /** What an agent's hooks tell. */
  async says(session: string, state: string, more: JsonObject = {}): Promise<void> {
    await this.system.observe("activity", session, { state, source: "hook", ...more });
    await settle();
  }

  async reports(session: string, summary = "It works.", outcome = "succeeded"): Promise<void> {
    await this.must(`session/${session}`, "session.report", { summary, outcome });
    await settle();
  }

  async pulls(session: string, ...prs: JsonObject[]): Promise<void> {
    await this.system.observe("scm", session, { fetched: true, prs });
    await settle();
  }

  /** The program in a terminal ends by itself, or with its terminal when it leaves no code. */
  async exits(session: string, exitCode: number | undefined): Promise<void> {
    const epoch = this.session(session).terminal.epoch;
    const data = { process: "dead", epoch, ...(exitCode !== undefined && { exitCode }) };
    // What ends by itself leaves its pane.
    if (exitCode === undefined) this.outside.panes.delete(session);
    else this.outside.end(session);
    await this.system.observe("terminal", session, data);
    await settle();
  }

  managerId(id: string): string {
    return this.context(id).manager.sessionId ?? "";
  }

  context(id: string): ObjectiveContext {
    return this.#contextOf<ObjectiveContext>(`objective/${id}`);
  }

  worked(id: string, worker: string): Worker {
    const found = this.context(id).workers.find((each) => each.id === worker);
    if (found === undefined) throw new Error(`no worker ${worker}`);
    return found;
  }

  question(id: string): QuestionContext & { readonly state: unknown } {
    const address: Address = `question/${id}`;
    return { ...this.#contextOf<QuestionContext>(address), state: this.#valueOf(address) };
  }

  get root(): RootContext {
    return this.#contextOf<RootContext>("supervisor/root");
  }

  session(id: string): {
    readonly terminal: { readonly epoch: number; readonly state: string };
    readonly axes: { readonly lifecycle: { readonly state: string; readonly reason: string } };
    readonly workspace: { readonly path: string | null };
    readonly wanted: string;
    readonly prompt: string;
    readonly title: string;
    readonly harness: string;
  } {
    return this.#contextOf(`session/${id}`);
  }

  has(address: Address): boolean {
    return this.system.store.snapshot(address) !== undefined;
  }

  /** Where the objective stands: the chart's state, without its parents. */
  phase(id: string): string {
    const value = this.#valueOf(`objective/${id}`);
    return typeof value === "string" ? value : text(Object.values(value ?? {})[0]);
  }

  /** The states of an actor, from the outside in; empty when there is none. */
  statesOf(address: Address): string {
    return JSON.stringify(this.#valueOf(address) ?? "");
  }

  /** Texts typed into a session's terminal, oldest first. */
  typed(session: string): string[] {
    return [...(this.outside.panes.get(session)?.typed.values() ?? [])];
  }

  pokes(id: string): number {
    return this.context(id).pokes.filter(({ state }) => state === "delivered").length;
  }

  managers(id: string): string[] {
    return [...this.system.store.summaries("session")]
      .filter(({ facts }) => facts["objectiveId"] === id && facts["kind"] === "manager")
      .map(({ address }) => address.slice("session/".length));
  }

  #valueOf(address: Address): string | Record<string, unknown> | undefined {
    const row = this.system.store.snapshot(address);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a snapshot of XState
    return (row?.snapshot as { value?: string | Record<string, unknown> } | undefined)?.value;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names what the kind keeps
  #contextOf<Context>(address: Address): Context {
    const row = this.system.store.snapshot(address);
    if (row === undefined) throw new Error(`there is no ${address}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller names what the kind keeps
    return (row.snapshot as unknown as { context: Context }).context;
  }

  #mortalClock(life: number): Clock {
    return {
      now: () => this.clock.now(),
      after: (ms, run) =>
        this.clock.after(ms, () => {
          if (life === this.#life) run();
        }),
    };
  }
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`no text: ${JSON.stringify(value)}`);
  return value;
}

/** A pull request as any forge tells it. */
export function pull(more: JsonObject = {}): JsonObject {
  return {
    ...pullFacts({
      url: "https://forge.test/demo/pull/1",
      headSha: "aaa",
      ci: { state: "passing" },
      reviewDecision: "required",
    }),
    ...more,
  };
}
