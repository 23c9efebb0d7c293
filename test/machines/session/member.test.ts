import { describe, expect, it } from "vitest";
import { MemberSeen } from "../../../machines/session/member.ts";
import type { Order } from "../../../machines/order.ts";
import type { Told } from "../../support/step.ts";
import { pullRequest, scm, startSession, terminalExited, workspaceStarted } from "../samples.ts";
import { after, gone, kill, live, says } from "./samples.ts";

const [, ...begun] = live;
const owned = [startSession({ objectiveId: "mer-o1" }), ...begun];

function newsOf(orders: readonly Order[]): MemberSeen[] {
  return orders.flatMap((order) =>
    order.type === "mail" && order.name === "member.seen" ? [MemberSeen.parse(order.data)] : [],
  );
}
const ask = (ref: string): Told => ({ type: "session.send", data: { text: "go on", ref } });

describe("a session of an objective", () => {
  it("tells it that it was begun", () => {
    const [news] = newsOf(after().send(owned[0] ?? kill()).orders);
    expect(news?.facts).toMatchObject({ kind: "worker", ended: null, terminal: { epoch: 0 } });
  });

  it.each([
    { title: "a launch", told: owned.at(-1), facts: { terminal: { state: "live" } } },
    { title: "a turn", told: says("active"), facts: { activity: { state: "active" } } },
    { title: "a pull request", told: scm(pullRequest()), facts: { pulls: [{ number: 1 }] } },
    {
      title: "a report",
      told: { type: "session.report", data: { summary: "s" } },
      facts: { report: { summary: "s" }, ended: null },
    },
    { title: "a kill", told: kill(), facts: { ended: "user" } },
    { title: "a clean end", told: terminalExited(1), facts: { ended: "clean", exitCode: 0 } },
    {
      title: "a crash",
      told: terminalExited(1, { cause: "crash", exitCode: 1 }),
      facts: { ended: "crash", exitCode: 1 },
    },
    {
      title: "the loss of its terminal",
      told: terminalExited(1, { cause: "infra", exitCode: undefined }),
      facts: { ended: "infra" },
    },
  ])("tells it of $title, once", ({ told, facts }) => {
    const machine = after(...(told === owned.at(-1) ? owned.slice(0, 2) : owned));
    if (told === undefined) throw new Error("no message");
    const [news, ...more] = newsOf(machine.send(told).orders);
    expect(news?.facts).toMatchObject(facts);
    expect(more).toEqual([]);
  });

  it("tells nothing when nothing changed that an objective decides by (B-1)", () => {
    const machine = after(...owned, says("active"));
    expect(newsOf(machine.send({ ...says("active"), at: 30_000 }).orders)).toEqual([]);
    expect(newsOf(machine.send({ ...says("active"), at: 61_000 }).orders)).toHaveLength(1);
  });

  it("does not tell of an end while it is in doubt (B-3)", () => {
    const machine = after(...owned, { ...says("active"), at: 499_000 });
    const news = newsOf(machine.send(gone).orders);
    expect(news.map(({ facts }) => [facts.lifecycle.state, facts.ended])).toEqual([
      ["detecting", null],
    ]);
  });

  it("sends a receipt for each text that it settled (B-2)", () => {
    const machine = after(...owned, ask("i7"));
    const deliveryId = machine.now.context.messages[0]?.id;
    const { orders } = machine.send({ type: "terminal.delivered", data: { deliveryId } });
    expect(newsOf(orders)[0]?.receipts).toEqual([{ ref: "i7", state: "delivered" }]);
  });

  it("sends a receipt for a text that it did not take (B-2)", () => {
    const { orders } = after(...owned, kill()).send(ask("i8"));
    expect(newsOf(orders)[0]?.receipts).toMatchObject([{ ref: "i8", state: "undeliverable" }]);
  });
});

it("a session without an objective tells nobody", () => {
  const { orders } = after(startSession(), workspaceStarted).send(says("active"));
  expect(newsOf(orders)).toEqual([]);
});
