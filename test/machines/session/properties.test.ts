import { assert, property } from "fast-check";
import { expect, it } from "vitest";
import type { Order } from "../../../machines/order.ts";
import { reactionOf } from "../../../machines/session/reaction-budgets.ts";
import type { SessionContext, SessionMessage } from "../../../machines/session/record.ts";
import { sessionKind } from "../../../machines/session/session.ts";
import { Settings } from "../../../machines/settings.ts";
import { machineUnderTest, type Stepped, type Told } from "../../support/step.ts";
import { lives, sessionTold } from "../lives.ts";

// What holds for a session after every step of any life, whatever the order of its messages.

const session = sessionKind(Settings.parse({ reactions: { idleAfterMs: 0 } }));
const RUNS = 300;

type Step = Stepped<SessionContext>;

/** Says of every step of any life what is wrong with it. */
function neverIn(wrongs: (step: Step, before: SessionContext, told: Told) => unknown[]): void {
  const isRight = property(lives(session, sessionTold), (life) => {
    const machine = machineUnderTest<SessionContext>(session);
    for (const told of life) {
      const { context: before } = machine.now;
      const step = machine.send(told);
      expect(wrongs(step, before, told)).toEqual([]);
    }
  });
  assert(isRight, { numRuns: RUNS });
}

/** The texts that a step gave to the terminal; an Enter for one that is out is none. */
function handedBy({ orders, context }: Step): SessionMessage[] {
  const ids = orders.flatMap((order: Order) =>
    order.type === "mail" && order.name === "terminal.deliver" && order.data["text"] !== ""
      ? [order.data["deliveryId"]]
      : [],
  );
  return context.messages.filter(({ id }) => ids.includes(id));
}

it("has at most one text out, and gives no second one while it is (M1)", () => {
  expect.hasAssertions();
  neverIn((step, before) => {
    const out = step.context.messages.filter(({ state }) => state === "delivering");
    const wasOut = before.messages.find(({ state }) => state === "delivering")?.id;
    const handed = handedBy(step);
    const isStillOut = out.some(
      ({ id }) => id === wasOut && handed.every((each) => each.id !== id),
    );
    return [...out.slice(1), ...handed.slice(1), ...(isStillOut ? handed : [])];
  });
});

it("types nothing into a permission, a dead pane or another epoch, whoever says it (M2)", () => {
  expect.hasAssertions();
  neverIn((step) => {
    const { axes, terminal, wanted } = step.context;
    const { state } = axes.activity;
    const isClosed = state === "blocked" || state === "exited" || terminal.state !== "live";
    const isOver = axes.lifecycle.state === "terminated" || wanted !== "running";
    const strays = step.orders.filter(
      (order) =>
        order.type === "mail" &&
        order.name === "terminal.deliver" &&
        order.data["epoch"] !== terminal.epoch,
    );
    return [...strays, ...(isClosed || isOver ? handedBy(step) : [])];
  });
});

it("sends no reaction whose cause no longer stands, or that a question would swallow (X-1)", () => {
  expect.hasAssertions();
  neverIn((step) => {
    const { trackers, axes, prs } = step.context;
    return handedBy(step).filter(({ about }) => {
      if (about === undefined) return false;
      const isCurrent = trackers[about.tracker]?.signature === about.signature;
      const url = about.tracker.slice((reactionOf(about.tracker) ?? "").length + 1);
      const pr = prs.find((each) => each.url === url);
      const isStanding = url === "" || pr?.state === "open" || pr?.state === "draft";
      return !isCurrent || !isStanding || axes.activity.state === "waiting_input";
    });
  });
});

it("never contradicts itself in its axes", () => {
  expect.hasAssertions();
  neverIn(({ context }) => {
    const { axes, wanted, trackers, trouble, restore } = context;
    const { state } = axes.lifecycle;
    const isOver = state === "done" || state === "terminated";
    const contradictions = {
      "a quarantine without doubt": axes.detecting !== null && state !== "detecting",
      "doubt without a quarantine": state === "detecting" && axes.detecting === null,
      "given up on evidence, and not stuck": axes.stuckOn !== null && state !== "stuck",
      "closing, and not over": wanted !== "running" && !isOver,
      "budgets of what has ended":
        (state === "terminated" || wanted !== "running") && Object.keys(trackers).length > 0,
      "a pull request without a number": axes.pr.state !== "none" && axes.pr.number === undefined,
    };
    const seen = Object.entries(contradictions).filter(([, isSo]) => isSo);
    return seen.map(([what]) => [what, state, wanted, trouble, restore]);
  });
});

it("has one open notice of a matter, and one of an escalation only while its tracker is escalated", () => {
  expect.hasAssertions();
  neverIn(({ context }) => {
    const open = context.notices.filter(({ resolvedAt }) => resolvedAt === undefined);
    const names = open.map(({ type, about }) => `${type} ${about}`);
    const twice = names.filter((name, index) => names.indexOf(name) !== index);
    const stray = open.filter(
      ({ type, about }) => type === "escalated" && context.trackers[about]?.escalated !== true,
    );
    return [...twice, ...stray];
  });
});

it("keeps what it keeps within bounds", () => {
  expect.hasAssertions();
  neverIn(({ context }) => {
    const { messages, notices, flight } = context;
    const isBounded =
      messages.length <= 264 && notices.length <= 32 && Object.keys(flight.tools).length <= 128;
    return isBounded ? [] : [messages.length, notices.length];
  });
});
