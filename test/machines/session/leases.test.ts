import { describe, expect, it } from "vitest";
import type { Told } from "../../support/step.ts";
import {
  childStopped,
  died,
  startSession,
  terminalExited,
  terminalStarted,
  workspaceStarted,
} from "../samples.ts";
import {
  actNamesOf,
  after,
  closed,
  closing,
  crash,
  ENDED,
  kill,
  live,
  probe,
  says,
  send,
  START,
  STOP,
} from "./samples.ts";

const lease = (at: number): Told => ({ type: "timer.lease", at });
const launching = live.slice(0, 2);
const closingNow = [...live, kill()];

interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  readonly state: Record<string, unknown>;
  readonly orders: readonly string[];
}

describe("a session whose mail dies, or is not answered,", () => {
  it.each([
    {
      title: "is over when its worktree could not be told to begin (L-2)",
      was: [startSession()],
      told: died("workspace/mer-1", "child.start"),
      state: { lifecycle: "terminated", wanted: closed },
      orders: [ENDED],
    },
    {
      title: "is over when its terminal could not be told to begin (L-2)",
      was: launching,
      told: died("terminal/mer-1", "child.start", "ACTOR_QUARANTINED"),
      state: { lifecycle: "terminated", runtime: "missing", wanted: "running" },
      orders: [],
    },
    {
      title: "takes a stop to nobody as done (L-2)",
      was: closingNow,
      told: died("terminal/mer-1", "child.stop", "ACTOR_UNKNOWN"),
      state: { wanted: closing },
      orders: [STOP],
    },
    {
      title: "does not take a stop that broke its terminal as done (L3)",
      was: closingNow,
      told: died("terminal/mer-1", "child.stop"),
      state: { wanted: closing },
      orders: [],
    },
    {
      title: "tells it again soon (L4)",
      was: [...closingNow, died("terminal/mer-1", "child.stop")],
      told: lease(20_000),
      state: { wanted: closing },
      orders: [STOP],
    },
    {
      title: "stops a launch that was not answered before anything else (L2)",
      was: launching,
      told: lease(180_002),
      state: { lifecycle: "not_started", wanted: "running" },
      orders: [STOP],
    },
    {
      title: "ignores that it runs after all, once it is being taken back (L2)",
      was: [...launching, lease(180_002)],
      told: terminalStarted(1),
      state: { runtime: "unknown" },
      orders: [],
    },
    {
      title: "is over when the launch that was not answered is gone (L2)",
      was: [...launching, lease(180_002)],
      told: childStopped("terminal"),
      state: { lifecycle: "terminated", runtime: "missing", activity: "exited" },
      orders: [],
    },
    {
      title: "asks again for a stop that was not answered (L3)",
      was: closingNow,
      told: lease(80_000),
      state: { wanted: closing },
      orders: [STOP],
    },
    {
      title: "asks nothing when nothing is owed (L1)",
      was: live,
      told: lease(9_999_999),
      state: { runtime: "alive" },
      orders: [],
    },
    {
      title: "gives up a message that was not heard, and goes on with the next (L-2)",
      was: [...live, send("a"), send("b")],
      told: died("terminal/mer-1", "terminal.deliver"),
      state: {},
      orders: ["mail:terminal.deliver"],
    },
    {
      title: "gives up a message without a receipt, and goes on with the next (L-1)",
      was: [...live, send("a"), send("b")],
      told: lease(700_000),
      state: {},
      orders: ["mail:terminal.deliver"],
    },
    {
      title: "tells its project again that it has ended (L-1)",
      was: [
        ...closingNow,
        childStopped("terminal"),
        childStopped("workspace", { removed: true }),
        died("project/mer", "session.ended"),
      ],
      told: lease(100_000),
      state: { wanted: closed },
      orders: [ENDED],
    },
    {
      title: "tells its project nothing more when that is gone",
      was: [
        ...closingNow,
        childStopped("terminal"),
        childStopped("workspace", { removed: true }),
        died("project/mer", "session.ended", "ACTOR_UNKNOWN"),
      ],
      told: lease(100_000),
      state: { wanted: closed },
      orders: [],
    },
  ] satisfies Row[])("$title", ({ was, told, state, orders }) => {
    const step = after(...was).send(told);
    expect(step.value).toMatchObject(state);
    expect(actNamesOf(step.orders)).toEqual(orders);
  });

  it("launches again after a launch that was not answered, when its terminal is kept (L2)", () => {
    const kept = startSession({ restart: { restart: "permanent", backoffMs: 0 } });
    const machine = after(kept, workspaceStarted, lease(180_002), {
      ...childStopped("terminal"),
      at: 180_003,
    });
    const step = machine.send({ type: "timer.restart", at: 200_000 });
    expect(actNamesOf(step.orders)).toEqual([START]);
    expect(step.context.terminal.epoch).toBe(2);
  });

  it("gives up a terminal after the fifth stop that died, and keeps the reason (L4, L-3)", () => {
    const machine = after(...live, kill());
    const told = [1, 2, 3, 4, 5].flatMap((round) => {
      machine.send(died("terminal/mer-1", "child.stop", "ACTOR_QUARANTINED"));
      return actNamesOf(machine.send(lease(round * 1_000_000)).orders);
    });
    expect(told).toEqual([STOP, STOP, STOP, STOP, STOP]);
    expect(machine.now.context).toMatchObject({
      trouble: { child: "terminal", code: "ACTOR_QUARANTINED" },
      terminal: { state: "stopped" },
      workspace: { state: "reclaiming" },
    });
  });

  it.each([
    {
      title: "closes although its worktree could not be told to go",
      was: [...closingNow, childStopped("terminal")],
      to: "workspace/mer-1",
      wanted: closed,
      orders: [ENDED],
    },
    {
      title: "lets its worktree go although what an exited agent left could not be ended",
      was: [...live, terminalExited(1), kill()],
      to: "terminal/mer-1",
      wanted: closing,
      orders: [STOP],
    },
  ] as const)("$title, and keeps the reason (L4, L-3)", ({ was, to, wanted, orders }) => {
    const machine = after(...was);
    const rounds = [1, 2, 3, 4, 5].map((round) => {
      machine.send(died(to, "child.stop"));
      return machine.send(lease(round * 1_000_000));
    });
    expect(actNamesOf(rounds.at(-1)?.orders ?? [])).toEqual(orders);
    expect(machine.now.value).toMatchObject({ wanted });
    expect(machine.now.context.trouble).toMatchObject({ code: "STEP_THREW" });
  });

  it("waits five seconds to tell again what died, then longer (L4)", () => {
    const machine = after(...live, { ...kill(), at: 10 });
    const lost = { ...died("terminal/mer-1", "child.stop"), at: 1_000 };
    expect(machine.send(lost).orders).toMatchObject([{ name: "lease", dueAt: 6_000 }]);
    machine.send(lease(6_000));
    expect(machine.send({ ...lost, at: 7_000 }).orders).toMatchObject([{ dueAt: 17_000 }]);
  });

  it("never takes silence for an end (L3)", () => {
    const machine = after(...live, kill());
    for (let round = 1; round < 50; round += 1) machine.send(lease(round * 1_000_000));
    expect(machine.now.value).toMatchObject({ wanted: closing });
    expect(machine.now.context).toMatchObject({ leases: { terminal: { asked: 50 } } });
  });

  it("arms one timer for what is due first, and none when nothing is owed (L-1)", () => {
    const machine = after(startSession());
    const timers = [workspaceStarted, terminalStarted(1), send()].map((told) =>
      machine.send(told).orders.filter((order) => "name" in order && order.name === "lease"),
    );
    expect(timers).toMatchObject([
      [{ type: "arm", name: "lease", dueAt: 180_002 }],
      [{ type: "cancel", name: "lease" }],
      [{ type: "arm", name: "lease", dueAt: 600_004 }],
    ]);
  });
});

