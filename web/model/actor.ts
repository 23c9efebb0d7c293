import { startTransition, useEffect, useState } from "react";
import type { ActorFacts, Json, Step, Tick } from "./answers.ts";
import { ask } from "./client.ts";
import { restAfter } from "./pace.ts";
import { follow, type Link } from "./stream.ts";
import type { Taken } from "./states.ts";

// Actor
//
// One actor, live: its facts, its timeline, and the step that was just committed.
//
//   A1. A step is drawn from the event that tells it, before anything else is asked.
//   A2. The timeline is read once, in pages, and grows by what is told.

export interface ActorState {
  readonly facts: ActorFacts | undefined;
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
  facts: undefined,
  ticks: [],
  areTicksComplete: false,
  last: 0,
  value: undefined,
  taken: undefined,
  link: { type: "connecting" },
  failure: undefined,
};

const PAGE = 2_000;
// The daemon's own beat on this stream is 15 s.
const SILENT_MS = 35_000;

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

type Change = (to: (was: ActorState) => Partial<ActorState>) => void;

async function start(path: string, stopped: AbortSignal, change: Change): Promise<void> {
  try {
    const { globalSeq } = await ask<{ globalSeq: number }>("GET", "/intake", undefined, stopped);
    const facts = await ask<ActorFacts & { value: Json }>("GET", path, undefined, stopped);
    change(() => ({ facts, last: facts.seq, value: facts.value }));
    const refresh = coalesced(async () => {
      const fresh = await ask<ActorFacts>("GET", path, undefined, stopped);
      startTransition(() => change(() => ({ facts: fresh })));
    });
    const stop = follow({
      path: `/events?address=${encodeURIComponent(facts.address)}`,
      after: globalSeq,
      silentMs: SILENT_MS,
      onLink: (link) => change(() => ({ link })),
      onEvent: ({ type, data }) => {
        // Steps were missed that are not told any more.
        if (type === "gap") refresh();
        if (type !== "step") return;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- page and daemon are of one version
        const step = JSON.parse(data) as Step;
        change((was) => told(was, step));
        refresh();
      },
    });
    stopped.addEventListener("abort", stop);
    await readTimeline(path, stopped, change);
  } catch (error) {
    change(() => ({ failure: error instanceof Error ? error : new Error(String(error)) }));
  }
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

/** Runs one at a time, and once more when it was asked for meanwhile; it rests in between. */
function coalesced(run: () => Promise<void>): () => void {
  let isRunning = false;
  let isAsked = false;
  const go = async (): Promise<void> => {
    isRunning = true;
    do {
      isAsked = false;
      const askedAt = performance.now();
      await run().catch(() => {});
      const restMs = restAfter(performance.now() - askedAt);
      await new Promise((resolve) => {
        setTimeout(resolve, restMs);
      });
    } while (isAsked);
    isRunning = false;
  };
  return () => {
    isAsked = true;
    if (!isRunning) void go();
  };
}
