import { expect, it, onTestFinished } from "vitest";
import { RuntimeObservation } from "../../machines/observations.ts";
import { terminalProbe } from "../../probes/terminals.ts";
import { settle } from "../support/clock.ts";

async function* nothing(signal: AbortSignal): AsyncGenerator<never> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  yield* [];
}

/** A probe that sees one living program, all it said to its session, and how to make it look and hear. */
function probing(): {
  readonly said: string[];
  readonly ids: Set<string>;
  hear(terminal: string): void;
  look(): Promise<void>;
} {
  const said: string[] = [];
  const ids = new Set<string>();
  const heard: ((terminal: string) => void)[] = [];
  const alarms: (() => void)[] = [];
  const ended = new AbortController();
  let now = 0;
  const running = terminalProbe({
    list: async () =>
      Promise.resolve([{ terminal: "mer", epoch: 1, hasPane: true, process: "alive" as const }]),
    exitOf: async () => Promise.resolve(undefined),
    changes: nothing,
    publish: async (lane, _id, data, messageId) => {
      if (lane === "runtime") said.push(RuntimeObservation.parse(data).runtime);
      ids.add(messageId);
      return Promise.resolve();
    },
    sessionOf: (terminal) => terminal,
    overhear: (listener) => void heard.push(listener),
    everyMs: 5_000,
    clock: { now: () => now, after: (_ms, run) => (alarms.push(run), () => {}) },
    signal: ended.signal,
  });
  onTestFinished(async () => {
    ended.abort();
    await running;
  });
  return {
    said,
    ids,
    hear: (terminal) => heard.forEach((listener) => listener(terminal)),
    async look() {
      now += 5_000;
      for (const run of alarms.splice(0)) run();
      await settle();
    },
  };
}

it("a session is told again what is seen once another spoke to it, at the next look and once (O10)", async () => {
  const probe = probing();
  await settle();
  expect(probe.said).toEqual(["alive"]);
  probe.hear("another");
  await probe.look();
  expect(probe.said).toEqual(["alive"]);
  probe.hear("mer");
  expect(probe.said).toEqual(["alive"]);
  await probe.look();
  await probe.look();
  expect(probe.said).toEqual(["alive", "alive"]);
  // Two words to the session, and one to the terminal: none is taken for another that came again.
  expect(probe.ids.size).toBe(3);
});
