/** One of those that wait for the same thing. */
export interface Waiter extends Disposable {
  /** Aborts when the last of them has gone. */
  readonly signal: AbortSignal;
}

/** Takes one more that waits for what has a name, until it is disposed of or its own signal aborts. */
export type Join = (name: string, own: AbortSignal) => Waiter;

/** Those that wait for the same work: it goes on as long as one of them is there. */
export function waiters(): Join {
  const groups = new Map<
    string,
    { readonly present: Set<symbol>; readonly end: AbortController }
  >();
  return (name, own) => {
    const group = groups.get(name) ?? { present: new Set(), end: new AbortController() };
    const one = Symbol(name);
    groups.set(name, group);
    group.present.add(one);
    const leave = (): void => {
      own.removeEventListener("abort", leave);
      group.present.delete(one);
      if (group.present.size > 0) return;
      // Who comes now begins anew: what is ended is not taken up again.
      if (groups.get(name) === group) groups.delete(name);
      group.end.abort();
    };
    own.addEventListener("abort", leave);
    if (own.aborted) leave();
    return { signal: group.end.signal, [Symbol.dispose]: leave };
  };
}
