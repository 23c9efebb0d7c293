import { describe, expect, it } from "vitest";
import type { RootContext } from "../../../machines/supervision/record.ts";
import { kinds } from "../../../machines/kinds.ts";
import { Settings } from "../../../machines/settings.ts";
import {
  machineUnderTest,
  type MachineUnderTest,
  type Stepped,
  type Told,
} from "../../support/step.ts";

const kind = kinds(Settings.parse({})).get("supervisor");

function root(): MachineUnderTest<RootContext> {
  if (kind === undefined) throw new Error("there is no root");
  return machineUnderTest<RootContext>(kind, "root");
}

function struck(session: string, at: number, more: Record<string, unknown> = {}): Told {
  const data = {
    noticeId: `${session}-n1`,
    sessionId: session,
    projectId: "mer",
    type: "agent-exited",
    priority: "urgent",
    title: `${session} has ended`,
    text: "runtime lost",
    about: "",
    at,
    ...more,
  };
  return { type: "root.notice", from: `session/${session}`, at, data };
}

const tell = (at: number): Told => ({ type: "timer.tell", at });

/** What a person is told by a step. */
function toldBy({ orders }: Stepped<RootContext>): unknown[] {
  return orders.flatMap((order) =>
    order.type === "effect" && order.name === "notifyPerson" ? [order.data] : [],
  );
}

describe("what strikes agents", () => {
  it("is told of one as its session wrote it (G1)", () => {
    const machine = root();
    const { data } = struck("a-1", 1);
    expect(toldBy(machine.send(struck("a-1", 1)))).toEqual([]);
    expect(toldBy(machine.send(tell(2_001)))).toEqual([data]);
    expect(machine.now.context).toMatchObject({ gathered: null, outages: [], outaged: 0 });
  });

  it("is told of several as one notice that names them all (K6, G1)", () => {
    const machine = root();
    machine.all(struck("a-1", 1), struck("b-1", 2, { projectId: "other" }), struck("a-3", 3));
    expect(toldBy(machine.send(tell(2_003)))).toEqual([
      {
        noticeId: "supervisor-outage-n1",
        sessionId: "a-1",
        sessionIds: ["a-1", "a-3", "b-1"],
        projectId: "",
        type: "agent-exited",
        priority: "urgent",
        title: "3 agents ended at once: their terminals were lost",
        text: "a-1, a-3, b-1. Most likely their tmux server ended. Bring them back: ao restore --lost",
        about: "",
        at: 2_003,
      },
    ]);
    expect(machine.now.context.outages).toMatchObject([
      {
        id: "supervisor-outage-n1",
        members: [
          { sessionId: "a-1", noticeId: "a-1-n1" },
          { sessionId: "a-3", noticeId: "a-3-n1" },
          { sessionId: "b-1", noticeId: "b-1-n1" },
        ],
      },
    ]);
  });

  it("is told by type: who ended, and whom nobody can see", () => {
    const machine = root();
    const stuck = { type: "agent-stuck" };
    machine.all(struck("a", 1), struck("b", 1, stuck), struck("c", 1), struck("d", 1, stuck));
    expect(toldBy(machine.send(tell(2_001)))).toMatchObject([
      { noticeId: "supervisor-outage-n1", type: "agent-exited", sessionIds: ["a", "c"] },
      { noticeId: "supervisor-outage-n2", type: "agent-stuck", sessionIds: ["b", "d"] },
    ]);
  });

  it.each([
    { title: "the first", at: [0], dueAt: 2_000 },
    { title: "the last", at: [0, 1_500, 2_900], dueAt: 4_900 },
    {
      title: "the first, ten seconds on",
      at: [0, 1_900, 3_800, 5_700, 7_600, 9_500],
      dueAt: 10_000,
    },
  ])("is told so long after $title (G1)", ({ at, dueAt }) => {
    const { orders } = root().all(...at.map((each, n) => struck(`a-${n}`, each)));
    expect(orders).toEqual([{ type: "arm", name: "tell", dueAt }]);
  });

  it("is told at once when there are very many, of which twelve are named (G3)", () => {
    const machine = root();
    const many = Array.from({ length: 256 }, (_, n) => struck(`a-${n}`, n));
    const [told, ...others] = toldBy(machine.all(...many));
    expect(others).toEqual([]);
    expect(JSON.stringify(told)).toMatch(/"text":"a-0, [^"]*, a-11 and 244 more\. /);
    expect(toldBy(machine.send(tell(2_256)))).toEqual([]);
  });

  it("keeps the last eight, under numbers of their own (G3)", () => {
    const machine = root();
    for (let n = 1; n <= 10; n += 1) {
      machine.all(
        struck(`a-${n}`, n * 10_000),
        struck(`b-${n}`, n * 10_000),
        tell(n * 10_000 + 2_000),
      );
    }
    expect(machine.now.context.outages.map(({ id }) => id)).toEqual(
      [3, 4, 5, 6, 7, 8, 9, 10].map((n) => `supervisor-outage-n${n}`),
    );
  });

  it("survives a restart between the loss and the telling (R9)", () => {
    const machine = root();
    machine.all(struck("a", 1), struck("b", 1));
    machine.restart();
    expect(toldBy(machine.send(tell(2_001)))).toMatchObject([{ sessionIds: ["a", "b"] }]);
  });

  it("is told of by a root of version 3, which knew of no outages", () => {
    const machine = root();
    machine.send({ type: "root.wake" });
    machine.restart((state) => {
      const { gathered: _, outages: __, outaged: ___, ...old } = machine.now.context;
      const migrated = kind?.migrations?.[3]?.({ ...state, context: old });
      expect(migrated).toMatchObject({ value: state.value, context: old });
      return migrated ?? state;
    });
    machine.all(struck("a", 1), struck("b", 1));
    expect(toldBy(machine.send(tell(2_001)))).toMatchObject([
      { noticeId: "supervisor-outage-n1", sessionIds: ["a", "b"] },
    ]);
  });
});
