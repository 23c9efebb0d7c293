import type { PaneRow } from "../adapters/terminal/panes.ts";
import type { Incarnation } from "../adapters/terminal/records.ts";

// Outage
//
// Tells the loss of a whole server from as many single deaths. Pure but for what it remembers of the last listings.
//
//   U1. Five or more that died since the last listing, and more than half of those looked at, are one outage: none of
//       them is called dead, all of them failed.
//   U2. Who is still gone when the hold is over is gone: lost with its server, not by its own doing. However often
//       events bring a look in between, the hold is a time.
//   U3. What was lost while nobody looked is read the same way: of those that ran when last heard of, whoever has no pane
//       went with the server. One that ended by itself left its pane.
//   U4. Who ran when last heard of, and of whom there is neither pane nor record now, is in doubt: nothing tells that it
//       lives, and nothing how it ended. A store restored without its records says so of all of them.

/** Fewer deaths are deaths. */
export const LEAST_DEAD = 5;

/** What a listing means, with the last ones in mind. */
export interface Reading {
  /** Rows to be taken as they are. */
  readonly sound: readonly PaneRow[];
  /** Rows of an outage, not to be called dead yet. */
  readonly held: readonly PaneRow[];
  /** Rows of an outage that are gone for good. */
  readonly lost: readonly PaneRow[];
  /** How many of how many died at once; absent when this listing began no outage. */
  readonly outage?: { readonly dead: number; readonly of: number };
}

/** Reads one listing after the other; `ran` names those that ran when somebody looked last. Milliseconds. */
export function outageReader(
  { now, holdMs }: { readonly now: () => number; readonly holdMs: number },
  ran: readonly Incarnation[] = [],
): (rows: readonly PaneRow[]) => Reading {
  let alive: ReadonlySet<string> = new Set(ran.map(nameOf));
  let isFirst = true;
  let missing: readonly PaneRow[] = ran.map((of) => ({
    ...of,
    hasPane: false,
    process: "indeterminate",
  }));
  /** Until when each is held. */
  const held = new Map<string, number>();
  return (listed) => {
    const known = new Set(listed.map(({ terminal }) => terminal));
    missing = missing.filter(({ terminal }) => !known.has(terminal));
    const rows = [...listed, ...missing];
    const wasAlive = (row: PaneRow): boolean => alive.has(nameOf(row)) && !(isFirst && row.hasPane);
    const died = rows.filter((row) => isGone(row) && wasAlive(row));
    const looked = rows.filter((row) => !isGone(row) || alive.has(nameOf(row)));
    const isOutage = died.length >= LEAST_DEAD && died.length * 2 > looked.length;
    isFirst = false;
    alive = new Set(rows.filter((row) => !isGone(row)).map(nameOf));
    const gone = new Set(rows.filter(isGone).map(nameOf));
    for (const name of held.keys()) if (!gone.has(name)) held.delete(name);
    const at = now();
    if (isOutage) for (const row of died) held.set(nameOf(row), at + holdMs);
    const untilOf = (row: PaneRow): number | undefined => held.get(nameOf(row));
    const reading = {
      sound: rows.filter((row) => untilOf(row) === undefined),
      held: rows.filter((row) => (untilOf(row) ?? at) > at),
      lost: rows.filter((row) => (untilOf(row) ?? Infinity) <= at),
    };
    return isOutage ? { ...reading, outage: { dead: died.length, of: looked.length } } : reading;
  };
}

/** Ended, or without the pane that it ran in: when a server goes, its panes go first. */
function isGone({ process, hasPane }: PaneRow): boolean {
  return process === "dead" || !hasPane;
}

/** Names one incarnation of one terminal. */
export function nameOf({ terminal, epoch }: Incarnation): string {
  return `${terminal}.${epoch}`;
}
