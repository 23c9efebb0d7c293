import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../machines/failures.ts";
import { ask } from "../cli/api.ts";
import type { Output } from "../cli/output.ts";

const LOOK_EVERY_MS = 100;
// The grace of a program, the work on its worktree, and as much again on a slow machine.
const CLOSED_WITHIN_MS = 15_000;
// A daemon that hangs answers never.
const SOON = { timeoutMs: 3_000 };

/**
 * Waits until what was ordered to end has ended, for a while: without a daemon nobody ends it, and its programs would stay.
 */
export async function untilClosed(output: Output): Promise<void> {
  const deadline = Date.now() + CLOSED_WITHIN_MS;
  for (let hasSaid = false; Date.now() < deadline; hasSaid = true) {
    // oxlint-disable-next-line no-await-in-loop -- until nothing is
    const names = await closing();
    if (names.length === 0) return;
    if (!hasSaid) output.note(`waiting for what is being ended: ${names.join(", ")}`);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await wait(LOOK_EVERY_MS);
  }
}

/** Nothing where nobody can say: that keeps no daemon from being stopped. */
async function closing(): Promise<string[]> {
  try {
    const [{ sessions }, { actors }] = await Promise.all([
      ask<{ sessions: { id: string }[] }>("GET", "/sessions?state=closing&limit=10", SOON),
      ask<{ actors: { address: string }[] }>("GET", "/actors?kind=terminal&state=destroying", SOON),
    ]);
    return [...sessions.map(({ id }) => `session/${id}`), ...actors.map(({ address }) => address)];
  } catch (error) {
    if (error instanceof Failure) return [];
    throw error;
  }
}
