import { describe, expect, it } from "vitest";
import {
  UP,
  child,
  exited,
  outcome,
  over,
  start,
  started,
  stop,
  stopped,
  type Row,
} from "../../support/supervision.ts";

describe("one_for_one (V7)", () => {
  it.each([
    {
      title: "waits before it restarts the child that died and leaves the others alone",
      was: UP,
      event: exited("b", 1, "crash", 100),
      is: "restarting: a1 running, b1 waiting, c1 running",
      orders: ["arm 110"],
    },
    {
      title: "restarts the child after the back-off under the next epoch",
      was: [...UP, exited("b", 1, "crash", 100)],
      event: over(110),
      is: "restarting: a1 running, b2 starting, c1 running",
      orders: ["start b2"],
    },
    {
      title: "is ready again when the child runs again",
      was: [...UP, exited("b", 1, "crash", 100), over(110)],
      event: started("b", 2),
      is: "running: a1 running, b2 running, c1 running",
      orders: ["ready"],
    },
    {
      title: "lets a later child finish its start when an earlier one dies",
      was: [start, started("a", 1)],
      event: exited("a", 1, "crash", 100),
      is: "restarting: a1 waiting, b1 starting, c0 absent",
      orders: ["arm 110"],
    },
    {
      title: "does not start a later child before the earlier one is back",
      was: [start, started("a", 1), exited("a", 1, "crash", 100)],
      event: started("b", 1),
      is: "restarting: a1 waiting, b1 running, c0 absent",
      orders: [],
    },
    {
      title: "starts the earlier child first when both are due",
      was: [start, started("a", 1), exited("a", 1, "crash", 100), exited("b", 1, "launch", 101)],
      event: over(121),
      is: "restarting: a2 starting, b1 waiting, c0 absent",
      orders: ["start a2"],
    },
    {
      title: "waits for the start in hand before it starts the child whose back-off is over",
      was: [start, started("a", 1), exited("a", 1, "crash", 100)],
      event: over(110),
      is: "restarting: a1 waiting, b1 starting, c0 absent",
      orders: [],
    },
    {
      title: "moves the one back-off when a second child dies during it",
      was: [...UP, exited("b", 1, "crash", 100)],
      event: exited("a", 1, "infra", 105),
      is: "restarting: a1 waiting, b1 waiting, c1 running",
      orders: ["arm 125"],
    },
    {
      title: "restarts a child whose start failed",
      was: [start],
      event: exited("a", 1, "launch", 100),
      is: "restarting: a1 waiting, b0 absent, c0 absent",
      orders: ["arm 110"],
    },
    {
      title: "cancels the back-off when told to stop during it",
      was: [...UP, exited("b", 1)],
      event: stop,
      is: "stopping: a1 running, b1 absent, c1 stopping",
      orders: ["cancel", "stop c1"],
    },
    {
      title: "stops a child in the middle of its restart after the ones behind it",
      was: [...UP, exited("b", 1, "crash", 0), over(10), stop],
      event: stopped("c", 1),
      is: "stopping: a1 running, b2 stopping, c1 absent",
      orders: ["stop b2"],
    },
  ] satisfies Row[])("$title", (row) => {
    expect(outcome("one_for_one", row)).toEqual({ is: row.is, orders: row.orders });
  });
});

