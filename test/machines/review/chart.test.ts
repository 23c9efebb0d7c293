import { assert, property } from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReviewContext } from "../../../machines/review/record.ts";
import { mainState, reviewKind, shownRun } from "../../../machines/review/review.ts";
import { Settings } from "../../../machines/settings.ts";
import { machineUnderTest } from "../../support/step.ts";
import { lives } from "../lives.ts";
import { reviewTold } from "./lives.ts";

const review = reviewKind(Settings.parse({ reviews: { idleMs: 0 } }));

/** Runs a test over every step of many lives. */
function eachStep(
  check: (
    before: ReviewContext,
    step: ReturnType<ReturnType<typeof machineUnderTest<ReviewContext>>["send"]>,
  ) => void,
): void {
  const holds = property(lives(review, reviewTold), (life) => {
    const machine = machineUnderTest<ReviewContext>(review);
    for (const told of life) {
      const { context } = machine.now;
      check(context, machine.send(told));
    }
  });
  assert(holds, { numRuns: 1_000 });
}

describe("any life of a review", () => {
  it("shows in its chart what stands in its record (W1, W3)", () => {
    expect.hasAssertions();
    eachStep((_, { value, context }) => {
      expect(value).toEqual({
        worker: context.worker.over === null ? "present" : "over",
        reviewer: mainState(context),
        run: shownRun(context)?.state ?? "none",
      });
    });
  });

  it("orders a process only from a seat that is absent, with an epoch that was never used (W2, S1, S3)", () => {
    expect.hasAssertions();
    eachStep((before, { context, orders }) => {
      const launched = orders.filter(
        (order) => order.type === "effect" && order.name === "prepareReview",
      );
      expect(context.epochs).toBe(before.epochs + launched.length);
      for (const seat of context.seats) {
        const was = before.seats.find(({ key }) => key === seat.key);
        if (was === undefined || was.epoch === seat.epoch) continue;
        // A start that its terminal never heard of may be replaced at once.
        expect(was.state === "live" || (was.state === "launching" && was.hasBegun)).toBe(false);
      }
    });
  });

  it("has one open run per subject, head and reviewer (I3)", () => {
    expect.hasAssertions();
    eachStep((_, { context }) => {
      const open = context.runs.filter(({ state }) =>
        ["queued", "launching", "running"].includes(state),
      );
      const keys = open.map((run) => [run.subject.url, run.targetSha, run.harness].join(" "));
      expect(new Set(keys).size).toBe(keys.length);
    });
  });

  it("has a run in hand only where a process is, and of that process's epoch (I2)", () => {
    expect.hasAssertions();
    eachStep((_, { context }) => {
      const inHand = context.runs.filter(
        ({ state }) => state === "launching" || state === "running",
      );
      for (const run of inHand) {
        const seat = context.seats.find(({ key }) => key === run.seat);
        expect([seat?.epoch, seat?.state]).toEqual([
          run.epoch,
          run.state === "running" ? "live" : "launching",
        ]);
      }
    });
  });

  it("never leaves an end, and never changes a verdict (U1, B2)", () => {
    expect.hasAssertions();
    eachStep((before, { context }) => {
      for (const was of before.runs) {
        const run = context.runs.find(({ id }) => id === was.id);
        if (run === undefined) continue;
        const isEnded = ["failed", "cancelled", "delivered"].includes(was.state);
        expect(run.state).toBe(isEnded ? was.state : run.state);
        expect(run.verdict).toBe(was.verdict === "" ? run.verdict : was.verdict);
      }
    });
  });

  it("arms a timer while anything may fall silent, and no other (E3)", () => {
    expect.hasAssertions();
    eachStep((before, { context, orders }) => {
      const armed = orders.flatMap((order) => (order.type === "arm" ? [order.dueAt] : []));
      const isNews = context.dueAt !== null && context.dueAt !== before.dueAt;
      expect(armed.length > 0 || isNews ? armed : [context.dueAt]).toEqual([context.dueAt]);
      const isBusy = context.seats.some(
        ({ state }) => state === "launching" || state === "destroying",
      );
      expect(isBusy && context.dueAt === null).toBe(false);
    });
  });

  it("leaves no open run and starts no process once its worker is over (E4)", () => {
    expect.hasAssertions();
    eachStep((_, { context, orders }) => {
      if (context.worker.over === null) return;
      expect(
        context.runs.filter(({ state }) => ["queued", "launching", "running"].includes(state)),
      ).toEqual([]);
      expect(
        context.seats.filter(({ state }) => state === "live" || state === "launching"),
      ).toEqual([]);
      expect(
        orders.filter((order) => order.type === "effect" && order.name === "prepareReview"),
      ).toEqual([]);
    });
  });
});
