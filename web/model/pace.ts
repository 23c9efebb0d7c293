// What goes on is asked about again after this, and after so many times what the answer took: a daemon that has much to
// do is asked less often, and the page costs it little.
const LEAST_MS = 1_000;
const SHARE = 100;
const MOST_MS = 2_000;

/** Milliseconds to wait before asking again, after an answer that took so many. */
export function restAfter(tookMs: number): number {
  return Math.min(Math.max(LEAST_MS, tookMs * SHARE), MOST_MS);
}
