/**
 * A signal that aborts after `ms` milliseconds, unless it was disposed of before. Unlike `AbortSignal.timeout` nothing of
 * it is left when what it bounds has ended: a busy minute would wake an idle process thousands of times later.
 */
export function deadline(ms: number): Disposable & { readonly signal: AbortSignal } {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ms).unref();
  return { signal: over.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
