import { describe, expect, it } from "vitest";
import {
  recentRestarts,
  supervise,
  supervisor,
} from "../../../machines/supervision/supervision.ts";
import {
  PERIOD,
  UP,
  child,
  exited,
  orderWords,
  outcome,
  over,
  play,
  specOf,
  start,
  started,
  stop,
  stopped,
  words,
  type Row,
} from "../../support/supervision.ts";

describe("budgets and escalation (V3, V4)", () => {
  const crashes = [
    exited("b", 1, "crash", 0),
    over(10),
    started("b", 2),
    exited("b", 2, "crash", 100),
    over(120),
    started("b", 3),
  ];

  it.each([
    {
      title: "escalates over the intensity: stops the others first, last first",
      was: [...UP, ...crashes],
      event: exited("b", 3, "crash", 200),
      is: "stopping: a1 running, b3 absent, c1 stopping",
      orders: ["stop c1"],
    },
    {
      title: "escalates only when the last child is stopped",
      was: [...UP, ...crashes, exited("b", 3, "crash", 200), stopped("c", 1)],
      event: stopped("a", 1),
      is: "escalated: a1 absent, b3 absent, c1 absent",
      orders: ["escalate b crash"],
    },
    {
      title: "escalates at once when nobody else runs",
      with: { intensity: 0 },
      was: [start],
      event: exited("a", 1, "launch"),
      is: "escalated: a1 absent, b0 absent, c0 absent",
      orders: ["escalate a launch"],
    },
    {
      title: "cancels the back-off of another child when it escalates",
      with: { intensity: 1 },
      was: [...UP, exited("c", 1, "crash", 0)],
      event: exited("b", 1, "crash", 1),
      is: "stopping: a1 stopping, b1 absent, c1 absent",
      orders: ["cancel", "stop a1"],
    },
    {
      title: "does not escalate for the first class when another one fails",
      was: [...UP, ...crashes],
      event: exited("b", 3, "infra", 200),
      is: "restarting: a1 running, b3 waiting, c1 running",
      orders: ["arm 235"],
    },
    {
      title: "counts all children of the supervisor together",
      was: [...UP, ...crashes],
      event: exited("a", 1, "crash", 200),
      is: "stopping: a1 absent, b3 running, c1 stopping",
      orders: ["stop c1"],
    },
    {
      title: "still counts a restart one millisecond before the period is over",
      was: [...UP, ...crashes],
      event: exited("b", 3, "crash", PERIOD - 1),
      is: "stopping: a1 running, b3 absent, c1 stopping",
      orders: ["stop c1"],
    },
    {
      title: "counts an end that is reported late as of the newest restart, and moves none",
      with: { intensity: 1 },
      was: [
        ...UP,
        exited("b", 1, "crash", 100),
        over(110),
        started("b", 2),
        exited("a", 1, "infra", 50),
        over(120),
        started("a", 2),
      ],
      event: exited("b", 2, "crash", 100 + PERIOD - 1),
      is: "stopping: a2 running, b2 absent, c1 stopping",
      orders: ["stop c1"],
    },
    {
      title: "does not shorten an armed back-off when a later one would be shorter",
      with: { periodMs: 5, backoff: { minMs: 10, maxMs: 40 } },
      was: [...UP, exited("a", 1, "crash", 0), exited("b", 1, "infra", 1)],
      event: exited("c", 1, "infra", 7),
      is: "restarting: a1 waiting, b1 waiting, c1 waiting",
      orders: [],
    },
    {
      title: "forgets a restart when the period is over",
      was: [...UP, ...crashes],
      event: exited("b", 3, "crash", PERIOD),
      is: "restarting: a1 running, b3 waiting, c1 running",
      orders: [`arm ${PERIOD + 20}`],
    },
    {
      title: "may be started again after an escalation",
      with: { intensity: 0 },
      was: [start, exited("a", 1, "launch")],
      event: start,
      is: "starting: a2 starting, b0 absent, c0 absent",
      orders: ["start a2"],
    },
    {
      title: "still counts the window after it was started again",
      was: [...UP, ...crashes, stop, stopped("c", 1), stopped("b", 3), stopped("a", 1), start],
      event: exited("a", 2, "crash", 300),
      is: "escalated: a2 absent, b3 absent, c1 absent",
      orders: ["escalate a crash"],
    },
    {
      title: "only stops when it is told to while it escalates",
      was: [...UP, ...crashes, exited("b", 3, "crash", 200), stop, stopped("c", 1)],
      event: stopped("a", 1),
      is: "stopped: a1 absent, b3 absent, c1 absent",
      orders: ["allStopped"],
    },
    {
      title: "answers a stop after an escalation at once",
      with: { intensity: 0 },
      was: [start, exited("a", 1, "launch")],
      event: stop,
      is: "stopped: a1 absent, b0 absent, c0 absent",
      orders: ["allStopped"],
    },
  ] satisfies Row[])("$title", (row) => {
    expect(outcome("one_for_one", row)).toEqual({ is: row.is, orders: row.orders });
  });

  it.each(["clean", "quota"] as const)("never escalates for %s (V3)", (cause) => {
    const backoff = { minMs: 0, maxMs: 0 };
    const spec = specOf("one_for_one", { intensity: 0, backoff, children: [child("a")] });
    const cycles = Array.from({ length: 50 }, (_, n) => [
      exited("a", n + 1, cause, n),
      over(n),
      started("a", n + 2),
    ]);
    const { state } = play(spec, [start, started("a", 1), ...cycles.flat()]);
    expect(words(state)).toBe("running: a51 running");
    expect(state.restarts[cause]?.length).toBe(32);
  });

  it("doubles the back-off with each restart in the period, up to its maximum", () => {
    const spec = specOf("one_for_one", { children: [child("a")] });
    const waits = [0, 1, 2, 3].map((n) => {
      const causes = ["crash", "infra", "quota", "clean"] as const;
      const events = causes
        .slice(0, n + 1)
        .flatMap((cause, k) => [
          started("a", k + 1),
          exited("a", k + 1, cause, k * 100),
          over(k * 100 + 50),
        ]);
      return play(spec, [start, ...events.slice(0, -1)]).orders;
    });
    expect(waits.map((orders) => orders.map(orderWords))).toEqual([
      ["arm 10"],
      ["arm 120"],
      ["arm 235"],
      ["arm 335"],
    ]);
  });

  it("forgives after one period when the clock was set back", () => {
    const state = { ...supervisor(specOf("one_for_one")), restarts: { crash: [90_000_000] } };
    expect(recentRestarts(state, 100)).toEqual({ crash: [100] });
    const { state: later } = supervise(
      { ...state, phase: "running", children: [{ id: "a", epoch: 1, state: "running" }] },
      exited("a", 1, "infra", 100),
    );
    expect(recentRestarts(later, 100 + PERIOD)).toEqual({});
  });
});

describe("an endless child (V8)", () => {
  const endless = specOf("one_for_one", {
    intensity: 1,
    children: [child("a"), { ...child("b"), isEndless: true }, child("c")],
  });

  it("is restarted past every budget once all have run, with the back-off of any other", () => {
    const { state, orders } = play(endless, [
      ...UP,
      exited("b", 1, "crash", 0),
      over(10),
      started("b", 2),
      exited("b", 2, "crash", 20),
    ]);
    expect([words(state), orders.map(orderWords)]).toEqual([
      "restarting: a1 running, b2 waiting, c1 running",
      ["arm 40"],
    ]);
  });

  it("is like any other while the first start is under way, and excuses no sibling", () => {
    const atStart = [start, started("a", 1), exited("b", 1, "launch", 0), over(10)];
    const sibling = [...UP, exited("c", 1, "crash", 0), over(10), started("c", 2)];
    const phases = [
      play(endless, [...atStart, exited("b", 2, "launch", 20)]).state.phase,
      play(endless, [...sibling, exited("c", 2, "crash", 20)]).state.phase,
    ];
    expect(phases).toEqual(["stopping", "stopping"]);
  });
});