describe("rest_for_one (V7)", () => {
  it.each([
    {
      title: "stops the children behind the dead one, last first, while the back-off runs",
      was: UP,
      event: exited("a", 1, "crash", 100),
      is: "restarting: a1 waiting, b1 running, c1 stopping",
      orders: ["arm 110", "stop c1"],
    },
    {
      title: "leaves the children before the dead one alone",
      was: UP,
      event: exited("c", 1, "crash", 100),
      is: "restarting: a1 running, b1 running, c1 waiting",
      orders: ["arm 110"],
    },
    {
      title: "starts nobody before the last of them is stopped",
      was: [...UP, exited("a", 1), stopped("c", 1)],
      event: over(10),
      is: "restarting: a1 waiting, b1 stopping, c1 waiting",
      orders: [],
    },
    {
      title: "starts the dead one first when the back-off was over before the stops",
      was: [...UP, exited("a", 1), stopped("c", 1), over(10)],
      event: stopped("b", 1),
      is: "restarting: a2 starting, b1 waiting, c1 waiting",
      orders: ["start a2"],
    },
    {
      title: "starts the ones behind it in order",
      was: [...UP, exited("a", 1), stopped("c", 1), stopped("b", 1), over(10)],
      event: started("a", 2),
      is: "restarting: a2 running, b2 starting, c1 waiting",
      orders: ["start b2"],
    },
    {
      title: "does not stop a later child that is down already",
      was: [...UP, exited("c", 1, "crash", 100)],
      event: exited("b", 1, "crash", 101),
      is: "restarting: a1 running, b1 waiting, c1 waiting",
      orders: ["arm 121"],
    },
    {
      title: "widens the restart when an earlier child dies during the stops",
      was: [...UP, exited("b", 1, "crash", 100)],
      event: exited("a", 1, "crash", 101),
      is: "restarting: a1 waiting, b1 waiting, c1 stopping",
      orders: ["arm 121"],
    },
    {
      title: "does not charge a child that dies while it is coming down",
      was: [...UP, exited("a", 1, "crash", 100)],
      event: exited("b", 1, "crash", 101),
      is: "restarting: a1 waiting, b1 waiting, c1 stopping",
      orders: [],
    },
    {
      title: "stops a later child that is still starting",
      was: [start, started("a", 1)],
      event: exited("a", 1, "crash", 100),
      is: "restarting: a1 waiting, b1 stopping, c0 absent",
      orders: ["arm 110", "stop b1"],
    },
    {
      title: "takes down again what it restarted when the first one dies again",
      was: [...UP, exited("b", 1), stopped("c", 1), over(10), started("b", 2)],
      event: exited("b", 2, "infra", 20),
      is: "restarting: a1 running, b2 waiting, c2 stopping",
      orders: ["arm 40", "stop c2"],
    },
    {
      title: "ends a temporary child that it had to stop",
      with: { children: [child("a"), child("b"), child("c", "temporary")] },
      was: [...UP, exited("a", 1)],
      event: stopped("c", 1),
      is: "restarting: a1 waiting, b1 stopping, c1 ended",
      orders: ["c ended clean", "stop b1"],
    },
    {
      title: "restarts a transient child that it had to stop",
      with: { children: [child("a"), child("b"), child("c", "transient")] },
      was: [...UP, exited("a", 1)],
      event: exited("c", 1, "clean"),
      is: "restarting: a1 waiting, b1 stopping, c1 waiting",
      orders: ["stop b1"],
    },
    {
      title: "ends a child that a person ended while it was coming down",
      was: [...UP, exited("a", 1)],
      event: exited("c", 1, "user"),
      is: "restarting: a1 waiting, b1 stopping, c1 ended",
      orders: ["c ended user", "stop b1"],
    },
    {
      title: "stops what is left when told to stop during the stops",
      was: [...UP, exited("b", 1)],
      event: stop,
      is: "stopping: a1 running, b1 absent, c1 stopping",
      orders: ["cancel"],
    },
  ] satisfies Row[])("$title", (row) => {
    expect(outcome("rest_for_one", row)).toEqual({ is: row.is, orders: row.orders });
  });
});

describe("one_for_all (V7)", () => {
  it.each([
    {
      title: "stops all the others, last first",
      was: UP,
      event: exited("b", 1, "crash", 100),
      is: "restarting: a1 running, b1 waiting, c1 stopping",
      orders: ["arm 110", "stop c1"],
    },
    {
      title: "stops the first one too before any is started",
      was: [...UP, exited("b", 1), over(10)],
      event: stopped("c", 1),
      is: "restarting: a1 stopping, b1 waiting, c1 waiting",
      orders: ["stop a1"],
    },
    {
      title: "starts all of them in order",
      was: [...UP, exited("b", 1), over(10), stopped("c", 1)],
      event: stopped("a", 1),
      is: "restarting: a2 starting, b1 waiting, c1 waiting",
      orders: ["start a2"],
    },
    {
      title: "leaves an ended child ended",
      with: { children: [child("a", "transient"), child("b"), child("c")] },
      was: [...UP, exited("a", 1, "clean"), exited("b", 1), over(10)],
      event: stopped("c", 1),
      is: "restarting: a1 ended, b2 starting, c1 waiting",
      orders: ["start b2"],
    },
    {
      title: "gives a temporary child that was never started its first start",
      with: { children: [child("a"), child("b", "temporary")] },
      was: [start, exited("a", 1), over(10)],
      event: started("a", 2),
      is: "restarting: a2 running, b1 starting",
      orders: ["start b1"],
    },
  ] satisfies Row[])("$title", (row) => {
    expect(outcome("one_for_all", row)).toEqual({ is: row.is, orders: row.orders });
  });
});
