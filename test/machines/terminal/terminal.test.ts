import { describe, expect, it } from "vitest";
import { terminal } from "../../../machines/terminal/terminal.ts";
import { machineUnderTest, namesOf, type Told } from "../../support/step.ts";
import {
  deliver,
  died,
  destroyed,
  done,
  failed,
  launched,
  startTerminal,
  stopChild,
  typedText,
} from "../samples.ts";

interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  readonly state: unknown;
  readonly orders: readonly string[];
}

const live = [startTerminal(1), launched];
const ready = { live: "ready" };
const delivering = { live: "delivering" };
const LAUNCH = "effect:launchTerminal";
const DESTROY = "effect:destroyTerminal";
const TYPE = "effect:typeText";

function observed(more: Record<string, unknown> = {}): Told {
  return { type: "terminal.observed", data: { process: "alive", epoch: 1, ...more } };
}
const claim = observed({ process: "dead", exitCode: 0 });
const look = done("inspectTerminal", { epoch: 1, runtime: "alive", process: "alive" });
const gone = done("inspectTerminal", { epoch: 1, runtime: "alive", process: "dead" });
const dead = [claim, gone];
const LOOK = "effect:inspectTerminal";
const retry: Told = { type: "timer.retry" };

describe("terminal", () => {
  it.each([
    {
      title: "launches what it is told to",
      was: [],
      told: startTerminal(1),
      state: "launching",
      orders: [LAUNCH],
    },
    {
      title: "ignores a start of the same epoch",
      was: [startTerminal(1)],
      told: startTerminal(1),
      state: "launching",
      orders: [],
    },
    {
      title: "answers a stop of nothing at once",
      was: [startTerminal(1), stopChild(1), destroyed],
      told: stopChild(1),
      state: "absent",
      orders: ["mail:child.stopped"],
    },
    {
      title: "tells its parent that it runs",
      was: [startTerminal(1)],
      told: launched,
      state: ready,
      orders: ["mail:child.started"],
    },
    {
      title: "ignores an answer of another epoch",
      was: [startTerminal(1)],
      told: { ...launched, epoch: 7 },
      state: "launching",
      orders: [],
    },
    {
      title: "destroys what a failed launch may have left",
      was: [startTerminal(1)],
      told: failed("launchTerminal"),
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "tells a failed launch once nothing is left (K1)",
      was: [startTerminal(1), failed("launchTerminal")],
      told: destroyed,
      state: "absent",
      orders: ["mail:child.exited"],
    },
    {
      title: "lets a stop overtake the launch",
      was: [startTerminal(1)],
      told: stopChild(1),
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "ignores the answer of a launch that was overtaken",
      was: [startTerminal(1), stopChild(1)],
      told: launched,
      state: "destroying",
      orders: [],
    },
    {
      title: "exits when it finds dead what a probe said is dead (T4)",
      was: [...live, claim],
      told: gone,
      state: "exited",
      orders: ["mail:child.exited"],
    },
    {
      title: "exits when it finds no pane where a probe said is none (T4)",
      was: [...live, claim],
      told: done("inspectTerminal", { epoch: 1, runtime: "dead", process: "indeterminate" }),
      state: "exited",
      orders: ["mail:child.exited"],
    },
    {
      title: "looks itself when a probe says that its process is dead (T4)",
      was: live,
      told: claim,
      state: ready,
      orders: [LOOK],
    },
    {
      title: "looks once, however often a probe says so (T4)",
      was: [...live, claim],
      told: claim,
      state: ready,
      orders: [],
    },
    {
      title: "does not believe a probe that it finds lying (T4)",
      was: [...live, claim],
      told: look,
      state: ready,
      orders: [],
    },
    {
      title: "looks again when a probe says so after a lie (T4)",
      was: [...live, claim, look],
      told: claim,
      state: ready,
      orders: [LOOK],
    },
    {
      title: "looks again later when it could not look (T4)",
      was: [...live, claim],
      told: failed("inspectTerminal"),
      state: ready,
      orders: ["arm:look"],
    },
    {
      title: "looks again when it is time to (T4)",
      was: [...live, claim, failed("inspectTerminal")],
      told: { type: "timer.look" },
      state: ready,
      orders: [LOOK],
    },
    {
      title: "makes nothing of a look that nobody asked for (T4)",
      was: live,
      told: gone,
      state: ready,
      orders: [],
    },
    {
      title: "believes no failed probe (T4)",
      was: live,
      told: observed({ process: "failed" }),
      state: ready,
      orders: [],
    },
    {
      title: "believes no indeterminate probe (T4)",
      was: live,
      told: observed({ process: "indeterminate" }),
      state: ready,
      orders: [],
    },
    {
      title: "ignores a death of another epoch",
      was: live,
      told: observed({ process: "dead", epoch: 2 }),
      state: ready,
      orders: [],
    },
    {
      title: "looks after the launch when a probe told of a death before its answer",
      was: [startTerminal(1), claim],
      told: launched,
      state: ready,
      orders: ["mail:child.started", LOOK],
    },
    {
      title: "destroys before it launches anew from live (T1)",
      was: live,
      told: startTerminal(2),
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "destroys before it launches anew from exited (T1)",
      was: [...live, ...dead],
      told: startTerminal(2),
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "destroys before it launches anew from launching (T1)",
      was: [startTerminal(1)],
      told: startTerminal(2),
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "launches the successor when the older one is gone (T1)",
      was: [...live, startTerminal(2)],
      told: destroyed,
      state: "launching",
      orders: [LAUNCH],
    },
    {
      title: "answers a stop, then launches the newer one",
      was: [...live, stopChild(1), startTerminal(2)],
      told: destroyed,
      state: "launching",
      orders: ["mail:child.stopped", LAUNCH],
    },
    {
      title: "forgets a successor that is stopped before it began",
      was: [...live, startTerminal(2), stopChild(2)],
      told: destroyed,
      state: "absent",
      orders: ["mail:child.stopped"],
    },
    {
      title: "waits and tries again when it cannot be destroyed",
      was: [...live, stopChild(1)],
      told: failed("destroyTerminal"),
      state: "destroying",
      orders: ["arm:retry"],
    },
    {
      title: "destroys again after the wait",
      was: [...live, stopChild(1), failed("destroyTerminal")],
      told: retry,
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "ends what an exit left",
      was: [...live, ...dead],
      told: stopChild(1),
      state: "destroying",
      orders: [DESTROY],
    },
    {
      title: "says that it stopped",
      was: [...live, stopChild(1)],
      told: destroyed,
      state: "absent",
      orders: ["mail:child.stopped"],
    },
    { title: "types a text", was: live, told: deliver("a"), state: delivering, orders: [TYPE] },
    {
      title: "lets a second text wait (T2)",
      was: [...live, deliver("a")],
      told: deliver("b"),
      state: delivering,
      orders: [],
    },
    {
      title: "types the next after the first (T2)",
      was: [...live, deliver("a"), deliver("b")],
      told: typedText,
      state: delivering,
      orders: ["mail:terminal.delivered", TYPE],
    },
    {
      title: "rests when all is typed",
      was: [...live, deliver("a")],
      told: typedText,
      state: ready,
      orders: ["mail:terminal.delivered"],
    },
    {
      title: "gives back a text that cannot be typed",
      was: [...live, deliver("a")],
      told: failed("typeText"),
      state: ready,
      orders: ["mail:terminal.undeliverable"],
    },
    {
      title: "goes on after a text that cannot be typed",
      was: [...live, deliver("a"), deliver("b")],
      told: failed("typeText"),
      state: delivering,
      orders: ["mail:terminal.undeliverable", TYPE],
    },
    {
      title: "types nothing of another epoch",
      was: live,
      told: deliver("a", 2),
      state: ready,
      orders: ["mail:terminal.undeliverable"],
    },
    {
      title: "gives back a text when nothing is live",
      was: [startTerminal(1)],
      told: deliver("a"),
      state: "launching",
      orders: ["mail:terminal.undeliverable"],
    },
    {
      title: "gives back everything when it exits (T2)",
      was: [...live, deliver("a"), deliver("b"), claim],
      told: gone,
      state: "exited",
      orders: ["mail:terminal.undeliverable", "mail:terminal.undeliverable", "mail:child.exited"],
    },
  ] satisfies Row[])("$title", ({ was, told, state, orders }) => {
    const machine = machineUnderTest(terminal);
    machine.all(...was);
    const step = machine.send(told);
    expect([step.value, namesOf(step.orders)]).toEqual([state, orders]);
  });

  it.each([
    { seen: { exitCode: 0 }, cause: "clean" },
    { seen: { exitCode: 3 }, cause: "crash" },
    { seen: { signal: "SIGKILL" }, cause: "crash" },
    { seen: {}, cause: "infra" },
  ])("calls an end with $seen $cause", ({ seen, cause }) => {
    const machine = machineUnderTest(terminal);
    machine.all(...live);
    machine.send(observed({ process: "dead", ...seen }));
    const [exit] = machine.send(gone).orders;
    expect(exit).toMatchObject({ to: "session/mer-1", data: { epoch: 1, cause, ...seen } });
  });

  it("keeps the older epoch until the older process is gone (T3)", () => {
    const machine = machineUnderTest(terminal);
    const [destroy] = machine.all(...live, startTerminal(2)).orders;
    expect(destroy).toMatchObject({ epoch: 1, data: { epoch: 1 } });
    const { value, context } = machine.now;
    expect(terminal.epochOf?.({ status: "active", value, context })).toBe(1);
    const [launch] = machine.send(destroyed).orders;
    expect(launch).toMatchObject({ epoch: 2, data: { epoch: 2 } });
  });

  it("refuses the text for which there is no room (T2)", () => {
    const machine = machineUnderTest(terminal);
    machine.all(...live, ...Array.from({ length: 65 }, (_, n) => deliver(`d${n}`)));
    const step = machine.send(deliver("last"));
    expect(step.orders).toMatchObject([{ data: { deliveryId: "last", reason: "refused" } }]);
  });

  it("tells its end again when that could not be told, later each time (T5)", () => {
    const machine = machineUnderTest(terminal);
    const lost = { ...died("session/mer-1", "child.exited"), at: 10_000 };
    machine.all(...live, ...dead);
    expect(machine.send(lost).orders).toMatchObject([{ name: "tell", dueAt: 11_000 }]);
    expect(machine.send({ type: "timer.tell" }).orders).toMatchObject([
      { to: "session/mer-1", name: "child.exited", data: { epoch: 1, cause: "clean" } },
    ]);
    expect(machine.send(lost).orders).toMatchObject([{ name: "tell", dueAt: 12_000 }]);
  });

  it.each([
    {
      title: "ended by itself when its pane is there",
      runtime: "alive",
      is: { cause: "clean", exitCode: 0 },
    },
    {
      title: "was lost with its terminal when that is gone",
      runtime: "dead",
      is: { cause: "infra" },
    },
  ])("says that its program $title, whatever its code says (T6)", ({ runtime, is }) => {
    const machine = machineUnderTest(terminal);
    machine.all(...live, claim);
    const found = done("inspectTerminal", { epoch: 1, runtime, process: "dead" });
    expect(machine.send(found).orders).toMatchObject([
      { name: "child.exited", data: { epoch: 1, exitCode: undefined, ...is } },
    ]);
  });

  it("changes nothing when the screen stays quiet", () => {
    const machine = machineUnderTest(terminal);
    machine.all(...live);
    expect(machine.send({ ...observed({ quietMs: 1_000 }), at: 10_000 }).isUnchanged).toBe(false);
    expect(machine.send({ ...observed({ quietMs: 6_000 }), at: 15_000 }).isUnchanged).toBe(true);
    expect(machine.send({ ...observed({ quietMs: 100 }), at: 20_000 }).isUnchanged).toBe(false);
  });
});
