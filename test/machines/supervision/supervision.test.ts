import { describe, expect, it } from "vitest";
import {
  CAUSES,
  supervise,
  supervisor,
  type SupervisorEvent,
} from "../../../machines/supervision/supervision.ts";
import {
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
  wanted,
  type Row,
} from "../../support/supervision.ts";

describe("starting and stopping (V2)", () => {
  it.each([
    {
      title: "starts only the first child at first",
      event: start,
      is: "starting: a1 starting, b0 absent, c0 absent",
      orders: ["start a1"],
    },
    {
      title: "starts the next child when the one before runs",
      was: [start],
      event: started("a", 1),
      is: "starting: a1 running, b1 starting, c0 absent",
      orders: ["start b1"],
    },
    {
      title: "is ready when the last child runs",
      was: UP.slice(0, -1),
      event: started("c", 1),
      is: "running: a1 running, b1 running, c1 running",
      orders: ["ready"],
    },
    {
      title: "is ready at once without children",
      with: { children: [] },
      event: start,
      is: "running: ",
      orders: ["ready"],
    },
    {
      title: "stops the last child first",
      was: UP,
      event: stop,
      is: "stopping: a1 running, b1 running, c1 stopping",
      orders: ["stop c1"],
    },
    {
      title: "stops the child before when the one after is stopped",
      was: [...UP, stop],
      event: stopped("c", 1),
      is: "stopping: a1 running, b1 stopping, c1 absent",
      orders: ["stop b1"],
    },
    {
      title: "takes an exit of a child that is being stopped as its stop",
      was: [...UP, stop],
      event: exited("c", 1, "crash"),
      is: "stopping: a1 running, b1 stopping, c1 absent",
      orders: ["stop b1"],
    },
    {
      title: "waits for the child that is being stopped when another one dies meanwhile",
      was: [...UP, stop],
      event: exited("b", 1),
      is: "stopping: a1 running, b1 absent, c1 stopping",
      orders: [],
    },
    {
      title: "skips a child that died by itself while others were stopped",
      was: [...UP, stop, exited("b", 1)],
      event: stopped("c", 1),
      is: "stopping: a1 stopping, b1 absent, c1 absent",
      orders: ["stop a1"],
    },
    {
      title: "says that all are stopped when the first child is",
      was: [...UP, stop, stopped("c", 1), stopped("b", 1)],
      event: stopped("a", 1),
      is: "stopped: a1 absent, b1 absent, c1 absent",
      orders: ["allStopped"],
    },
    {
      title: "stops a child that is still starting when told to stop",
      was: [start, started("a", 1)],
      event: stop,
      is: "stopping: a1 running, b1 stopping, c0 absent",
      orders: ["stop b1"],
    },
    {
      title: "goes on stopping a child that comes up late",
      was: [start, started("a", 1), stop],
      event: started("b", 1),
      is: "stopping: a1 running, b1 stopping, c0 absent",
      orders: [],
    },
    {
      title: "stops at once when nothing was started",
      event: stop,
      is: "stopped: a0 absent, b0 absent, c0 absent",
      orders: ["allStopped"],
    },
    {
      title: "starts again after a stop with raised epochs (V1)",
      was: [start, stop, stopped("a", 1)],
      event: start,
      is: "starting: a2 starting, b0 absent, c0 absent",
      orders: ["start a2"],
    },
  ] satisfies Row[])("$title", (row) => {
    expect(outcome("one_for_one", row)).toEqual({ is: row.is, orders: row.orders });
  });
});

describe("kinds of children (V6)", () => {
  const abnormal = ["crash", "infra", "launch", "no_progress"] as const;
  it.each(
    (["permanent", "transient", "temporary"] as const).flatMap((restart) =>
      CAUSES.map((cause) => ({
        restart,
        cause,
        isRestarted:
          cause !== "user" &&
          (restart === "permanent" ||
            (restart === "transient" && abnormal.some((each) => each === cause))),
      })),
    ),
  )(
    "a $restart child that ends with $cause is restarted: $isRestarted",
    ({ restart, cause, isRestarted }) => {
      const spec = specOf("one_for_all", { children: [child("a", restart), child("b")] });
      const { state, orders } = play(spec, [...UP.slice(0, 3), exited("a", 1, cause)]);
      expect(state.children[0]).toEqual({
        id: "a",
        epoch: 1,
        state: isRestarted ? "waiting" : "ended",
        lastCause: cause,
      });
      expect(orders.map(orderWords)).toEqual(
        isRestarted ? ["arm 10", "stop b1"] : [`a ended ${cause}`],
      );
    },
  );

  it.each([
    {
      title: "goes on to the next child when a temporary one could not be started",
      with: { children: [child("a", "temporary"), child("b")] },
      was: [start],
      event: exited("a", 1, "launch"),
      is: "starting: a1 ended, b1 starting",
      orders: ["a ended launch", "start b1"],
    },
    {
      title: "is ready when the last child ends for good before it runs",
      with: { children: [child("a"), child("b", "temporary")] },
      was: [start, started("a", 1)],
      event: exited("b", 1, "launch"),
      is: "running: a1 running, b1 ended",
      orders: ["b ended launch", "ready"],
    },
    {
      title: "takes a stop that nobody asked for as a clean end of a permanent child",
      was: UP,
      event: stopped("b", 1),
      is: "restarting: a1 running, b1 waiting, c1 running",
      orders: ["arm 10"],
    },
    {
      title: "takes a stop that nobody asked for as a clean end of a transient child",
      with: { children: [child("a", "transient")] },
      was: [start, started("a", 1)],
      event: stopped("a", 1),
      is: "running: a1 ended",
      orders: ["a ended clean"],
    },
    {
      title: "starts an ended child again when it is wanted again",
      with: { children: [child("a", "transient"), child("b")] },
      was: [start, started("a", 1), started("b", 1), exited("a", 1, "quota")],
      event: wanted("a"),
      is: "starting: a2 starting, b1 running",
      orders: ["start a2"],
    },
    {
      title: "starts a child that is wanted during a back-off only after it",
      with: { children: [child("a", "transient"), child("b")] },
      was: [start, started("a", 1), started("b", 1), exited("a", 1, "user"), exited("b", 1)],
      event: wanted("a"),
      is: "restarting: a1 absent, b1 waiting",
      orders: [],
    },
    {
      title: "starts an ended child again with the next start",
      with: { children: [child("a", "temporary")] },
      was: [start, exited("a", 1), stop],
      event: start,
      is: "starting: a2 starting",
      orders: ["start a2"],
    },
  ] satisfies Row[])("$title", (row) => {
    expect(outcome("one_for_one", row)).toEqual({ is: row.is, orders: row.orders });
  });
});

