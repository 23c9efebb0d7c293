import { useSyncExternalStore } from "react";
import type { BoardPage, Line } from "./answers.ts";
import { ask, Refusal } from "./client.ts";
import { follow, type Link } from "./stream.ts";

// Board
//
// Every actor's line, read once and kept by the stream of changes.
//
//   O1. What is shown is what was committed; a lost connection is shown, and mended by the last id.
//   O2. Changes are drawn once per frame of the screen, however many came.

export interface BoardState {
  readonly lines: ReadonlyMap<string, Line>;
  readonly isComplete: boolean;
  readonly link: Link;
  readonly failure: string | undefined;
}

interface Changes {
  readonly lines: readonly Line[];
}

const PAGE = 1_000;
// A few heartbeats of the daemon.
const SILENT_MS = 13_000;

const listeners = new Set<() => void>();
let state: BoardState = empty();
let pending: Line[] = [];
let isScheduled = false;
let stop: (() => void) | undefined;

/** The board; it is followed as long as somebody looks. */
export function useBoard(): BoardState {
  return useSyncExternalStore(subscribe, () => state);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) stop = start();
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    stop?.();
    stop = undefined;
  };
}

function start(): () => void {
  const stopped = new AbortController();
  let unfollow: (() => void) | undefined;
  stopped.signal.addEventListener("abort", () => unfollow?.());
  const begin = async (): Promise<void> => {
    unfollow?.();
    const head = await read(stopped.signal);
    if (head === undefined) return;
    unfollow = follow({
      path: "/changes",
      after: head,
      silentMs: SILENT_MS,
      onLink: (link) => set({ link }),
      onEvent: ({ type, data }) => {
        if (type === "reset") void begin();
        if (type === "lines") take(data);
      },
    });
  };
  void begin();
  return () => stopped.abort();
}

/** Reads all pages, again and again until it can; the answer is where changes go on. */
async function read(stopped: AbortSignal): Promise<number | undefined> {
  let lostAt = 0;
  while (!stopped.aborted) {
    try {
      const { lines, head } = await readAll(stopped);
      set({ lines, isComplete: true, failure: undefined });
      return head;
    } catch (error) {
      if (stopped.aborted) return undefined;
      const why = error instanceof Error ? error.message : String(error);
      lostAt ||= Date.now();
      const isAnswer = error instanceof Refusal && error.status >= 400 && error.status < 500;
      const isFinal = isAnswer && error.status !== 429;
      // What was read before is still there to be looked at.
      const failure = isFinal || !state.isComplete ? why : undefined;
      set({ link: { type: "lost", since: lostAt, why }, failure });
      if (isFinal) return undefined;
      await new Promise((resolve) => {
        setTimeout(resolve, 1_000);
      });
    }
  }
  return undefined;
}

async function readAll(
  stopped: AbortSignal,
): Promise<{ lines: ReadonlyMap<string, Line>; head: number }> {
  const lines = new Map<string, Line>();
  let head: number | undefined;
  let after = "";
  do {
    const from = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const page = await ask<BoardPage>("GET", `/board?limit=${PAGE}${from}`, undefined, stopped);
    for (const line of page.lines) lines.set(line.address, line);
    // What changed while later pages were read is told by the stream.
    head ??= page.head;
    after = page.next ?? "";
  } while (after !== "");
  return { lines, head };
}

function take(data: string): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- page and daemon are of one version
  const { lines } = JSON.parse(data) as Changes;
  pending.push(...lines);
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    const next = new Map(state.lines);
    for (const line of pending) next.set(line.address, line);
    pending = [];
    set({ lines: next });
  });
}

function set(change: Partial<BoardState>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener();
}

function empty(): BoardState {
  return {
    lines: new Map(),
    isComplete: false,
    link: { type: "connecting" },
    failure: undefined,
  };
}
