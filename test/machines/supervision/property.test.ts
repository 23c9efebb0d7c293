import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CAUSES,
  SupervisorSpec,
  supervise,
  supervisor,
  type SupervisorEvent,
} from "../../../machines/supervision/supervision.ts";
import { supervisedWorld } from "../../support/supervised-world.ts";

/** Records with the usual prototype, as JSON gives them back. */
function plain<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true });
}

const IDS = ["a", "b", "c", "d"];

const spec: fc.Arbitrary<SupervisorSpec> = plain({
  strategy: fc.constantFrom(
    "one_for_one" as const,
    "one_for_all" as const,
    "rest_for_one" as const,
  ),
  intensity: fc.integer({ min: 0, max: 4 }),
  periodMs: fc.constantFrom(200, 1_000, 5_000),
  backoff: plain({ minMs: fc.constantFrom(0, 5, 50), maxMs: fc.constantFrom(0, 20, 400) }),
  children: fc
    .array(
      fc.constantFrom(
        "permanent" as const,
        "permanent" as const,
        "transient" as const,
        "temporary" as const,
      ),
      {
        minLength: 1,
        maxLength: IDS.length,
      },
    )
    .map((kinds) => kinds.map((restart, n) => ({ id: IDS[n] ?? "", restart, shutdownMs: 50 }))),
});

const chances = fc.array(fc.nat(), { maxLength: 100, size: "max" });

const wildEvent: fc.Arbitrary<SupervisorEvent> = fc
  .record({
    id: fc.constantFrom(...IDS, "z"),
    epoch: fc.integer({ min: 0, max: 4 }),
    at: fc.integer({ min: -10, max: 2_000 }),
    cause: fc.constantFrom(...CAUSES),
    type: fc.constantFrom(
      ...(["start", "stop", "backoff.over", "child.wanted"] as const),
      ...(["child.started", "child.started", "child.exited", "child.stopped"] as const),
    ),
  })
  .map(({ id, epoch, at, cause, type }): SupervisorEvent => {
    if (type === "child.exited") return { type, id, epoch, cause, at };
    if (type === "child.started" || type === "child.stopped") return { type, id, epoch, at };
    return type === "child.wanted" ? { type, id, at } : { type, at };
  });

describe("any order of events", () => {
  it("never breaks V1 to V7, and ends running, stopped or escalated once the trouble is over", () => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(spec, chances, (given, numbers) => {
        const world = supervisedWorld(given);
        for (const chance of numbers) world.disturb(chance);
        let steps = 0;
        while (world.calm()) expect(++steps).toBeLessThan(500);
        const { phase } = world.state();
        expect(["idle", "running", "stopped", "escalated"]).toContain(phase);
        expect(world.told.includes("ready") || phase !== "running").toBe(true);
        ends.set(phase, (ends.get(phase) ?? 0) + 1);
      }),
      { numRuns: 600 },
    );
    // Else the world is too kind, or too cruel, to show anything.
    const rarest = Math.min(
      ...["running", "stopped", "escalated"].map((phase) => ends.get(phase) ?? 0),
    );
    expect(rarest).toBeGreaterThan(10);
  });

  it("never makes it throw, start two children at once or lower an epoch, even when it is nonsense", () => {
    fc.assert(
      fc.property(spec, fc.array(wildEvent, { maxLength: 80, size: "max" }), (given, events) => {
        let state = supervisor(given);
        for (const event of events) {
          const next = supervise(state, event);
          expect(
            next.state.children.filter((child) => child.state === "starting").length,
          ).toBeLessThan(2);
          next.state.children.forEach((child, n) => {
            expect(child.epoch).toBeGreaterThanOrEqual(state.children[n]?.epoch ?? 0);
          });
          expect(next.orders.length === 0 || next.state !== state).toBe(true);
          state = next.state;
        }
        expect(SupervisorSpec.parse(state.spec)).toEqual(given);
      }),
      { numRuns: 600 },
    );
  });
});
