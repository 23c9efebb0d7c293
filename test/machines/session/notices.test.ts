import { describe, expect, it } from "vitest";
import { withDefaults } from "../../../machines/session/upgrade.ts";
import type { Told } from "../../support/step.ts";
import { pullRequest, scm, startSession, terminalExited } from "../samples.ts";
import { after, crash, doubt, failing, kill, live, probe, says } from "./samples.ts";

const green = { mergeable: true, reviewDecision: "approved", ci: { state: "passing" } };
const second = { number: 2, url: "ao://mer/pull/2", headRef: "two" };
const seen = (noticeId = "mer-1-n1"): Told => ({
  type: "session.acknowledge",
  data: { noticeId },
});

/** What people are told by the last of these messages: type and subject of each notice. */
function toldBy(...told: Told[]): unknown[] {
  const { orders } = after(...told.slice(0, -1)).send(told.at(-1) ?? seen());
  return orders.flatMap((order) =>
    (order.type === "effect" && order.name === "notifyPerson") ||
    (order.type === "mail" && order.name === "root.notice")
      ? [order.data["type"]]
      : [],
  );
}

describe("a person", () => {
  it.each([
    { title: "is told of a question", told: [says("waiting_input")], types: ["agent-needs-input"] },
    { title: "is told of a permission", told: [says("blocked")], types: ["agent-stuck"] },
    { title: "is not told of work", told: [says("active")], types: [] },
    { title: "is not told of a doubt", told: [doubt], types: [] },
    { title: "is told when doubt gives up", told: [doubt, doubt, doubt], types: ["agent-stuck"] },
    { title: "is not told twice of one evidence", told: [doubt, doubt, doubt, doubt], types: [] },
    { title: "is told of an exit", told: [terminalExited(1)], types: ["agent-exited"] },
    {
      title: "is told of a launch that failed",
      told: [terminalExited(1, { cause: "launch" })],
      types: ["agent-exited"],
    },
    { title: "is not told of a kill (T-2)", told: [kill()], types: [] },
    { title: "is not told of a kill for an error (T-2)", told: [kill("error")], types: [] },
    {
      title: "is not told of a kill of the stuck (T-2)",
      told: [says("blocked"), kill()],
      types: [],
    },
    {
      title: "is told of a merge",
      told: [scm(pullRequest({ state: "merged" }))],
      types: ["all-complete"],
    },
    {
      title: "is told of a close",
      told: [scm(pullRequest({ state: "closed" }))],
      types: ["pr-closed"],
    },
    {
      title: "is told that it is ready",
      told: [scm(pullRequest(green))],
      types: ["approved-and-green"],
    },
    {
      title: "is not told that it is ready while its agent asks (T-3)",
      told: [says("waiting_input"), scm(pullRequest(green))],
      types: [],
    },
    {
      title: "is told that it is ready once its agent asks no more (T-3)",
      told: [says("waiting_input"), scm(pullRequest(green)), says("active")],
      types: ["approved-and-green"],
    },
    {
      title: "is not told once more that it is ready when its agent has asked since (T-3)",
      told: [scm(pullRequest(green)), says("waiting_input"), says("active")],
      types: [],
    },
    {
      title: "is not told that it is ready while checks run",
      told: [scm(pullRequest({ ...green, ci: { state: "pending" } }))],
      types: [],
    },
    {
      title: "is not told that one is ready which builds on another",
      told: [scm(pullRequest(), pullRequest({ ...green, ...second, baseRef: "ao/mer-1" }))],
      types: [],
    },
    {
      title: "is told of each of two",
      told: [scm(pullRequest(green), pullRequest({ ...second, state: "closed" }))],
      types: ["approved-and-green", "pr-closed"],
    },
    { title: "is not told of failing checks", told: [scm(failing())], types: [] },
  ])("$title", ({ told, types }) => {
    expect(toldBy(...live, ...told)).toEqual(types);
  });

  it.each([
    {
      title: "a terminal that was lost",
      told: [terminalExited(1, { cause: "infra" })],
      type: "agent-exited",
    },
    { title: "agents that nobody can see", told: [doubt, doubt, doubt], type: "agent-stuck" },
  ])(
    "is told by the root of $title, which may have struck others (T-4)",
    ({ told: said, type }) => {
      const { orders, context } = after(...live, ...said.slice(0, -1)).send(said.at(-1) ?? seen());
      const told = orders.filter(
        (order) => "name" in order && ["root.notice", "notifyPerson"].includes(order.name),
      );
      expect(told).toMatchObject([
        {
          type: "mail",
          to: "supervisor/root",
          data: { noticeId: "mer-1-n1", sessionId: "mer-1", type },
        },
      ]);
      expect(context.notices).toMatchObject([{ id: "mer-1-n1", type }]);
    },
  );

  it("is told by its session of a terminal that never came to be (T-4)", () => {
    const trouble = { cause: "infra", code: "X", message: "no room" };
    const { orders } = after(...live).send(terminalExited(1, trouble));
    const told = orders.filter((order) => "name" in order && order.name === "notifyPerson");
    expect(told).toMatchObject([{ data: { text: "no room" } }]);
  });

  it("is told why a launch failed", () => {
    const why = { code: "LAUNCH_FAILED", message: "cannot run nosuchprogram" };
    const { orders } = after(...live).send(terminalExited(1, { cause: "launch", ...why }));
    const told = orders.find((order) => order.type === "effect" && order.name === "notifyPerson");
    expect(told).toMatchObject({ data: { text: "cannot run nosuchprogram" } });
  });

  it("is told again when the same matter begins anew", () => {
    expect(toldBy(...live, says("waiting_input"), says("active"), says("waiting_input"))).toEqual([
      "agent-needs-input",
    ]);
  });

  it("is told once of a matter that goes on, whatever else is seen (P1)", () => {
    const machine = after(...live, says("waiting_input"));
    const orders = [probe("alive", "alive"), says("waiting_input"), scm(pullRequest())].flatMap(
      (told) => machine.send(told).orders,
    );
    expect(orders.filter(({ type }) => type === "effect")).toEqual([]);
  });

  it("is given all that is needed to act on it", () => {
    const machine = after(startSession({ title: "Mend it" }), ...live.slice(1));
    expect(machine.send({ ...says("waiting_input"), at: 70 }).orders).toContainEqual({
      type: "effect",
      name: "notifyPerson",
      lane: "notify",
      data: {
        noticeId: "mer-1-n1",
        sessionId: "mer-1",
        projectId: "mer",
        type: "agent-needs-input",
        priority: "urgent",
        title: "mer-1 (Mend it) needs input",
        text: "awaiting user input",
        about: "",
        at: 70,
      },
    });
  });

  it("is told when a session closes by itself, its restarts used up", () => {
    const kept = startSession({ restart: { restart: "transient", intensity: 0 } });
    expect(toldBy(kept, ...live.slice(1), crash(1))).toEqual([]);
    const closed = [
      { type: "child.stopped", from: "terminal/mer-1", data: { epoch: 1 } },
      { type: "child.stopped", from: "workspace/mer-1", data: { epoch: 1, removed: true } },
    ] satisfies Told[];
    expect(toldBy(kept, ...live.slice(1), crash(1), ...closed)).toEqual(["agent-exited"]);
  });
});

