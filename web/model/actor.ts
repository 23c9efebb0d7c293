import { startTransition, useEffect, useState } from "react";
import type { Frame, Json, Step, Tick } from "./answers.ts";
import { ask } from "./client.ts";
import { restAfter } from "./pace.ts";
import { follow, type Link } from "./stream.ts";
import type { Taken } from "./states.ts";

// Actor
//
// One actor, live: its timeline, the step that was just committed, and all there is to know of the newest that was read.
//
//   A1. A step is drawn from the event that tells it, before anything else is asked.
//   A2. The timeline is read once, in pages, and grows by what is told.
//   A3. All else that is shown of it is of one step, read at once. It may be older than the one drawn (`last`): a daemon
//       is not asked about each step of a busy actor.
//   A4. What changes without a step of its own, mail that is under way and what became of orders, is looked at again.

export interface ActorState {
  /** The newest that was read, with what was present then. */
  readonly frame: Frame | undefined;
  /** Why the newest could not be read; the one before stays. */
  readonly frameFailure: Error | undefined;
  /** By seq, oldest first; without gaps from the first one that is kept. */
  readonly ticks: readonly Tick[];
  readonly areTicksComplete: boolean;
  /** The newest step there is, as far as is known here. */
  readonly last: number;
  /** The states now. */
  readonly value: Json | undefined;
  readonly taken: Taken | undefined;
  readonly link: Link;
  readonly failure: Error | undefined;
}

const EMPTY: ActorState = {
  frame: undefined,
  frameFailure: undefined,
  ticks: [],
  areTicksComplete: false,
  last: 0,
  value: undefined,
  taken: undefined,
  link: { type: "connecting" },
  failure: undefined,
};

const PAGE = 2_000;
// Some beats of the daemon on this stream.
const SILENT_MS = 35_000;
const LOOK_MS = 10_000;
const UNDER_WAY_MS = 2_000;

/** Follows an actor for as long as the component lives. */
export function useActor(path: string): ActorState {
  const [state, setState] = useState(EMPTY);
  useEffect(() => {
    const stopped = new AbortController();
    setState(EMPTY);
    const change = (to: (was: ActorState) => Partial<ActorState>): void => {
      if (!stopped.signal.aborted) setState((was) => ({ ...was, ...to(was) }));
    };
    void start(path, stopped.signal, change);
    return () => stopped.abort();
  }, [path]);
  return state;
}

interface Intake {
  readonly globalSeq: number;
}
/** What is known of it without taking its steps again. */
interface Standing {
  readonly address: string;
  readonly seq: number;
  readonly value: Json;
}

type Change = (to: (was: ActorState) => Partial<ActorState>) => void;

async function start(path: string, stopped: AbortSignal, change: Change): Promise<void> {
  const known = new AbortController();
  const signal = AbortSignal.any([stopped, known.signal]);
  try {
    const { globalSeq } = await ask<Intake>("GET", "/intake", undefined, stopped);
    const refresh = refreshed(path, signal, change);
    const { address, seq, value } = await ask<Standing>("GET", path, undefined, stopped);
    change(() => ({ last: seq, value }));
    const stop = follow({
      path: `/events?address=${encodeURIComponent(address)}`,
      after: globalSeq,
      silentMs: SILENT_MS,
      onLink: (link) => change(() => ({ link })),
      onEvent: ({ type, data }) => {
        // Steps were missed that are not told any more, or another store took the place of this one.
        if (type === "gap" && !signal.aborted) {
          known.abort();
          void start(path, stopped, change);
        }
        if (type !== "step") return;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- page and daemon are of one version
        const step = JSON.parse(data) as Step;
        change((was) => told(was, step));
        refresh();
      },
    });
    signal.addEventListener("abort", stop);
    await readTimeline(path, signal, change);
  } catch (error) {
    if (!signal.aborted) change(() => ({ failure: asError(error) }));
  }
}

