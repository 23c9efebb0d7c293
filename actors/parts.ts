import { Failure } from "../machines/failures.ts";
import {
  recentRestarts,
  supervise,
  supervisor,
  type Cause,
  type ChildState,
  type SupervisorEvent,
  type SupervisorOrder,
  type SupervisorSpec,
  type SupervisorState,
} from "../machines/supervision/supervision.ts";
import type { Clock } from "./clock.ts";
import { runPart, type Ended, type Part, type PartRun } from "./part-run.ts";

// Parts
//
// Keeps the daemon's own parts up: bus, store, host, probes, http. Every decision is that of machines/supervision/supervision.ts;
// this carries it out and reports back what came of it.
//
//   P1. A decision is noted before it is carried out, so a restart of the daemon forgives no restart.
//   P2. Decisions are made and carried out one after the other, in the order in which the facts came in.
//   P3. Notes that cannot be written are reported and do not stop the supervision.

/** Where the supervisor's state outlives the daemon. */
export interface Notes {
  /** Undefined when there is none. What it gives was checked. */
  load(): SupervisorState | undefined;
  /** Settles, soon: no part is started or stopped before. */
  save(state: SupervisorState): Promise<void>;
}

/** What happens to the parts, for the log. */
export type PartsEvent =
  | { readonly type: "part.starting"; readonly id: string; readonly epoch: number }
  | { readonly type: "part.started"; readonly id: string; readonly epoch: number }
  | ({ readonly type: "part.exited"; readonly id: string; readonly epoch: number } & Ended)
  | { readonly type: "part.stopping"; readonly id: string; readonly epoch: number }
  | { readonly type: "part.stopped"; readonly id: string; readonly epoch: number }
  /** It did not stop, or not in time: something of it may be left. */
  | {
      readonly type: "part.abandoned";
      readonly id: string;
      readonly epoch: number;
      readonly error: unknown;
    }
  /** It ended and is not restarted. */
  | { readonly type: "part.ended"; readonly id: string; readonly cause: Cause }
  | { readonly type: "parts.waiting"; readonly dueAt: number }
  | { readonly type: "parts.ready" }
  | { readonly type: "parts.stopped" }
  | ({ readonly type: "parts.escalated" } & Escalation)
  | { readonly type: "notes.failed"; readonly error: unknown };

/** Why the parts were given up: the last end of the part that used up its budget. */
export interface Escalation {
  readonly id: string;
  readonly cause: Cause;
  readonly error?: unknown;
}

/** The parts as they are now; plain JSON. */
export interface PartsTree {
  readonly name: string;
  readonly phase: SupervisorState["phase"];
  readonly strategy: SupervisorSpec["strategy"];
  readonly intensity: number;
  readonly periodMs: number;
  /** Restarts within the period, per class; over `intensity` of one class it escalates. */
  readonly restarts: Readonly<Partial<Record<Cause, number>>>;
  /** When the back-off is over, milliseconds since 1970. */
  readonly dueAt: number | null;
  /** With the message of the last error, if the part ended with one. */
  readonly parts: readonly (ChildState & { readonly error?: string })[];
}

/** The running parts. */
export interface Parts {
  /** All parts are up for the first time. Fails with NOT_READY when they are stopped or given up before. */
  readonly ready: Promise<void>;
  /** The budget is used up and all parts are stopped; settles only then. */
  readonly escalated: Promise<Escalation>;
  tree(): PartsTree;
  /** Stops the parts in reverse. Resolves when all are stopped or their deadlines passed. */
  stop(): Promise<void>;
}

export interface PartsOptions {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Its children are the parts, in the same order. */
  readonly spec: SupervisorSpec;
  readonly clock: Clock;
  readonly notes: Notes;
  readonly onEvent: (event: PartsEvent) => void;
}

/**
 * Starts the parts in order and keeps them up. Of a former life it keeps the epochs and the restarts that still count.
 * Throws when parts and spec do not name the same children: a bug.
 */
export function superviseParts(options: PartsOptions): Parts {
  const named = options.parts.map(({ id }) => id).join(", ");
  const specified = options.spec.children.map(({ id }) => id).join(", ");
  if (named !== specified)
    throw new Error(`${options.name}: parts ${named} but specs of ${specified}`);
  return new SupervisedParts(options);
}

// A process with nothing but a back-off to wait for would end; longer than this and Node takes it for 1 ms.
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

class SupervisedParts implements Parts {
  readonly #ready = Promise.withResolvers<void>();
  readonly #escalated = Promise.withResolvers<Escalation>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly ready = this.#ready.promise;
  readonly escalated = this.#escalated.promise;
  readonly #options: PartsOptions;
  readonly #runs = new Map<string, PartRun>();
  readonly #errors = new Map<string, unknown>();
  readonly #facts: SupervisorEvent[] = [];
  readonly #keepAlive = setInterval(() => {}, LONGEST_INTERVAL_MS);
  #state: SupervisorState;
  #isDeciding = false;
  #cancelAlarm = (): void => {};

