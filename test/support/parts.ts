import type { Ended, Part, Running } from "../../actors/part-run.ts";
import { superviseParts, type Notes, type Parts, type PartsEvent } from "../../actors/parts.ts";
import type {
  Cause,
  ChildSpec,
  SupervisorSpec,
  SupervisorState,
} from "../../machines/supervision/supervision.ts";

import { manualClock, type ManualClock } from "./clock.ts";

/** When the clock of a parts world begins. */
export const NOW = 1_000_000;

/** How a fake part behaves: `slow` comes up when told to and fails when aborted, `stubborn` ignores the abort. */
export interface Manners {
  start?: "prompt" | "slow" | "stubborn" | Error;
  /** It throws its error instead of rejecting. */
  throws?: boolean;
  stop?: "prompt" | "stubborn" | Error;
}

/** A part under the hand of a test. */
export interface FakePart extends Part {
  readonly manners: Manners;
  /** Lets a slow or stubborn start come up after all. */
  comeUp(): void;
  /** The part that is up ends by itself. */
  die(cause: Cause, error?: unknown): void;
  /** What is up breaks its promise to say how it ended. */
  breakOff(error: Error): void;
}

/** A part that writes what is asked of it into `log`, and refuses to run twice at once unless it is stubborn. */
export function fakePart(id: string, log: string[], manners: Manners = {}): FakePart {
  let coming = Promise.withResolvers<void>();
  let life = Promise.withResolvers<Ended>();
  let isUp = false;
  return {
    id,
    startMs: 1_000,
    manners,
    comeUp: () => coming.resolve(),
    die: (cause, error) => {
      isUp = false;
      life.resolve({ cause, error });
    },
    breakOff: (error) => {
      isUp = false;
      life.reject(error);
    },
    start(signal, epoch) {
      log.push(isUp ? `${id}${epoch} DOUBLE` : `start ${id}${epoch}`);
      if (manners.throws === true && manners.start instanceof Error) throw manners.start;
      return begin(signal, epoch);
    },
  };

  async function begin(signal: AbortSignal, epoch: number): Promise<Running> {
    const { start } = manners;
    if (start instanceof Error) throw start;
    coming = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => {
      log.push(`abort ${id}${epoch}`);
      if (start === "slow") coming.reject(new Error("aborted"));
    });
    if (start === "slow" || start === "stubborn") await coming.promise;
    isUp = true;
    life = Promise.withResolvers<Ended>();
    return {
      exited: life.promise,
      stop: async (graceMs) => {
        log.push(`stop ${id}${epoch} within ${graceMs}`);
        if (manners.stop instanceof Error) throw manners.stop;
        if (manners.stop === "stubborn") await new Promise(() => {});
        isUp = false;
      },
    };
  }
}

/** Notes that survive one supervisor and are there for the next; through JSON, as on disk. */
export function memoryNotes(): Notes & { readonly saved: () => SupervisorState | undefined } {
  let text: string | undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own JSON
  const load = () => (text === undefined ? undefined : (JSON.parse(text) as SupervisorState));
  return {
    load,
    saved: load,
    save: async (state) => {
      text = JSON.stringify(state);
    },
  };
}

/** Notes that take as long as the test likes. */
export interface SlowNotes extends Notes {
  /** Saves that have not finished. */
  waiting(): number;
  /** Finishes the oldest save. */
  finish(): void;
  /** Finishes all saves, and those to come at once. */
  letGo(): void;
}

/** Empty notes whose saves wait for the test. */
export function slowNotes(): SlowNotes {
  const saves: (() => void)[] = [];
  let isOpen = false;
  return {
    load: () => undefined,
    save: () => new Promise((resolve) => (isOpen ? resolve() : void saves.push(resolve))),
    waiting: () => saves.length,
    finish: () => saves.shift()?.(),
    letGo: () => {
      isOpen = true;
      for (const finish of saves.splice(0)) finish();
    },
  };
}

/** Parts under supervision, the clock that moves them and what they did. */
export interface PartsWorld {
  readonly parts: Parts;
  readonly clock: ManualClock;
  readonly log: string[];
  readonly events: PartsEvent[];
  readonly part: (id: string) => FakePart;
}

/** What is not as usual. */
export interface Given {
  readonly spec?: Partial<SupervisorSpec>;
  readonly restart?: ChildSpec["restart"];
  readonly manners?: Record<string, Manners>;
  readonly notes?: Notes;
  /** How much too early timers fire, as real ones sometimes do by a millisecond. */
  readonly earlyMs?: number;
}

/** Parts a, b and c, started; 2 restarts in 10 s, back-off 100 ms doubling, 400 ms to stop, 1 s to start. */
export async function partsWorld({
  spec,
  restart = "permanent",
  manners = {},
  notes = memoryNotes(),
  earlyMs = 0,
}: Given): Promise<PartsWorld> {
  const log: string[] = [];
  const events: PartsEvent[] = [];
  const clock = manualClock(NOW);
  const fakes = ["a", "b", "c"].map((id) => fakePart(id, log, manners[id]));
  const parts = superviseParts({
    name: "daemon",
    parts: fakes,
    spec: {
      strategy: "rest_for_one",
      intensity: 2,
      periodMs: 10_000,
      backoff: { minMs: 100, maxMs: 1_000 },
      children: fakes.map(({ id }) => ({ id, restart, shutdownMs: 400 })),
      ...spec,
    },
    clock: { now: () => clock.now(), after: (ms, run) => clock.after(ms - earlyMs, run) },
    notes,
    onEvent: (event) => events.push(event),
  });
  const part = (id: string): FakePart => {
    const fake = fakes.find((each) => each.id === id);
    if (fake === undefined) throw new Error(`no part ${id}`);
    return fake;
  };
  await clock.advance(0);
  return { parts, clock, log, events, part };
}