describe("a notice", () => {
  it("ends with what it was about (P2)", () => {
    const machine = after(...live, says("waiting_input"));
    expect(machine.send({ ...says("active"), at: 90 }).context.notices).toMatchObject([
      { type: "agent-needs-input", resolvedAt: 90 },
    ]);
  });

  it("of an end says how its program ended", () => {
    const { context } = after(...live).send({
      ...terminalExited(1, { cause: "crash", exitCode: 3 }),
      at: 90,
    });
    expect(context.notices[0]).toMatchObject({ type: "agent-exited" });
    expect(context.notices[0]?.text).toMatch(/: exit code 3$/);
  });

  it("ends with a kill (T-2)", () => {
    const { context } = after(...live, says("blocked")).send({ ...kill(), at: 90 });
    expect(context.notices).toMatchObject([{ resolvedAt: 90 }]);
  });

  it("is seen once, and that stays", () => {
    const machine = after(...live, says("waiting_input"));
    const step = machine.send({ ...seen(), at: 80 });
    expect(step.context.notices).toMatchObject([{ seenAt: 80 }]);
    expect(step.orders).toEqual([{ type: "reply", data: { noticeId: "mer-1-n1" } }]);
    expect(machine.send({ ...seen(), at: 81 }).isUnchanged).toBe(true);
  });

  it("that is not kept cannot be seen", () => {
    expect(after(...live).send(seen()).orders).toMatchObject([
      { type: "refuse", code: "NOTICE_UNKNOWN" },
    ]);
  });

  it("goes before one that is still open when there are too many (P3)", () => {
    const many = Array.from({ length: 40 }, () => [says("waiting_input"), says("active")]);
    const machine = after(...live, says("blocked"), ...many.flat());
    expect(machine.now.context.notices.length).toBe(32);
    expect(machine.now.context.notices.at(-1)).toMatchObject({ id: "mer-1-n41" });
  });

  it("is not missed in a record of an older version (R9)", () => {
    const { context, value } = after(...live).now;
    const { notices: _, noticed: _n, ...older } = context;
    const state = { status: "active", value, context: older } as const;
    expect(withDefaults(state)).toEqual({ ...state, context });
  });
});
