import { describe, expect, it } from "vitest";
import {
  childStopped,
  startSession,
  terminalExited,
  terminalStarted,
  workspaceStarted,
} from "../samples.ts";
import {
  live,
  kill,
  send,
  report,
  restartTimer,
  says,
  after,
  type Row,
  START,
  STOP,
  ENDED,
  closing,
  closed,
  gone,
  crash,
  actNamesOf,
  actsOf,
} from "./samples.ts";

describe("session", () => {
  it.each([
    {
      title: "asks for its worktree first",
      was: [],
      told: startSession(),
      state: { lifecycle: "not_started", wanted: "running" },
      reason: "spawn_requested",
      orders: [START],
    },
    {
      title: "asks for its terminal when the worktree is there",
      was: [startSession()],
      told: workspaceStarted,
      state: { runtime: "unknown" },
      orders: [START],
    },
    {
      title: "knows that its agent runs",
      was: [startSession(), workspaceStarted],
      told: terminalStarted(1),
      state: { lifecycle: "not_started", runtime: "alive" },
      orders: [],
    },
    {
      title: "is not started twice",
      was: live,
      told: startSession(),
      state: { runtime: "alive" },
      orders: ["refuse:ALREADY_EXISTS"],
    },
    {
      title: "is over when its worktree cannot be made (C2)",
      was: [startSession()],
      told: {
        type: "child.exited",
        from: "workspace/mer-1",
        data: { epoch: 1, cause: "launch", message: "no such branch" },
      },
      state: { lifecycle: "terminated", wanted: closed },
      reason: "error_in_process",
      orders: [ENDED],
    },
    {
      title: "hears nobody but its children",
      was: [startSession()],
      told: { ...workspaceStarted, from: "workspace/mer-2" },
      state: { lifecycle: "not_started" },
      orders: [],
    },
    {
      title: "ignores what a child says of another epoch (C3)",
      was: live,
      told: terminalExited(2),
      state: { lifecycle: "not_started", runtime: "alive" },
      orders: [],
    },
    {
      title: "is over when its agent exits",
      was: [...live, says("active")],
      told: terminalExited(1),
      state: { lifecycle: "terminated", runtime: "exited", activity: "exited", wanted: "running" },
      reason: "agent_process_exited",
      orders: [],
    },
    {
      title: "is over when its terminal is lost",
      was: live,
      told: terminalExited(1, { cause: "infra" }),
      state: { lifecycle: "terminated", runtime: "missing" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "is over when nothing can be launched, and its worktree goes",
      was: live.slice(0, 2),
      told: terminalExited(1, { cause: "launch" }),
      state: { lifecycle: "terminated", runtime: "missing", wanted: closing },
      reason: "error_in_process",
      orders: [STOP],
    },
    {
      title: "is done when it reports",
      was: live,
      told: report,
      state: { lifecycle: "done", wanted: "running" },
      reason: "research_complete",
      orders: ["reply"],
    },
    {
      title: "stays done when its agent exits",
      was: [...live, report],
      told: terminalExited(1),
      state: { lifecycle: "done", runtime: "exited" },
      reason: "research_complete",
      orders: [],
    },
    {
      title: "stays done when it is killed (N4)",
      was: [...live, report],
      told: kill(),
      state: { lifecycle: "done", wanted: closing },
      orders: ["reply", STOP],
    },
    {
      title: "refuses a report when it is over",
      was: [...live, terminalExited(1)],
      told: report,
      state: { lifecycle: "terminated" },
      orders: ["refuse:SESSION_TERMINATED"],
    },
    {
      title: "stops its terminal first when it is killed",
      was: live,
      told: kill(),
      state: { lifecycle: "terminated", runtime: "exited", wanted: closing },
      reason: "manually_killed",
      orders: ["reply", STOP],
    },
    {
      title: "names the cleanup",
      was: live,
      told: kill("cleanup"),
      state: { lifecycle: "terminated" },
      reason: "auto_cleanup",
      orders: ["reply", STOP],
    },
    {
      title: "names the error",
      was: live,
      told: kill("error"),
      state: { lifecycle: "terminated" },
      reason: "error_in_process",
      orders: ["reply", STOP],
    },
    {
      title: "stops its worktree after the terminal",
      was: [...live, kill()],
      told: childStopped("terminal"),
      state: { wanted: closing },
      orders: [STOP],
    },
    {
      title: "is closed when all is stopped",
      was: [...live, kill(), childStopped("terminal")],
      told: childStopped("workspace", { removed: true }),
      state: { lifecycle: "terminated", wanted: closed },
      orders: [ENDED],
    },
    {
      title: "is killed while its worktree is being made (N3)",
      was: [startSession()],
      told: kill(),
      state: { lifecycle: "terminated", wanted: closing },
      orders: ["reply", STOP],
    },
    {
      title: "keeps its first end when it is killed again, and tells its children again (N4)",
      was: [...live, kill("cleanup")],
      told: kill(),
      state: { lifecycle: "terminated", wanted: closing },
      reason: "auto_cleanup",
      orders: ["reply", STOP],
    },
    {
      title: "keeps the first end when it is cleaned up (N4)",
      was: [...live, terminalExited(1)],
      told: kill("cleanup"),
      state: { lifecycle: "terminated", wanted: closing },
      reason: "agent_process_exited",
      orders: ["reply", STOP],
    },
    {
      title: "tells its worktree what was seen of it",
      was: live,
      told: {
        type: "workspace.observed",
        data: { headSha: "bbb", branch: "ao/mer-1", dirty: true, unpushed: 1 },
      },
      state: {},
      orders: ["mail:workspace.seen"],
    },
    {
      title: "asks for a person when a child is quarantined",
      was: live,
      told: { type: "child.quarantined", from: "terminal/mer-1", data: { strikes: 3 } },
      state: { lifecycle: "stuck" },
      reason: "error_in_process",
      orders: [],
    },
  ] satisfies Row[])("$title", (row: Row) => {
    const machine = after(...row.was);
    const step = machine.send(row.told);
    expect(step.value).toMatchObject(row.state);
    expect(actNamesOf(step.orders)).toEqual(row.orders);
    const { reason } = step.context.axes.lifecycle;
    expect(reason).toBe(row.reason ?? reason);
  });

  it("lets its worktree go only after what an exited agent left is gone (C1)", () => {
    const machine = after(...live, terminalExited(1));
    expect(actsOf(machine.send(kill("cleanup")).orders)).toMatchObject([
      { type: "reply" },
      { to: "terminal/mer-1", name: "child.stop" },
    ]);
    expect(actsOf(machine.send(childStopped("terminal")).orders)).toMatchObject([
      { to: "workspace/mer-1", name: "child.stop" },
    ]);
    expect(
      actsOf(machine.send(childStopped("workspace", { removed: false, reason: "dirty" })).orders),
    ).toMatchObject([{ to: "project/mer", name: "session.ended" }]);
    expect(machine.now.context).toMatchObject({ workspace: { state: "dirty", reason: "dirty" } });
  });

  describe("with a terminal that is restarted", () => {
    const kept = [
      startSession({ restart: { restart: "transient", intensity: 1 } }),
      workspaceStarted,
      terminalStarted(1),
    ];

    it("waits out the back-off, then launches the next epoch", () => {
      const machine = after(...kept, says("active"));
      const step = machine.send(crash(1));
      expect([actNamesOf(step.orders), step.value]).toMatchObject([
        ["arm:restart"],
        { lifecycle: "working", runtime: "exited" },
      ]);
      const again = machine.send({ ...restartTimer, at: 60_000 });
      expect(actsOf(again.orders)).toMatchObject([
        { to: "terminal/mer-1", name: "child.start", data: { epoch: 2 } },
      ]);
      expect(again.value).toMatchObject({
        lifecycle: "not_started",
        runtime: "unknown",
        activity: "none",
      });
    });

    it("lets the supervisor, not a probe, decide whether it is over", () => {
      expect(after(...kept, says("active")).send(gone).value).toMatchObject({
        lifecycle: "working",
        runtime: "exited",
      });
    });

    it("gives up and closes when the budget is used up", () => {
      const machine = after(...kept, crash(1), { ...restartTimer, at: 60_000 }, terminalStarted(2));
      expect(actNamesOf(machine.send(crash(2)).orders)).toEqual([STOP]);
      machine.send({ ...childStopped("terminal"), data: { epoch: 2 } });
      const step = machine.send(childStopped("workspace", { removed: true }));
      expect(step.value).toMatchObject({ lifecycle: "terminated", wanted: closed });
      expect(actNamesOf(step.orders)).toEqual([ENDED]);
    });

    it("does not start finished work again (C4)", () => {
      const step = after(...kept, report).send(crash(1));
      expect([step.orders, step.value]).toMatchObject([[], { lifecycle: "done" }]);
    });

    it("starts nothing again once it is killed during the back-off (N3)", () => {
      const machine = after(...kept, crash(1));
      expect(actNamesOf(machine.send(kill()).orders)).toEqual(["reply", "cancel:restart", STOP]);
      expect(machine.send({ ...restartTimer, at: 60_000 }).orders).toEqual([]);
    });

    it("gives a message that was not typed to the next terminal (M4)", () => {
      const machine = after(...kept, send());
      machine.send({
        type: "terminal.undeliverable",
        data: { deliveryId: "m4", reason: "not_live", detail: "" },
      });
      expect(machine.now.context).toMatchObject({ messages: [{ id: "m4", state: "delivering" }] });
    });
  });
});