describe("what does not fit", () => {
  const waiting = [...UP, exited("b", 1, "crash", 100)];
  it.each([
    { title: "a second start", was: UP, event: start },
    { title: "a second stop", was: [...UP, stop], event: stop },
    { title: "a stop of what is stopped", was: [stop], event: stop },
    { title: "the start of an unknown child", was: UP, event: started("z", 1) },
    { title: "the end of an unknown child", was: UP, event: exited("z", 1) },
    { title: "a wish for an unknown child", was: UP, event: wanted("z") },
    { title: "a wish for a child that runs", was: UP, event: wanted("a") },
    {
      title: "a wish for a child while all stop",
      was: [...UP, exited("a", 1, "user"), stop],
      event: wanted("a"),
    },
    {
      title: "the late start of an older epoch (V5)",
      was: [...waiting, over(110)],
      event: started("b", 1),
    },
    {
      title: "the end of an older epoch (V5)",
      was: [...waiting, over(110)],
      event: exited("b", 1),
    },
    {
      title: "the stop of an older epoch (V5)",
      was: [...waiting, over(110)],
      event: stopped("b", 1),
    },
    { title: "the end of an epoch that was never started", was: UP, event: exited("b", 2) },
    { title: "the start of a child that runs already", was: UP, event: started("a", 1) },
    { title: "the start of a child that ended", was: waiting, event: started("b", 1) },
    {
      title: "the same end twice, while its restart is waited for",
      was: waiting,
      event: exited("b", 1, "crash", 101),
    },
    {
      title: "the same end twice, after an end for good",
      was: [...UP, exited("b", 1, "user")],
      event: exited("b", 1),
    },
    { title: "an alarm that nobody armed", was: UP, event: over(1_000_000) },
    { title: "an alarm before its time", was: waiting, event: over(109) },
    { title: "an end before the first start", was: [], event: exited("a", 0) },
  ] satisfies { title: string; was: SupervisorEvent[]; event: SupervisorEvent }[])(
    "$title changes nothing and orders nothing",
    ({ was, event }) => {
      const { state } = play(specOf("one_for_one"), was);
      const next = supervise(state, event);
      expect(next.state).toBe(state);
      expect(next.orders).toEqual([]);
    },
  );
});

it("remembers why a child ended by itself, and not how it went when it was told to", () => {
  const { state } = play(specOf("one_for_all"), [
    ...UP,
    exited("b", 1, "infra"),
    exited("c", 1, "crash"),
  ]);
  expect(state.children.map(({ lastCause }) => lastCause)).toEqual([undefined, "infra", undefined]);
});

describe("a former life", () => {
  it("lends its epochs and restarts, by id, and nothing else", () => {
    const { state: former } = play(specOf("one_for_one"), [...UP, exited("b", 1, "crash", 100)]);
    const next = supervisor(specOf("rest_for_one", { children: [child("b"), child("d")] }), former);
    expect(next).toEqual({
      spec: specOf("rest_for_one", { children: [child("b"), child("d")] }),
      phase: "idle",
      children: [
        { id: "b", epoch: 1, state: "absent", lastCause: "crash" },
        { id: "d", epoch: 0, state: "absent" },
      ],
      restarts: { crash: [100] },
      dueAt: null,
      downFrom: null,
      failure: null,
    });
  });

  it("is refused when two children share an id", () => {
    expect(() => supervisor(specOf("one_for_one", { children: [child("a"), child("a")] }))).toThrow(
      "an id is used twice among a, a",
    );
  });
});
