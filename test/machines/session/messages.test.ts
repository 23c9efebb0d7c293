import { describe, expect, it } from "vitest";
import { pullRequest, scm, startSession, terminalExited, terminalStarted } from "../samples.ts";
import {
  doubt,
  live,
  kill,
  send,
  says,
  failing,
  after,
  type Row,
  DELIVER,
  actNamesOf,
  actsOf,
} from "./samples.ts";

describe("session, spoken to,", () => {
  it.each([
    {
      title: "queues and delivers a message",
      was: live,
      told: send(),
      state: {},
      orders: ["reply", DELIVER],
    },
    {
      title: "queues a message before its terminal is live",
      was: live.slice(0, 2),
      told: send(),
      state: {},
      orders: ["reply"],
    },
    {
      title: "delivers it when the terminal is live",
      was: [...live.slice(0, 2), send()],
      told: terminalStarted(1),
      state: {},
      orders: [DELIVER],
    },
    {
      title: "delivers one at a time (M1)",
      was: [...live, send()],
      told: send(),
      state: {},
      orders: ["reply"],
    },
    {
      title: "types a person's words into a question, which they answer (M2)",
      was: [...live, says("waiting_input")],
      told: send(),
      state: {},
      orders: ["reply", DELIVER],
    },
    {
      title: "types nothing into a permission (M2)",
      was: [...live, says("blocked")],
      told: send(),
      state: {},
      orders: ["reply"],
    },
    {
      title: "types nothing after a goodbye (M2)",
      was: [...live, says("exited")],
      told: send(),
      state: {},
      orders: ["reply"],
    },
    {
      title: "types nothing automatic into a question (M2)",
      was: [...live, says("waiting_input")],
      told: send("go on", "nudge"),
      state: {},
      orders: ["reply"],
    },
    {
      title: "types what is automatic into a turn (M2)",
      was: [...live, says("active")],
      told: send("go on", "nudge"),
      state: {},
      orders: ["reply", DELIVER],
    },
    {
      title: "types a manager's words not into a turn (M2)",
      was: [...live, says("active")],
      told: send("go on", "coordination"),
      state: {},
      orders: ["reply"],
    },
    {
      title: "types a manager's words into a turn that can be steered (M2)",
      was: [startSession({ harness: "codex" }), ...live.slice(1), says("active")],
      told: send("go on", "coordination"),
      state: {},
      orders: ["reply", DELIVER],
    },
    {
      title: "types nothing automatic while it is doubted that anybody reads it (M2)",
      was: [...live, doubt],
      told: send("go on", "nudge"),
      state: {},
      orders: ["reply"],
    },
    {
      title: "lets a person's words pass what has to wait (M2)",
      was: [...live, says("waiting_input"), send("go on", "nudge")],
      told: send("yes"),
      state: {},
      orders: ["reply", DELIVER],
    },
    {
      title: "types it when the permission was given (M2)",
      was: [...live, says("blocked"), send()],
      told: says("active"),
      state: {},
      orders: [DELIVER],
    },
    {
      title: "refuses a message when it is over",
      was: [...live, terminalExited(1)],
      told: send(),
      state: {},
      orders: ["refuse:SESSION_TERMINATED"],
    },
    {
      title: "tells its agent that checks fail",
      was: live,
      told: scm(failing()),
      state: { pr: "open" },
      orders: [DELIVER],
    },
    {
      title: "tells nobody that checks fail when it is over",
      was: [...live, terminalExited(1)],
      told: scm(failing()),
      state: { pr: "open" },
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

  describe("inbox", () => {
    it("notes what was delivered, and goes on with the next", () => {
      const machine = after(...live, { ...send(), id: "a" }, { ...send(), id: "b" });
      const step = machine.send({ type: "terminal.delivered", data: { deliveryId: "a" } });
      expect(actsOf(step.orders)).toMatchObject([{ data: { deliveryId: "b", epoch: 1 } }]);
      expect(step.context).toMatchObject({
        messages: [{ state: "delivered" }, { state: "delivering" }],
      });
    });

    it.each(["interrupted", "refused"])("does not type again what was %s (M4)", (reason) => {
      const machine = after(...live, { ...send(), id: "a" });
      const step = machine.send({
        type: "terminal.undeliverable",
        data: { deliveryId: "a", reason, detail: "no" },
      });
      expect(step.context).toMatchObject({
        messages: [{ state: "undeliverable", reason: `${reason}: no` }],
      });
    });

    it("gives up what waits when the session ends", () => {
      const machine = after(...live, says("blocked"), send(), kill());
      expect(machine.now.context).toMatchObject({ messages: [{ state: "undeliverable" }] });
    });

    it("refuses what it has no room for", () => {
      const machine = after(...live, ...Array.from({ length: 64 }, () => send()));
      expect(actNamesOf(machine.send(send()).orders)).toEqual(["refuse:QUEUE_FULL"]);
    });
  });

  describe("checks that fail", () => {
    it.each([
      { title: "the same failure", next: [failing()], told: 1 },
      {
        title: "the same failure after a run that was pending",
        next: [pullRequest({ ci: { state: "pending" } }), failing()],
        told: 2,
      },
      { title: "the same failure after another", next: [failing("bbb"), failing()], told: 2 },
      { title: "the same checks of another head", next: [failing("bbb")], told: 2 },
      { title: "another check of the same head", next: [failing("aaa", ["lint"])], told: 2 },
    ])("are told $told times in all for $title", ({ next, told }) => {
      const machine = after(...live, scm(failing()), ...next.map((pr) => scm(pr)));
      expect(machine.now.context.messages.length).toBe(told);
    });

    it("are not told any more when they pass before their turn (M3)", () => {
      const machine = after(
        ...live,
        says("blocked"),
        scm(failing()),
        scm(pullRequest({ ci: { state: "passing" } })),
      );
      expect(actsOf(machine.send(says("active")).orders)).toEqual([]);
      expect(machine.now.context).toMatchObject({ messages: [{ state: "expired" }] });
    });
  });
});
