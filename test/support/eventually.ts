import { vi } from "vitest";

/**
 * Looks until it does not fail, and gives what was found. As patient as `expect.poll` is set up to be: a machine may also
 * do other work, and what holds is seen at once. vitest's own `waitFor` gives up after a second unless told otherwise.
 */
export function eventually<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: 20_000, interval: 20 });
}
