import { useEffect, useState } from "react";
import { ask } from "./client.ts";

export interface Polled<Answer> {
  readonly answer: Answer | undefined;
  readonly failure: Error | undefined;
  /** Asks again now. */
  readonly again: () => void;
}

/**
 * What the daemon answers, asked again every `everyMs` while somebody looks, and whenever `stamp` changes; the last answer
 * stays while it does not answer.
 */
export function usePolled<Answer>(path: string, everyMs: number, stamp = 0): Polled<Answer> {
  const [state, setState] = useState<Omit<Polled<Answer>, "again">>(NOTHING);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        if (!document.hidden) {
          const answer = await ask<Answer>("GET", path, undefined, stopped.signal);
          setState({ answer, failure: undefined });
        }
      } catch (error) {
        if (stopped.signal.aborted) return;
        setState((was) => ({ ...was, failure: asError(error) }));
      }
      if (!stopped.signal.aborted) timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, stamp, asked]);
  return { ...state, again: () => setAsked((n) => n + 1) };
}

const NOTHING = { answer: undefined, failure: undefined };

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
