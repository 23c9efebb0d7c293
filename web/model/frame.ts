import { startTransition, useEffect, useRef, useState } from "react";
import type { ExplainedMove, Frame, Layout } from "./answers.ts";
import { ask, Refusal } from "./client.ts";

export interface Loaded<Value> {
  /** The last one that was read: what is drawn stays until the next is here. */
  readonly value: Value | undefined;
  readonly failure: Error | undefined;
}

// A hand that goes back and forth finds these at once.
const MOST_KEPT = 64;
const RETRY_MS = 1_000;

/** An actor after a step that others followed; nothing without one. */
export function usePast(path: string, seq: number | undefined): Loaded<Frame> {
  const kept = useRef(new Map<number, Frame>());
  const [state, setState] = useState<Loaded<Frame>>(NOTHING);
  useEffect(() => {
    const known = seq === undefined ? undefined : kept.current.get(seq);
    if (seq === undefined || known !== undefined) {
      setState({ value: known, failure: undefined });
      return undefined;
    }
    const stopped = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const url = `${path}/frames/${seq}`;
        const value = await ask<Frame>("GET", url, undefined, stopped.signal);
        keep(kept.current, seq, value);
        setState({ value, failure: undefined });
      } catch (error) {
        if (stopped.signal.aborted) return;
        setState((was) => ({ ...was, failure: asError(error) }));
        // The daemon may be gone for a moment; what it says is not there never will be.
        const isFinal = error instanceof Refusal && error.status >= 400 && error.status < 500;
        if (!isFinal) retry = setTimeout(() => void read(), RETRY_MS);
      }
    };
    let retry: ReturnType<typeof setTimeout> | undefined;
    stopped.signal.addEventListener("abort", () => clearTimeout(retry));
    void read();
    return () => stopped.abort();
  }, [path, seq]);
  return state;
}

const NOTHING = { value: undefined, failure: undefined };

/** What would move an actor after a step, with the reasons; nothing is asked before somebody wants to know. */
export function useReasons(
  path: string,
  seq: number,
  isWanted: boolean,
): readonly ExplainedMove[] | undefined {
  const [found, setFound] = useState<{ path: string; moves: readonly ExplainedMove[] }>();
  useEffect(() => {
    if (!isWanted) return undefined;
    const stopped = new AbortController();
    ask<{ readonly moves: readonly ExplainedMove[] }>(
      "GET",
      `${path}/frames/${seq}/moves`,
      undefined,
      stopped.signal,
    ).then(
      ({ moves }) => {
        if (!stopped.signal.aborted) startTransition(() => setFound({ path, moves }));
        return undefined;
      },
      // What was read before stays.
      () => {},
    );
    return () => stopped.abort();
  }, [path, seq, isWanted]);
  return found?.path === path ? found.moves : undefined;
}

/** Where everything of a chart is. */
export function useLayout(
  kind: string,
  collapsed: readonly string[],
  detail: "full" | "outline",
): Loaded<Layout> {
  const [state, setState] = useState<Loaded<Layout>>({ value: undefined, failure: undefined });
  const inside = collapsed.toSorted().join(",");
  useEffect(() => {
    const stopped = new AbortController();
    const query = inside === "" ? "" : `&collapsed=${encodeURIComponent(inside)}`;
    const path = `/machines/${encodeURIComponent(kind)}/layout?detail=${detail}${query}`;
    ask<Layout>("GET", path, undefined, stopped.signal).then(
      (value) => {
        if (!stopped.signal.aborted) setState({ value, failure: undefined });
        return undefined;
      },
      (error: unknown) => {
        if (!stopped.signal.aborted) setState({ value: undefined, failure: asError(error) });
      },
    );
    return () => stopped.abort();
  }, [kind, inside, detail]);
  return state;
}

function keep(kept: Map<number, Frame>, key: number, frame: Frame): void {
  kept.set(key, frame);
  const [oldest] = kept.keys();
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
