import { describe, expect, it } from "vitest";
import {
  allocated,
  type Gates,
  type Hosts,
  type Sample,
  type Waiting,
} from "../../../machines/supervision/slots.ts";

const AT = 1_000_000;
const gates: Gates = {
  workers: 10,
  slotsPerHost: 1,
  loadPerCore: 2,
  minFreeBytes: 0,
  sampleMs: 60_000,
};
const loaded: Sample = { loadPerCore: 99, freeBytes: 0, at: AT };

function waits(worker: string, more: Partial<Waiting> = {}): Waiting {
  const slot = { worker, objective: "o", host: "a", harness: "claude-code", at: 1, reason: "" };
  return { ...slot, ...more };
}

function given(hosts: Partial<Hosts>, more: Partial<Gates> = {}): readonly string[][] {
  const full: Hosts = { held: [], queue: [], samples: {}, quotas: [], ...hosts };
  const { granted, queue, told } = allocated(full, { ...gates, ...more }, AT);
  return [granted, queue, told].map((each) => each.map(({ worker }) => worker));
}

describe("a slot", () => {
  it("goes to who came first (L1)", () => {
    expect(given({ queue: [waits("w1"), waits("w2")] })).toEqual([["w1"], ["w2"], ["w2"]]);
  });

  it.each([
    { title: "host", held: [waits("w0")], quotas: [], next: { host: "b" } },
    {
      title: "harness",
      held: [],
      quotas: [{ harness: "claude-code", until: AT + 1 }],
      next: { harness: "codex" },
    },
  ])("goes past who waits for another $title (L1)", ({ held, quotas, next }) => {
    const queue = [waits("w1"), waits("w2", next)];
    expect(given({ held, quotas, queue })).toEqual([["w2"], ["w1"], ["w1"]]);
  });

  it("of a host without workers is given whatever its load, the next one is not (L2)", () => {
    const queue = [waits("w1"), waits("w2")];
    expect(given({ samples: { a: loaded }, queue }, { slotsPerHost: 9 })).toEqual([
      ["w1"],
      ["w2"],
      ["w2"],
    ]);
  });

  it("that is missing is told once, for as long as the reason stays (L3)", () => {
    const held = [waits("w0")];
    const reason = "waiting for one of 1 slots of host a";
    expect(given({ held, queue: [waits("w1", { reason })] })).toEqual([[], ["w1"], []]);
  });
});
