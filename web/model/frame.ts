import { startTransition, useEffect, useRef, useState } from "react";
import type { ExplainedMove, Frame, Layout } from "./answers.ts";
import { ask } from "./client.ts";
import { isDue, type Step } from "./due.ts";
import { restAfter } from "./pace.ts";

export interface Loaded<Value> {
  /** The last one that was read: what is drawn stays until the next is here. */
  readonly value: Value | undefined;
  readonly failure: Error | undefined;
}

// A hand that goes back and forth finds these at once.
const MOST_KEPT = 64;

/** An actor at one step. */
export function useFrame(path: string, seq: number, isLast: boolean): Loaded<Frame> {
  const kept = useRef(new Map<string, Frame>());
  const wanted = useRef<Step>({ path, seq, isLast });
  /** The newest that an answer, or its failure, was drawn of. */
  const drawn = useRef<Step>(undefined);
  // While steps follow each other: the chart shows each of them, and working out all about one costs the daemon more.
  const restUntil = useRef(0);
  const [state, setState] = useState<Loaded<Frame>>({ value: undefined, failure: undefined });
  useEffect(() => {
    const step = { path, seq, isLast };
    wanted.current = step;
    if (seq < 1) return undefined;
    const key = `${path} ${seq}`;
    const known = kept.current.get(key);
    if (known !== undefined && !isLast) {
      setState({ value: known, failure: undefined });
      return undefined;
    }
    const stopped = new AbortController();
    const asked = async (): Promise<Frame> => {
      const now = performance.now();
      const askAt = isLast ? Math.max(now, restUntil.current) : now;
      await pause(askAt - now, stopped.signal);
      restUntil.current = askAt + restAfter(0);
      const signal = isLast ? undefined : stopped.signal;
      const frame = await ask<Frame>("GET", `${path}/frames/${seq}`, undefined, signal);
      restUntil.current = performance.now() + restAfter(performance.now() - askAt);
      return frame;
    };
    const takeTurn = (): boolean => {
      if (!isDue(step, wanted.current, drawn.current)) return false;
      drawn.current = step;
      return true;
    };
    asked().then(
      (value) => {
        keep(kept.current, key, value);
        if (!takeTurn()) return undefined;
        // What is now is in the chart already; the rest of it must not keep the next change waiting.
        const draw = isLast ? startTransition : run;
        draw(() => setState({ value, failure: undefined }));
        return undefined;
      },
      (error: unknown) => {
        if (takeTurn()) setState((was) => ({ ...was, failure: asError(error) }));
      },
    );
    return () => stopped.abort();
  }, [path, seq, isLast]);
  return state;
}

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

/** Never comes to an end when it is stopped: nobody waits for it then. */
async function pause(ms: number, stopped: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    stopped.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

function run(draw: () => void): void {
  draw();
}

function keep(kept: Map<string, Frame>, key: string, frame: Frame): void {
  kept.set(key, frame);
  const [oldest] = kept.keys();
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
