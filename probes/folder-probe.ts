import type { JsonObject } from "../machines/json.ts";
import type { ObservationLane } from "../machines/observations.ts";
import { type Folder, type Wait, watchFolders } from "./folder-watch.ts";

// Folder probe
//
// Publishes what is read from the outside whenever it has changed. What is read, and which folders give a change away,
// is the probe's that is built on it.
//
//   P1. The first observation tells everything; each later one only comes when something differs from the last that
//       was published.
//   P2. What could not be published is published again, under the same id as long as it says the same.
//   P4. Once another spoke on its lane all is told again, at once: whoever lies there is found out.
//   P3. An id never returns for other news: it is made of when the probe started and how often it spoke.

/** Publishes an observation as `System.observe` does; resolves when it is stored. */
export type Publish = (
  lane: ObservationLane,
  id: string,
  data: JsonObject,
  messageId: string,
) => Promise<unknown>;

/** How a probe is run, whatever it reads. */
export interface ProbeOptions {
  readonly publish: Publish;
  /** Milliseconds between anti-entropy looks. */
  readonly everyMs: number;
  /** Milliseconds from the first change to the look that serves it and all that came with it. */
  readonly settleMs?: number;
  readonly signal: AbortSignal;
  readonly wait?: Wait;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Tells, until the signal aborts, that another spoke on its lane (P4). */
  readonly overhear?: (heard: () => void) => void;
  /** Told of each look that failed; it is repeated in any case. */
  readonly onFailure?: (error: unknown) => void;
}

/** What a probe reads, and when it is worth telling. */
export interface Source<State> {
  readonly lane: ObservationLane;
  readonly id: string;
  readonly folders: () => Promise<readonly Folder[]>;
  readonly read: (signal: AbortSignal) => Promise<State>;
  /** What to publish; undefined when there is nothing new. `told` is undefined before the first. */
  readonly news: (told: State | undefined, read: State) => JsonObject | undefined;
}

/** Runs until the signal aborts, and resolves then. */
export async function folderProbe<State>(
  source: Source<State>,
  options: ProbeOptions,
): Promise<void> {
  const startedAt = (options.now ?? Date.now)();
  let told: State | undefined;
  let spoken = 0;
  let pending: string | undefined;
  let isOverheard = false;
  await watchFolders({
    folders: source.folders,
    everyMs: options.everyMs,
    settleMs: options.settleMs ?? SETTLE_MS,
    signal: options.signal,
    wait: options.wait,
    onFailure: options.onFailure,
    ringer: (look) =>
      options.overhear?.(() => {
        isOverheard = true;
        look();
      }),
    look: async (signal) => {
      if (isOverheard) told = undefined;
      isOverheard = false;
      const read = await source.read(signal);
      const data = source.news(told, read);
      if (data === undefined) return;
      const text = JSON.stringify(data);
      if (text !== pending) spoken += 1;
      pending = text;
      await options.publish(
        source.lane,
        source.id,
        data,
        `${source.lane}:${source.id}:${startedAt}.${spoken}`,
      );
      pending = undefined;
      told = read;
    },
  });
}

// One git command touches several files within a few milliseconds of each other.
const SETTLE_MS = 20;
