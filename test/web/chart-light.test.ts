import { describe, expect, it } from "vitest";
import { chartLayout } from "../../http/chart/layout.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";
import type { Layout } from "../../web/model/answers.ts";
import { drawnArrows, type ChartLight } from "../../web/model/chart-light.ts";
import { arrowsOf, changesOf, leftBehind } from "../../web/model/states.ts";
import { placeWords } from "../../web/model/ways.ts";

const DARK: ChartLight = {
  active: new Set(),
  trail: new Map(),
  takenAt: undefined,
  hasSteps: true,
};

async function reviewLayout(): Promise<Layout> {
  const kind = kinds(Settings.parse({})).get("review");
  if (kind === undefined) throw new Error("no kind review");
  return chartLayout(kind, new Set(), "outline");
}

const RUNNING = { worker: "present", reviewer: "live", run: "running" };
const SUPERSEDED = { worker: "present", reviewer: "destroying", run: "superseded" };
const FAILED = { worker: "present", reviewer: "launching", run: "failed" };

it("lights a usual way out of the state that was left, and no other into the next", async () => {
  const kind = kinds(Settings.parse({})).get("objective");
  if (kind === undefined) throw new Error("no kind objective");
  const layout: Layout = await chartLayout(kind, new Set(), "outline");
  const [was, value] = [{ driving: "turn_running" }, { driving: "turn_ended" }];
  const taken = arrowsOf(layout, { seq: 3, event: "member.seen", was, value });
  expect([...taken]).toEqual([["driving.turn_running>driving.turn_ended", "driving.turn_running"]]);
  const rare = { was: { driving: "poked" }, value: { driving: "parked_on_pr" } };
  const other = arrowsOf(layout, { seq: 3, event: "member.seen", ...rare });
  expect([...other]).toEqual([[".any>driving.parked_on_pr", "driving.poked"]]);
});

describe("the way of a review that was superseded", () => {
  it("is told region by region", () => {
    expect(changesOf({ was: RUNNING, value: SUPERSEDED })).toEqual([
      { region: "reviewer", from: "live", to: "destroying" },
      { region: "run", from: "running", to: "superseded" },
    ]);
    expect(changesOf({ was: SUPERSEDED, value: FAILED })).toEqual([
      { region: "reviewer", from: "destroying", to: "launching" },
      { region: "run", from: "superseded", to: "failed" },
    ]);
  });

  it("is drawn in the chart, each arrow with the step that took it", async () => {
    const layout = await reviewLayout();
    const moves = [
      { seq: 12, event: "child.stopped", was: SUPERSEDED, value: FAILED },
      { seq: 9, event: "review.trigger", was: RUNNING, value: SUPERSEDED },
    ];
    const trail = new Map(
      moves.flatMap((move) =>
        [...arrowsOf(layout, move)].map(([id, from]) => [id, { seq: move.seq, from }] as const),
      ),
    );
    const drawn = drawnArrows(layout, { ...DARK, trail, takenAt: 12 }, undefined);
    const lit = drawn
      .filter(({ look }) => look !== "quiet")
      .map(({ id, look, step }) => `${step?.seq} ${id} ${look}`);
    expect(lit.toSorted()).toEqual([
      "12 reviewer.destroying>reviewer.launching taken",
      "12 run.superseded>run.failed taken",
      "9 reviewer.live>reviewer.destroying trail",
      "9 run.running>run.superseded trail",
    ]);
  });

  it("says of an arrow what it is for when it is looked at, and of no other (L1)", async () => {
    const layout = await reviewLayout();
    const edge = layout.edges.find(({ id }) => id === "run.superseded>run.failed");
    if (edge === undefined) throw new Error("no such arrow");
    const drawn = drawnArrows(layout, DARK, { type: "arrow", edge });
    const speaking = drawn.filter(({ words }) => words !== undefined);
    expect(speaking.map(({ id }) => id)).toEqual([edge.id]);
    expect(speaking[0]?.words?.lines[0]).toContain("[hasFailed]");
  });

  it("draws an arrow out of any state from the state that was left", async () => {
    const layout = await reviewLayout();
    const value = { ...RUNNING, run: "queued" };
    const was = { ...RUNNING, run: "complete" };
    const taken = arrowsOf(layout, { seq: 3, event: "review.trigger", was, value });
    expect(taken.get("run.any>run.queued")).toBe("run.complete");
  });
});

const CHART = { width: 500, height: 300 };

describe("the words of arrows", () => {
  const box = { x: 0, y: 0, width: 100, height: 30 };
  it("are left out where they would cover a box, unless they are looked at (W2)", () => {
    const around = [50, 150, 250].flatMap((x) => [40, 100, 160].map((y) => ({ ...box, x, y })));
    expect(placeWords(CHART, around, [asked("one", false)]).size).toBe(0);
    expect(placeWords(CHART, around, [asked("one", true)]).size).toBe(1);
  });

  it("do not cover each other (W2)", () => {
    const both = [asked("one", false), asked("two", false)];
    const placed = [...placeWords(CHART, [], both).values()];
    expect(placed).toHaveLength(2);
    expect(placed[0]?.x).not.toBe(placed[1]?.x);
  });

  it("stand inside of the chart, or are left out (W2)", () => {
    const [word] = placeWords({ width: 255, height: 300 }, [], [asked("one", false)]).values();
    expect((word?.x ?? 0) + (word?.width ?? 0)).toBeLessThanOrEqual(255);
    expect(placeWords({ width: 20, height: 300 }, [], [asked("one", false)]).size).toBe(0);
  });
});

function asked(id: string, isSure: boolean): Parameters<typeof placeWords>[2][number] {
  const points = [
    [250, 110],
    [250, 120],
  ] as const;
  return { id, points, lines: ["a.b"], isSure };
}

it.each([
  { title: "an agent that is there", wanted: "running", runtime: "alive", left: [] },
  { title: "an end under way", wanted: { stopped: "closing" }, runtime: "alive", left: [] },
  {
    title: "an agent that was seen to end",
    wanted: { stopped: "closed" },
    runtime: "exited",
    left: [],
  },
  {
    title: "an agent that was there to the end",
    wanted: { stopped: "closed" },
    runtime: "alive",
    left: ["runtime", "runtime.alive", "activity", "activity.idle"],
  },
])("of $title a session keeps as no more than noted: $left", ({ wanted, runtime, left }) => {
  const value = { lifecycle: "done", runtime, activity: "idle", wanted };
  expect([...leftBehind("session", value)]).toEqual(left);
});
