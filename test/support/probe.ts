import { onTestFinished } from "vitest";
import type { ProbeOptions, Publish } from "../../probes/folder-probe.ts";
import type { Wait } from "../../probes/folder-watch.ts";
import { eventually } from "./eventually.ts";

/** What one probe published, and the hand that moves its time. */
export interface ProbeScene {
  readonly options: ProbeOptions;
  readonly published: {
    readonly subject: string;
    readonly data: unknown;
    readonly messageId: string;
  }[];
  readonly failures: unknown[];
  /** Its time: short waits are real, the one for the next anti-entropy look ends by hand. */
  readonly wait: Wait;
  /** How often it has looked and gone back to waiting. */
  readonly looks: () => number;
  /** How often it has seen a change that made it look soon. */
  readonly changes: () => number;
  /** Ends its wait for the next anti-entropy look. */
  readonly elapse: () => void;
  /** The newest data, once there are so many observations. Fails when they do not come in time. */
  readonly newest: (count: number) => Promise<unknown>;
  readonly stop: () => void;
}

/** Options for a probe that ends with the test. It waits for events alone; its anti-entropy looks come by hand. */
export function probeScene(publish: Publish = async () => undefined): ProbeScene {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const published: ProbeScene["published"] = [];
  const failures: unknown[] = [];
  let looks = 0;
  let changes = 0;
  let elapse: (() => void) | undefined;
  const everyMs = 3_600_000;
  // No other wait is as long: they are counted by it.
  const settleMs = 19;
  const wait: Wait = (ms, signal) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("woken")), { once: true });
      if (signal.aborted) reject(new Error("woken"));
      if (ms === everyMs) [looks, elapse] = [looks + 1, () => resolve(undefined)];
      else setTimeout(resolve, ms);
      if (ms === settleMs) changes += 1;
    });
  return {
    published,
    failures,
    wait,
    looks: () => looks,
    changes: () => changes,
    elapse: () => elapse?.(),
    stop: () => stop.abort(),
    newest: async (count) =>
      eventually(() => {
        if (published.length < count)
          throw new Error(`${published.length} observations, not ${count}`);
        return published.at(-1)?.data;
      }),
    options: {
      everyMs,
      settleMs,
      signal: stop.signal,
      now: () => 7,
      onFailure: (error) => failures.push(error),
      publish: async (lane, id, data, messageId) => {
        await publish(lane, id, data, messageId);
        published.push({ subject: `${lane}.${id}`, data, messageId });
      },
      wait,
    },
  };
}
