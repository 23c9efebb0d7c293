import { assert, boolean, property } from "fast-check";
import { expect, it } from "vitest";
import { claimOn } from "../../../machines/objective/claims.ts";
import type { ObjectiveContext } from "../../../machines/objective/record.ts";
import { machineUnderTest, type Stepped, type Told } from "../../support/step.ts";
import { CRASHES, kind, moves, settings, STALE, START, timeOf, toldOf } from "./lives.ts";

// The invariants of an objective, whatever its members, persons and timers do, in any order.
//
//   1 one manager · 2 no silent stall · 3 nothing is lost · 4 no directory goes while it is claimed · 5 one escalation,
//   whose answer changes state · 6 nothing for an older manager or after the end · 7 the same after any restart

type Seen = {
  readonly told: Told;
  readonly before: ObjectiveContext;
  readonly step: Stepped<ObjectiveContext>;
  readonly at: number;
};

/** What is mailed after the end: what ends the rest, and how the limit of a harness stands, which is news for all. */
const LAST_MAIL: readonly string[] = [
  "session.kill",
  // To the terminal of a session that cannot be told.
  "child.stop",
  "slot.released",
  "quota.reached",
  "quota.over",
];

/** What each invariant says of one step; true where it is kept. */
const INVARIANTS: Readonly<Record<string, (seen: Seen) => boolean>> = {
  "1: a new manager is ordered only with a raised epoch": ({ before, step }) => {
    const spawned = mailOf(step, "project.spawn").filter(({ data }) => data["kind"] === "manager");
    const isRaised = step.context.manager.epoch === before.manager.epoch + 1;
    return spawned.length === 0 || (spawned.length === 1 && isRaised);
  },
  "2: whoever goes on waits for a time ahead": ({ step: { context }, at }) =>
    context.end === null ? (context.wakeAt ?? 0) > at : context.wakeAt === null,
  "3: what is on its way has a sending, or is in a prompt": ({ step: { context } }) => {
    const refs = new Set(context.sendings.map(({ ref }) => ref));
    const isKnown = (ref: string): boolean => refs.has(ref) || ref.startsWith("prompt:");
    const sent = context.inbox.filter(({ state }) => state === "sending");
    return context.end !== null || sent.every(({ ref }) => isKnown(ref ?? ""));
  },
  "3: what was accepted stays until it is delivered": ({ before, step: { context } }) => {
    const ids = new Set(context.inbox.map(({ id }) => id));
    const open = before.inbox.filter(({ state }) => state !== "delivered");
    return context.end !== null || open.every(({ id }) => ids.has(id));
  },
  "4: the session of a worker is closed only when nothing claims it": ({ told, step, at }) => {
    const { context } = step;
    const closed = mailOf(step, "session.kill").filter(({ data }) => data["kind"] === "cleanup");
    const isOrdered = told.type === "objective.stop" || context.end !== null;
    return isOrdered || closed.every(({ to }) => !isClaimed(context, to, at));
  },
  "5: one escalation is open at most": ({ step: { context } }) =>
    context.questions.filter((each) => each.kind === "escalation" && each.state === "open")
      .length <= 1,
  "5: its answer changes state": ({ told, before, step: { context } }) => {
    const { escalation } = before;
    const isAnswer =
      told.type === "question.answered" && told.from === `question/${escalation?.questionId}`;
    return !isAnswer || context.escalation?.questionId !== escalation?.questionId;
  },
  "6: an older manager is refused, and changes nothing": ({ told, before, step }) =>
    !JSON.stringify(told).includes(STALE) ||
    before.end !== null ||
    step.orders.some((order) => order.type === "refuse" && order.code === "EPOCH_STALE"),
  "6: nothing is done after the end, but to end what is left": ({ before, step }) =>
    before.end === null ||
    step.orders.every(
      (order) =>
        order.type === "reply" ||
        order.type === "refuse" ||
        (order.type === "mail" && LAST_MAIL.includes(order.name)),
    ),
  "6: its supervisor ends with it": ({ step: { context } }) => {
    const isOver = ["stopping", "stopped"].includes(context.supervisor.phase);
    return (context.end === null) !== isOver;
  },
  "the chart shows what the record says": ({ step: { value, context } }) =>
    JSON.stringify(value).includes(`"${context.standing.phase}"`),
};

type Mail = Extract<Stepped<ObjectiveContext>["orders"][number], { type: "mail" }>;

function mailOf({ orders }: Seen["step"], name: string): readonly Mail[] {
  return orders.filter((order): order is Mail => order.type === "mail" && order.name === name);
}

/** Whether anything still needs what the session of a worker has. */
function isClaimed(context: ObjectiveContext, session: string, at: number): boolean {
  const worker = context.workers.find(({ id }) => `session/${id}` === session);
  if (worker === undefined) return false;
  const claim = claimOn(context, worker, settings.supervisor);
  return claim !== undefined && (claim.until === null || claim.until > at);
}

it("holds its invariants in any life, and does the same after every restart", () => {
  expect.hasAssertions();
  const isHeld = property(boolean(), moves, (isEscalated, drawn) => {
    const life = isEscalated ? [...CRASHES, ...drawn] : drawn;
    const machine = machineUnderTest<ObjectiveContext>(kind);
    const restarted = machineUnderTest<ObjectiveContext>(kind);
    let at = 1;
    for (const move of [undefined, ...life]) {
      const before = machine.now.context;
      at = move === undefined ? at : timeOf(move, before, at);
      const told = move === undefined ? START : toldOf(move, before, at);
      if (told === undefined) continue;
      const step = machine.send({ ...told, at });
      const kept = Object.entries(INVARIANTS).map(([name, holds]) => [
        name,
        holds({ told, before, step, at }),
      ]);
      expect(kept.filter(([, isKept]) => isKept !== true)).toEqual([]);
      restarted.restart();
      expect(restarted.send({ ...told, at }).orders).toEqual(step.orders);
    }
    expect(restarted.persisted()).toEqual(machine.persisted());
  });
  assert(isHeld, { numRuns: 500 });
});