/** Reads the newest frame; how to say that there is a newer one. */
function refreshed(path: string, stopped: AbortSignal, change: Change): () => void {
  return coalesced(stopped, async () => {
    try {
      const frame = await ask<Frame>("GET", `${path}/frames/last`, undefined, stopped);
      // What is now is in the chart already; the rest of it must not keep the next change waiting.
      startTransition(() => change(() => ({ frame, frameFailure: undefined })));
      return isUnderWay(frame) ? UNDER_WAY_MS : LOOK_MS;
    } catch (error) {
      if (!stopped.aborted) change(() => ({ frameFailure: asError(error) }));
      return LOOK_MS;
    }
  });
}

function told(was: ActorState, step: Step): Partial<ActorState> {
  if (step.seq <= was.last) return {};
  const { seq, value, message } = step;
  const taken = { seq, event: message.type, was: step.was ?? was.value, value: value ?? was.value };
  return {
    last: seq,
    value: value ?? was.value,
    // What moved last stays drawn while steps go by that move nothing.
    taken: value === undefined ? was.taken : taken,
    ticks: was.areTicksComplete ? [...was.ticks, tickOf(step)] : was.ticks,
  };
}

// As the daemon says it of older steps.
const TROUBLE = /\.failed$|\.undeliverable$|quarantined$/;

function tickOf({ seq, committedAt, message, value, isNoop, orders }: Step): Tick {
  return {
    seq,
    at: committedAt,
    type: message.type,
    isMove: value !== undefined,
    isNoop,
    isTrouble: TROUBLE.test(message.type),
    orders: orders.length,
  };
}

async function readTimeline(path: string, stopped: AbortSignal, change: Change): Promise<void> {
  let after: number | null = 0;
  let ticks: readonly Tick[] = [];
  while (after !== null) {
    const page: { ticks: readonly Tick[]; next: number | null } = await ask(
      "GET",
      `${path}/timeline?limit=${PAGE}&after=${after}`,
      undefined,
      stopped,
    );
    ticks = [...ticks, ...page.ticks];
    after = page.next;
    const read = ticks;
    const areTicksComplete = after === null;
    // What was told since the last page was read is read too, or told anew.
    change(({ last }) => ({
      ticks: read,
      areTicksComplete: areTicksComplete && (read.at(-1)?.seq ?? 0) >= last,
    }));
    if (areTicksComplete) {
      const end = read.at(-1)?.seq ?? 0;
      after = await new Promise<number | null>((resolve) => {
        change(({ last }) => {
          resolve(last > end ? end : null);
          return {};
        });
        if (stopped.aborted) resolve(null);
      });
    }
  }
}

function isUnderWay({ ends, present }: Frame): boolean {
  return (
    ends.some(({ type }) => type === "open") ||
    (present !== null && present.outbox.length + present.mailbox.length > 0)
  );
}

/**
 * Runs one at a time: now, when it is asked for, and so many milliseconds after it ran as it then says (A4). It rests in
 * between.
 */
function coalesced(stopped: AbortSignal, run: () => Promise<number>): () => void {
  let isRunning = false;
  let isAsked = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const go = async (): Promise<void> => {
    isRunning = true;
    clearTimeout(timer);
    let againMs = 0;
    do {
      isAsked = false;
      const askedAt = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one at a time
      againMs = await run();
      const restMs = restAfter(performance.now() - askedAt);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await new Promise((resolve) => {
        setTimeout(resolve, restMs);
      });
    } while (isAsked && !stopped.aborted);
    isRunning = false;
    if (!stopped.aborted) timer = setTimeout(look, againMs);
  };
  const now = (): void => {
    isAsked = true;
    if (!isRunning) void go();
  };
  const look = (): void => {
    if (document.hidden) timer = setTimeout(look, LOOK_MS);
    else now();
  };
  stopped.addEventListener("abort", () => clearTimeout(timer));
  now();
  return now;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