describe("an observation that comes late", () => {
  it.each([
    { axis: "runtime", newer: probe("failed", "failed"), older: probe("alive", "alive") },
    { axis: "activity", newer: says("waiting_input"), older: says("active") },
    {
      axis: "workspace",
      newer: {
        type: "workspace.observed",
        data: { headSha: "b", branch: "x", dirty: true, unpushed: 1 },
      },
      older: {
        type: "workspace.observed",
        data: { headSha: "a", branch: "x", dirty: false, unpushed: 0 },
      },
    },
  ] satisfies { axis: string; newer: Told; older: Told }[])(
    "changes nothing of $axis when it is older, and counts when it is not",
    ({ newer, older }) => {
      const machine = after(...live, { ...newer, at: 2_000 });
      expect(machine.send({ ...older, at: 1_999 }).isUnchanged).toBe(true);
      expect(machine.send({ ...older, at: 2_000 }).isUnchanged).toBe(false);
    },
  );

  it("still counts for an axis that rests on nothing newer", () => {
    const machine = after(...live, { ...says("active"), at: 2_000 });
    expect(machine.send(probe("failed", "failed", { at: 1_999 })).isUnchanged).toBe(false);
  });
});

it("a crash after the budget leaves nothing owed once all is closed (L1)", () => {
  const kept = startSession({ restart: { restart: "transient", intensity: 0 } });
  const machine = after(kept, workspaceStarted, terminalStarted(1), crash(1));
  machine.all(childStopped("terminal"), childStopped("workspace", { removed: true }));
  expect(machine.now.context).toMatchObject({ wanted: "closed", leases: {} });
});