  constructor(options: PartsOptions) {
    this.#options = options;
    this.#state = supervisor(options.spec, options.notes.load());
    // Whoever waits for it hears of its failure; nobody has to.
    this.ready.catch(() => {});
    this.#tell({ type: "start", at: options.clock.now() });
  }

  stop(): Promise<void> {
    this.#tell({ type: "stop", at: this.#options.clock.now() });
    return this.#stopped.promise;
  }

  tree(): PartsTree {
    const { phase, dueAt, children, spec } = this.#state;
    const recent = Object.entries(recentRestarts(this.#state, this.#options.clock.now()));
    return {
      name: this.#options.name,
      phase,
      strategy: spec.strategy,
      intensity: spec.intensity,
      periodMs: spec.periodMs,
      restarts: Object.fromEntries(recent.map(([cause, times]) => [cause, times.length])),
      dueAt,
      parts: children.map((child) => {
        const error = this.#errors.get(child.id);
        return error === undefined ? child : { ...child, error: messageOf(error) };
      }),
    };
  }

  #tell(fact: SupervisorEvent): void {
    this.#facts.push(fact);
    if (!this.#isDeciding) void this.#decide();
  }

  async #decide(): Promise<void> {
    this.#isDeciding = true;
    for (let fact = this.#facts.shift(); fact !== undefined; fact = this.#facts.shift()) {
      const { state, orders } = supervise(this.#state, fact);
      if (state === this.#state) continue;
      this.#state = state;
      await this.#options.notes.save(state).catch((error: unknown) => {
        this.#options.onEvent({ type: "notes.failed", error });
      });
      for (const order of orders) this.#obey(order);
    }
    this.#isDeciding = false;
  }

  #obey(order: SupervisorOrder): void {
    const { onEvent } = this.#options;
    switch (order.type) {
      case "startChild":
        return this.#start(order.id, order.epoch);
      case "stopChild":
        void this.#halt(order.id, order.epoch);
        break;
      case "arm":
        return this.#arm(order.dueAt);
      case "cancel":
        return this.#cancelAlarm();
      case "childEnded":
        return onEvent({ type: "part.ended", id: order.id, cause: order.cause });
      case "ready":
        this.#ready.resolve();
        return onEvent({ type: "parts.ready" });
      case "allStopped":
        this.#end("stopped");
        this.#stopped.resolve();
        return onEvent({ type: "parts.stopped" });
      case "escalate": {
        const { id, cause } = order;
        const escalation = { id, cause, ...errorOf(this.#errors.get(id)) };
        this.#end(`given up: ${id} ended with ${cause}`);
        this.#escalated.resolve(escalation);
        return onEvent({ type: "parts.escalated", ...escalation });
      }
    }
    return undefined;
  }

  #start(id: string, epoch: number): void {
    const { parts, spec, clock, onEvent } = this.#options;
    const part = parts.find((each) => each.id === id);
    const shutdownMs = spec.children.find((each) => each.id === id)?.shutdownMs;
    if (part === undefined || shutdownMs === undefined) throw new Error(`no part ${id}`);
    onEvent({ type: "part.starting", id, epoch });
    const run = runPart({
      part,
      epoch,
      shutdownMs,
      clock,
      onStarted: () => {
        onEvent({ type: "part.started", id, epoch });
        this.#tell({ type: "child.started", id, epoch, at: clock.now() });
      },
      onEnded: (ended) => {
        this.#errors.set(id, ended.error);
        onEvent({ type: "part.exited", id, epoch, ...ended });
        this.#tell({ type: "child.exited", id, epoch, cause: ended.cause, at: clock.now() });
      },
      onAbandoned: (error) => onEvent({ type: "part.abandoned", id, epoch, error }),
    });
    this.#runs.set(id, run);
  }

  async #halt(id: string, epoch: number): Promise<void> {
    const { clock, onEvent } = this.#options;
    onEvent({ type: "part.stopping", id, epoch });
    await this.#runs.get(id)?.stop();
    onEvent({ type: "part.stopped", id, epoch });
    this.#tell({ type: "child.stopped", id, epoch, at: clock.now() });
  }

  #arm(dueAt: number): void {
    const { clock, onEvent } = this.#options;
    this.#cancelAlarm();
    // A timer may fire a little before its wall-clock time; it is over all the same.
    const ring = (): void => this.#tell({ type: "backoff.over", at: Math.max(dueAt, clock.now()) });
    this.#cancelAlarm = clock.after(Math.max(0, dueAt - clock.now()), ring);
    onEvent({ type: "parts.waiting", dueAt });
  }

  #end(why: string): void {
    clearInterval(this.#keepAlive);
    this.#ready.reject(new Failure("NOT_READY", `start ${this.#options.name}: ${why}`));
  }
}

function errorOf(error: unknown): { readonly error?: unknown } {
  return error === undefined ? {} : { error };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
