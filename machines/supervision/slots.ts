// Slots
//
// Who may start now: the cap of workers, the slots of each host, its load and its disk, and the limits of harnesses. Pure.
//
//   L1. First come, first served, but nobody waits behind one that waits for something else.
//   L2. A measurement that is missing or old holds nobody back, and an empty host always takes one.
//   L3. Whoever waits is told for what.

// Made once: to make one takes longer than all else here.
const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "UTC" });
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
const DAY_MS = 86_400_000;

export type Slot = {
  readonly worker: string;
  readonly objective: string;
  readonly host: string;
  readonly harness: string;
  /** When it was asked for, or given. Milliseconds since 1970. */
  readonly at: number;
};
export type Waiting = Slot & { readonly reason: string };
export type Sample = {
  readonly loadPerCore: number;
  readonly freeBytes: number;
  readonly at: number;
};
/** A limit that a harness has reached, and when it is over. */
export type Quota = { readonly harness: string; readonly until: number };

export interface Gates {
  readonly workers: number;
  readonly slotsPerHost: number;
  readonly loadPerCore: number;
  readonly minFreeBytes: number;
  readonly sampleMs: number;
}

export interface Allocation {
  readonly held: readonly Slot[];
  readonly queue: readonly Waiting[];
  readonly granted: readonly Slot[];
  /** Those whose reason changed. */
  readonly told: readonly Waiting[];
}

export interface Hosts {
  readonly held: readonly Slot[];
  readonly queue: readonly Waiting[];
  readonly samples: Readonly<Record<string, Sample>>;
  readonly quotas: readonly Quota[];
}

/** Gives out what is free, and says to the others what they wait for. */
export function allocated(hosts: Hosts, gates: Gates, at: number): Allocation {
  let held = hosts.held;
  const queue: Waiting[] = [];
  const granted: Slot[] = [];
  const told: Waiting[] = [];
  for (const waiting of hosts.queue) {
    const reason = obstacle(waiting, { ...hosts, held, gates, at });
    if (reason === undefined) {
      const { reason: _, ...slot } = waiting;
      held = [...held, { ...slot, at }];
      granted.push(slot);
      continue;
    }
    const next = reason === waiting.reason ? waiting : { ...waiting, reason };
    if (next !== waiting) told.push(next);
    queue.push(next);
  }
  return { held, queue, granted, told };
}

/** What stands in the way of a start; undefined when nothing does. */
function obstacle(
  { host, harness }: Slot,
  { held, samples, quotas, gates, at }: Omit<Hosts, "queue"> & { gates: Gates; at: number },
): string | undefined {
  const quota = quotas.find((each) => each.harness === harness && each.until > at);
  if (quota !== undefined) {
    const day = quota.until - at < DAY_MS ? "" : `${DAY.format(quota.until)}, `;
    return `waiting for the limit of ${harness} to be reset at ${day}${TIME.format(quota.until)} UTC`;
  }
  if (held.length >= gates.workers) {
    return `waiting for one of ${gates.workers} workers to end`;
  }
  const here = held.filter((slot) => slot.host === host).length;
  if (here >= gates.slotsPerHost) {
    return `waiting for one of ${gates.slotsPerHost} slots of host ${host}`;
  }
  return here === 0 ? undefined : pressure(host, { sample: samples[host], gates, at });
}

/** Whether a measurement still counts: an old one holds nobody back (L2). */
export function isFresh(
  sample: Pick<Sample, "at">,
  { sampleMs }: Pick<Gates, "sampleMs">,
  at: number,
): boolean {
  return at - sample.at <= sampleMs;
}

function pressure(
  host: string,
  { sample, gates, at }: { sample: Sample | undefined; gates: Gates; at: number },
): string | undefined {
  if (sample === undefined || !isFresh(sample, gates, at)) return undefined;
  const { loadPerCore, freeBytes } = sample;
  if (gates.loadPerCore > 0 && loadPerCore >= gates.loadPerCore) {
    return `waiting for the load of host ${host} to fall (${loadPerCore.toFixed(1)} per core, bound ${gates.loadPerCore})`;
  }
  if (freeBytes >= gates.minFreeBytes) return undefined;
  return `waiting for space on host ${host} (${mib(freeBytes)} MiB free, bound ${mib(gates.minFreeBytes)} MiB)`;
}

function mib(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
